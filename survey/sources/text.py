"""Text: the lines of a small file and the rows of a small table, in whichever form a spreadsheet wrote them."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from survey.faults import Fault
from survey.sources.workbook import is_workbook, workbook_rows

DELIMITERS = ",;\t"


def read_lines(path: Path) -> list[str]:
    """Read a file's lines: UTF-8, UTF-16 with its mark, or else Windows-1252."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252")
    if "\0" in text:
        raise ValueError("it holds zero bytes, so it is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@dataclass(frozen=True)
class Table:
    """A table: its columns in lower case, each row that is not empty with the number of its line, and its faults."""

    header: tuple[str, ...] = ()
    rows: tuple[tuple[int, dict[str, str]], ...] = ()
    faults: tuple[Fault, ...] = ()


def read_table_file(path: Path) -> Table:
    """Read a table, a text or the first sheet of a workbook, as far as it is one: no rows where it has no header."""
    try:
        if is_workbook(path):
            return _table(workbook_rows(path), [], "name each in the first row")
        lines = read_lines(path)
    except ValueError as error:
        return Table(faults=(Fault(f"cannot be read as a table ({error}); save it as CSV (UTF-8)"),))
    if lines and (named := lines[0].lower()).startswith("sep=") and len(named) == 5:
        delimiter, skipped = lines[0][4], 1
    else:
        delimiter, skipped = max(DELIMITERS, key=lambda mark: lines[0].count(mark)), 0
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    faults: list[Fault] = []
    try:
        rows += ((reader.line_num + skipped, [cell.strip() for cell in cells]) for cells in reader)
    except csv.Error as error:
        said = f"cannot be read as a table ({error}); write each quote within a text twice"
        faults.append(Fault(said, line=reader.line_num + skipped))
    return _table(rows, faults, f"put quotes around texts with {delimiter!r}")


def _table(rows: Sequence[tuple[int, list[str]]], faults: list[Fault], remedy: str) -> Table:
    """Take the first row as names of columns; `remedy` is that of a row with more cells than names."""
    first, names = rows[0] if rows else (1, [])
    header = ["_".join(name.lower().split()) for name in names]
    while header and not header[-1]:
        header.pop()  # commas at the end of the lines
    if not header:
        return Table(faults=(*faults, Fault("its first line names no columns", line=first)))
    twice = [name for name, times in Counter(header).items() if name and times > 1]
    faults += (Fault(f"the column {name!r} appears twice; remove one", line=first) for name in twice)
    said = f"has more cells than there are columns; {remedy}"
    faults += (Fault(said, line=line) for line, cells in rows[1:] if any(cells[len(header) :]))
    padding = [""] * len(header)
    there = ((line, cells) for line, cells in rows[1:] if any(cells) and not any(cells[len(header) :]))
    given = tuple((line, dict(zip(header, [*cells, *padding], strict=False))) for line, cells in there)
    return Table(tuple(header), given, tuple(faults))
