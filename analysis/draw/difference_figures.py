"""Figures of differences from the baseline: with intervals against the margin, and rater by rater."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.describe.scale import UNBOUND
from analysis.draw.figures import (
    BASELINE,
    FAINT,
    INK,
    PAPER,
    TREATED,
    VECTOR_DOTS,
    beside,
    interval,
    row_axes,
    settled,
    signed_axis,
    styled,
)  # fmt: skip
from analysis.draw.labels import fitted
from analysis.infer.compare import Comparison
from analysis.scale.rating_scale import FIVE
from analysis.settings import ALPHA
from analysis.words import level_text, points

WIDEST = FIVE.length
Rows = tuple[Sequence[Comparison], Sequence[Comparison]]  # for thin lines and for thick ones


def differences_figure(
    these: Rows,
    alike: Rows,
    *,
    margin: float | None,
    alpha: float = ALPHA,
    widest: float = WIDEST,
    axis: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Draw each difference from a reference for both questions, and the margin as a band.

    Parameters
    ----------
    these
        Rows for the prompts that were rated: for the thin line (such as `paired_t`) and for the thick one (`tost`).
    alike
        Rows for prompts like these: `lmm` and `lmm_tost`, or `two_way` and nothing.
    margin
        The margin in points, if there is one.
    alpha
        Thin lines are 1 - alpha intervals, thick ones 1 - 2 alpha.
    widest
        The largest difference there can be, in points; intervals are cut there.
    axis
        What the axis shows; by default differences in points.
    notes
        What is not drawn, in whole sentences.
    """
    pairs = [_pair(row) for row in these[0]]
    names = pair_names(these[0])
    held = [row for rows in (*these, *alike) for row in rows]
    ends = [abs(x) for row in held for x in (row.estimate, row.ci_low, row.ci_high) if x is not None]
    reach = min(1.08 * max(1.6 * (margin or 0.1), *ends), widest)
    with styled(names):
        figure, axes, rows = row_axes(names, 0.56)
        if margin is not None:
            axes.axvspan(-margin, margin, color=BASELINE, alpha=0.2, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for (wide, narrow), shift, look in ((these, -0.11, THESE), (alike, 0.11, ALIKE)):
            inner = {_pair(row): row for row in narrow}
            for row in wide:
                place = rows.centres[pairs.index(_pair(row))] + shift
                if row.estimate is None:
                    beside(axes, place, "–", size=8)
                    continue
                _difference(axes, row, inner.get(_pair(row)), place, (-reach, reach), look)
        axes.set_xlim(-1.05 * reach, 1.05 * reach)
        signed_axis(axes)
        axes.set_xlabel(axis or f"difference from {_reference(these[0])}, in points", loc="right")
        _keys(figure, margin, alpha, thick=(bool(these[1]), bool(alike[1])))
        title = "Differences, with intervals for these prompts and for prompts like these."
        return settled(figure, rows, title=title, notes=notes)


def raters_figure(differences: pd.DataFrame, *, notes: Sequence[str] = (), widest: float = WIDEST) -> Figure:
    """Draw each rater's difference from the baseline, sorted, one row of dots a condition.

    `differences` has a row a rater and a column a condition but the baseline; `widest` is the largest there can be.
    """
    names = [str(name) for name in differences.columns]
    with styled(names):
        figure, axes, rows = row_axes(names, 0.62)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        across, down = [np.zeros(0)], [np.zeros(0)]
        for place, name in zip(rows.centres, names, strict=True):
            values = differences[name].dropna().sort_values().to_numpy()
            if not len(values):
                axes.text(0.0125 * widest, place, "no data", va="center")
                continue
            across.append(values)
            down.append(place + 0.4 * (np.linspace(0, 1, len(values)) - 0.5 if len(values) > 1 else np.zeros(1)))
        dots = np.concatenate(across)
        axes.scatter(dots, np.concatenate(down), s=14, c=TREATED, linewidths=0, alpha=0.8, zorder=3,
                     rasterized=len(dots) > VECTOR_DOTS)  # fmt: skip
        reach = 1.08 * max(widest / 8, float(np.abs(dots).max(initial=0)))
        axes.set_xlim(-reach, reach)
        axes.set_xlabel("difference from the baseline, in points", loc="right")
        signed_axis(axes)
        return settled(figure, rows, title="Each rater's difference from the baseline, sorted.", notes=notes)


def _difference(
    axes: Axes, row: Comparison, narrow: Comparison | None, place: float, span: tuple[float, float], look: Look
) -> None:
    """Draw one difference: its wide interval as a thin line, the narrow one as a bar, the estimate as a mark."""
    assert row.estimate is not None
    if row.ci_low is not None and row.ci_high is not None:
        interval(axes, row.ci_low, row.ci_high, place, span, width=1.0)
    elif UNBOUND in row.note:  # everything is possible: from one end to the other, and on
        interval(axes, 2 * span[0], 2 * span[1], place, span, width=1.0)
    if narrow is not None and narrow.ci_low is not None and narrow.ci_high is not None:
        ends = np.clip([narrow.ci_low, narrow.ci_high], *span)
        axes.plot(ends, [place] * 2, color=look.colour, linewidth=5.5, zorder=5, solid_capstyle="butt")
        if look.hollow:
            axes.plot(ends, [place] * 2, color=PAPER, linewidth=3, zorder=6, solid_capstyle="butt")
    axes.plot(row.estimate, place, marker=look.mark, markersize=6, color=PAPER, markeredgecolor=INK, zorder=7)
    beside(axes, place, points(row.estimate), size=8)


def pair_names(rows: Sequence[Comparison]) -> list[str]:
    """Name what each row compares: its condition, and with what, unless that is the same in all rows."""
    if len({row.reference for row in rows}) == 1:
        return [str(row.condition) for row in rows]
    return [f"{row.condition} against {row.reference}" for row in rows]


def _pair(row: Comparison) -> tuple[str | None, str | None]:
    """Tell what a row compares."""
    return row.condition, row.reference


def _reference(rows: Sequence[Comparison]) -> str:
    """Say what all rows compare with, shortly."""
    held = {row.reference for row in rows}
    return fitted([str(held.pop())], 16, 1)[0] if len(held) == 1 else "the reference"


def _keys(figure: Figure, margin: float | None, alpha: float, *, thick: tuple[bool, bool]) -> None:
    """Say in a legend what the marks mean."""
    keys: dict[str, tuple[Line2D | Patch, ...]] = {
        look.words: _bar(look, thick=bar) for look, bar in zip((THESE, ALIKE), thick, strict=True)
    }
    if margin is not None:
        keys[f"margin ±{margin:g}"] = (Patch(color=BASELINE, alpha=0.2),)
    keys[f"{level_text(1 - alpha)} interval"] = (Line2D([], [], color=INK, linewidth=1, marker="|", markersize=6),)
    if any(thick):
        keys[f"{level_text(1 - 2 * alpha)} interval"] = (Line2D([], [], color=FAINT, linewidth=5.5),)
    # A key of several marks is drawn as one; matplotlib's types know only single ones.
    handles: list[Any] = list(keys.values())
    figure.legend(handles, list(keys), loc="outside upper center", ncols=2, frameon=False, fontsize=8)


def _bar(look: Look, *, thick: bool) -> tuple[Line2D, ...]:
    """Draw a bar for the legend as it is drawn in the figure."""
    outer = Line2D([], [], color=look.colour if thick else INK, linewidth=5.5 if thick else 1)
    inner = [Line2D([], [], color=PAPER, linewidth=3)] if look.hollow and thick else []
    mark = Line2D([], [], linestyle="none", marker=look.mark, markersize=6, color=PAPER, markeredgecolor=INK)
    return outer, *inner, mark


@dataclass(frozen=True)
class Look:
    """How the answer to one question is drawn.

    Parameters
    ----------
    words
        The question, for the legend.
    mark, colour, hollow
        The estimate's mark, and the colour of its bar, which is filled or hollow: apart without colours, too.
    """

    words: str
    mark: str
    colour: str
    hollow: bool


THESE = Look("these prompts", "D", TREATED, hollow=False)
ALIKE = Look("prompts like these", "o", "#b35900", hollow=True)
