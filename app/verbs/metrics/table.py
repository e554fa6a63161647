"""Table: what was measured, as lines for the terminal: a row a metric, a column a condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Column, Measured

WIDTH = 110
NO_WEIGHTS = re.compile(r"\w+: no weights \(")  # as analysis/metrics/networks/weights.py says it
WANTING = "no weights here, which Earmark may not bring; the page says which, docs/metrics.md where to get them"
ARROWS = {"higher": " ↑", "lower": " ↓"}


def printed(measured: Measured) -> list[str]:
    """Give the table, an interval beside its value or, if that is too wide, below it; then why values are missing."""
    shown = [column for column in measured.columns if any(_has(measured, column, name) for name in measured.conditions)]
    lines: list[str] = []
    if shown:
        lines = _table(measured, shown, measured.conditions, beside=True)
        if max(map(len, lines)) > WIDTH:
            lines = _in_parts(measured, shown)
    return [*lines, *_reasons(measured)]


def _in_parts(measured: Measured, shown: Sequence[Column]) -> list[str]:
    """Set the conditions out in as few tables as their width allows."""
    left = list(measured.conditions)
    lines: list[str] = []
    while left:
        count = len(left)
        while count > 1 and max(map(len, _table(measured, shown, left[:count], beside=False))) > WIDTH:
            count -= 1
        lines += [*([""] if lines else []), *_table(measured, shown, left[:count], beside=False)]
        left = left[count:]
    return lines


def _has(measured: Measured, column: Column, condition: str) -> bool:
    cell = measured.cell(column.key, condition)
    return cell is not None and cell.value is not None


def _table(measured: Measured, columns: Sequence[Column], conditions: Sequence[str], *, beside: bool) -> list[str]:
    rows = [["", *conditions]]
    for column in columns:
        cells = [measured.cell(column.key, name) for name in conditions]
        values = ["–" if cell is None or cell.value is None else number(cell.value) for cell in cells]
        intervals = ["" if cell is None else interval(cell) for cell in cells]
        name = f"{column.name}{ARROWS.get(column.better, '')}"
        if beside:
            said = [f"{value} {over}".rstrip() for value, over in zip(values, intervals, strict=True)]
            rows.append([name, *said])
        else:
            rows += [[name, *values], *([["", *intervals]] if any(intervals) else [])]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Set rows of cells in columns; all but the first may end at one place, as numbers do."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if right and place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _reasons(measured: Measured) -> list[str]:
    """Say why values are missing, each reason once; that full precision is no twin of its own needs no saying.

    Of weights that are not there the page says what was looked for and where; here the metrics are named.
    """
    names = {column.key: column.name for column in measured.columns}
    found: dict[str, dict[str, list[str]]] = {}
    for cell in measured.cells:
        if cell.why and not (cell.value is None and cell.condition == measured.baseline):
            why = WANTING if NO_WEIGHTS.match(cell.why) else cell.why
            found.setdefault(why, {}).setdefault(names[cell.column], []).append(cell.condition)
    lines = []
    for why, places in found.items():
        several = len({tuple(conditions) for conditions in places.values()}) > 1
        conditions = list(dict.fromkeys(name for some in places.values() for name in some))
        where = "" if several or len(conditions) >= len(measured.conditions) - 1 else f" ({', '.join(conditions)})"
        lines += wrap(f"{', '.join(places)}{where}: {why}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def interval(cell: Cell) -> str:
    """Write the interval of a value in brackets; nothing where there is none."""
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    return f"({number(cell.low)} to {number(cell.high)})"


def number(value: float) -> str:
    """Write a number to three or four figures, with a true minus sign."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:z.{digits}f}".replace("-", "−")
