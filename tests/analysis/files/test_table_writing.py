"""Tables that are written read back as they were, for their owner alone and whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from analysis.errors import TableError
from analysis.files import writing
from analysis.files.writing import SUFFIXES, write_table
from analysis.table.reading import read_table

COLUMNS = {
    "name": str,
    "score": int,
    "part": float,
    "passed": bool,
    "at": datetime,
    "nothing": float,
    "text": str,
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_back(tmp_path: Path, seed: int, suffix: str) -> None:
    rng = np.random.default_rng(seed)
    moments = [datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC) for second in range(9)]
    scores = [None if rng.random() < 0.3 else int(rng.integers(1, 6)) for _ in moments]
    scores[0] = 4
    rows = [
        (f"{at:03d}", scores[at], at / 2, [True, False, None][at % 3], moments[at], None, text)
        for at, text in enumerate(("=1+1", "+é", " 猫 ", "a\nb", '"', "NA", "-3", "", "'x"))
    ]
    path = tmp_path / f"t{suffix}"
    write_table(path, COLUMNS, rows, private=True)
    table = read_table(path)
    columns = dict(zip(table.header, table.columns, strict=True))
    assert columns["name"] == [row[0] for row in rows]
    assert columns["score"] == ["" if score is None else str(score) for score in scores]
    assert columns["part"] == [f"{at / 2:g}" for at in range(9)]
    assert columns["passed"] == ["true", "false", ""] * 3
    assert [datetime.fromisoformat(text) for text in columns["at"]] == moments
    assert columns["text"] == [row[-1] for row in rows]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_in_a_workbook_is_a_formula(tmp_path: Path) -> None:
    write_table(tmp_path / "t.xlsx", {"=a": str, "b": int}, [("=1+1", 4), ("@x", 5)])
    cells = [cell for row in load_workbook(tmp_path / "t.xlsx").active.iter_rows() for cell in row]
    assert [cell.data_type for cell in cells] == ["s", "s", "s", "n", "s", "n"]


def test_what_a_sheet_cannot_hold_is_refused_with_what_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where openpyxl has a file for the rows
    monkeypatch.setattr(writing, "MOST", 3)
    rows = [("a",)] * 3
    monkeypatch.setattr(writing, "WIDEST", 3)
    for suffix in (".xlsx", ".ods"):
        with pytest.raises(TableError, match=r"at most 3 rows, and these are more; write \.parquet or \.csv"):
            write_table(tmp_path / f"t{suffix}", {"name": str}, rows)
        with pytest.raises(TableError, match=r"at most 3 columns, and these are 4; write \.parquet or \.csv"):
            write_table(tmp_path / f"t{suffix}", dict.fromkeys("abcd", str), [])
    assert os.listdir(tmp_path) == []
    write_table(tmp_path / "t.parquet", {"name": str}, rows)
    assert read_table(tmp_path / "t.parquet").columns == (["a"] * 3,)
    write_table(tmp_path / "t.xlsx", {"name": str}, [("bell\x07",)])


def test_parquet_in_several_groups_is_one_table(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The types are the columns', whatever a group holds: none of a number, or whole numbers alone."""
    monkeypatch.setattr(writing, "GROUP", 4)
    rng = np.random.default_rng(seed)
    numbers = [None] * 4 + [int(one) for one in rng.integers(0, 9, 4)] + [round(float(rng.random()), 3)]
    write_table(tmp_path / "t.parquet", {"score": float, "passed": bool}, [(one, None) for one in numbers])
    table = read_table(tmp_path / "t.parquet")
    assert table.column("score") == ["" if one is None else f"{one:g}" for one in numbers]
    assert table.column("passed") == [""] * 9


def test_json_is_a_record_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    write_table(path, {"a": str, "b": float}, [("é\n", None), ("猫", 4)])
    assert path.read_text(encoding="utf-8") == '[\n{"a":"é\\n","b":null},\n{"a":"猫","b":4}\n]\n'
    write_table(path, {"a": str}, [])
    assert json.loads(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / f"t{suffix}"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(path, {"a": str}, [("x",)])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]
