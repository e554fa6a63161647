"""Workbook: the rows of the first sheet of an XLSX or ODS file as text, as a CSV file would have them."""

from __future__ import annotations

import io
from pathlib import Path

SUFFIXES = (".xlsx", ".ods")


def is_workbook(path: Path) -> bool:
    """Whether a file is called as a workbook is.

    Examples
    --------
    >>> is_workbook(Path("clips.XLSX")), is_workbook(Path("clips.csv"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def workbook_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Read the first sheet with anything in it: its rows with their numbers, down to the last.

    Raises
    ------
    ValueError
        If the file is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from openpyxl import Workbook
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     book = Workbook()
    ...     book.active.append(["file", "seed"])
    ...     book.active.append(["rain.wav", 2])
    ...     book.save(Path(folder, "clips.xlsx"))
    ...     workbook_rows(Path(folder, "clips.xlsx"))
    [(1, ['file', 'seed']), (2, ['rain.wav', '2'])]
    """
    import pandas as pd

    file = io.BytesIO(path.read_bytes())
    try:
        sheets = pd.read_excel(file, sheet_name=None, header=None, dtype=object, na_filter=False)
    except Exception as error:  # a damaged file fails anywhere within the library
        raise ValueError(f"{type(error).__name__} in the workbook") from error
    frame = next((one for one in sheets.values() if not one.empty), None)
    held = [] if frame is None else frame.to_numpy().tolist()
    return [(number, [_text(cell) for cell in row]) for number, row in enumerate(held, 1)]


def _text(cell: object) -> str:
    """Write a cell as CSV would have it: 2 for the number that the file holds as 2.0."""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()
