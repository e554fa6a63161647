"""Figures of metrics: their values by condition, and each against what people said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.draw.figures import BASELINE, FAINT, INK, LINE, PALETTE, TREATED, VECTOR_DOTS, settled, styled
from analysis.draw.labels import fitted
from analysis.draw.rating_figures import MOST_CONDITIONS, look, marks
from analysis.metrics.agreement import Agreement, headlines
from analysis.metrics.measured import Cell, Column, Measured
from analysis.metrics.people import Beside

WIDTH = 5.6  # inches: two panels and the names of conditions
ACROSS, TITLE = 2, 34  # panels side by side, and columns of a panel's title
MOST_PANELS = 24


def values_figure(measured: Measured, *, notes: Sequence[str] = ()) -> Figure | None:
    """Draw each metric of the conditions with its interval, a panel each; None where there is no value at all.

    The line is the value of the full-precision condition, from which the others differ or do not.
    """
    columns = [one for one in measured.columns if one.better and not one.fact and _cells(measured, one)]
    if not columns:
        return None
    shown, said = _most(columns, measured.conditions)
    names = list(measured.conditions[:MOST_CONDITIONS])
    with styled([*names, *(one.name for one in shown)]):
        figure, panels = _panels(shown, 0.16 * len(names) + 0.42, "values")
        labels = fitted(names, 20, 1)
        for number, (axes, column) in enumerate(zip(panels, shown, strict=True)):
            _values(axes, column, {one.condition: one for one in _cells(measured, column)}, names, measured.baseline)
            axes.set_yticks(range(len(names)), labels if number % ACROSS == 0 else [""] * len(names), fontsize=8)
        title = "Value of each metric for each condition, with 95 % intervals over prompts."
        return settled(figure, title=title, notes=(*notes, *said))


def people_figure(beside: Beside, *, notes: Sequence[str] = ()) -> Figure | None:
    """Draw each metric against mean ratings, a panel each: clips as small marks, conditions as large ones.

    None where no metric has a value and ratings.
    """
    measured = beside.measured
    columns = [one for one in measured.columns if len(beside.conditions.get(one.key, ()))]
    if not columns:
        return None
    shown, said = _most(columns, measured.conditions)
    names = list(measured.conditions[:MOST_CONDITIONS])
    looks = {
        name: look(*mark, PALETTE[number % len(PALETTE)])
        for number, (name, mark) in enumerate(zip(names, marks(), strict=False))
    }
    heads = {one.metric: one for one in headlines(beside.agreements)}
    with styled([*names, *(one.name for one in shown)]):
        figure, panels = _panels(shown, 1.75, "people", {one.key: _told(heads.get(one.key)) for one in shown})
        for axes, column in zip(panels, shown, strict=True):
            _against(axes, beside.clips.get(column.key), beside.conditions[column.key], looks)
            axes.set_xlabel(_direction(column), fontsize=7.5, labelpad=1)
        for axes in panels[::ACROSS]:
            axes.set_ylabel("mean rating", fontsize=8)
        _legend(figure, looks)
        title = "Each metric against the mean ratings of the same clips and conditions."
        return settled(figure, title=title, notes=(*notes, *said))


def _cells(measured: Measured, column: Column) -> list[Cell]:
    """Give the cells of a column that have a value."""
    return [one for one in measured.cells if one.column == column.key and one.value is not None]


def _most(columns: Sequence[Column], conditions: Sequence[str]) -> tuple[Sequence[Column], list[str]]:
    """Choose the panels there is room for, and say what is left out."""
    said = []
    if len(columns) > MOST_PANELS:
        said.append(f"{MOST_PANELS} of {len(columns)} metrics are shown, the first ones. The table lists all.")
    if len(conditions) > MOST_CONDITIONS:
        said.append(
            f"{MOST_CONDITIONS} of {len(conditions)} conditions are shown, the first ones. The table lists all."
        )
    return columns[:MOST_PANELS], said


def _panels(
    columns: Sequence[Column], height: float, kind: str, under: Mapping[str, str] | None = None
) -> tuple[Figure, list[Axes]]:
    """Begin a figure with a panel for each column, under its name."""
    across = min(ACROSS, len(columns))
    down = -(-len(columns) // across)
    titles = fitted([one.name for one in columns], TITLE if across > 1 else 2 * TITLE, 2)
    titles = [f"{title}\n{(under or {}).get(one.key, '')}".strip() for title, one in zip(titles, columns, strict=True)]
    lines = [max(title.count("\n") for title in titles[i : i + across]) + 1 for i in range(0, len(titles), across)]
    rows = [height + LINE * count + (0.35 if kind == "people" else 0.25) for count in lines]
    figure = Figure(figsize=(WIDTH, sum(rows) + 0.6), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, gridspec_kw={"height_ratios": rows})
    for axes in grid.flat[len(columns) :]:
        axes.set_axis_off()
    panels = list(grid.flat[: len(columns)])
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=8, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7.5, length=2)
        axes.locator_params(axis="x", nbins=4)
    return figure, panels


def _values(axes: Axes, column: Column, cells: Mapping[str, Cell], names: Sequence[str], baseline: str) -> None:
    """Draw one metric: a mark and an interval for each condition, and the baseline's line."""
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    base = cells.get(baseline)
    if base is not None:
        axes.axvline(float(base.value or 0.0), color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for place, name in enumerate(names):
        cell = cells.get(name)
        if cell is None or cell.value is None:
            axes.text(0.02, place, "no value", transform=axes.get_yaxis_transform(), va="center", fontsize=7)
            continue
        if cell.low is not None and cell.high is not None:
            axes.plot([cell.low, cell.high], [place, place], color=INK, linewidth=1, zorder=3)
            axes.vlines([cell.low, cell.high], place - 0.16, place + 0.16, color=INK, linewidth=1, zorder=3)
        own = name == baseline
        axes.plot(cell.value, place, marker="s" if own else "o", markersize=5, color=BASELINE if own else TREATED,
                  markeredgecolor=INK, markeredgewidth=0.5, zorder=4)  # fmt: skip
    axes.set_xlabel(_direction(column), fontsize=7.5, labelpad=1)


def _against(
    axes: Axes, clips: pd.DataFrame | None, conditions: pd.DataFrame, looks: Mapping[str, dict[str, Any]]
) -> None:
    """Draw one metric against mean ratings."""
    axes.grid(color=FAINT, linewidth=0.6)
    axes.margins(0.09)
    axes.set_axisbelow(True)
    for name, style in looks.items():
        if clips is not None:
            own = clips[clips["condition"] == name]
            small = {**style, "markersize": 3.2, "markeredgewidth": 0.25, "alpha": 0.55, "zorder": 3}
            small |= {"markeredgewidth": 0.7} if style["fillstyle"] == "none" else {}
            axes.plot(own["value"], own["rating"], linestyle="none", rasterized=len(clips) > VECTOR_DOTS, **small)
        own = conditions[conditions["condition"] == name]
        axes.plot(own["value"], own["rating"], linestyle="none", **{**style, "markersize": 8, "zorder": 5})


def _legend(figure: Figure, looks: Mapping[str, dict[str, Any]]) -> None:
    """Name the conditions' marks."""
    labels = fitted(list(looks), 26, 2)
    handles = [Line2D([], [], linestyle="none", **{**style, "markersize": 7}) for style in looks.values()]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8)


def _direction(column: Column) -> str:
    """Say which way is better, and the unit."""
    unit = f"{column.unit}; " if column.unit else ""
    return f"{unit}{'→ better' if column.better == 'higher' else '← better'}"


def _told(head: Agreement | None) -> str:
    """Write a metric's correlation with people under its name."""
    if head is None or head.correlation is None:
        return ""
    where = {"within prompts": "within prompts", "conditions": "over conditions", "clips": "over clips"}[head.over]
    ends = f" ({head.low:.2f} to {head.high:.2f})" if head.low is not None and head.high is not None else ""
    return f"{where} {head.correlation:.2f}{ends}".replace("-", "−")
