"""Text: the lines of a small file and the rows of a small table, in whichever encoding a spreadsheet wrote them."""

import codecs
import csv
import io
from collections import Counter
from pathlib import Path

from survey.faults import Place, Several

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


def table_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table: its columns, in lower case, and each row that is not empty with the number of its line.

    Raises
    ------
    Several
        With the line of each fault (0: no line): no header, a column twice, rows of more cells than columns, quotes
        that are left open.
    """
    try:
        lines = read_lines(path)
    except ValueError as error:
        raise Several([((0,), f"cannot be read as a table ({error})")]) from None
    if lines and (named := lines[0].lower()).startswith("sep=") and len(named) == 5:
        delimiter, skipped = lines[0][4], 1
    else:
        delimiter, skipped = max(DELIMITERS, key=lambda mark: lines[0].count(mark)), 0
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows += ((reader.line_num + skipped, [cell.strip() for cell in cells]) for cells in reader)
    except csv.Error as error:
        said = f"cannot be read as a table ({error}); write each quote within a text twice"
        raise Several([((reader.line_num + skipped,), said)]) from None
    first, names = rows[0] if rows else (1, [])
    header = ["_".join(name.lower().split()) for name in names]
    while header and not header[-1]:
        header.pop()  # commas at the end of the lines
    if not header:
        raise Several([((first,), "its first line names no columns")])
    twice = [name for name, times in Counter(header).items() if name and times > 1]
    faults: list[tuple[Place, str]] = [((first,), f"the column {name!r} appears twice; remove one") for name in twice]
    faults += [
        ((number,), f"has more cells than there are columns; put quotes around texts with {delimiter!r}")
        for number, cells in rows[1:]
        if any(cells[len(header) :])
    ]
    if faults:
        raise Several(faults)
    padding = [""] * len(header)
    return header, [
        (number, dict(zip(header, [*cells, *padding], strict=False))) for number, cells in rows[1:] if any(cells)
    ]
