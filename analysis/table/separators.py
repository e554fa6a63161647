"""Separators: a text becomes rows of cells, whatever stands between them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

import pandas as pd

from analysis.errors import TableError

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
SAMPLE = 1 << 16  # characters
Row = tuple[int, list[str]]
_SAID = re.compile(r'\ufeff?"?sep=(\\t|[^"\r\n])"?[,;\t]*[\r\n]*', re.IGNORECASE)
_RULE = re.compile(r"[\s|+:=-]*-[\s|+:=-]*")
_GAP = re.compile(r"\s{2,}")


def rows_of(text: TextIO, name: str) -> tuple[Iterator[Row], str]:
    """Give the rows that are not empty of all, each with the number of its last line, and what separates their cells.

    Columns are separated by commas, semicolons, tabs or vertical bars (whichever cuts most lines into the same number
    of cells), by what a first line `sep=` says, or by blanks.

    Raises
    ------
    TableError
        While rows are taken, if one is not CSV.
    """
    start = text.tell()
    first = text.readline()
    if said := _SAID.fullmatch(first):
        separator = "\t" if said[1] == "\\t" else said[1]
        return _read(text, separator, name, 1), _named(separator)
    text.seek(start)
    sample = text.read(SAMPLE)
    text.seek(start)
    whole = len(sample) < SAMPLE
    separator = _separator(sample, whole)
    if separator:
        rows = _read(text, separator, name, 0)
        return (_without_rules(rows) if separator == "|" else rows), _named(separator)
    if any(" " in line.strip() for line in sample.splitlines()[:2]):
        return _blanks(text, sample, name)
    return _read(text, ",", name, 0), _named(",")


def _named(separator: str) -> str:
    return NAMES.get(separator, repr(separator))


def _read(text: TextIO, separator: str, name: str, before: int, *, closely: bool = True) -> Iterator[Row]:
    """Read the rows of CSV after so many lines."""
    reader = csv.reader(text, delimiter=separator, strict=True, skipinitialspace=not closely)
    line = before
    try:
        for row in reader:
            line = reader.line_num + before
            yield line, row
    except csv.Error as error:
        raise TableError(
            f"{name}: line {line + 1} is not CSV ({error}); check its quotes: one within a text is written twice"
        ) from None


def _separator(sample: str, whole: bool) -> str:
    """Tell what separates the columns: it cuts most lines, and the names of the columns, into the same number."""
    found: list[tuple[tuple[bool, float, int, float], str]] = []
    for separator in ("\t", ";", ",", "|"):
        if separator not in sample:
            continue
        try:
            rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator) if any(row)]
        except csv.Error:
            continue
        rows = rows[: len(rows) if whole or len(rows) < 3 else -1]  # the last one may be cut
        widths = Counter(len(row) for row in rows)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        if width < 2:
            width, count = (
                max(((w, c) for w, c in widths.items() if w > 1), default=(0, 0)) if len(rows) < 3 else (0, 0)
            )
        if width > 1:
            named = any(len(row) == width and not any(map(_is_number, row)) for row in rows[:10])
            share = count / len(rows)
            found.append(((named, round(share, 1), width, share), separator))
    return max(found, key=lambda one: one[0])[1] if found else ""


def _is_number(cell: str) -> bool:
    return cell.strip().replace(",", ".", 1).replace(".", "", 1).isdecimal()


def _without_rules(rows: Iterator[Row]) -> Iterator[Row]:
    """Take off what is drawn around a table of vertical bars: its outer ones, and lines of dashes."""
    for line, row in rows:
        if _RULE.fullmatch("|".join(row)):
            continue
        if len(row) > 2 and not row[0].strip() and not row[-1].strip():
            row = row[1:-1]
        yield line, [cell.strip() for cell in row]


def _blanks(text: TextIO, sample: str, name: str) -> tuple[Iterator[Row], str]:
    """Read columns that are separated by single blanks, as R writes them, or set out with as many as they need."""
    try:
        some = [len(row) for _, row in _read(io.StringIO(sample, newline=""), " ", name, 0, closely=False) if any(row)]
    except TableError:
        some = []
    some = some[:-1] if len(some) > 2 else some
    if len(set(some[1:])) == 1 and some[0] in (some[1], some[1] - 1) and some[1] > 1:
        lines = (line.rstrip(" \r\n") + "\n" for line in text)
        reader = csv.reader(lines, delimiter=" ", strict=True, skipinitialspace=True)
        return ((reader.line_num, row) for row in reader), _named(" ")
    whole = text.read()
    lines_of = whole.splitlines()
    parted = [_GAP.split(line.strip()) for line in lines_of]
    filled = [len(row) for row in parted if row != [""]]
    if len(set(filled)) == 1 and filled[0] > 1:
        return ((number, row) for number, row in enumerate(parted, 1)), "several blanks"
    if filled[0] < 2:  # the names of columns would stand apart
        return ((number, [line]) for number, line in enumerate(lines_of, 1)), _named(",")
    frame = pd.read_fwf(
        io.StringIO("\n".join(lines_of)), header=None, dtype=str, keep_default_na=False, infer_nrows=len(lines_of) + 1,
        skip_blank_lines=False,
    )  # fmt: skip
    return (
        (number, list(map(str, row))) for number, row in enumerate(frame.to_numpy().tolist(), 1)
    ), "columns of fixed width"
