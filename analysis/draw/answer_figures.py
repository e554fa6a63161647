"""Figures of the other types of question: shares, differences, histograms, and the boxes of MUSHRA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.draw.difference_figures import Rows, differences_figure, pair_names
from analysis.draw.figures import (
    BASELINE,
    FAINT,
    INK,
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
from analysis.draw.rating_figures import MOST_CONDITIONS
from analysis.infer.compare import Comparison
from analysis.questions.abx import CHANCE
from analysis.questions.findings import Cell, Findings, Table
from analysis.questions.mushra import HEADS
from analysis.read.question import QUESTIONS
from analysis.settings import ALPHA, MARGIN
from analysis.words import level_text, percent

SHARES = (0.0, 1.0)
SLIDER = (0.0, 100.0)
_FAR: dict[str, Any] = {"s": 6, "c": BASELINE, "linewidths": 0}
_RING: dict[str, Any] = {"s": 9, "c": PAPER, "edgecolors": INK, "linewidths": 0.6, "alpha": 0.75}


def answer_figures(
    findings: Findings, answers: pd.DataFrame, *, margin: float = MARGIN, alpha: float = ALPHA
) -> dict[str, Drawing]:
    """Draw the figures of one type of question, by name; free text has none.

    Parameters
    ----------
    findings
        What the answers show.
    answers
        The answers themselves, one a row, with the columns of `analysis.read.answers.Answers`.
    margin, alpha
        Those that the findings were made with.
    """
    draw = DRAW.get(findings.question)
    return draw(findings, answers, margin, alpha) if draw else {}


@dataclass(frozen=True)
class _Pairs:
    """The pairs that a figure has room for, their rows by the test's name without the question's, and their counts."""

    of: Sequence[Comparison]
    rows: dict[str, list[Comparison]]
    counts: Sequence[dict[str, Cell]]
    notes: Sequence[str]


def _pairs(findings: Findings) -> _Pairs:
    """Choose the pairs by the primary test."""
    pairs, note = _shown(findings.of(f"{findings.question}_{QUESTIONS[findings.question].primary}"))
    rows = {
        test.partition("_")[2]: [row for pair in pairs for row in findings.of(test) if _pair(row) == _pair(pair)]
        for test in dict.fromkeys(row.test for row in findings.rows)
    }
    table = next(table for table in findings.tables if table.columns[:2] == ("condition", "reference"))
    held = {cells[:2]: dict(zip(table.columns, cells, strict=True)) for cells in table.rows}
    return _Pairs(pairs, rows, [held[_pair(pair)] for pair in pairs], (note,) if note else ())


def _preferences(findings: Findings, _: pd.DataFrame, __: float, alpha: float) -> dict[str, Drawing]:
    """Draw whom the answers prefer, and by how much."""
    if not findings.rows:
        return {}
    shown = _pairs(findings)
    drawn = differences_figure(
        (shown.rows["t"], []),
        (shown.rows["two_way"], []),
        margin=None,
        alpha=alpha,
        widest=1.0,
        notes=shown.notes,
        axis="preference for the condition, −1 to +1",
    )
    words = (
        f"Share of answers that prefer the condition minus the share that prefer the reference, with "
        f"{level_text(1 - alpha)} intervals. Above zero the condition is preferred. An arrow: the interval goes beyond "
        "the scale."
    )
    return {"shares": _preferred(shown.of, shown.counts, shown.notes), "differences": Drawing(drawn, words)}


def _value(head: str) -> float:
    """Read a head of the table of comparison ratings as the score that it counts; another head is none."""
    try:
        return float(head)
    except ValueError:
        return np.nan


def _comparison_ratings(findings: Findings, _: pd.DataFrame, margin: float, alpha: float) -> dict[str, Drawing]:
    """Draw the mean scores of pairs, and how often each was given."""
    if not findings.rows:
        return {}
    shown = _pairs(findings)
    steps = [head for head in shown.counts[0] if head in ("0", f"{_value(head):+g}")]
    given = [[int(str(cells[step])) for step in steps] for cells in shown.counts]
    categories = [_value(step) for step in steps]
    these: Rows = (shown.rows["t"], shown.rows.get("tost", []))
    alike: Rows = (shown.rows["two_way"], [])
    drawn = differences_figure(these, alike, margin=margin, alpha=alpha, widest=max(categories), notes=shown.notes)
    words = (
        f"Mean score of each pair. Above zero the condition is better. Thin lines: {level_text(1 - alpha)} intervals; "
        f"thick line: {level_text(1 - 2 * alpha)} interval, for equivalence; shaded: the margin of ±{margin:g} points. "
        "An arrow: the interval goes beyond the scale."
    )
    names = pair_names(shown.of)
    spread = histograms_figure(names, categories, given, [TREATED] * len(names), notes=shown.notes)
    return {
        "differences": Drawing(drawn, words),
        "scores": Drawing(spread, "How often each score was given; above zero the condition is better."),
    }


def _shares_right(findings: Findings, _: pd.DataFrame, __: float, alpha: float) -> dict[str, Drawing]:
    """Draw how many answers are right."""
    if not findings.rows:
        return {}
    shown = _pairs(findings)
    return {"shares": _right(shown.rows["binomial"], shown.rows["cluster"], shown.notes, level_text(1 - alpha))}


def _shown(rows: Sequence[Comparison]) -> tuple[list[Comparison], str]:
    """Choose the pairs that a figure has room for, and say which they are where they are not all."""
    if len(rows) <= MOST_CONDITIONS:
        return list(rows), ""
    ranked = sorted(rows, key=lambda row: -np.inf if row.estimate is None else row.estimate, reverse=True)
    note = (
        f"{MOST_CONDITIONS} of {len(rows)} pairs are shown, sorted: those with the highest values. The tables list all."
    )
    return ranked[:MOST_CONDITIONS], note


def _pair(row: Comparison) -> tuple[str | None, str | None]:
    """Tell what a row compares."""
    return row.condition, row.reference


def _preferred(pairs: Sequence[Comparison], counts: Sequence[dict[str, Cell]], notes: Sequence[str]) -> Drawing:
    """Draw how many answers prefer the condition, neither, or the reference, as parts of a bar."""
    names = pair_names(pairs)
    with styled(names):
        figure, axes, rows = row_axes(names, 0.42)
        for place, cells in zip(rows.centres, counts, strict=True):
            wins, losses, ties = (
                int(str(cells[head])) for head in ("condition preferred", "reference preferred", "neither")
            )
            total, start = max(1, wins + losses + ties), 0.0
            for count, colour, ink in ((wins, TREATED, "#fefefe"), (ties, FAINT, INK), (losses, BASELINE, "#101010")):
                axes.barh(place, count / total, left=start, height=0.28, color=colour, edgecolor=PAPER, linewidth=0.8)
                if count / total > 0.06:
                    axes.text(
                        start + count / total / 2, place, str(count), ha="center", va="center", color=ink, fontsize=8
                    )
                start += count / total
        axes.set_xlim(*SHARES)
        axes.xaxis.set_major_formatter(lambda value, _: percent(value))
        axes.set_xlabel("share of the answers", loc="right")
        keys = {"condition preferred": TREATED, "neither": FAINT, "reference preferred": BASELINE}
        patches = [Patch(color=colour) for colour in keys.values()]
        figure.legend(patches, list(keys), loc="outside upper center", ncols=3, frameon=False, fontsize=8)
        drawn = settled(figure, rows, title="Preferences of each pair, as shares of the answers.", notes=notes)
    return Drawing(drawn, "How many answers prefer the condition, neither, or the reference, with their numbers.")


def _right(exact: Sequence[Comparison], clustered: Sequence[Comparison], notes: Sequence[str], level: str) -> Drawing:
    """Draw the share right of each pair with both its intervals, and where guessing would be."""
    names = pair_names(exact)
    with styled(names):
        figure, axes, rows = row_axes(names, 0.45)
        axes.axvline(CHANCE, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        for place, alone, grouped in zip(rows.centres, exact, clustered, strict=True):
            if alone.estimate is None:
                beside(axes, place, "–")
                continue
            upper = place - 0.05
            if alone.ci_low is not None and alone.ci_high is not None:
                interval(axes, alone.ci_low, alone.ci_high, place + 0.12, SHARES, width=1.0)
            if grouped.ci_low is not None and grouped.ci_high is not None:
                ends = np.clip([grouped.ci_low, grouped.ci_high], *SHARES)
                axes.plot(ends, [upper] * 2, color=TREATED, linewidth=5.5, zorder=5, solid_capstyle="butt")
            axes.plot(alone.estimate, upper, marker="D", markersize=6, color=PAPER, markeredgecolor=INK, zorder=7)
            beside(axes, place, percent(alone.estimate))
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(lambda value, _: percent(value))
        axes.set_xlabel("share of answers that name X correctly", loc="right")
        keys = {
            "by rater": Line2D([], [], color=TREATED, linewidth=5.5),
            "as if answers were independent": Line2D([], [], color=INK, linewidth=1, marker="|", markersize=6),
            "guessing": Line2D([], [], color=INK, linewidth=1, linestyle=(0, (4, 3))),
        }
        figure.legend(list(keys.values()), list(keys), loc="outside upper center", ncols=2, frameon=False, fontsize=8)
        drawn = settled(figure, rows, title="Share of right answers of each pair, against guessing.", notes=notes)
    words = (
        f"Share of right answers with {level} intervals: thick, by rater; thin, exact, as if all answers were "
        "independent. Dashed line: half of the answers, as guessing would give."
    )
    return Drawing(drawn, words)


def _boxes(findings: Findings, answers: pd.DataFrame, _: float, alpha: float) -> dict[str, Drawing]:
    """Draw the boxes of each table of scores, with the raters it is about."""
    level = level_text(1 - alpha)
    drawn: dict[str, Drawing] = {}
    for table in findings.tables:
        if table.columns[: len(HEADS)] != HEADS:
            continue
        raters = answers
        if "kept" in table.title:
            raters = answers[~answers["participant"].isin(findings.left_out)]
        words = (
            f"{table.title}. Box: the middle half of the scores, with their median; whiskers reach the last score "
            f"within 1.5 times the box, small dots are scores beyond. Diamond: mean, with its {level} interval by "
            "raters. Rings: each rater's mean."
        )
        name = "boxes" if "boxes" not in drawn else "boxes-all"
        drawn[name] = Drawing(_box_figure(table, raters), words)
    return drawn


def _box_figure(table: Table, answers: pd.DataFrame) -> Figure:
    """Draw one table of scores as boxes, with each rater's mean beneath."""
    cells = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    notes = [f"{table.title}."]
    if len(cells) > MOST_CONDITIONS:
        ranked = sorted(cells, key=_mean, reverse=True)
        notes.append(
            f"{MOST_CONDITIONS} of {len(cells)} conditions are shown, sorted by their means: those rated highest. "
            "The table has all."
        )
        cells = ranked[:MOST_CONDITIONS]
    names = [str(row["condition"]) for row in cells]
    scores = answers[answers["condition"].isin(names)]
    means = scores.groupby(["condition", "participant"])["score"].mean()
    with styled(names):
        figure, axes, rows = row_axes(names, 0.62)
        rings, beyond = [np.zeros((0, 2))], [np.zeros((0, 2))]
        for place, name, row in zip(rows.centres, names, cells, strict=True):
            if row["mean"] is None:
                axes.text(1, place, "no ratings", va="center")
                continue
            low, first, median, third, high = (
                float(str(row[head])) for head in ("whisker low", "quartile 1", "median", "quartile 3", "whisker high")
            )
            upper = place - 0.1
            axes.plot([low, high], [upper] * 2, color=INK, linewidth=1, marker="|", markersize=6, zorder=0.5)
            colour = BASELINE if name == str(table.rows[0][0]) else TREATED
            axes.barh(
                upper, third - first, left=first, height=0.2, color=colour, edgecolor=INK, linewidth=0.8, zorder=3
            )
            for colour, width in ((INK, 3.2), (PAPER, 1.8)):  # seen without a box, too
                axes.plot([median] * 2, [upper - 0.1, upper + 0.1], color=colour, linewidth=width, zorder=4)
            given = scores.loc[scores["condition"] == name, "score"].to_numpy(dtype=float)
            far = given[(given < low) | (given > high)]
            beyond.append(np.column_stack([far, np.full(len(far), upper)]))
            raters = means[name].to_numpy()
            rings.append(np.column_stack([raters, place + 0.2 + 0.05 * scattered(len(raters))]))
            if row["cluster low"] is not None and row["cluster high"] is not None:
                interval(axes, float(str(row["cluster low"])), float(str(row["cluster high"])), place + 0.08, SLIDER)
            axes.plot(_mean(row), place + 0.08, marker="D", markersize=5, color=PAPER, markeredgecolor=INK, zorder=6)
            beside(axes, place, f"{_mean(row):.1f}")
        for dots, look in ((beyond, _FAR), (rings, _RING)):
            across, down = np.concatenate(dots).T
            axes.scatter(across, down, **look, zorder=3, rasterized=len(across) > VECTOR_DOTS)
        axes.set_xlim(-1.5, 101.5)
        axes.set_xlabel("score, 0 to 100", loc="right")
        return settled(figure, rows, title="Scores of each condition as boxes, and each rater's mean.", notes=notes)


def _mean(row: dict[str, Cell]) -> float:
    """Give the mean of a row of the table, or what sorts last."""
    return -np.inf if row["mean"] is None else float(row["mean"])


@dataclass(frozen=True)
class Drawing:
    """A figure, and the words beneath it.

    Parameters
    ----------
    figure
        The figure.
    caption
        How to read it.
    """

    figure: Figure
    caption: str


DRAW: dict[str, Callable[[Findings, pd.DataFrame, float, float], dict[str, Drawing]]] = {
    "ab": _preferences,
    "ccr": _comparison_ratings,
    "abx": _shares_right,
    "mushra": _boxes,
}
"""The figures of each type: of its findings, its answers, the margin and alpha."""
