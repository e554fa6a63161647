"""Ratings: a tidy CSV file becomes a checked table, or a refusal that names the line."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

import pandas as pd

from analysis.errors import (
    DuplicateRatingError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    ValueMissingError,
)
from analysis.read import names
from analysis.read.sheet import TOLD_APART, Sheet, read_columns
from analysis.read.times import read_times
from survey.records import is_flagged

log = logging.getLogger(__name__)

SCALE = (1, 2, 3, 4, 5)
NAMES = ("participant", "prompt", "condition")
PASSED = {"true": True, "1": True, "passed": True, "false": False, "0": False, "failed": False}
CHECK_KINDS = ("attention", "instructed", "repeat")
HEADPHONES = "headphones"
_SCORE = re.compile(r"([1-5])(?:\.0*)?", re.ASCII)


def load_ratings(path: Path) -> Ratings:
    """Read and check a ratings file.

    The file is UTF-8 (with or without byte order mark), separated by commas, semicolons or tabs, and has the
    columns `participant`, `prompt`, `condition` and `score`. With a column `kind` only its trials are kept,
    and the rest is counted in `Source.left_out`. Names are text: "007" stays "007". Spaces at the ends of cells are
    taken off; where that makes one name of two, `Source.remarks` says so, as it does of spellings that look like one
    name. With a column `prompt_id` a prompt is its id.

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line.
    """
    sheet = read_columns(path, ("question",))
    for row, question in enumerate(sheet.columns.get("question", [])):
        if question not in ("", "acr"):
            raise ScoreError(
                f"{sheet.name}: line {sheet.lines[row]}: answers a question of type {question}, not scores from 1 to 5"
            )
    return ratings_of(sheet)


def ratings_of(sheet: Sheet) -> Ratings:
    """Check the columns of a file of scores from 1 to 5, as `read_columns` gives them."""
    name, columns, lines = sheet.name, sheet.columns, sheet.lines
    kinds = columns.get("kind")
    rows = list(range(len(lines)))
    left_out: Counter[str] = Counter()
    if kinds is not None:
        left_out.update(kind or "(empty)" for kind in kinds if kind != "trial")
        rows = [row for row in rows if kinds[row] == "trial"]
    if not rows:
        found = ", ".join(f"{count} of kind {kind}" for kind, count in left_out.items()) or "no line of data"
        raise NoRatingsError(f"{name}: no rating of a trial ({found}); collect ratings or mark them kind=trial")
    table = {column: [values[row] for row in rows] for column, values in columns.items() if column != "kind"}
    frame, remarks = _checked(table, [lines[row] for row in rows], name)
    source = Source(name, sheet.sha256, len(lines), dict(left_out), (*sheet.trimmed(), *remarks))
    log.info("%s: %d ratings kept, %d left out", name, len(frame), sum(left_out.values()))
    return Ratings(frame, source, checks_of(columns))


def checks_of(columns: dict[str, list[str]]) -> pd.DataFrame | None:
    """Gather the answers to checks, and one row a participant for the headphone check: whether each was passed."""
    people, kinds, passed = columns["participant"], columns.get("kind"), columns.get("passed")
    found: list[tuple[str, str, str, bool | None]] = []
    if kinds is not None and passed is not None:
        found += [
            (people[row], kinds[row], columns["score"][row], PASSED.get(text.lower()))
            for row, text in enumerate(passed)
            if kinds[row] in CHECK_KINDS or text.lower() in PASSED
        ]
    if HEADPHONES in columns:
        told = dict.fromkeys(zip(people, columns[HEADPHONES], strict=True))
        found += [(person, HEADPHONES, "", PASSED.get(text.lower())) for person, text in told]
    elif kinds is None or passed is None:
        return None
    return pd.DataFrame(found, columns=["participant", "kind", "score", "passed"])


def _checked(table: dict[str, list[str]], lines: list[int], name: str) -> tuple[pd.DataFrame, list[str]]:
    """Check every row and return the typed table, and what must be known of its names and times."""
    for column in NAMES:
        if "" in table[column]:
            row = table[column].index("")
            raise ValueMissingError(f"{name}: line {lines[row]}: {column} is empty; fill it in or delete the line")
    studies = list(dict.fromkeys(table.get("study", [])))
    if len(studies) > 1:
        raise RatingsError(
            f"{name}: holds ratings of {len(studies)} studies ({shorten(', '.join(studies), 80)}); "
            "analyse one at a time, or delete the column study to pool them"
        )
    scores = _scores(table["score"], lines, name)
    remarks = [*tell_apart(table, lines, name), *impossible(table.pop("flags", []))]
    kept = [column for column in (*NAMES, "seed") if column in table]
    refuse_duplicates(pd.DataFrame({column: table[column] for column in kept}), lines, name)
    frame = pd.DataFrame({**{column: pd.Series(table[column], dtype="str") for column in kept}, "score": scores})
    if any(table.get("rated_at", [])):
        times, reason = read_times(table["rated_at"], lines)
        if times is None:
            remarks.append(
                f"The times in rated_at are not used: {reason}. Write all of them in one way, year first and with the "
                "time zone, such as 2026-02-01T14:05:00+00:00, and analyse the file again."
            )
        else:
            frame["rated_at"] = times
    return frame, remarks


def impossible(flags: Sequence[str]) -> list[str]:
    """Say how many of the ratings in use have flags: see `survey/trials/listening.py`."""
    count = sum(map(is_flagged, flags))
    if not count:
        return []
    return [
        f"{count:,} of {len(flags):,} ratings: the sounds cannot have been heard as the page said; the column flags "
        "of ratings.csv says why for each rating. They are included in these results."
    ]


def tell_apart(table: dict[str, list[str]], lines: list[int], name: str) -> list[str]:
    """Give each row its prompt, in place: where there is a `prompt_id`, a prompt is its id. Say what must be known.

    Raises
    ------
    ValueMissingError
        If some rows have a `prompt_id` and some none.
    """
    ids, remarks = table.pop("prompt_id", []), list[str]()
    told = {column: Counter(table[column]) for column in TOLD_APART if column in table}
    if any(ids):
        if "" in ids:
            line = lines[ids.index("")]
            raise ValueMissingError(
                f"{name}: line {line}: prompt_id is empty here but not on other lines; fill it in, or delete the column"
            )
        del told["prompt"]
        told["prompt_id"] = Counter(ids)
        table["prompt"], remarks = names.prompts_of(table["prompt"], ids)
    if "reference" in told:
        told["condition"] += told.pop("reference")
    return [*remarks, *filter(None, (names.spellings(column, counts) for column, counts in told.items()))]


def _scores(raw: list[str], lines: list[int], name: str) -> list[int]:
    """Read the scores, or name the first line whose score is none."""
    known = {text: int(match[1]) for text in set(raw) if (match := _SCORE.fullmatch(text))}
    wrong = [row for row, text in enumerate(raw) if text not in known]
    if wrong:
        text = raw[wrong[0]]
        what = f"score {shorten(text, 30)!r} is not a whole number from 1 to 5" if text else "score is missing"
        more = f" (and {len(wrong) - 1} more such lines)" if len(wrong) > 1 else ""
        raise ScoreError(f"{name}: line {lines[wrong[0]]}: {what}{more}; correct it or delete the line")
    return [known[text] for text in raw]


def refuse_duplicates(cells: pd.DataFrame, lines: list[int], name: str) -> None:
    """Refuse a second rating of one cell: which of them counts is not ours to choose."""
    again = cells.duplicated(keep=False)
    if not again.any():
        return
    groups = cells[again].groupby(list(cells.columns), sort=False)
    first = cells[again].iloc[0]
    rows = groups.indices[tuple(first)]
    places = [lines[int(place)] for place in cells.index[again][rows]]
    more = f" (and {groups.ngroups - 1} more such cells)" if groups.ngroups > 1 else ""
    seed = f", seed {first['seed']}" if "seed" in cells.columns else ""
    raise DuplicateRatingError(
        f"{name}: lines {_listed(places)}: participant {shorten(first['participant'], 40)!r} rated prompt "
        f"{shorten(first['prompt'], 60)!r} under {shorten(first['condition'], 40)!r}{seed} "
        f"{len(places)} times{more}; keep one line of each"
    )


def _listed(lines: list[int]) -> str:
    """Write line numbers as a person would."""
    shown = [str(line) for line in lines[:5]]
    return f"{', '.join(shown)}, ..." if len(lines) > 5 else f"{', '.join(shown[:-1])} and {shown[-1]}"


@dataclass(frozen=True)
class Source:
    """Where ratings came from.

    Parameters
    ----------
    file
        The file's name.
    sha256
        Hash of the file's bytes.
    lines
        Lines of data, without the header and empty lines.
    left_out
        How many lines of each kind other than trial were not analysed.
    remarks
        What must be known of its names and times, in sentences with the remedy.
    """

    file: str
    sha256: str
    lines: int
    left_out: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ratings:
    """Checked ratings.

    Parameters
    ----------
    frame
        One row a rating: `participant`, `prompt`, `condition` (text), `score` (1 to 5) and, where the file
        has them, `seed` (text) and `rated_at` (moments in UTC, where all can be read).
    source
        The file they came from.
    checks
        One row an answer to a check, whatever its kind of trial: `participant`, `kind`, `score`, `passed` (None
        where that cannot be told), and for the headphone check one row a participant, of kind `headphones`; None where
        the file says of no check whether it was passed. They are those of everybody in the file.
    """

    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
