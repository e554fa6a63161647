"""Verdicts: what the ratings show of each condition, in words that the numbers carry.

A difference that is not significant proves nothing, so no verdict rests on one. Superior and inferior rest on
the paired t test after Holm's adjustment, since they pick out conditions from a family. Equivalent and
non-inferior are claims about one condition and a margin stated beforehand, and rest on that condition's
one-sided tests alone; the words say so where Holm's adjustment would not let the claim pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.compare import Comparison
from analysis.needed import more_raters

Kind = Literal["equivalent", "superior", "non-inferior", "inferior", "not enough data"]


def verdicts(
    differences: Sequence[Comparison],
    equivalences: Sequence[Comparison],
    one_sided: Sequence[Comparison],
    *,
    margin: float,
    alpha: float = 0.05,
) -> tuple[Verdict, ...]:
    """Judge each condition from the rows of `paired_t`, `tost` and `noninferiority`, in the same order."""
    rows = zip(differences, equivalences, one_sided, strict=True)
    return tuple(judge(*row, margin=margin, alpha=alpha) for row in rows)


def judge(
    difference: Comparison, equivalence: Comparison, one_sided: Comparison, *, margin: float, alpha: float
) -> Verdict:
    """Judge one condition from its three rows.

    In this order: equivalent (both one-sided tests), superior (difference above zero), non-inferior (the
    lower one-sided test), inferior (difference below zero), else not enough data. The order matters only
    where two hold: a difference smaller than the margin is called equivalent, and its words say both.
    """
    condition, reference = str(difference.condition), str(difference.reference)
    if difference.estimate is None or equivalence.p is None:
        reason = equivalence.note.removeprefix("not computed: ").split("; ", 1)[0]
        return Verdict(condition, reference, "not enough data", f"Nothing can be said: {reason}.")
    differs = difference.p_adjusted is not None and difference.p_adjusted < alpha
    kind: Kind
    if equivalence.p < alpha:
        kind = "equivalent"
    elif differs and difference.estimate > 0:
        kind = "superior"
    elif one_sided.p is not None and one_sided.p < alpha:
        kind = "non-inferior"
    elif differs:
        kind = "inferior"
    else:
        kind = "not enough data"
    words = _words(kind, difference, equivalence, differs=differs, margin=margin, alpha=alpha)
    if kind == "not enough data" and difference.test == "paired_t":
        words = f"{words} {more_raters(difference, margin=margin, alpha=alpha)}".strip()
    return Verdict(condition, reference, kind, words)


def points(value: float) -> str:
    """Write a difference in points with its sign."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def p_text(value: float) -> str:
    """Write a p value as `p = 0.012` or `p < 0.001`."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _words(
    kind: Kind, difference: Comparison, equivalence: Comparison, *, differs: bool, margin: float, alpha: float
) -> str:
    """Say in plain words what a verdict means here."""
    assert difference.estimate is not None
    assert equivalence.p is not None
    assert equivalence.p_adjusted is not None
    reference = difference.reference
    wide = f"{100 * (1 - alpha):g} % interval {_interval(difference)}"
    narrow = f"{100 * (1 - 2 * alpha):g} % interval {_interval(equivalence)}"
    mean = points(difference.estimate)
    p_difference, p_equivalence = _p_both(difference), p_text(equivalence.p)
    if kind == "equivalent":
        also = " A difference is shown too, smaller than the margin." if differs else ""
        if equivalence.p_adjusted >= alpha:
            holm = p_text(equivalence.p_adjusted)
            also += f" For all conditions taken together it does not pass ({holm} after Holm's adjustment)."
        return (
            f"Its mean is within {margin:g} points of {reference}: the difference is {mean} ({narrow}, "
            f"{p_equivalence}).{also}"
        )
    if kind == "superior":
        return f"Rated higher than {reference}: the difference is {mean} ({wide}), {p_difference}."
    if kind == "non-inferior":
        return (
            f"No worse than {reference} by more than {margin:g} points (one-sided test): the difference is "
            f"{mean} ({narrow}). Whether it is better by more than that is not shown."
        )
    if kind == "inferior":
        assert difference.ci_high is not None
        beyond = difference.ci_high < -margin
        limit = "The loss is larger than" if beyond else "It is not shown that the loss stays within"
        return (
            f"Rated lower than {reference}: the difference is {mean} ({wide}), {p_difference}. "
            f"{limit} {margin:g} points."
        )
    return (
        f"The difference from {reference} is {mean} ({wide}). Neither a difference ({p_difference}) nor "
        f"equivalence within {margin:g} points ({p_equivalence}) is shown: "
        "both remain possible until more is rated."
    )


def _p_both(row: Comparison) -> str:
    """Write a row's p value, with the adjusted one where it differs."""
    assert row.p is not None
    assert row.p_adjusted is not None
    alone, adjusted = p_text(row.p), p_text(row.p_adjusted)
    return alone if alone == adjusted else f"{alone}, after Holm {adjusted.removeprefix('p ').removeprefix('= ')}"


def _interval(row: Comparison) -> str:
    """Write a row's interval."""
    assert row.ci_low is not None
    assert row.ci_high is not None
    return f"{points(row.ci_low)} to {points(row.ci_high)}"


@dataclass(frozen=True)
class Verdict:
    """What is shown of one condition.

    Parameters
    ----------
    condition, reference
        What was compared with what.
    kind
        `equivalent`, `superior`, `non-inferior`, `inferior` or `not enough data`.
    words
        One or two sentences with the numbers behind it.
    """

    condition: str
    reference: str
    kind: Kind
    words: str
