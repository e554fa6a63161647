"""Verdicts: what the ratings show of each condition, in words that the numbers carry.

A difference that is not significant proves nothing, so no verdict rests on one. Every claim, of a difference, of
equivalence or of being no worse, rests on its test after Holm's adjustment over the conditions compared: the chance
that a claim of its kind is made wrongly of any of them is alpha at most. Intervals are of one condition alone, and say
so where there are several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from scipy import stats

from analysis.conclude.phrases import interval_text, p_after_holm, reason
from analysis.conclude.sample_size import more_raters
from analysis.describe.scale import within_scale
from analysis.infer.compare import Comparison
from analysis.scale.rating_scale import FIVE
from analysis.settings import ALPHA
from analysis.words import points

Kind = Literal["equivalent", "superior", "non-inferior", "inferior", "not enough data"]
REACH = FIVE.length


def verdicts(
    differences: Sequence[Comparison],
    equivalences: Sequence[Comparison],
    one_sided: Sequence[Comparison],
    *,
    margin: float,
    alpha: float = ALPHA,
    reach: float = REACH,
    remarks: Mapping[str, str] | None = None,
    narrower: Sequence[Sequence[Comparison]] = (),
) -> tuple[Verdict, ...]:
    """Judge each condition from the rows of `paired_t`, `tost` and `noninferiority`, in the same order.

    `remarks` are sentences by condition that its verdict must not be without. `narrower` are the same rows for the
    prompts that were heard, where these are for prompts like them.

    Examples
    --------
    >>> from analysis.infer.compare import holm
    >>> rows = [holm([Comparison("paired_t", "x", "base", estimate=0.05, p=0.6)]),
    ...         *(holm([Comparison("tost", "x", "base", estimate=0.05, p=0.01)]) for _ in range(2))]
    >>> [verdict.kind for verdict in verdicts(*rows, margin=0.3)]
    ['equivalent']
    """
    said, compared = remarks or {}, sum(row.p is not None for row in differences)
    return tuple(
        judge(
            *rows,
            margin=margin,
            alpha=alpha,
            compared=compared,
            reach=reach,
            remark=said.get(str(rows[0].condition), ""),
            narrower=within,
        )
        for rows, within in zip(
            zip(differences, equivalences, one_sided, strict=True),
            zip(*narrower, strict=True) if narrower else [()] * len(differences),
            strict=True,
        )
    )


def judge(
    difference: Comparison,
    equivalence: Comparison,
    one_sided: Comparison,
    *,
    margin: float,
    alpha: float,
    compared: int = 1,
    reach: float = REACH,
    remark: str = "",
    narrower: Sequence[Comparison] = (),
) -> Verdict:
    """Judge one condition from its three rows, each adjusted over the conditions compared.

    In this order: equivalent (both one-sided tests), superior (difference above zero), non-inferior (the
    lower one-sided test), inferior (difference below zero), else not enough data. The order matters only
    where two hold: a difference smaller than the margin is called equivalent, and its words say both.

    Parameters
    ----------
    difference, equivalence, one_sided
        Rows of the test of difference, of equivalence, and of being no worse.
    margin, alpha
        Margin of equivalence in points, and level.
    compared
        How many conditions are compared.
    reach
        Largest difference that the scale allows.
    remark
        A sentence that the verdict must not be without.
    narrower
        The same three rows for the prompts that were heard, where these are for prompts like them: what does not
        stand for those is claimed of no others. A model of all conditions may be surer of few ratings than the test
        of two.

    Examples
    --------
    >>> from analysis.infer.compare import holm
    >>> rows = [holm([Comparison("paired_t", "x", "base", estimate=0.05, p=0.6)]),
    ...         *(holm([Comparison("tost", "x", "base", estimate=0.05, p=0.01)]) for _ in range(2))]
    >>> judge(*(row for (row,) in rows), margin=0.3, alpha=0.05).kind
    'equivalent'
    """
    condition, reference = str(difference.condition), str(difference.reference)
    if difference.estimate is None or (difference.p is None and equivalence.p is None):
        words = f"No result: {reason(equivalence)}."
        return Verdict(condition, reference, "not enough data", f"{words} {remark}".strip())
    alone = [_stands(row, alpha) for row in (difference, equivalence, one_sided)]
    known = [row if row is not None and row.p is not None else None for row in narrower]
    held = [one and (row is None or _stands(row, alpha)) for one, row in zip_longest(alone, known)]
    differs, alike, no_worse = held
    kind: Kind
    if alike:
        kind = "equivalent"
    elif differs and difference.estimate > 0:
        kind = "superior"
    elif no_worse:
        kind = "non-inferior"
    elif differs:
        kind = "inferior"
    else:
        kind = "not enough data"
    both = zip((difference, equivalence), (*known, None, None), alone, held, strict=False)
    ps = [_p_of(row, within if one and not stands else None) for row, within, one, stands in both]
    said = [_words(kind, difference, equivalence, ps, margin=margin, alpha=alpha, compared=compared, reach=reach)]
    if alone != held:
        said.append("More would stand by this test, but not for the prompts that were heard; so it is not claimed.")
    if kind == "equivalent" and differs:
        said.append("There is a difference, but it is smaller than the margin.")
    if equivalence.p is None and kind != "superior":
        said.append(f"Equivalence is not judged: {reason(equivalence)}.")
    if kind in ("not enough data", "inferior", "non-inferior"):
        said.append(_alone(equivalence, one_sided, margin, alpha, compared))
    if kind == "not enough data" and difference.test == "paired_t" and equivalence.p is not None:
        said.append(more_raters(difference, margin=margin, alpha=alpha, compared=compared))
    return Verdict(condition, reference, kind, " ".join(text for text in (*said, remark) if text))


def _stands(row: Comparison, alpha: float) -> bool:
    """Tell whether a row's claim stands after Holm's adjustment."""
    return row.p_adjusted is not None and row.p_adjusted < alpha


def _p_of(row: Comparison, within: Comparison | None) -> str:
    """Write a row's p, and beside it that for the prompts that were heard where it is this for which nothing stands."""
    said = p_after_holm(row)
    return f"{said} by this test, but {p_after_holm(within)} for the prompts that were heard" if within else said


def _alone(equivalence: Comparison, one_sided: Comparison, margin: float, alpha: float, compared: int) -> str:
    """Say what would be shown of this condition if no other had been compared."""
    for row, claim in (
        (equivalence, f"equivalence within {margin:g} points would be shown"),
        (one_sided, f"it would be shown to be no worse by more than {margin:g} points"),
    ):
        if row.p is not None and row.p < alpha and not _stands(row, alpha):
            return (
                f"If no other condition had been compared, {claim} ({p_after_holm(row)}). "
                f"With {compared} conditions compared, this is not shown."
            )
    return ""


def _words(
    kind: Kind,
    difference: Comparison,
    equivalence: Comparison,
    ps: Sequence[str],
    *,
    margin: float,
    alpha: float,
    compared: int,
    reach: float,
) -> str:
    """Say in plain words what a verdict means here; `ps` are the p of the test of difference and of equivalence."""
    assert difference.estimate is not None
    several, beyond = compared > 1, _loss(difference, alpha / max(compared, 1)) < -margin
    difference, equivalence = (within_scale(row, -reach, reach) for row in (difference, equivalence))
    reference = difference.reference
    wide = interval_text(difference, 1 - alpha, several=several)
    narrow = interval_text(equivalence, 1 - 2 * alpha, several=several)
    mean = points(difference.estimate or 0.0)
    p_difference, p_equivalence = ps
    if kind == "equivalent":
        within = f"Its mean is within {margin:g} points of {reference}"
        return f"{within}: the difference is {mean} ({narrow}; {p_equivalence})."
    if kind == "superior":
        return f"Rated higher than {reference}: the difference is {mean} ({wide}; {p_difference})."
    if kind == "non-inferior":
        return (
            f"No worse than {reference} by more than {margin:g} points (one-sided test): the difference is "
            f"{mean} ({narrow}). It may also be better."
        )
    if kind == "inferior":
        limit = "The loss is larger than" if beyond else "The loss may be larger than"
        lower = f"Rated lower than {reference}: the difference is {mean} ({wide}; {p_difference})"
        return f"{lower}. {limit} {margin:g} points."
    seen = f"The difference from {reference} is {mean} ({wide})."
    if equivalence.p is None:
        return f"{seen} This does not show a difference ({p_difference}). More ratings may show one."
    return (
        f"{seen} This does not show a difference ({p_difference}), and it does not show equivalence within {margin:g} "
        f"points ({p_equivalence}). More ratings may show one of them."
    )


def _loss(row: Comparison, alpha: float) -> float:
    """Give the upper end of a difference's interval of level 1 - alpha, by its t statistic; infinite without one."""
    if row.estimate is None or not row.statistic or row.df is None:
        return float("inf")
    error = abs(row.estimate / row.statistic)
    return row.estimate + float(stats.t.ppf(1 - alpha / 2, row.df)) * error


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
