"""Workbooks: the rows of a sheet of an XLSX or ODS file as text."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.errors import RatingsError, TableError
from analysis.files.cells import texts

ENGINES = {"xlsx": "openpyxl", "ods": "odf"}
Rows = list[tuple[int, list[str]]]


def workbook_rows(data: bytes, kind: str, sheet: str, name: str) -> tuple[Rows, str, list[str]]:
    """Read a sheet: the one that is named, else the first that can be seen and holds a table.

    Parameters
    ----------
    data, name
        The file's bytes, and its name.
    kind
        `xlsx` or `ods`.
    sheet
        The sheet's name; empty to find it.

    Returns
    -------
    rows, sheet, notices
        Each row of the sheet with its number, the sheet's name, and what must be said.

    Raises
    ------
    RatingsError
        If the file is damaged, or has no such sheet.
    """
    try:
        with pd.ExcelFile(io.BytesIO(data), engine=ENGINES[kind]) as book:
            names = [str(one) for one in book.sheet_names]
            if sheet and sheet not in names:
                raise RatingsError(f"{name}: has no sheet {sheet!r}; it has {', '.join(map(repr, names))}")
            asked = [sheet] if sheet else [one for one in names if _is_seen(book, one)] or names
            for one in asked:
                rows = _rows(pd.read_excel(book, sheet_name=one, header=None, dtype=object, na_filter=False))
                if sheet or _is_table(row for _, row in rows):
                    break
            else:
                raise TableError(f"{name}: no sheet holds a table; give a row a rating, below a row of names")
    except RatingsError:
        raise
    except Exception as error:  # a damaged file fails anywhere within the library
        raise TableError(
            f"{name}: is {kind.upper()}, and damaged ({type(error).__name__}); open and save it in a spreadsheet"
        ) from None
    if kind == "xlsx":
        _refuse_unsolved(data, one, rows, name)
    others = [other for other in names if other != one]
    if sheet or not others:
        return rows, one, []
    return rows, one, [f"The sheet {one!r} is read; another one is given as '{name}#{others[0]}'."]


def _is_seen(book: pd.ExcelFile, sheet: str) -> bool:
    """Whether a sheet is not hidden, where the file says so."""
    held: Any = book.book
    return not hasattr(held, "sheetnames") or getattr(held[sheet], "sheet_state", "visible") == "visible"


def _rows(frame: pd.DataFrame) -> Rows:
    """Write a sheet as rows of text."""
    columns = [texts(frame[column].tolist()) for column in frame.columns]
    return [(number, list(row)) for number, row in enumerate(zip(*columns, strict=True), 1)]


def _is_table(rows: Iterable[list[str]]) -> bool:
    """Whether there are two rows with two cells each."""
    return sum(sum(bool(cell) for cell in row) > 1 for row in rows) > 1


def _refuse_unsolved(data: bytes, sheet: str, rows: Rows, name: str) -> None:
    """Refuse formulas of which no program has stored the value: their cells would seem empty."""
    if all(all(row) for _, row in rows):
        return
    with pd.ExcelFile(io.BytesIO(data), engine="openpyxl", engine_kwargs={"data_only": False}) as book:
        frame = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, na_filter=False)
    for (number, held), row in zip(rows, frame.to_numpy().tolist(), strict=False):
        if any(
            isinstance(value, str) and value.startswith("=") and not cell
            for value, cell in zip(row, held, strict=False)
        ):
            raise TableError(
                f"{name}: row {number} holds a formula without its value; open and save the file in a spreadsheet"
            )
