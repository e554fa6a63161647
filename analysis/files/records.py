"""Records: JSON, and JSON a line, as a table with a row a record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from analysis.errors import TableError
from analysis.files.cells import text_of

_JSON = re.compile(r'\s*(?:\[\s*(?:[\[{"\]]|-?\d)|\{\s*["}])')
_SPACE = re.compile(r"[\s\ufeff]*")
Read = tuple[tuple[str, ...], tuple[list[str], ...], list[int], str, list[str]]


def is_json(text: TextIO) -> bool:
    """Whether a text begins as JSON does."""
    start = text.tell()
    head = text.read(1000)
    text.seek(start)
    return _JSON.match(head) is not None


def json_table(text: TextIO, name: str) -> Read:
    """Read JSON: a list of records, a record a line, or the forms in which pandas and R write a table.

    Keys within keys are joined by dots, lists stay JSON.

    Returns
    -------
    header, columns, lines, what, notices
        The table, each row with the line on which its record ends; JSON, or JSON Lines; and what must be said.

    Raises
    ------
    TableError
        If it is no JSON, naming the line, or holds no records.
    """
    values = list(_values(text.read(), name))
    lined = len(values) > 1 and all(depth == 0 for _, _, depth in values)
    found = [(line, value) for line, value, _ in values]
    notices: list[str] = []
    if len(found) == 1 and isinstance(found[0][1], dict):
        found, notices = _of_one(found[0][1], found[0][0])
    if found and all(
        isinstance(value, list) and not any(isinstance(cell, dict) for cell in value) for _, value in found
    ):
        names, *rows = (value for _, value in found)  # a list of rows, the first with the names
        found = [
            (line, dict(zip(map(text_of, names), row, strict=False)))
            for (line, _), row in zip(found[1:], rows, strict=True)
        ]
    records = [(line, one) for line, value in found for one in (value if isinstance(value, list) else [value])]
    if not records or not all(isinstance(record, dict) for _, record in records):
        raise TableError(f"{name}: is JSON without records; give a list of objects, one a rating, or CSV")
    flat = [_flat(record) for _, record in records]
    header = tuple(dict.fromkeys(key for row in flat for key in row))
    columns = tuple([row.get(key, "") for row in flat] for key in header)
    lines = [line for line, _ in records]
    return tuple(key.strip() for key in header), columns, lines, "JSON Lines" if lined else "JSON", notices


def _values(text: str, name: str) -> Iterator[tuple[int, Any, int]]:
    """Give the values of a text in turn, those of an outer list apart: the line of each, and how deep it is."""
    decoder, at, line, depth = json.JSONDecoder(), 0, 1, 0
    while True:
        end = _space(text, at)
        line, at = line + text.count("\n", at, end), end
        if at == len(text) and depth == 0:
            return
        if depth == 0 and text[at] == "[":
            depth, at = 1, at + 1
            continue
        if depth == 1 and text[at : at + 1] == "]":
            depth, at = 0, at + 1
            continue
        if text[at : at + 1] == ",":
            at += 1
            continue
        try:
            value, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            place = error.lineno if isinstance(error, json.JSONDecodeError) else line
            what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
            raise TableError(
                f"{name}: line {place} is not JSON ({what}); write the file again, or delete a record that is cut off"
            ) from None
        line, at = line + text.count("\n", at, end), end
        yield line, value, depth


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _of_one(whole: dict[str, Any], line: int) -> tuple[list[tuple[int, Any]], list[str]]:
    """Find the records in one object: columns, the forms of pandas, or a list within it."""
    values = list(whole.values())
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):
        return [(line, whole["columns"]), *((line, row) for row in whole["data"])], []
    if values and all(isinstance(value, list) for value in values) and len(set(map(len, values))) == 1:
        return [(line, dict(zip(whole, row, strict=True))) for row in zip(*values, strict=True)], []
    if values and all(isinstance(value, dict) for value in values):
        if all(key.isdecimal() for key in whole):
            return [(line, value) for value in values], []
        keys = list(values[0])
        if all(list(value) == keys for value in values) and keys and all(key.isdecimal() for key in keys):
            return [(line, {name: whole[name][key] for name in whole}) for key in keys], []
    lists = [key for key, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(lists) == 1:
        beside = {key: value for key, value in whole.items() if not isinstance(value, (list, dict))}
        rows = [(line, {**beside, **row} if isinstance(row, dict) else row) for row in whole[lists[0]]]
        return rows, [f"The records are those of {lists[0]!r}."]
    return [(line, whole)], []


def _flat(record: dict[str, Any], before: str = "") -> dict[str, str]:
    """Join the keys of objects within an object by dots."""
    flat: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = "" if value == {} else text_of(value)
    return flat
