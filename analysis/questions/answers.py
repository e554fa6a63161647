"""Answers: a ratings file of any question type becomes a checked table and, analysed, findings.

Question types: `acr` (a score from 1 to 5, see `analysis.read.ratings`), `ab` (which of two is preferred),
`ccr` (by how much one of two is better), `abx` (which of two X was), `mushra` (sliders beside a hidden
reference), `text`.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from textwrap import shorten

import pandas as pd

from analysis.conclude.verdict import verdicts
from analysis.describe.protocol import counted
from analysis.describe.screening import CHECKS, failed_checks
from analysis.errors import (
    BaselineError,
    MissingColumnError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    SettingError,
    ValueMissingError,
)
from analysis.infer import compare
from analysis.questions.abx import abx
from analysis.questions.findings import Findings, Table
from analysis.questions.mushra import mushra
from analysis.questions.pairs import comparison_rating, preference
from analysis.read.matched import cells
from analysis.read.ratings import NAMES, Source, checks_of, impossible, ratings_of, refuse_duplicates, tell_apart
from analysis.read.sheet import read_columns
from survey.records import FORMULA

log = logging.getLogger(__name__)

DEFAULT_BASELINE = "baseline"
SCORES = {
    "acr": range(1, 6),
    "ab": range(-1, 2),
    "ccr": range(-3, 4),
    "abx": range(2),
    "mushra": range(101),
    "text": range(0),
}
PAIRED = ("ab", "ccr", "abx")
EXTRA = ("question", "reference", "first", "x", "session", "position", "comment")
MARGINS = {"acr": 4.0, "ccr": 3.0}  # points from one end of the scale to the other, or to its middle
_SCORE = re.compile(r"([+-]?(?:0|[1-9]\d{0,2}))(?:\.0*)?", re.ASCII)


def load_answers(path: Path) -> Answers:
    """Read and check a ratings file of any question type, one type a file.

    The type stands in the column `question`; without it, or where it is empty, it is `acr`. Pair types need the column
    `reference` too, and use `first` (heard as A) and `x` where they exist. As in `load_ratings` only
    trials are kept and the rest is counted.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line and the remedy.
    """
    sheet = read_columns(path, EXTRA)
    name, columns, lines = sheet.name, sheet.columns, sheet.lines
    question, rows, left_out = _trials(columns, lines, name)
    if question == "acr":
        for column in EXTRA:
            columns.pop(column, None)
            sheet.padded.pop(column, None)
        ratings = ratings_of(sheet)
        return Answers(question, ratings.frame, ratings.source, ratings.checks)
    table = {column: [values[row] for row in rows] for column, values in columns.items()}
    frame, remarks = _checked(question, table, [lines[row] for row in rows], name)
    source = Source(name, sheet.sha256, len(lines), dict(left_out), (*sheet.trimmed(), *remarks))
    log.info("%s: %d answers of question %s kept, %d left out", name, len(frame), question, sum(left_out.values()))
    return Answers(question, frame, source, checks_of(columns))


def question_of(path: Path) -> str:
    """Tell which question type a ratings file holds, without checking its scores.

    Raises
    ------
    RatingsError
        If the file cannot be read, or its trials are of several types or of an unknown one.
    """
    sheet = read_columns(path, EXTRA)
    return _trials(sheet.columns, sheet.lines, sheet.name)[0]


def analyze_answers(
    answers: Answers, *, baseline: str | None = None, margin: float = 0.3, alpha: float = 0.05
) -> Findings:
    """Analyse answers of any question type; the last sentences name who failed a check, whom nothing leaves out.

    Parameters
    ----------
    answers
        What `load_answers` gave.
    baseline
        The condition that others are compared with, the hidden reference of `mushra`. By default the one named
        "baseline", and for pair types without one the most frequent reference.
    margin
        Margin of equivalence in points, for `acr` and `ccr`; other types test no equivalence and do not use it.
    alpha
        Significance level; intervals are 1 - alpha.

    Raises
    ------
    AnalysisError
        For an unknown baseline or an impossible setting.
    """
    found = _analyzed(answers, baseline, margin, alpha)
    rules = (failed_checks(answers.frame, answers.checks, rule) for rule in CHECKS)
    failed = [f"{one.found} They are included in these results." for one in rules if one.count]
    return replace(found, sentences=(*found.sentences, *failed))


def _analyzed(answers: Answers, baseline: str | None, margin: float, alpha: float) -> Findings:
    """Analyse by the type of question."""
    question, frame = answers.question, answers.frame
    if not (isfinite(alpha) and 0 < alpha < 0.5):
        raise SettingError(f"alpha {alpha:g}: not between 0 and 0.5; the usual level is 0.05")
    widest = MARGINS.get(question)
    if widest is not None and not (isfinite(margin) and 0 < margin < widest):
        raise SettingError(f"margin {margin:g}: not between 0 and {widest:g} points; a usual margin is 0.3")
    if question == "text":
        return _comments(frame)
    baseline = _baseline(question, frame, baseline)
    if question == "ab":
        return preference(frame, baseline, alpha=alpha)
    if question == "ccr":
        return comparison_rating(frame, baseline, margin=margin, alpha=alpha)
    if question == "abx":
        return abx(frame, baseline=baseline, alpha=alpha)
    if question == "mushra":
        return mushra(frame, baseline, alpha=alpha)
    return _opinions(frame, baseline, margin, alpha)


def _trials(columns: dict[str, list[str]], lines: list[int], name: str) -> tuple[str, list[int], Counter[str]]:
    """Find the trials and their question type; count the rows that are none."""
    kinds = columns.get("kind", ["trial"] * len(lines))
    left_out = Counter(kind or "(empty)" for kind in kinds if kind != "trial")
    rows = [row for row, kind in enumerate(kinds) if kind == "trial"]
    if not rows:
        found = ", ".join(f"{count} of kind {kind}" for kind, count in left_out.items()) or "no line of data"
        raise NoRatingsError(f"{name}: no rating of a trial ({found}); collect ratings or mark them kind=trial")
    questions = columns.get("question", [""] * len(lines))
    for row in rows:
        if (questions[row] or "acr") not in SCORES:
            raise RatingsError(
                f"{name}: line {lines[row]}: question {shorten(questions[row], 30)!r} is not one of "
                f"{', '.join(SCORES)}; correct it or delete the line"
            )
    held = Counter(questions[row] or "acr" for row in rows)
    if len(held) > 1:
        found = ", ".join(f"{count} of {question}" for question, count in held.items())
        raise RatingsError(
            f"{name}: holds answers to {len(held)} types of question ({found}); "
            "write each type to a file of its own and analyse one at a time"
        )
    return next(iter(held)), rows, left_out


def _checked(question: str, table: dict[str, list[str]], lines: list[int], name: str) -> tuple[pd.DataFrame, list[str]]:
    """Check every row and return the typed table, and what must be known of its names."""
    needed = (*NAMES, "reference") if question in PAIRED else NAMES
    if question == "text":
        needed = (*NAMES, "comment")
    for column in needed:
        if column not in table:
            raise MissingColumnError(f"{name}: no column {column}, which question type {question} needs; add it")
        if column != "comment" and "" in table[column]:
            line = lines[table[column].index("")]
            raise ValueMissingError(f"{name}: line {line}: {column} is empty; fill it in or delete the line")
    studies = list(dict.fromkeys(table.get("study", [])))
    if len(studies) > 1:
        raise RatingsError(
            f"{name}: holds ratings of {len(studies)} studies ({shorten(', '.join(studies), 80)}); "
            "analyse one at a time, or delete the column study to pool them"
        )
    scores = _scores(question, table["score"], lines, name)
    if question in PAIRED:
        _check_pairs(table, lines, name)
    remarks = [*tell_apart(table, lines, name), *impossible(table.pop("flags", []))]
    refuse_duplicates(_cells(question, table), lines, name)
    kept = [*needed, *(column for column in ("seed", "first", "x") if column in table)]
    frame = pd.DataFrame({column: pd.Series(table[column], dtype="str") for column in kept})
    return (frame if question == "text" else frame.assign(score=scores)), remarks


def _scores(question: str, raw: list[str], lines: list[int], name: str) -> list[int]:
    """Read the scores, or name the first line whose score is none of the question's."""
    allowed = SCORES[question]
    known = {text: int(found[1]) for text in set(raw) if (found := _SCORE.fullmatch(text))}
    right = {text: score for text, score in known.items() if score in allowed}
    if question == "text":
        right = {"": 0}
    wrong = [row for row, text in enumerate(raw) if text not in right]
    if not wrong:
        return [right[text] for text in raw]
    text = shorten(raw[wrong[0]], 30)
    span = f"a whole number from {allowed[0]} to {allowed[-1]}" if allowed else ""
    what = f"score {text!r} is not {span} (question {question})" if text else "score is missing"
    if question == "text":
        what = f"score {text!r} beside a text, which must have no score"
    more = f" (and {len(wrong) - 1} more such lines)" if len(wrong) > 1 else ""
    raise ScoreError(f"{name}: line {lines[wrong[0]]}: {what}{more}; correct it or delete the line")


def _check_pairs(table: dict[str, list[str]], lines: list[int], name: str) -> None:
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


def _cells(question: str, table: dict[str, list[str]]) -> pd.DataFrame:
    """Give what may occur once: a trial.

    The two orders of a pair are two trials. ABX repeats trials by design, so there its place in the session counts too.
    """
    cell = [column for column in (*NAMES, "seed") if column in table]
    if question in PAIRED:
        cell += [column for column in ("first",) if column in table]
    if question == "abx":
        cell += [column for column in ("x", "session", "position") if column in table]
    cells = pd.DataFrame({column: table[column] for column in cell})
    if question in PAIRED:
        pairs = zip(table["condition"], table["reference"], strict=True)
        cells["condition"] = [" and ".join(sorted(pair)) for pair in pairs]
    return cells


def _baseline(question: str, frame: pd.DataFrame, asked: str | None) -> str:
    """Find the baseline, or list what there is."""
    held = [frame[column] for column in ("condition", "reference") if column in frame.columns]
    names = sorted({str(name) for column in held for name in column.unique()})
    name = asked if asked is not None else DEFAULT_BASELINE
    if name in names:
        return name
    if asked is None and question in PAIRED:
        return str(frame["reference"].value_counts().index[0])
    if asked is None and len(names) == 1:
        return names[0]
    raise BaselineError(
        f"baseline {name!r}: not among the conditions ({shorten(', '.join(names), 300)}); choose one with --baseline"
    )


def _opinions(frame: pd.DataFrame, baseline: str, margin: float, alpha: float) -> Findings:
    """Analyse scores from 1 to 5 as `analysis.report.content` does, without its descriptions."""
    conditions = [baseline, *sorted(set(frame["condition"]) - {baseline})]
    heard = cells(frame, conditions)
    matched = heard.against(baseline)
    differences = compare.paired_t(matched, alpha=alpha)
    within = compare.tost(matched, margin=margin, alpha=alpha)
    lower = compare.noninferiority(matched, margin=margin, alpha=alpha)
    judged = verdicts(differences, within, lower, margin=margin, alpha=alpha)
    rows = (*differences, *compare.wilcoxon(matched, alpha=alpha), *compare.friedman(heard), *within)
    return Findings("acr", rows, tuple(f"{of.condition}: {of.kind}. {of.words}" for of in judged))


def _comments(frame: pd.DataFrame) -> Findings:
    """Count the texts and list them; nothing is computed from them."""
    texts = frame.assign(comment=[_plain(text) for text in frame["comment"]])
    words = texts["comment"].str.split().str.len()
    counts = []
    for condition, part in words.groupby(texts["condition"]):
        given = part[part > 0]
        counts.append(
            (str(condition), len(given), len(part) - len(given), float(given.median()) if len(given) else None)
        )
    given = texts[words > 0]
    listed = given.sort_values(["condition", "prompt", "participant"], kind="stable")
    columns = ["condition", "prompt", "participant", "comment"]
    tables = (
        Table("Texts by condition", ("condition", "texts", "left empty", "median words"), tuple(counts)),
        Table("Texts", tuple(columns), tuple(tuple(map(str, row)) for row in listed[columns].to_numpy())),
    )
    empty = len(texts) - len(given)
    more = f"; {empty} left empty" if empty else ""
    people = given["participant"].nunique()
    texts_of = f"{counted(len(given), 'text')} from {counted(people, 'participant')}"
    sentence = f"{texts_of}{more}. They are counted and listed; nothing is tested."
    return Findings("text", (), (sentence,), tables)


def _plain(text: str) -> str:
    """Take off the mark that keeps a spreadsheet from computing a text (`survey.records`)."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


@dataclass(frozen=True)
class Answers:
    """Checked answers of one question type.

    Parameters
    ----------
    question
        `acr`, `ab`, `ccr`, `abx`, `mushra` or `text`.
    frame
        One row an answer: `participant`, `prompt`, `condition` (text), `score` (number; not for `text`), for pair
        types `reference` and, where the file has them, `first` and `x`; `seed` where the file has it; `comment` for
        `text`.
    source
        The file they came from.
    checks
        The answers to checks where the file says what was passed; see `analysis.read.ratings.Ratings`.
    """

    question: str
    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
