"""Reading: the bytes of a file become a table, or a refusal that names the line."""

from __future__ import annotations

import hashlib
from pathlib import Path

from analysis.errors import RatingsError
from analysis.files.parquet import parquet_table
from analysis.files.records import is_json, json_table
from analysis.files.workbooks import workbook_rows
from analysis.table.encoding import opened
from analysis.table.kinds import kind_of, unpacked
from analysis.table.layout import Layout, laid_out
from analysis.table.separators import rows_of
from analysis.table.table import Table, sheet_of


def read_table(path: Path) -> Table:
    """Read a file as columns of text: CSV of any dialect, JSON, XLSX, ODS or Parquet, by what it is.

    Of a workbook the first sheet with a table is read, or the one that is named behind the file: `ratings.xlsx#Sheet`.

    Raises
    ------
    RatingsError
        If it cannot be read, or is no table.
    """
    path, sheet = sheet_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RatingsError(f"{path}: cannot be read ({error.strerror}); give the path of a file of ratings") from None
    name, digest = path.name, hashlib.sha256(data).hexdigest()
    data, packer = unpacked(data, name)
    kind = kind_of(data, name)
    if sheet and kind not in ("xlsx", "ods"):
        raise RatingsError(f"{name}: has no sheets, as it is no workbook; leave out #{sheet}")
    behind = f", packed with {packer}" if packer else ""
    if kind == "parquet":
        header, columns = parquet_table(data, name)
        rows = list(range(1, len(columns[0]) + 1 if columns else 1))
        return Table(name, digest, header, columns, rows, (), f"Parquet{behind}")
    if kind in ("xlsx", "ods"):
        found, read, said = workbook_rows(data, kind, sheet, name)
        laid = laid_out(iter(found), name)
        return _table(laid, digest, said, f"{kind.upper()}, sheet {read!r}{behind}")
    text, encoding, said = opened(data, name)
    if is_json(text):
        header, columns, lines, what, more = json_table(text, name)
        return Table(name, digest, header, columns, lines, (*said, *more), f"{what} in {encoding}{behind}")
    rows_in, between = rows_of(text, name)
    return _table(laid_out(rows_in, name), digest, said, f"CSV in {encoding}, separated by {between}{behind}")


def _table(laid: Layout, digest: str, said: list[str], form: str) -> Table:
    return Table(laid.name, digest, laid.header, laid.columns, laid.lines, (*said, *laid.notices), form)
