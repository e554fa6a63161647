"""Text: the lines of a small file and the rows of a small table, in whichever encoding a spreadsheet wrote them."""

import codecs
import csv
import io
from pathlib import Path

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
    ValueError
        If it has no header, a column twice, or a row of more cells than columns.
    """
    lines = read_lines(path)
    if lines and (named := lines[0].lower()).startswith("sep=") and len(named) == 5:
        delimiter, skipped = lines[0][4], 1
    else:
        delimiter, skipped = max(DELIMITERS, key=lambda mark: lines[0].count(mark)), 0
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter, strict=True)
    header = ["_".join(name.strip().lower().split()) for name in next(reader, [])]
    while header and not header[-1]:
        header.pop()  # commas at the end of the lines
    if not header:
        raise ValueError("its first line names no columns")
    if twice := {name for name in header if header.count(name) > 1}:
        raise ValueError(f"the column {min(twice)!r} appears twice")
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        number = reader.line_num + skipped
        if any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(
                f"line {number} has more cells than there are columns; put quotes around texts with {delimiter!r}"
            )
        padded = [*cells, *[""] * (len(header) - len(cells))]
        rows.append((number, dict(zip(header, (cell.strip() for cell in padded), strict=False))))
    return header, rows
