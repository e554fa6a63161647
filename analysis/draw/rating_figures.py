"""Figures of a report on ratings: the means, and their spread over scores, prompts and raters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.describe.opinion import OpinionScore
from analysis.describe.scale import UNBOUND
from analysis.draw.figures import (
    BASELINE,
    INK,
    PALETTE,
    PAPER,
    TREATED,
    VECTOR_DOTS,
    beside,
    histograms_figure,
    interval,
    row_axes,
    scattered,
    settled,
    styled,
)  # fmt: skip
from analysis.draw.labels import columns, fitted
from analysis.scale.rating_scale import FIVE, RatingScale

# In a figure; the tables have all.
MOST_CONDITIONS, MOST_PROMPTS, MOST_LINES = 30, 60, 200
# Each shape with each filling: as many as a figure has conditions, told apart without their colours too.
_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_MARKS = [
    (shape, filling) for filling in ("full", "none", "left") for shape in _SHAPES if (shape, filling) != ("o", "none")
]


def means_figure(
    scores: Sequence[OpinionScore],
    means: pd.DataFrame,
    *,
    baseline: str,
    notes: Sequence[str] = (),
    scale: RatingScale = FIVE,
) -> Figure:
    """Draw mean ratings as bars with their intervals, and each rater's mean as a dot."""
    names, (low, high), part = [score.condition for score in scores], scale.ends, scale.length / 4
    with styled(names):
        figure, axes, rows = row_axes(names, 0.62 if len(names) <= 10 else 0.47)
        across, down = [], []
        for place, score in zip(rows.centres, scores, strict=True):
            colour = BASELINE if score.condition == baseline else TREATED
            if score.mean is None:
                axes.text(low + 0.05 * part, place, "no ratings", va="center")
                continue
            axes.barh(place, score.mean - low, left=low, height=0.38, color=colour, zorder=2)
            raters = means[score.condition].dropna().to_numpy()
            across.append(raters)
            down.append(place + 0.1 + 0.06 * scattered(len(raters)))
            if score.ci_low is not None and score.ci_high is not None:
                interval(axes, score.ci_low, score.ci_high, place - 0.08, scale.ends, width=1.8)
            elif UNBOUND in score.note:
                interval(axes, low - part, high + part, place - 0.08, scale.ends, width=1.8)
            beside(axes, place, f"{score.mean:.2f}")
        if across:
            _dots(axes, np.concatenate(across), np.concatenate(down))
        _scale_axis(axes, scale, -0.06, 0.12)
        return settled(figure, rows, title="Mean rating of each condition, and of each rater.", notes=notes)


def scores_figure(
    scores: Sequence[OpinionScore], *, baseline: str, notes: Sequence[str] = (), scale: RatingScale = FIVE
) -> Figure:
    """Draw how often each score, or part of the scale, was given, one small histogram a condition."""
    names = [score.condition for score in scores]
    colours = [BASELINE if name == baseline else TREATED for name in names]
    return histograms_figure(
        names,
        scale.levels or (),
        [score.histogram for score in scores],
        colours,
        notes=notes,
        edges=() if scale.levels else scale.edges,
    )


def prompts_figure(
    means: pd.DataFrame, *, baseline: str, notes: Sequence[str] = (), scale: RatingScale = FIVE
) -> Figure:
    """Draw each prompt's mean under every condition as a dot; the baseline is the ring."""
    rated = means.dropna(how="all")
    fullest = rated.notna().sum(axis=1).sort_values(ascending=False, kind="stable").head(MOST_PROMPTS).index
    drawn = rated.loc[rated.index.isin(fullest)]
    conditions, prompts = [str(name) for name in means.columns], [str(prompt) for prompt in drawn.index]
    if len(rated) > len(drawn):
        kept = "those rated under the most conditions"
        notes = (*notes, f"{len(drawn)} of {len(rated):,} prompts are shown, {kept}. The table lists all.")
    with styled([*conditions, *prompts]):
        figure, axes, rows = row_axes(prompts, 0.3 + 0.01 * len(conditions), width=24)
        narrow = all(columns(name) <= 16 for name in conditions)
        labels = fitted(conditions, 16 if narrow else 26, 1 if narrow else 2)
        shifts = (0.08 + 0.006 * len(conditions)) * np.linspace(-1, 1, len(conditions) + 2)[1:-1]
        shapes = marks()
        for number, (name, label) in enumerate(zip(conditions, labels, strict=True)):
            ring = {"marker": "o", "fillstyle": "none", "markersize": 8.5, "color": INK, "zorder": 4}
            style = ring if name == baseline else look(*next(shapes), PALETTE[number % len(PALETTE)])
            axes.plot(drawn[name], np.array(rows.centres) + shifts[number], linestyle="none", label=label,
                      rasterized=drawn.size > 2 * VECTOR_DOTS, **style)  # fmt: skip
        _scale_axis(axes, scale, -0.15, 0.15)
        figure.legend(loc="outside upper center", ncols=3 if narrow else 2, frameon=False, fontsize=8)
        return settled(figure, rows, title="Mean rating of each prompt under every condition.", notes=notes)


def lines_figure(
    scores: Sequence[OpinionScore], means: pd.DataFrame, *, notes: Sequence[str] = (), scale: RatingScale = FIVE
) -> Figure:
    """Draw each rater's means as a thin line from condition to condition, and the mean of all ratings on top."""
    names = [score.condition for score in scores]
    values = means[names].dropna(how="all")
    order = values.mean(axis=1).sort_values(kind="stable").index
    if len(order) > MOST_LINES:
        notes = (*notes, f"{MOST_LINES} of {len(order):,} raters are shown, spread evenly from strictest to mildest; "
                 "the thick line is the mean of all ratings.")  # fmt: skip
        order = order[np.linspace(0, len(order) - 1, MOST_LINES).round().astype(int)]
    drawn = values.loc[order].to_numpy()
    with styled(names):
        figure, axes, rows = row_axes(names, 0.45)
        places = np.array(rows.centres)
        lines = [np.column_stack([row, places]) for row in drawn]
        axes.add_collection(LineCollection(lines, colors=TREATED, linewidths=0.7, alpha=_faint(len(lines)), zorder=2))
        known = ~np.isnan(drawn)
        alone = known & ~np.pad(known, ((0, 0), (1, 0)))[:, :-1] & ~np.pad(known, ((0, 0), (0, 1)))[:, 1:]
        axes.scatter(drawn[alone], np.broadcast_to(places, drawn.shape)[alone], s=5, c=TREATED, linewidths=0, alpha=0.5,
                     zorder=2, rasterized=bool(alone.sum() > VECTOR_DOTS))  # fmt: skip
        known_means = [np.nan if score.mean is None else score.mean for score in scores]
        axes.plot(
            known_means, places, color=INK, linewidth=2, marker="o", markersize=5, markerfacecolor=PAPER, zorder=4
        )
        _scale_axis(axes, scale, -0.08, 0.08)
        return settled(figure, rows, title="Each rater's mean rating from condition to condition.", notes=notes)


def _scale_axis(axes: Axes, scale: RatingScale, before: float, after: float) -> None:
    """Let an axis reach from end to end of the scale, and by shares of a quarter of it beyond."""
    part = scale.length / 4
    axes.set_xlim(scale.low + before * part, scale.high + after * part)
    axes.set_xticks(FIVE.levels if scale.is_five else (scale.levels or scale.edges))
    axes.set_xlabel(f"mean rating, {scale.low:g} to {scale.high:g}", loc="right")


def _dots(axes: Axes, across: np.ndarray, down: np.ndarray) -> None:
    """Draw raters as small rings over the bars."""
    axes.scatter(across, down, s=11, c=PAPER, edgecolors=INK, linewidths=0.6, alpha=0.75, zorder=3,
                 rasterized=len(across) > VECTOR_DOTS)  # fmt: skip


def marks() -> Iterator[tuple[str, str]]:
    """Give marks that are told apart without their colours, as shape and filling."""
    return iter(_MARKS)


def look(shape: str, filling: str, colour: str) -> dict[str, Any]:
    """Give the looks of one condition's marks; hollow ones have their colour on the edge."""
    hollow = filling == "none"
    size = 7.0 if shape in "PX*" else 6.0
    return {
        "marker": shape,
        "fillstyle": filling,
        "color": colour,
        "markersize": size,
        "zorder": 3,
        "markeredgecolor": colour if hollow else INK,
        "markeredgewidth": 1.5 if hollow else 0.5,
        "markerfacecoloralt": PAPER,
    }


def _faint(lines: int) -> float:
    """Give many lines less weight each, so that one still sees where they are dense."""
    return float(np.clip(6 / max(lines, 1), 0.15, 0.6))
