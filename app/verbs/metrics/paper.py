"""Paper: the printed Table 1, and what was measured beside it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.verbs.metrics.facts import MEGA, SECONDS, STATE_DICT
from app.verbs.metrics.table import WIDTH, aligned

if TYPE_CHECKING:
    from analysis.metrics.measured import Cell, Measured

MODEL = "stable-audio-open-1.0"
GIGA = 1e9


@dataclass(frozen=True)
class Shown:
    """A column of the paper's table: the metric's key, its heading, its decimals, and what ours is multiplied by."""

    key: str
    heading: str
    decimals: int
    scale: float = 1.0


COLUMNS = (
    Shown("clap_score", "CLAP ↑", 4),
    Shown("kl_passt", "KL_passt ↓", 3),
    Shown("fd_openl3", "FD_openl3 ↓", 2),
    Shown(STATE_DICT, "GB ↓", 2, MEGA / GIGA),
)

REPORTED = "reported"
"""The figures of Stable Audio Open's own authors, which the paper repeats."""

PRINTED: dict[str, tuple[float | None, ...]] = {
    REPORTED: (0.2900, 2.14, 78.24, None),
    "baseline": (0.3009, 2.17, 87.02, 4.85),
    "sqd-w8a8": (0.3021, 2.158, 86.35, 1.65),
    "sqs-w8a8": (0.2934, 2.144, 80.57, 1.65),
    "sqd-lora-w8a8": (0.3033, 2.153, 85.70, 1.71),
    "sqd-w4a8": (0.2901, 2.039, 82.57, 1.03),
    "sqs-w4a8": (0.2014, 2.780, 224.7, 1.03),
    "sqd-lora-w4a8": (0.2829, 2.096, 85.85, 1.17),
}
"""Table 1 of Khandelwal and Fuentes in the order of :data:`COLUMNS`: Stable Audio Open, seed 1000, AudioCaps' test set.
Its table says W4A4 where its text says W4A8, 8 bits for activations: those rows are ours of W4A8."""


def over_seeds(measured: Measured) -> Measured:
    """Take the seeds for the units where there are several: the mean of their values with its t interval.

    The paper's numbers are of one seed each; so are those that are averaged here, of sets too. Differences are taken
    within a seed. Where there is one seed, values stay as they are, with their interval over prompts.
    """
    base = {cell.column: cell.seeds for cell in measured.cells if cell.condition == measured.baseline}
    ends = {column.key: (column.low, column.high) for column in measured.columns}
    cells = [
        _over_seeds(cell, base.get(cell.column, {}), measured.baseline, *ends.get(cell.column, (None, None)))
        for cell in measured.cells
    ]
    return replace(measured, cells=cells)


def _over_seeds(cell: Cell, base: Mapping[int, float], baseline: str, least: float | None, most: float | None) -> Cell:
    from analysis.metrics.basis.intervals import mean_over_prompts

    if len(cell.seeds) < 2:
        return cell
    value, low, high = mean_over_prompts(list(cell.seeds.values()), [str(seed) for seed in cell.seeds])
    if low is not None and high is not None:  # as of prompts: a t interval knows nothing of the ends of a range
        low = low if least is None else max(low, least)
        high = high if most is None else min(high, most)
    cell = replace(cell, value=value, low=low, high=high)
    seeds = [seed for seed in cell.seeds if seed in base]
    if not seeds or cell.condition == baseline:
        return cell
    changes = [cell.seeds[seed] - base[seed] for seed in seeds]
    change, change_low, change_high = mean_over_prompts(changes, list(map(str, seeds)))
    return replace(cell, difference=change, difference_low=change_low, difference_high=change_high)


def beside_paper(measured: Measured) -> list[str]:
    """Give the paper's table as lines: ours, the paper's and the difference for each of its columns, seconds last.

    What is too wide for a terminal goes on in a table below, with the names of the conditions again.
    """
    names = [REPORTED, *measured.conditions]
    groups = [[[one.heading, "paper", "differs"], *([] for _ in names)] for one in COLUMNS]
    for place, (shown, group) in enumerate(zip(COLUMNS, groups, strict=True)):
        for name, row in zip(names, group[1:], strict=True):
            ours, theirs = _ours(measured, shown, name), PRINTED.get(name, (None,) * len(COLUMNS))[place]
            numbers = (f".{shown.decimals}f", ours), (f".{shown.decimals}f", theirs)
            row += [_said(*one) for one in (*numbers, (f"+.{shown.decimals}f", _difference(ours, theirs)))]
    seconds = [measured.cell(SECONDS, name) for name in names]
    groups.append([["s a clip"], *([_said(".2f", cell.value if cell else None)] for cell in seconds)])
    lines, first = list[str](), [["condition"], *([name] for name in names)]
    while groups:
        count = len(groups)
        while count > 1 and max(map(len, _side_by_side([first, *groups[:count]]))) > WIDTH:
            count -= 1
        lines += [*([""] if lines else []), *_side_by_side([first, *groups[:count]])]
        groups = groups[count:]
    return lines


def _side_by_side(groups: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Set groups of columns, each a list of rows, beside each other."""
    return aligned([[cell for part in rows for cell in part] for rows in zip(*groups, strict=True)], right=True)


def write_table(measured: Measured, path: Path) -> None:
    """Write all that was measured as CSV, a row a condition and column, with the paper's number and the difference."""
    from atomic import replacing

    place = {shown.key: number for number, shown in enumerate(COLUMNS)}
    names = {column.key: column for column in measured.columns}
    head = (
        "condition", "metric", "name", "better", "value", "low", "high", "interval_over", "n",
        "difference_from_baseline", "difference_low", "difference_high", "paper", "difference_from_paper", "note",
    )  # fmt: skip
    rows: list[Sequence[object]] = []
    for cell in measured.cells:
        shown = COLUMNS[place[cell.column]] if cell.column in place else Shown(cell.column, "", 0)
        printed = PRINTED.get(cell.condition)
        theirs = printed[place[cell.column]] if printed and cell.column in place else None
        theirs = None if theirs is None else theirs / shown.scale
        column = names[cell.column]
        over = ("seeds" if len(cell.seeds) > 1 else "prompts") if cell.low is not None else ""
        rows.append(
            (
                cell.condition, cell.column, column.name, column.better, cell.value, cell.low, cell.high, over, cell.n,
                cell.difference, cell.difference_low, cell.difference_high, theirs, _difference(cell.value, theirs),
                cell.why,
            )
        )  # fmt: skip
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _ours(measured: Measured, shown: Shown, condition: str) -> float | None:
    cell = measured.cell(shown.key, condition)
    return None if cell is None or cell.value is None else cell.value * shown.scale


def _difference(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else ours - theirs


def _said(digits: str, value: float | None) -> str:
    return "–" if value is None else format(value, digits).replace("-", "−")
