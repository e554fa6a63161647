"""Ratings: a tidy CSV file becomes a checked table, or a refusal that names the line."""

from __future__ import annotations

import csv
import hashlib
import io
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
    EncodingError,
    MissingColumnError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    TableError,
    ValueMissingError,
)
from survey.records import REQUIRED

log = logging.getLogger(__name__)

SCALE = (1, 2, 3, 4, 5)
NAMES = ("participant", "prompt", "condition")
OPTIONAL = ("study", "kind", "prompt_id", "seed", "passed", "rated_at", "revision")
PASSED = {"true": True, "1": True, "false": False, "0": False}
_SCORE = re.compile(r"([1-5])(?:\.0*)?", re.ASCII)


def load_ratings(path: Path) -> Ratings:
    """Read and check a ratings file.

    The file is UTF-8 (with or without byte order mark), separated by commas, semicolons or tabs, and has the
    columns `participant`, `prompt`, `condition` and `score`. With a column `kind` only its trials are kept,
    and the rest is counted in `Source.left_out`. Names are text: "007" stays "007".

    Raises
    ------
    RatingsError
        Of the kind that `analysis.errors` lists, naming the line.
    """
    name, data, columns, lines = read_columns(path, ("question",))
    asked = columns.pop("question", [])
    for row, question in enumerate(asked):
        if question not in ("", "acr"):
            raise ScoreError(
                f"{name}: line {lines[row]}: answers a question of type {question}, not scores from 1 to 5"
            )
    return ratings_of(name, data, columns, lines)


def read_columns(path: Path, extra: Sequence[str] = ()) -> tuple[str, bytes, dict[str, list[str]], list[int]]:
    """Read the columns in use, and the `extra` ones: the file's name and bytes, its columns, each row's last line.

    Raises
    ------
    RatingsError
        If the file is no readable table, lacks a required column, or holds several revisions of a study.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RatingsError(f"{path}: cannot be read ({error.strerror}); give the path of a ratings CSV file") from None
    columns, lines = _read_table(_decode(data, path.name), path.name, extra)
    revisions = sorted(set(columns.pop("revision", [])) - {""})
    if len(revisions) > 1:  # of the study: the question or the sounds were others
        raise RatingsError(
            f"{path.name}: holds ratings of {len(revisions)} revisions ({shorten(', '.join(revisions), 80)}); "
            "write one alone with earmark export --revision N, or delete the column revision to pool them"
        )
    return path.name, data, columns, lines


def ratings_of(name: str, data: bytes, columns: dict[str, list[str]], lines: list[int]) -> Ratings:
    """Check the columns of a file of scores from 1 to 5, as `read_columns` gives them."""
    kinds = columns.get("kind")
    rows = list(range(len(lines)))
    left_out: Counter[str] = Counter()
    passed = columns.pop("passed", None)
    checks = _checks(columns, passed) if kinds is not None and passed is not None else None
    if kinds is not None:
        left_out.update(kind or "(empty)" for kind in kinds if kind != "trial")
        rows = [row for row in rows if kinds[row] == "trial"]
    if not rows:
        found = ", ".join(f"{count} of kind {kind}" for kind, count in left_out.items()) or "no line of data"
        raise NoRatingsError(f"{name}: no rating of a trial ({found}); collect ratings or mark them kind=trial")
    table = {column: [values[row] for row in rows] for column, values in columns.items() if column != "kind"}
    frame = _checked(table, [lines[row] for row in rows], name)
    source = Source(name, hashlib.sha256(data).hexdigest(), len(lines), dict(left_out))
    log.info("%s: %d ratings kept, %d left out", name, len(frame), sum(left_out.values()))
    return Ratings(frame, source, checks)


def _checks(columns: dict[str, list[str]], passed: list[str]) -> pd.DataFrame:
    """Gather the answers to checks: whether each was passed, and the score where it is one."""
    rows = [row for row, text in enumerate(passed) if text.lower() in PASSED]
    return pd.DataFrame(
        {
            "participant": pd.Series([columns["participant"][row] for row in rows], dtype="str"),
            "kind": pd.Series([columns["kind"][row] for row in rows], dtype="str"),
            "score": [columns["score"][row] for row in rows],
            "passed": [PASSED[passed[row].lower()] for row in rows],
        }
    )


def require_columns(found: Sequence[str], name: str) -> None:
    """Refuse a table without the required columns."""
    missing = [column for column in REQUIRED if column not in found]
    if missing:
        raise MissingColumnError(
            f"{name}: no column {', '.join(missing)}; the first line must name {', '.join(REQUIRED)}, "
            f"and has {shorten(', '.join(found), 120) or 'nothing'}"
        )


def _decode(data: bytes, name: str) -> str:
    """Decode UTF-8, or name the first line that is not."""
    try:
        text = data.decode("utf-8-sig")
        place = data.find(b"\0")  # UTF-8 to the letter, and no text: UTF-16 without its mark looks so
    except UnicodeDecodeError as error:
        place = error.start
    if place < 0:
        return text
    line = data.count(b"\n", 0, place) + 1
    raise EncodingError(f"{name}: line {line} is not UTF-8 (byte 0x{data[place]:02x}); save the file as 'CSV UTF-8'")


def _read_table(text: str, name: str, extra: Sequence[str]) -> tuple[dict[str, list[str]], list[int]]:
    """Read the columns in use, and the line number on which each row ends."""
    wanted = (*REQUIRED, *OPTIONAL, *extra)
    # newline="" leaves line ends to the csv module, as its documentation asks.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    lines: list[int] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        require_columns(header, name)
        doubled = [column for column, count in Counter(header).items() if count > 1 and column in wanted]
        if doubled:
            raise TableError(f"{name}: line 1 names the column {doubled[0]} twice; keep one of them")
        used = {column: header.index(column) for column in wanted if column in header}
        columns: dict[str, list[str]] = {column: [] for column in used}
        shared: dict[str, str] = {}
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue  # an empty line holds no rating
            if len(row) != len(header):
                raise TableError(
                    f"{name}: line {reader.line_num} has {len(row)} fields and the first line {len(header)}; "
                    "put quotes around a text that holds the separator"
                )
            lines.append(reader.line_num)
            for column, place in used.items():
                cell = row[place].strip()
                columns[column].append(shared.setdefault(cell, cell))  # one string object a name saves memory
    except csv.Error as error:
        raise TableError(f"{name}: line {reader.line_num} is not CSV ({error}); check its quotes") from None
    return columns, lines


def _delimiter(text: str) -> str:
    """Tell by its first line what separates a file's columns."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _checked(table: dict[str, list[str]], lines: list[int], name: str) -> pd.DataFrame:
    """Check every row and return the typed table."""
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
    cell = [column for column in (*NAMES, "prompt_id", "seed") if column in table]
    refuse_duplicates(pd.DataFrame({column: table[column] for column in cell}), lines, name)
    kept = [column for column in (*NAMES, "seed", "rated_at") if column in table]
    return pd.DataFrame({**{column: pd.Series(table[column], dtype="str") for column in kept}, "score": scores})


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
    """

    file: str
    sha256: str
    lines: int
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ratings:
    """Checked ratings.

    Parameters
    ----------
    frame
        One row a rating: `participant`, `prompt`, `condition` (text), `score` (1 to 5) and, where the file
        has them, `seed` and `rated_at` (text).
    source
        The file they came from.
    checks
        One row an answer to a check, whatever its kind of trial: `participant`, `kind`, `score`, `passed`; None
        where the file does not say what was passed.
    """

    frame: pd.DataFrame
    source: Source
    checks: pd.DataFrame | None = None
