"""Phrases: what a sentence says of one row of results, its interval, its p value, or why it has none."""

from __future__ import annotations

from analysis.describe.scale import UNBOUND
from analysis.infer.compare import Comparison
from analysis.words import level_text, p_text, points


def interval_text(row: Comparison, level: float, *, several: bool = False) -> str:
    """Write a row's interval in points, with its level (0.95), or say that there is none.

    Parameters
    ----------
    row
        The row.
    level
        Its level.
    several
        Whether it is one of several, so that the reader must know that it is not simultaneous with the others.
    """
    name = f"{level_text(level)} interval"
    if UNBOUND in row.note:
        return f"the data set no limits: the {name} covers the whole scale"
    if row.ci_low is None or row.ci_high is None:
        return "no interval"
    return f"{name} {points(row.ci_low)} to {points(row.ci_high)}{', for this comparison alone' if several else ''}"


def p_after_holm(row: Comparison) -> str:
    """Write a row's p value, with the adjusted one where it differs."""
    if row.p is None:
        return "p not computed"
    alone = p_text(row.p)
    if row.p_adjusted is None or p_text(row.p_adjusted) == alone:
        return alone
    return f"{alone}, {p_text(row.p_adjusted).removeprefix('p ').removeprefix('= ')} after Holm's adjustment"


def reason(row: Comparison) -> str:
    """Give the first reason in a row's note, as the end of a sentence."""
    return row.note.removeprefix("not computed: ").split("; ", 1)[0] or "it was not computed"
