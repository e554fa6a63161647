"""JSON in the shapes in which programs write a table, each with a row a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fresh_tables import HEADER, Rows, fresh, notices, read

from analysis.errors import TableError
from analysis.table.reading import read_table

Write = Callable[..., Path]


def records(rows: Rows) -> list[dict[str, Any]]:
    return [{**dict(zip(HEADER, row, strict=True)), "score": int(row[3])} for row in rows]


def frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame(records(rows))


SHAPES: dict[str, Callable[[Rows], str | bytes]] = {
    "records": lambda rows: json.dumps(records(rows)),
    "records, set out": lambda rows: json.dumps(records(rows), indent=2, ensure_ascii=False),
    "a record a line": lambda rows: "".join(json.dumps(one) + "\n" for one in records(rows)),
    "a record a line, UTF-16": lambda rows: "\r\n".join(map(json.dumps, records(rows))).encode("utf-16"),
    "objects one after another": lambda rows: "\n".join(json.dumps(one, indent=1) for one in records(rows)),
    "lists of records": lambda rows: json.dumps([records(rows[:5]), records(rows[5:])]),
    "rows below a header": lambda rows: json.dumps([list(HEADER), *(list(row) for row in rows)]),
    "columns": lambda rows: json.dumps(frame(rows).to_dict("list")),
    "columns of pandas": lambda rows: frame(rows).to_json(),
    "index of pandas": lambda rows: frame(rows).to_json(orient="index"),
    "split of pandas": lambda rows: frame(rows).to_json(orient="split"),
    "table of pandas": lambda rows: frame(rows).to_json(orient="table", index=False),
    "records in an object": lambda rows: json.dumps({"study": "s", "answers": records(rows), "n": 3}),
}


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("name", ["ratings.json", "ratings.txt"])
def test_every_shape_is_read(write: Write, seed: int, shape: str, name: str) -> None:
    rows = fresh(seed)
    assert read(write(SHAPES[shape](rows), name)) == rows


def test_keys_within_keys_are_joined_and_lists_stay(write: Write) -> None:
    lines = [
        {"id": "a", "label": {"quality": {"value": 4}, "tags": ["x", "é"]}, "done": True, "left": None},
        {"id": "b", "label": {"quality": {"value": 4.5}}, "more": {}, "n": 3.0},
    ]
    table = read_table(write("\n".join(map(json.dumps, lines)) + "\n", "a.jsonl"))
    assert dict(zip(table.header, table.columns, strict=True)) == {
        "id": ["a", "b"],
        "label.quality.value": ["4", "4.5"],
        "label.tags": ['["x", "é"]', ""],
        "done": ["true", ""],
        "left": ["", ""],
        "more": ["", ""],
        "n": ["", "3"],
    }
    assert table.form == "JSON Lines in UTF-8"


def test_a_record_is_named_by_the_line_on_which_it_ends(write: Write, seed: int) -> None:
    rows = fresh(seed)
    assert read_table(write(SHAPES["a record a line"](rows))).lines == list(range(1, len(rows) + 1))
    assert read_table(write(SHAPES["records, set out"](rows))).lines == [7 + 6 * at for at in range(len(rows))]


def test_records_within_an_object_are_said(write: Write, seed: int) -> None:
    assert "The records are those of 'answers'." in notices(write(SHAPES["records in an object"](fresh(seed))))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1}\n{"a": 2\n{"a": 3}\n', "line 3 is not JSON .*, or delete a record that is cut off"),
        ('[{"a": 1},\n{"a": 2}', "line 2 is not JSON"),
        ("[1, 2, 3]", "JSON without records; give a list of objects"),
        ("[]", "JSON without records"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_table_is_refused(write: Write, content: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        read_table(write(content, "ratings.json"))


def test_a_cut_record_can_be_deleted(write: Write, seed: int) -> None:
    rows = fresh(seed)
    text = str(SHAPES["a record a line"](rows))[:-9]
    with pytest.raises(TableError, match=f"line {len(rows)} is not JSON"):
        read_table(write(text))
    assert read(write(text[: text.rindex("\n") + 1])) == rows[:-1]
