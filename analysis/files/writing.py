"""Writing: a table as a workbook or as Parquet, with numbers as numbers and text as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

import atomic
from analysis.errors import TableError

SUFFIXES = (".xlsx", ".ods", ".parquet")
MOST = 1_048_576  # rows of a sheet
LONGEST = 32_767  # characters of a cell
SHEET = "ratings"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what XML cannot hold


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, private: bool = False) -> None:
    """Write a table in the format of the path's suffix, whole or not at all; a `private` one for its owner alone.

    Raises
    ------
    TableError
        If a sheet cannot hold it.
    OSError
        If it cannot be written.
    """
    held = [list(row) for row in rows]
    if path.suffix.lower() != ".parquet" and len(held) >= MOST:
        raise TableError(
            f"{path}: a sheet holds at most {MOST:,} rows, and these are {len(held) + 1:,}; write .parquet or .csv"
        )
    with atomic.replacing(path, private=private) as temporary:
        {".xlsx": _xlsx, ".ods": _ods, ".parquet": _parquet}[path.suffix.lower()](temporary, list(header), held)


def _xlsx(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("wb") as file, pd.ExcelWriter(file, engine="openpyxl") as book:
        _sheet(header, rows).to_excel(book, sheet_name=SHEET, index=False)
        for row in book.sheets[SHEET].iter_rows():
            for cell in row:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # never a formula


def _ods(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("wb") as file, pd.ExcelWriter(file, engine="odf") as book:
        _sheet(header, rows).to_excel(book, sheet_name=SHEET, index=False)


def _sheet(header: list[str], rows: list[list[Any]]) -> pd.DataFrame:
    return pd.DataFrame([[_fit(_said(value)) for value in row] for row in rows], columns=header, dtype=object)


def _parquet(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    frame = pd.DataFrame({name: _typed(values) for name, values in zip(header, columns, strict=True)})
    frame.to_parquet(str(path), engine="fastparquet", compression="snappy", object_encoding="utf8", index=False)


def _typed(values: Sequence[Any]) -> pd.Series:
    """Give a column the one type of its values, text where they have several."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {datetime}:
        return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[ms, UTC]")
    return pd.Series(["" if value is None else str(_said(value)) for value in values], dtype=object)


def _said(value: Any) -> Any:
    """Write a moment as text, since a workbook knows no time zones."""
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _fit(value: Any) -> Any:
    """Replace what a workbook cannot hold in a text."""
    return _CONTROL.sub("\ufffd", value)[:LONGEST] if isinstance(value, str) else value
