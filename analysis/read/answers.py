"""Answers: a ratings file of any question type becomes a checked table for each scale, or a refusal with the line.

Question types: `acr`, `dcr`, `numeric` and `slider` (a score of one clip on an `analysis.scale.rating_scale`), `ab`
(which of two is preferred), `ccr` (by how much one of two is better), `abx` (which of two X was), `mushra` (sliders
beside a hidden reference), `text`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import pandas as pd

from analysis.errors import BaselineError, MissingColumnError, NoRatingsError, RatingsError
from analysis.foreign.options import Options
from analysis.read.question import QUESTIONS, SCORED
from analysis.read.rows import (
    NAMES,
    Columns,
    checks_of,
    impossible,
    refuse_empty,
    refuse_studies,
    tell_apart,
    trials,
)
from analysis.read.sheet import Sheet, Source, read_columns
from analysis.read.showings import ORDER, perhaps_scales, retested, showings
from analysis.read.times import read_times
from analysis.scale.rating_scale import RatingScale
from analysis.scale.scores import ends_of, scores, scores_of_clips, scores_on
from analysis.words import counted, listed

log = logging.getLogger(__name__)

EXTRA = ("question", "reference", "first", "x", "session", "comment", "scale", "low", "high", "answer", *ORDER)
BOTH_BAD = "both_bad"


def load_answers(path: Path, options: Options | None = None) -> Answers:
    """Read and check a ratings file of one scale and of any question type, of which somebody says the `options`.

    The type stands in the column `question`; without it, or where it is empty, it is `acr`. Pair types need the column
    `reference` too, and use `first` (heard as A) and `x` where they exist. As in `load_ratings` only
    trials are kept and the rest is counted.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line and the remedy; for several scales, too.
    """
    return only(load_scales(path, options))


def load_scales(path: Path, options: Options | None = None) -> tuple[Answers, ...]:
    r"""Read and check a ratings file: the answers on each of its scales, in the order of the file.

    The scale stands in the column `scale`; where that names no two, each type of question is one.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line and the remedy.

    Examples
    --------
    >>> text = "participant,prompt,condition,score,scale\na,p,x,4,quality\na,p,x,2,match\n"
    >>> written = Path("scales.csv").write_text(text, encoding="utf-8")
    >>> [(one.name, one.frame["score"].tolist()) for one in load_scales(Path("scales.csv"))]
    [('quality', [4]), ('match', [2])]
    """
    options = options or Options()
    return scales_of(read_columns(path, EXTRA, options), options)


def scales_of(sheet: Sheet, options: Options) -> tuple[Answers, ...]:
    """Check the columns of a file, as `read_columns` gives them."""
    rows, left_out = trials(sheet.columns, sheet.lines, sheet.name, options.practice)
    groups = _groups(sheet, rows)
    return tuple(_checked(sheet, options, question, name, own, left_out) for (name, question), own in groups.items())


def only(scales: Sequence[Answers]) -> Answers:
    """Give the answers of the one scale that there is.

    Raises
    ------
    RatingsError
        If there are several.
    """
    if len(scales) > 1:
        held = listed(f"{len(one.frame)} of {shorten(one.name, 30)}" for one in scales)
        raise RatingsError(
            f"{scales[0].source.file}: holds answers on {len(scales)} scales ({held}); "
            "earmark analyze reports on each, and analysis.load_scales reads each; for one alone name its column with "
            "--columns score=NAME, or write its lines to a file of their own"
        )
    return scales[0]


def _groups(sheet: Sheet, rows: list[int]) -> dict[tuple[str, str], list[int]]:
    """Part the rows of trials by scale, or where there is one by type of question; give each its name and type."""
    name, lines = sheet.name, sheet.lines
    questions, scales = (sheet.columns.get(column, [""] * len(lines)) for column in ("question", "scale"))
    for row in rows:
        if (questions[row] or "acr") not in QUESTIONS:
            raise RatingsError(
                f"{name}: line {lines[row]}: question {shorten(questions[row], 30)!r} is not one of "
                f"{', '.join(QUESTIONS)}; correct it or delete the line"
            )
    several = len({scales[row] for row in rows}) > 1
    groups: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        question = questions[row] or "acr"
        groups.setdefault((scales[row] or question if several else question, question), []).append(row)
    if len(groups) == 1:
        ((_, question),) = groups
        return {("", question): rows}
    doubled = [scale for scale, count in Counter(scale for scale, _ in groups).items() if count > 1]
    if doubled:
        types = listed(question for scale, question in groups if scale == doubled[0])
        raise RatingsError(
            f"{name}: the scale {shorten(doubled[0], 40)!r} holds answers to questions of type {types}; give each type "
            "a name of its own in the column scale"
        )
    return groups


def _checked(
    sheet: Sheet, options: Options, question: str, scale_name: str, rows: list[int], left_out: Counter[str]
) -> Answers:
    """Check the answers on one scale."""
    name, kind, left_out = sheet.name, QUESTIONS[question], Counter(left_out)
    remarks, notices = sheet.trimmed(), list(sheet.notices)
    if options.skip_missing and question != "text":
        rows, said = _with_score(sheet, rows)
        left_out += Counter({"missing": said.total()})
        remarks += [_skipped(said)] if said else []
    lines = [sheet.lines[row] for row in rows]
    table = {column: [values[row] for row in rows] for column, values in sheet.columns.items()}
    needed = [*NAMES, *(["reference"] if kind.paired else []), *(["comment"] if question == "text" else [])]
    for column in needed:
        if column not in table:
            raise MissingColumnError(f"{name}: no column {column}, which question type {question} needs; add it")
        if column != "comment":
            refuse_empty(table, column, lines, name)
    refuse_studies(table, name)
    scale, given = None, [0.0] * len(rows)
    if question == "text":
        scores(table["score"], {"": 0.0}, "beside a text, which must have no score", lines, name)
    else:
        scale, given, said_of_scale = _scores(question, table, lines, name, options.scale)
        notices += [said_of_scale] if said_of_scale else []
    if kind.paired:
        _check_pairs(table, lines, name)
    again = retested(sheet, rows, given) if question in SCORED else []
    remarks += [*tell_apart(table, lines, name), *impossible(table.pop("flags", []))]
    cells = _cells(question, table)
    copies = [sheet.copies()[row] for row in rows] if cells.duplicated().any() else []
    found = showings(
        cells,
        table,
        lines,
        name,
        copies=copies,
        repeat=sheet.repeat,
        by_design=question == "abx",
    )
    left_out += Counter({"copy": found.copies, "repeat": len(found.pairs)})
    again += [(table["participant"][one], given[one], given[other]) for one, other in found.pairs]
    remarks += [*found.remarks, *(perhaps_scales(sheet, rows, found.pairs) if sheet.repeat is None else [])]
    optional = ("seed",) if question in SCORED else ("seed", "first", "x")
    kept = [*needed, *(column for column in optional if column in table)]
    if question == "ab" and BOTH_BAD in table.get("answer", []):
        kept.append("answer")
    frame = pd.DataFrame({column: pd.Series(table[column], dtype="str") for column in kept})
    if question != "text":
        frame = frame.assign(score=given)
    if question in SCORED:
        remarks += _add_times(frame, table, lines)
    frame = frame if len(found.kept) == len(frame) else frame.iloc[found.kept].reset_index(drop=True)
    _check_anchors(options.anchors, frame, name)
    facts = dict(+left_out), tuple(remarks), tuple(notices), sheet.table.form
    source = Source(name, sheet.table.sha256, len(sheet.lines), *facts)
    log.info("%s: %d answers of question %s kept, %d left out", name, len(frame), question, left_out.total())
    return Answers(
        question,
        frame,
        source,
        checks_of(sheet.columns, known=bool(scale_name)),
        name=scale_name,
        scale=scale,
        anchors=options.anchors,
        repeats=pd.DataFrame(again, columns=["participant", "first", "again"]) if again else None,
    )


def _scores(
    question: str, table: Columns, lines: list[int], name: str, asked: tuple[float, float] | None
) -> tuple[RatingScale, list[float], str]:
    """Read the scores, and tell the scale."""
    raw = table["score"]
    if question in SCORED:
        empty = [""] * len(raw)
        ends = ends_of(question, table.get("low", empty), table.get("high", empty), raw, name)
        return scores_of_clips(raw, ends, asked, lines, name)
    kind = QUESTIONS[question]
    own = RatingScale(kind.scores[0], kind.scores[-1], kind.step)
    return scores_on(own, question, raw, asked, lines, name)


def _with_score(sheet: Sheet, rows: list[int]) -> tuple[list[int], Counter[str]]:
    """Leave out the rows without a score, and count them by condition."""
    given = sheet.columns["score"]
    missing = Counter(sheet.columns["condition"][row] for row in rows if not given[row])
    kept = [row for row in rows if given[row]]
    if not kept:
        raise NoRatingsError(f"{sheet.name}: no line has a score; collect ratings first")
    return kept, missing


def _skipped(missing: Counter[str]) -> str:
    """Say how many ratings are missing, and under which conditions."""
    return (
        f"{counted(missing.total(), 'line')} without a score left out: "
        f"{listed(f'{count} of {shorten(name, 40)}' for name, count in missing.most_common())}. If the score is "
        "missing because of what was heard, the results without it are not those of all ratings."
    )


def _add_times(frame: pd.DataFrame, table: Columns, lines: list[int]) -> list[str]:
    """Put the moments of the ratings into the table, or say why they are not used."""
    if not any(table.get("rated_at", [])):
        return []
    times, reason = read_times(table["rated_at"], lines)
    if times is None:
        return [
            f"The times in rated_at are not used: {reason}. Write all of them in one way, year first and with the "
            "time zone, such as 2026-02-01T14:05:00+00:00, and analyse the file again."
        ]
    frame["rated_at"] = times
    return []


def _check_anchors(anchors: Sequence[str], frame: pd.DataFrame, name: str) -> None:
    """Refuse an anchor that nobody rated."""
    held = [frame[column] for column in ("condition", "reference") if column in frame]
    names = dict.fromkeys(str(one) for column in held for one in column.unique())
    for anchor in anchors:
        if anchor not in names:
            raise BaselineError(
                f"{name}: anchor {shorten(anchor, 40)!r}: not among the conditions "
                f"({shorten(', '.join(names), 300)}); name one of them with --anchor"
            )


def _check_pairs(table: Columns, lines: list[int], name: str) -> None:
    """Refuse a pair of a condition with itself, and a first or x that is not of the pair."""
    pairs = list(zip(table["condition"], table["reference"], strict=True))
    for row, (condition, reference) in enumerate(pairs):
        if condition == reference:
            raise RatingsError(
                f"{name}: line {lines[row]}: condition and reference are both {shorten(condition, 40)!r}; "
                "correct one, or give a check another kind than trial"
            )
    for column in ("first", "x"):
        for row, value in enumerate(table.get(column, [])):
            if value and value not in pairs[row]:
                raise RatingsError(
                    f"{name}: line {lines[row]}: {column} is {shorten(value, 40)!r}, which is neither "
                    f"{shorten(pairs[row][0], 40)!r} nor {shorten(pairs[row][1], 40)!r}; correct it or leave it empty"
                )


def _cells(question: str, table: Columns) -> pd.DataFrame:
    """Give what may occur once: a trial.

    The two orders of a pair are two trials. ABX repeats trials by design, so there its place in the session counts too.
    """
    cell = [column for column in (*NAMES, "seed") if column in table]
    if QUESTIONS[question].paired:
        cell += [column for column in ("first",) if column in table]
    if question == "abx":
        cell += [column for column in ("x", "session", "position") if column in table]
    cells = pd.DataFrame({column: table[column] for column in cell})
    if QUESTIONS[question].paired:
        pairs = zip(table["condition"], table["reference"], strict=True)
        cells["condition"] = [" and ".join(sorted(pair)) for pair in pairs]
    return cells


@dataclass(frozen=True)
class Answers:
    """Checked answers on one scale.

    Parameters
    ----------
    question
        `acr`, `dcr`, `numeric`, `slider`, `ab`, `ccr`, `abx`, `mushra` or `text`.
    frame
        One row an answer: `participant`, `prompt`, `condition` (text), `score` (number; not for `text`), for pair
        types `reference` and, where the file has them, `first` and `x`; `seed` where the file has it; `rated_at`
        (moments in UTC) for scores of one clip, where all can be read; `answer` for `ab` with the answer "both bad";
        `comment` for `text`.
    source
        The file they came from.
    checks
        The answers to checks where the file says what was passed; see `analysis.read.ratings.Ratings`.
    name
        The scale's name where the file has several; else empty.
    scale
        The scores that could be given; None for `text`.
    anchors
        Conditions that are anchors: described, and not compared.
    repeats
        One row a rating of a clip that the participant had rated before: `participant`, `first`, `again`; None where
        there is none.
    """

    question: str
    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
    name: str = ""
    scale: RatingScale | None = None
    anchors: tuple[str, ...] = ()
    repeats: pd.DataFrame | None = None
