"""Writing: a table as a workbook, Parquet or JSON, with numbers as numbers and text as text.

Rows are written as they come, so that a million of them need no more memory than a few; an ODS sheet alone is made
whole, by the one library that writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import atomic
from analysis.errors import TableError

MOST, WIDEST = 1_048_576, 16_384  # rows and columns of a sheet
LONGEST = 32_767  # characters of a cell
GROUP = 50_000  # rows of Parquet that are compressed together
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
    names = [encode_basestring(name).replace("%", "%%") for name in columns]
    record, encode = f"{{{', '.join(f'{name}: %s' for name in names)}}}", json.JSONEncoder().encode
    # An encoder is set up anew for every record that it is handed, which takes as long again as the cells.
    writers: dict[type, Callable[[Any], str]] = {
        str: encode_basestring,
        int: repr,
        float: repr,
        type(None): lambda _: "null",
        datetime: lambda moment: f'"{_said(moment)}"',
    }
    with path.open("w", encoding="utf-8") as file:
        separator = "[\n"
        for row in rows:
            file.write(separator + record % tuple([writers.get(type(cell), encode)(cell) for cell in row]))
            separator = ",\n"
        file.write("[]\n" if separator == "[\n" else "\n]\n")


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
        sheet.append([cell(name) for name in columns])
        for row in rows:
            sheet.append([cell(_said(value)) for value in row])
    finally:
        sheet.close()  # its temporary file, else left open where a row cannot be had
    book.save(path)


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
    """Write a moment as text, since a workbook and JSON know no time zones."""
    return value.isoformat("T", "milliseconds") if isinstance(value, datetime) else value


def _fit(value: Any) -> Any:
    """Replace what a workbook cannot hold in a text."""
    return _CONTROL.sub("\ufffd", value)[:LONGEST] if isinstance(value, str) else value


WRITERS = {".json": _json, ".xlsx": _xlsx, ".ods": _ods, ".parquet": _parquet}
SUFFIXES = tuple(WRITERS)
