"""Table: what was measured, as lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Measured

NAME, WIDTH = 26, 100


def printed(measured: Measured) -> list[str]:
    """Give a line a column and condition, the column's name above; then why there is no value, each reason once."""
    lines: list[str] = []
    reasons: dict[str, list[str]] = {}
    for column in measured.columns:
        cells = [cell for name in measured.conditions if (cell := measured.cell(column.key, name)) is not None]
        if all(cell.value is None for cell in cells):
            for cell in cells:
                reasons.setdefault(cell.why, [])
                if column.name not in reasons[cell.why]:
                    reasons[cell.why].append(column.name)
            continue
        arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
        lines.append(f"{column.name}{arrow}")
        width = max(len(cell.condition) for cell in cells)
        lines += [f"  {cell.condition.ljust(width)}  {said(cell)}" for cell in cells]
    for why, names in reasons.items():
        lines.append(f"no value: {', '.join(names)}: {why}")
    return lines


def said(cell: Cell) -> str:
    """Write a number with its interval, and its difference from full precision; or why there is none."""
    if cell.value is None:
        return f"– ({cell.why})" if cell.why else "–"
    text = number(cell.value)
    if cell.low is not None and cell.high is not None:
        text += f" ({number(cell.low)} to {number(cell.high)})"
    if cell.difference is not None:
        text += f", difference {number(cell.difference, signed=True)}"
        if cell.difference_low is not None and cell.difference_high is not None:
            text += f" ({number(cell.difference_low, signed=True)} to {number(cell.difference_high, signed=True)})"
    return text


def number(value: float, *, signed: bool = False) -> str:
    """Write a number to four figures at most, with a true minus sign."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")
