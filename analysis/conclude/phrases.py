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

    Examples
    --------
    >>> interval_text(Comparison("paired_t", ci_low=-0.2, ci_high=0.1), 0.95)
    '95 % interval −0.20 to +0.10'
    """
    name = f"{level_text(level)} interval"
    if UNBOUND in row.note:
        return f"the data set no limits: the {name} covers the whole scale"
    if row.ci_low is None or row.ci_high is None:
        return "no interval"
    return f"{name} {points(row.ci_low)} to {points(row.ci_high)}{', for this comparison alone' if several else ''}"


def p_after_holm(row: Comparison) -> str:
    """Write a row's p value, with the adjusted one where it differs.

    Examples
    --------
    >>> p_after_holm(Comparison("paired_t", p=0.012, p_adjusted=0.012))
    'p = 0.012'
    """
    if row.p is None:
        return "p not computed"
    alone = p_text(row.p)
    if row.p_adjusted is None or p_text(row.p_adjusted) == alone:
        return alone
    return f"{alone}, {p_text(row.p_adjusted).removeprefix('p ').removeprefix('= ')} after Holm's adjustment"


def reason(row: Comparison) -> str:
    """Give the first reason in a row's note, as the end of a sentence.

    Examples
    --------
    >>> reason(Comparison("paired_t", note="not computed: there is only one rater; more"))
    'there is only one rater'
    """
    return row.note.removeprefix("not computed: ").split("; ", 1)[0] or "it was not computed"
