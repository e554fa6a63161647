"""Figures of a report: which of them there are, and which conditions and rows each of them shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.describe.opinion import OpinionScore
from analysis.draw.difference_figures import differences_figure, raters_figure
from analysis.draw.rating_figures import MOST_CONDITIONS, lines_figure, means_figure, prompts_figure, scores_figure
from analysis.report.content import Report


def report_figures(report: Report) -> dict[str, Figure]:
    """Draw all figures of a report, by name."""
    names, note = shown(report.conditions, report.baseline)
    scores = [score for name in names for score in report.conditions if score.condition == name]
    notes, baseline, scale = [note], report.baseline, report.scale
    drawn = {
        "means": means_figure(scores, report.means, baseline=baseline, notes=notes, scale=scale),
        "scores": scores_figure(scores, baseline=baseline, notes=notes, scale=scale),
        "prompts": prompts_figure(report.prompt_means[names], baseline=baseline, notes=notes, scale=scale),
    }
    if not report.verdicts:
        return drawn
    others = [name for name in names if name != baseline and name not in report.anchors]
    differences = report.differences
    rows = {
        test: [row for name in others for row in report.rows(test) if row.condition == name]
        for test in ("paired_t", "tost", "lmm", "lmm_tost", "two_way")
    }
    pairs = zip(rows["lmm"], rows["two_way"], strict=True)
    alike = [two_way if model.estimate is None else model for model, two_way in pairs]
    if any(row.test == "two_way" and row.ci_low is not None for row in alike):
        notes = [note, "Where there is no mixed model, the intervals for prompts like these are the two-way ones."]
    drawn["raters"] = raters_figure(differences[others], notes=(note,), widest=scale.length)
    drawn["lines"] = lines_figure(scores, report.means, notes=(note,), scale=scale)
    drawn["differences"] = differences_figure(
        (rows["paired_t"], rows["tost"]),
        (alike, rows["lmm_tost"]),
        margin=report.margin,
        alpha=report.alpha,
        widest=scale.length,
        notes=notes,
    )
    return drawn


def shown(scores: Sequence[OpinionScore], baseline: str) -> tuple[list[str], str]:
    """Choose the conditions that a figure has room for, and say which they are where they are not all."""
    names = [score.condition for score in scores]
    if len(names) <= MOST_CONDITIONS:
        return names, ""
    ranked = sorted(scores, key=lambda score: -np.inf if score.mean is None else score.mean, reverse=True)
    others = [score.condition for score in ranked if score.condition != baseline][: MOST_CONDITIONS - 1]
    chosen = [score.condition for score in ranked if score.condition in {baseline, *others}]
    note = f"{MOST_CONDITIONS} of {len(names)} conditions are shown, sorted by their means: the {len(others)} rated"
    return chosen, f"{note} highest, and the baseline. The tables list all."
