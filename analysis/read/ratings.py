"""Ratings: a tidy CSV file becomes a checked table, or a refusal that names the line."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.errors import ScoreError
from analysis.foreign.options import Options
from analysis.read.rows import (
    NAMES,
    impossible,
    refuse_duplicates,
    refuse_empty,
    refuse_studies,
    scores,
    tell_apart,
    trials,
)
from analysis.read.sheet import Sheet, read_columns
from analysis.read.times import read_times

log = logging.getLogger(__name__)

SCALE = (1, 2, 3, 4, 5)
PASSED = {"true": True, "1": True, "passed": True, "false": False, "0": False, "failed": False}
CHECK_KINDS = ("attention", "instructed", "gold", "repeat")
HEADPHONES = "headphones"
_SCORE = re.compile(r"([1-5])(?:\.0*)?", re.ASCII)


def load_ratings(path: Path, options: Options | None = None) -> Ratings:
    """Read and check a ratings file, of which somebody says the `options`.

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
    sheet = read_columns(path, ("question",), options)
    for row, question in enumerate(sheet.columns.get("question", [])):
        if question not in ("", "acr"):
            raise ScoreError(
                f"{sheet.name}: line {sheet.lines[row]}: answers a question of type {question}, not scores from 1 to 5"
            )
    return ratings_of(sheet)


def ratings_of(sheet: Sheet) -> Ratings:
    """Check the columns of a file of scores from 1 to 5, as `read_columns` gives them."""
    name, columns, lines = sheet.name, sheet.columns, sheet.lines
    rows, left_out = trials(columns, lines, name)
    table = {column: [values[row] for row in rows] for column, values in columns.items() if column != "kind"}
    frame, remarks = _checked(table, [lines[row] for row in rows], name)
    source = Source(name, sheet.sha256, len(lines), dict(left_out), (*sheet.notices, *sheet.trimmed(), *remarks))
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
        refuse_empty(table, column, lines, name)
    refuse_studies(table, name)
    raw = table["score"]
    right = {text: int(match[1]) for text in set(raw) if (match := _SCORE.fullmatch(text))}
    given = scores(raw, right, f"is not a whole number from {SCALE[0]} to {SCALE[-1]}", lines, name)
    remarks = [*tell_apart(table, lines, name), *impossible(table.pop("flags", []))]
    kept = [column for column in (*NAMES, "seed") if column in table]
    refuse_duplicates(pd.DataFrame({column: table[column] for column in kept}), lines, name)
    frame = pd.DataFrame({**{column: pd.Series(table[column], dtype="str") for column in kept}, "score": given})
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
