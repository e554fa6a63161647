"""Reading: the bytes of a file become a table, or a refusal that names the line."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

from analysis.errors import EncodingError, RatingsError, TableError
from analysis.table.table import Table


def read_table(path: Path) -> Table:
    """Read a file as columns of text.

    Raises
    ------
    RatingsError
        If it cannot be read, is not text in UTF-8, or is no table.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RatingsError(f"{path}: cannot be read ({error.strerror}); give the path of a ratings CSV file") from None
    header, columns, lines = _read_csv(_opened(data, path.name), path.name)
    return Table(path.name, hashlib.sha256(data).hexdigest(), header, columns, lines)


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


def _read_csv(text: io.TextIOWrapper, name: str) -> tuple[tuple[str, ...], tuple[list[str], ...], list[int]]:
    """Read the header, the cells of its columns, and the line number on which each row ends."""
    reader = csv.reader(text, delimiter=_delimiter(text), strict=True)
    lines: list[int] = []
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        columns: tuple[list[str], ...] = tuple([] for _ in header)
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
            for column, cell in zip(columns, row, strict=True):
                column.append(shared.setdefault(cell, cell))  # one string object a name saves memory
    except csv.Error as error:
        raise TableError(f"{name}: line {reader.line_num} is not CSV ({error}); check its quotes") from None
    return header, columns, lines


def _delimiter(text: io.TextIOWrapper) -> str:
    """Tell by its first line what separates a file's columns."""
    first = text.readline()
    text.seek(0)
    return max(",;\t", key=first.count)
