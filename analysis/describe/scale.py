"""Scale: what the ends of a scale say of an interval, and of ratings that hardly use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.infer.compare import Comparison
from analysis.words import joined

# An interval that covers this share of all that is possible tells nothing.
NEARLY = 0.95
UNBOUND = "the data set no limits: the interval covers the whole scale"
# Above this share of ratings with one and the same score, a scale was hardly used.
ONE_SCORE = 0.9


def clipped(low: float | None, high: float | None, ends: tuple[float, float]) -> tuple[float, float] | None:
    """Cut an interval to what is possible; None where there is none, or where it then covers (nearly) everything.

    The true mean lies between the ends of the scale, so an interval cut there holds it as often as before.

    Examples
    --------
    >>> clipped(-0.5, 5.5, (1.0, 5.0)) is None, clipped(3.5, 5.5, (1.0, 5.0))
    (True, (3.5, 5.0))
    """
    if low is None or high is None:
        return None
    low, high = max(low, ends[0]), min(high, ends[1])
    return None if high - low >= NEARLY * (ends[1] - ends[0]) else (low, high)


def within_scale(row: Comparison, low: float, high: float) -> Comparison:
    """Cut a row's interval to what is possible, or take it out and say that the data bound nothing.

    Parameters
    ----------
    row
        A row whose estimate and interval are on one scale; one without an interval is left as it is.
    low, high
        The least and the greatest value possible: of a difference, minus and plus the length of the scale.

    Examples
    --------
    >>> row = within_scale(Comparison("paired_t", ci_low=-1.0, ci_high=6.0), -4.0, 4.0)
    >>> row.ci_low, row.ci_high
    (-1.0, 4.0)
    """
    if row.ci_low is None or row.ci_high is None:
        return row
    found = clipped(row.ci_low, row.ci_high, (low, high))
    if found is None:
        return replace(row, ci_low=None, ci_high=None, note=joined(row.note, UNBOUND))
    return replace(row, ci_low=found[0], ci_high=found[1])


def all_within(rows: Sequence[Comparison], reach: float) -> tuple[Comparison, ...]:
    """Cut the intervals of differences to +-reach, the length of the scale.

    Examples
    --------
    >>> rows = [Comparison("paired_t", ci_low=0.0, ci_high=high) for high in (2.0, 9.0)]
    >>> [row.ci_high for row in all_within(rows, 4.0)]
    [2.0, 4.0]
    """
    return tuple(within_scale(row, -reach, reach) for row in rows)


def hardly_used(scores: np.ndarray, others: np.ndarray, condition: str, reference: str) -> str:
    """Say that (nearly) all ratings of a condition and its reference are one score, or all of one of them; or nothing.

    Raters who do not use the scale give small differences, whatever there is to hear.

    Examples
    --------
    >>> hardly_used(np.array([3, 4]), np.array([5, 4]), "x", "base")
    ''
    >>> bool(hardly_used(np.array([3, 4]), np.array([5, 5]), "x", "base"))  # every rating of base is 5
    True
    """
    if not len(scores) or not len(others):
        return ""
    if said := one_score(np.concatenate([scores, others]), "ratings of the two"):
        return said
    for name, given in ((condition, scores), (reference, others)):
        if len(given) > 1 and float(np.ptp(given)) == 0:
            return f"Every rating of {name} is {given[0]:g}."
    return ""


def one_score(scores: np.ndarray, what: str) -> str:
    """Say that (nearly) all scores are one and the same, or nothing; `what` names them in the plural.

    Examples
    --------
    >>> one_score(np.array([1, 2, 3]), "ratings")
    ''
    >>> one_score(np.full(10, 3), "ratings").startswith("All 10 ratings are 3")
    True
    """
    if not len(scores):
        return ""
    values, counts = np.unique(scores, return_counts=True)
    most, total = int(counts.max()), len(scores)
    score = f"{values[counts.argmax()]:g}"
    if most == total > 1:
        return f"All {total:,} {what} are {score}: the scale was not used, which says nothing about what can be heard."
    if most >= ONE_SCORE * total and total > 1:
        return (
            f"{most:,} of {total:,} {what} are {score}: the scale was hardly used, which may be due to the task "
            "as well as to the clips."
        )
    return ""
