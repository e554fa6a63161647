"""Parquet as three programs write it: the data beside it are of pyarrow, polars and DuckDB."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fresh_tables import HEADER, fresh, read
from rating_tables import DATA

from analysis.errors import TableError
from analysis.table.reading import read_table


@pytest.mark.parametrize("program", ["pyarrow", "polars", "duckdb"])
def test_files_of_other_programs_are_read(program: str) -> None:
    table = read_table(DATA / "parquet" / f"{program}.parquet")
    assert table.form == "Parquet"
    assert dict(zip(table.header, table.columns, strict=True)) == {
        "participant": ["007", "007", "NA", "NA"],
        "prompt": ["une cloche d'église", "rain, thunder"] * 2,
        "condition": ["baseline", "w8"] * 2,
        "score": ["4", "", "5", "2"],
        "rated_at": [f"2026-01-02T03:04:0{second}" for second in (5, 6, 7, 8)],
        "mean": ["3.5", "4", "", "1"],
        "tags": ['["a"]', "[]", '["b", "c"]', '["d"]'],
    }


def test_an_index_of_pandas_is_a_column_where_it_has_a_name(tmp_path: Path, seed: int) -> None:
    rows = fresh(seed)
    frame = pd.DataFrame(rows, columns=HEADER).astype({"condition": "category", "score": float})
    frame.set_index("participant").to_parquet(tmp_path / "named.parquet", engine="fastparquet")
    assert read(tmp_path / "named.parquet") == rows
    frame[frame["score"] > 2].to_parquet(tmp_path / "unnamed.parquet", engine="fastparquet", index=True)
    assert read(tmp_path / "unnamed.parquet") == [row for row in rows if int(row[3]) > 2]


def test_an_encoding_that_cannot_be_read_is_refused_with_what_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TableError, match=r"in an encoding that cannot be read .*, or as CSV"):
        read_table(DATA / "parquet" / "delta.parquet")
    data = (DATA / "parquet" / "polars.parquet").read_bytes()
    for broken, says in ((data[:-40], "cut off"), (data[:-40] + data[-4:], r"damaged \(.*\)")):
        (tmp_path / "broken.parquet").write_bytes(broken)
        with pytest.raises(TableError, match=f"is Parquet, and {says}; copy or write it again"):
            read_table(tmp_path / "broken.parquet")
        assert capsys.readouterr().out == ""
