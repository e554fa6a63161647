"""Sheet: a CSV file as columns of text, or a refusal that names the line."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from analysis.errors import EncodingError, MissingColumnError, RatingsError, TableError
from analysis.read import names
from survey.records import REQUIRED

OPTIONAL = ("study", "kind", "prompt_id", "seed", "passed", "rated_at", "headphones", "revision", "flags")
# Columns whose cells are names: they may be written in more than one way.
TOLD_APART = ("participant", "prompt", "prompt_id", "condition", "reference", "seed")


def read_columns(path: Path, extra: Sequence[str] = ()) -> Sheet:
    """Read the columns in use, and the `extra` ones.

    Raises
    ------
    RatingsError
        If the file is no readable table, lacks a required column, or holds several revisions of a study.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RatingsError(f"{path}: cannot be read ({error.strerror}); give the path of a ratings CSV file") from None
    columns, lines, ends = _read_table(_opened(data, path.name), path.name, extra)
    revisions = sorted(set(columns.pop("revision", [])) - {""})
    if len(revisions) > 1:  # of the study: the question or the sounds were others
        raise RatingsError(
            f"{path.name}: holds ratings of {len(revisions)} revisions ({shorten(', '.join(revisions), 80)}); "
            "write one alone with earmark export --revision N, or delete the column revision to pool them"
        )
    return Sheet(path.name, hashlib.sha256(data).hexdigest(), columns, lines, ends)


def require_columns(found: Sequence[str], name: str) -> None:
    """Refuse a table without the required columns."""
    missing = [column for column in REQUIRED if column not in found]
    if missing:
        raise MissingColumnError(
            f"{name}: no column {', '.join(missing)}; the first line must name {', '.join(REQUIRED)}, "
            f"and has {shorten(', '.join(found), 120) or 'nothing'}"
        )


def _opened(data: bytes, name: str) -> io.TextIOWrapper:
    """Open UTF-8 text, or name the first line that is not."""
    try:
        data.decode()
        place = data.find(b"\0")  # UTF-8 to the letter, and no text: UTF-16 without its mark looks so
    except UnicodeDecodeError as error:
        place = error.start
    if place < 0:
        # newline="" leaves line ends to the csv module, as its documentation asks.
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    line = data.count(b"\n", 0, place) + 1
    raise EncodingError(f"{name}: line {line} is not UTF-8 (byte 0x{data[place]:02x}); save the file as 'CSV UTF-8'")


def _read_table(
    text: io.TextIOWrapper, name: str, extra: Sequence[str]
) -> tuple[dict[str, list[str]], list[int], dict[str, Counter[str]]]:
    """Read the columns in use, the line number on which each row ends, and the names that had spaces at their ends."""
    wanted = (*REQUIRED, *OPTIONAL, *extra)
    reader = csv.reader(text, delimiter=_delimiter(text), strict=True)
    lines: list[int] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        require_columns(header, name)
        doubled = [column for column, count in Counter(header).items() if count > 1 and column in wanted]
        if doubled:
            raise TableError(f"{name}: line 1 names the column {doubled[0]} twice; keep one of them")
        used = {column: header.index(column) for column in wanted if column in header}
        columns: dict[str, list[str]] = {column: [] for column in used}
        padded: dict[str, Counter[str]] = {column: Counter() for column in used if column in TOLD_APART}
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
                if cell != row[place] and column in padded:
                    padded[column][row[place]] += 1
    except csv.Error as error:
        raise TableError(f"{name}: line {reader.line_num} is not CSV ({error}); check its quotes") from None
    return columns, lines, padded


def _delimiter(text: io.TextIOWrapper) -> str:
    """Tell by its first line what separates a file's columns."""
    first = text.readline()
    text.seek(0)
    return max(",;\t", key=first.count)


@dataclass(frozen=True)
class Sheet:
    """A file as columns of text.

    Parameters
    ----------
    name, sha256
        The file's name, and the hash of its bytes.
    columns
        The cells of each column in use, without spaces at their ends.
    lines
        The line on which each row ends.
    padded
        For columns of names, the cells that had spaces at their ends, as they stand in the file, and how often.
    """

    name: str
    sha256: str
    columns: dict[str, list[str]]
    lines: list[int]
    padded: dict[str, Counter[str]]

    def trimmed(self) -> list[str]:
        """Say where taking spaces off made one name of two."""
        found = ((column, cells) for column, cells in self.padded.items() if cells)
        return [
            said for column, cells in found if (said := names.trimmed(column, cells, Counter(self.columns[column])))
        ]
