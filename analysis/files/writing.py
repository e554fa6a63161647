"""Writing: a table as a workbook, Parquet or JSON, with numbers as numbers and text as text.

Rows are written as they come, so that a million of them need no more memory than a few; an ODS sheet alone is made
whole, by the one library that writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import atomic
from analysis.errors import TableError

MOST, WIDEST = 1_048_576, 16_384  # rows and columns of a sheet
LONGEST = 32_767  # characters of a cell
GROUP = 50_000  # rows of Parquet that are compressed together
BUFFER = 1 << 20  # bytes of JSON that are written at once
SHEET = "ratings"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what XML cannot hold
_DTYPES = {int: "Int64", float: "float64", bool: "boolean", str: object}  # of pandas

Rows = Iterable[Sequence[Any]]


def write_table(path: Path, columns: Mapping[str, type], rows: Rows, *, private: bool = False) -> None:
    """Write a table in the format of the path's suffix, whole or not at all; a `private` one for its owner alone.

    Parameters
    ----------
    columns
        The name of each column and the type of its values: text, a number, a truth or a moment.
    rows
        The values in that order; None where there is none.

    Raises
    ------
    TableError
        If a sheet cannot hold it.
    OSError
        If it cannot be written.
    """
    if path.suffix.lower() in (".xlsx", ".ods"):
        rows = _fitting(path, len(columns), rows)
    with atomic.replacing(path, private=private) as temporary:
        WRITERS[path.suffix.lower()](temporary, columns, rows)


def _fitting(path: Path, columns: int, rows: Rows) -> Iterator[Sequence[Any]]:
    """Hand on the rows that a sheet can hold."""
    if columns > WIDEST:
        raise TableError(
            f"{path}: a sheet holds at most {WIDEST:,} columns, and these are {columns:,}; write .parquet or .csv"
        )
    for number, row in enumerate(rows, 2):  # below the names
        if number > MOST:
            raise TableError(f"{path}: a sheet holds at most {MOST:,} rows, and these are more; write .parquet or .csv")
        yield row


def _json(path: Path, columns: Mapping[str, type], rows: Rows) -> None:
    """Write a list of records, one on a line."""
    import orjson

    moments = [name for name, kind in columns.items() if kind is datetime]
    record: dict[str, Any] = {}  # one for all: a million new ones take a second
    with path.open("wb", buffering=BUFFER) as file:
        separator = b"[\n"
        for row in rows:
            record.update(zip(columns, row, strict=True))
            for name in moments:
                record[name] = _said(record[name])
            file.write(separator + orjson.dumps(record))
            separator = b",\n"
        file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _xlsx(path: Path, columns: Mapping[str, type], rows: Rows) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet(SHEET)

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value:
            return None  # a cell that is not there reads the same, and takes no time
        made = WriteOnlyCell(sheet, _fit(value))
        made.data_type = "s"  # never a formula
        return made

    try:
        try:
            sheet.append([cell(name) for name in columns])
            for row in rows:
                sheet.append([cell(_said(value)) for value in row])
        finally:
            sheet.close()  # its temporary file, else left open where a row cannot be had
        book.save(path)
    finally:
        Path(sheet._writer.out).unlink(missing_ok=True)  # else there until the process ends, if not all went well


def _ods(path: Path, columns: Mapping[str, type], rows: Rows) -> None:
    import pandas as pd

    held = [[_fit(_said(value)) for value in row] for row in rows]
    with path.open("wb") as file, pd.ExcelWriter(file, engine="odf") as book:
        pd.DataFrame(held, columns=list(columns), dtype=object).to_excel(book, sheet_name=SHEET, index=False)


def _parquet(path: Path, columns: Mapping[str, type], rows: Rows) -> None:
    import fastparquet
    import pandas as pd

    def column(values: Sequence[Any], kind: type) -> pd.Series:
        if kind is datetime:
            return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[ms, UTC]")
        if kind is str and None in values:
            values = ["" if value is None else value for value in values]
        return pd.Series(values, dtype=_DTYPES[kind])

    left, first = iter(rows), True
    while (group := list(islice(left, GROUP))) or first:
        values = zip(*group, strict=True) if group else [()] * len(columns)
        frame = pd.DataFrame(
            {name: column(each, kind) for (name, kind), each in zip(columns.items(), values, strict=True)}
        )
        fastparquet.write(
            str(path), frame, compression="snappy", object_encoding="utf8", write_index=False, append=not first
        )
        first = False


def _said(value: Any) -> Any:
    """Write a moment as text: a workbook knows no time zones, and orjson no milliseconds."""
    return value.isoformat("T", "milliseconds") if isinstance(value, datetime) else value


def _fit(value: Any) -> Any:
    """Replace what a workbook cannot hold in a text."""
    return _CONTROL.sub("\ufffd", value)[:LONGEST] if isinstance(value, str) else value


WRITERS = {".json": _json, ".xlsx": _xlsx, ".ods": _ods, ".parquet": _parquet}
SUFFIXES = tuple(WRITERS)
