"""Workbooks: the sheet with the table, numbers as people see them, and what must be said."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fresh_tables import HEADER, Rows, fresh, notices, read
from openpyxl import Workbook

from analysis.errors import RatingsError, TableError
from analysis.read.answers import load_answers
from analysis.table.reading import read_table

Sheets = dict[str, list[list[Any]]]


def typed(rows: Rows) -> list[list[Any]]:
    return [list(HEADER), *([*row[:3], int(row[3])] for row in rows)]


@pytest.fixture(params=["xlsx", "ods"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Sheets], Path]:
    """Write sheets to a workbook."""

    def save(sheets: Sheets) -> Path:
        path = tmp_path / f"ratings.{request.param}"
        with pd.ExcelWriter(path, engine={"xlsx": "openpyxl", "ods": "odf"}[request.param]) as book:
            for name, rows in sheets.items():
                pd.DataFrame(rows).to_excel(book, sheet_name=name, header=False, index=False)
        return path

    return save


def test_the_first_sheet_with_a_table_is_read_or_the_one_that_is_named(save: Callable, seed: int) -> None:
    rows, others = fresh(seed), fresh(seed + 1)
    path = save({"About": [["Our test"], ["2026"]], "Ratings": typed(rows), "Pilot 1": typed(others)})
    assert read(path) == rows
    assert f"The sheet 'Ratings' is read; another one is given as '{path.name}#About'." in notices(path)
    assert f"sheet {'Ratings'!r}" in load_answers(path).source.form
    named = path.with_name(f"{path.name}#Pilot 1")
    assert read(named) == others
    assert notices(named) == ""
    with pytest.raises(RatingsError, match="has no sheet 'Pilot'; it has 'About', 'Ratings', 'Pilot 1'"):
        load_answers(path.with_name(f"{path.name}#Pilot"))


def test_titles_notes_and_empty_columns_are_left_out_as_of_csv(save: Callable, seed: int) -> None:
    rows = fresh(seed)
    table = [["Listening test", None], [None], *([*row, None] for row in typed(rows)), [None], ["our lab"]]
    path = save({"S": table})
    assert read(path) == rows
    assert "above the table: 'Listening test' (line 1). Left out below" in notices(path)
    assert read_table(path).lines[0] == 4, "the row of the sheet"


def test_numbers_days_and_truths_are_written_as_people_see_them(save: Callable) -> None:
    noon = datetime.datetime(2026, 1, 2, 12, 30)
    day = datetime.datetime(2026, 1, 2)
    rows = [["n", "x", "at", "day", "ok", "id"], [4.0, 4.5, noon, day, True, "007"], [5, None, day, day, False, "NA"]]
    table = read_table(save({"S": rows}))
    assert table.columns == (
        ["4", "5"], ["4.5", ""], ["2026-01-02T12:30:00", "2026-01-02T00:00:00"], ["2026-01-02"] * 2, ["true", "false"],
        ["007", "NA"],
    )  # fmt: skip


def test_a_workbook_without_a_table_is_refused(save: Callable) -> None:
    with pytest.raises(TableError, match="no sheet holds a table; give a row a rating, below a row of names"):
        load_answers(save({"S": [["only a title"]], "T": [[None]]}))


def test_a_damaged_workbook_is_refused(save: Callable, seed: int) -> None:
    path = save({"S": typed(fresh(seed))})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(RatingsError, match="damaged"):
        load_answers(path)


def test_hidden_sheets_are_passed_over(tmp_path: Path, seed: int) -> None:
    rows, book = fresh(seed), Workbook()
    for name, held in (("Old", fresh(seed + 1)), ("New", rows)):
        sheet = book.create_sheet(name)
        for row in typed(held):
            sheet.append(row)
    del book["Sheet"]
    book["Old"].sheet_state = "hidden"
    book.save(tmp_path / "ratings.xlsx")
    assert read(tmp_path / "ratings.xlsx") == rows


def test_a_formula_without_its_value_is_refused_with_its_row(tmp_path: Path, seed: int) -> None:
    rows, book = typed(fresh(seed)), Workbook()
    for row in rows[:3]:
        book.active.append(row)
    book.active.append([*rows[3][:3], "=1+2"])
    book.save(tmp_path / "ratings.xlsx")
    with pytest.raises(TableError, match="row 4 holds a formula without its value; open and save the file"):
        load_answers(tmp_path / "ratings.xlsx")


def test_a_name_of_any_length_within_a_damaged_file_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "ratings.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("x" * 5000, "")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\x08\x00\x00\x00mimetype", b"\xff\x0f\x00\x00mimetype", 1))
    with pytest.raises(TableError, match="is a workbook or an archive, and damaged") as refused:
        load_answers(path)
    assert len(str(refused.value)) < 500
