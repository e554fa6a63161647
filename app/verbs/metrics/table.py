"""Table: what was measured, as lines for the terminal: a row a metric, a column a condition."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Column, Measured

WIDTH = 110
ARROWS = {"higher": " ↑", "lower": " ↓"}


def printed(measured: Measured) -> list[str]:
    """Give the table, with intervals where there is room for them, and below it why values are missing."""
    shown = [column for column in measured.columns if any(_has(measured, column, name) for name in measured.conditions)]
    lines: list[str] = []
    if shown:
        for intervals in (True, False):
            lines = _table(measured, shown, measured.conditions, intervals)
            if max(map(len, lines)) <= WIDTH:
                break
        else:
            lines = _in_parts(measured, shown)
    return [*lines, *_reasons(measured)]


def _in_parts(measured: Measured, shown: Sequence[Column]) -> list[str]:
    """Set the conditions out in as few tables as their width allows."""
    left = list(measured.conditions)
    lines: list[str] = []
    while left:
        count = len(left)
        while count > 1 and max(map(len, _table(measured, shown, left[:count], False))) > WIDTH:
            count -= 1
        lines += [*([""] if lines else []), *_table(measured, shown, left[:count], False)]
        left = left[count:]
    return lines


def _has(measured: Measured, column: Column, condition: str) -> bool:
    cell = measured.cell(column.key, condition)
    return cell is not None and cell.value is not None


def _table(measured: Measured, columns: Sequence[Column], conditions: Sequence[str], intervals: bool) -> list[str]:
    rows = [["", *conditions]]
    for column in columns:
        cells = [measured.cell(column.key, name) for name in conditions]
        said = [written(cell, intervals) if cell is not None else "–" for cell in cells]
        rows.append([f"{column.name}{ARROWS.get(column.better, '')}", *said])
    widths = [max(map(len, some)) for some in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _reasons(measured: Measured) -> list[str]:
    """Say why values are missing, each reason once; that full precision is no twin of its own needs no saying."""
    names = {column.key: column.name for column in measured.columns}
    found: dict[str, dict[str, list[str]]] = {}
    for cell in measured.cells:
        if cell.why and not (cell.value is None and cell.condition == measured.baseline):
            found.setdefault(cell.why, {}).setdefault(names[cell.column], []).append(cell.condition)
    lines = []
    for why, places in found.items():
        several = len({tuple(conditions) for conditions in places.values()}) > 1
        conditions = list(dict.fromkeys(name for some in places.values() for name in some))
        where = "" if several or len(conditions) >= len(measured.conditions) - 1 else f" ({', '.join(conditions)})"
        lines += wrap(f"{', '.join(places)}{where}: {why}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def written(cell: Cell, intervals: bool) -> str:
    """Write a value, with its interval if asked for; a dash where there is none."""
    if cell.value is None:
        return "–"
    text = number(cell.value)
    if intervals and cell.low is not None and cell.high is not None:
        text += f" ({number(cell.low)} to {number(cell.high)})"
    return text


def number(value: float) -> str:
    """Write a number to three or four figures, with a true minus sign."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:z.{digits}f}".replace("-", "−")
