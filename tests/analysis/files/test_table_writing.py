"""Tables that are written read back as they were, for their owner alone and whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from analysis.errors import TableError
from analysis.files import writing
from analysis.files.writing import SUFFIXES, write_table
from analysis.table.reading import read_table

HEADER = ("name", "score", "part", "passed", "at", "nothing", "text")


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
    write_table(path, HEADER, rows, private=True)
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
    write_table(tmp_path / "t.xlsx", ("=a", "b"), [("=1+1", 4), ("@x", 5)])
    cells = [cell for row in load_workbook(tmp_path / "t.xlsx").active.iter_rows() for cell in row]
    assert [cell.data_type for cell in cells] == ["s", "s", "s", "n", "s", "n"]


def test_what_a_sheet_cannot_hold_is_refused_with_what_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST", 3)
    rows = [("a",)] * 3
    for suffix in (".xlsx", ".ods"):
        with pytest.raises(TableError, match=r"at most 3 rows, and these are 4; write \.parquet or \.csv"):
            write_table(tmp_path / f"t{suffix}", ("name",), rows)
    assert os.listdir(tmp_path) == []
    write_table(tmp_path / "t.parquet", ("name",), rows)
    assert read_table(tmp_path / "t.parquet").columns == (["a"] * 3,)
    write_table(tmp_path / "t.xlsx", ("name",), [("bell\x07",)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / f"t{suffix}"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(path, ("a",), [("x",)])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]
