"""Battery: every test of one set of ratings, so that the same can be asked of them without some raters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np
import pandas as pd

from analysis.conclude.verdict import Verdict, verdicts
from analysis.describe.scale import all_within, hardly_used
from analysis.describe.screening import Screen
from analysis.estimate.fitted import MixedModel
from analysis.estimate.mixed import fit
from analysis.infer.clmm import clmm
from analysis.infer.compare import (
    APART,
    Comparison,
    friedman,
    holm,
    noninferiority,
    paired_t,
    rater_means,
    tost,
    withheld,
)
from analysis.infer.intervals import DEALT, two_way, two_way_noninferiority, two_way_tost
from analysis.infer.lmm import against, every_pair, lmm_anova, lmm_differences, lmm_noninferiority, lmm_tost
from analysis.infer.permutation import permutation
from analysis.infer.signed_rank import wilcoxon
from analysis.read.matched import Cells, Differences, cells
from analysis.scale.rating_scale import FIVE, MOST_LEVELS, RatingScale
from analysis.settings import ALPHA
from analysis.words import joined

Rows = tuple[Comparison, ...]


def compare_all(
    ratings: pd.DataFrame,
    conditions: Sequence[str],
    baseline: str,
    *,
    margin: float,
    alpha: float = ALPHA,
    all_pairs: bool = False,
    scale: RatingScale = FIVE,
) -> Results:
    """Run every test of scores on the scale.

    With `all_pairs` also the paired t test and the mixed model between all conditions.

    The rows of all pairs are those of tests named `paired_t_pairs` and `lmm_pairs`, with Holm's adjustment over the
    pairs.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abc"), 4), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> found = compare_all(ratings, ["base", "x"], "base", margin=0.5)
    >>> row = next(row for row in found.comparisons if row.test == "paired_t")
    >>> row.estimate, round(row.statistic, 4), row.df  # -1 / (0.5 / sqrt(3))
    (-1.0, -3.4641, 2.0)
    """
    heard, means = cells(ratings, conditions), rater_means(ratings, conditions)
    matched = heard.against(baseline)
    narrow = _narrow(matched, margin, alpha)
    if not matched.conditions:
        return Results((), (), (), means, heard, matched)
    additive, model = (fit(ratings, conditions, interactions=both) for both in (False, True))
    pairs = against(conditions, baseline)
    mixed = tuple(_heard_alike(rows, heard) for rows in _mixed(model, matched, margin, alpha))
    crossed = tuple(_heard_alike(rows, heard) for rows in _crossed(heard, matched, margin, alpha))
    lacking = [row.p is None for row in mixed[0]]
    wide = tuple(
        holm([other if lacks else row for row, other, lacks in zip(rows, others, lacking, strict=True)])
        for rows, others in zip(mixed, crossed, strict=True)
    )
    rows = (
        *narrow[0],
        *wilcoxon(matched, alpha=alpha),
        *permutation(matched),
        *friedman(heard),
        *narrow[1],
        *mixed[0],
        *mixed[1],
        *lmm_anova(model),
        *crossed[0],
        *(crossed[1] if any(lacking) else ()),
        *_heard_alike(lmm_differences(additive, pairs, alpha=alpha), heard),
    )
    if all_pairs:
        rows += _pairs(heard, alpha)
        found = _heard_alike(lmm_differences(model, every_pair(conditions), alpha=alpha), heard)
        rows += tuple(replace(row, test="lmm_pairs") for row in found)
    ordinal = _heard_alike(_ordinal(ratings, conditions, baseline, alpha, scale), heard)
    rows = (*all_within(rows, scale.length), *(_odds(row) for row in ordinal))
    remarks = _remarks(heard, baseline)
    wide_remarks = {
        str(row.condition): f"{_rests(row, model)} {remarks[str(row.condition)]}".strip() for row in wide[0]
    }
    return Results(
        rows,
        verdicts(*narrow, margin=margin, alpha=alpha, reach=scale.length, remarks=remarks),
        verdicts(*wide, margin=margin, alpha=alpha, reach=scale.length, remarks=wide_remarks, narrower=narrow),
        means,
        heard,
        matched,
        model,
    )


def without(
    found: Results, screen: Screen, *, margin: float, alpha: float = ALPHA, scale: RatingScale = FIVE
) -> Sensitivity:
    """Say what would be shown for these prompts without the raters that a rule points at.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abc"), 4), "prompt": list("ppqq") * 3,
    ...                         "condition": ["base", "x"] * 6, "score": [4, 3, 5, 4, 4, 4, 5, 4, 3, 2, 3, 1]})
    >>> found = compare_all(ratings, ["base", "x"], "base", margin=0.5)
    >>> left = without(found, Screen("bt500", "far scores", ("a",), judged=3, raters=3), margin=0.5)
    >>> left.raters, left.rows[0].estimate  # of b and c
    (2, -1.0)
    """
    matched = found.matched.without(screen.participants)
    narrow = _narrow(matched, margin, alpha)
    remarks = _remarks(found.heard, matched.reference, screen.participants)
    judged = verdicts(*narrow, margin=margin, alpha=alpha, reach=scale.length, remarks=remarks)
    return Sensitivity(screen.rule, screen.count, len(matched.table), all_within(narrow[0], scale.length), judged)


def _narrow(matched: Differences, margin: float, alpha: float) -> tuple[Rows, Rows, Rows]:
    """Test difference, equivalence and being no worse for these prompts."""
    return (
        paired_t(matched, alpha=alpha),
        tost(matched, margin=margin, alpha=alpha),
        noninferiority(matched, margin=margin, alpha=alpha),
    )


def _ordinal(ratings: pd.DataFrame, conditions: Sequence[str], baseline: str, alpha: float, scale: RatingScale) -> Rows:
    """Fit the ordinal model where scores are grades; on a scale of many scores each would need a threshold."""
    if scale.levels:
        return clmm(ratings, conditions, baseline, alpha=alpha)
    how_many = "any number" if scale.step is None else f"{round(scale.length / scale.step) + 1} scores"
    note = f"not computed: the scale has {how_many} {scale.words}, and the model is for at most {MOST_LEVELS} grades"
    return tuple(Comparison("clmm", name, baseline, note=note) for name in conditions if name != baseline)


def _mixed(model: MixedModel, matched: Differences, margin: float, alpha: float) -> tuple[Rows, Rows, Rows]:
    """Test the same for prompts like these, on the mixed model."""
    pairs = against(matched.conditions, matched.reference)
    return (
        lmm_differences(model, pairs, alpha=alpha),
        _withheld(lmm_tost(model, pairs, margin=margin, alpha=alpha), matched),
        _withheld(lmm_noninferiority(model, pairs, margin=margin, alpha=alpha), matched),
    )


def _crossed(heard: Cells, matched: Differences, margin: float, alpha: float) -> tuple[Rows, Rows, Rows]:
    """Test the same for prompts like these, on the two-way interval."""
    baseline = matched.reference
    return (
        two_way(heard, baseline, alpha=alpha),
        _withheld(two_way_tost(heard, baseline, margin=margin, alpha=alpha), matched),
        _withheld(two_way_noninferiority(heard, baseline, margin=margin, alpha=alpha), matched),
    )


def _heard_alike(rows: Rows, heard: Cells) -> Rows:
    """Take back what is said of two conditions that nobody heard for one prompt, where others were heard so.

    They stand in separate blocks of raters or prompts, whose difference would pass for theirs. Where no two conditions
    share a rater and prompt anywhere, raters or prompts were dealt to them, and the note says what that takes.
    """
    crossed = len(heard.cell) > 0 and int(np.bincount(heard.cell).max()) > 1
    made = []
    for row in rows:
        if row.p is not None and not len(heard.pairs(str(row.condition), str(row.reference))[0]):
            if crossed:
                row = Comparison(row.test, row.condition, row.reference, n=row.n, note=APART)
            elif DEALT not in row.note:
                row = replace(row, note=joined(row.note, DEALT))
        made.append(row)
    return holm(made) if any(row.p_adjusted is not None for row in rows) else tuple(made)


def _withheld(rows: Rows, matched: Differences) -> Rows:
    """Take equivalence back where (nearly) all raters show the very same difference; see `compare.tost`."""
    made = []
    for row in rows:
        reason = withheld(matched.of(str(row.condition)))
        if reason and row.p is not None:
            row = Comparison(row.test, row.condition, row.reference, row.estimate, n=row.n)
            row = replace(row, note=joined(reason, row.note))
        made.append(row)
    return holm(made)


def _rests(row: Comparison, model: MixedModel) -> str:
    """Name the method that stands in where there is no mixed model, and what it supposes."""
    dealt = f" Here {DEALT}." if DEALT in row.note else ""
    if row.test != "two_way" or row.p is None:
        return dealt.strip()
    why = model.reason.removeprefix("not computed: ") or "it says nothing about this condition"
    return f"This rests on the two-way interval of raters and prompts, as there is no mixed model ({why}).{dealt}"


def _remarks(heard: Cells, baseline: str, left_out: Collection[str] = ()) -> dict[str, str]:
    """Say of each condition whether it and the baseline use the scale at all."""
    kept = ~heard.raters.isin(list(left_out))
    scores = {}
    for name in heard.conditions:
        at, given = heard.of(name)
        scores[name] = given[kept[heard.rater[at]]]
    return {
        name: hardly_used(given, scores[baseline], name, baseline) for name, given in scores.items() if name != baseline
    }


def _odds(row: Comparison) -> Comparison:
    """Carry the interval of a log odds ratio over to the odds ratio."""
    if row.effect_size is None or row.ci_low is None or row.ci_high is None or row.effect_low is not None:
        return row
    return replace(row, effect_low=exp(row.ci_low), effect_high=exp(row.ci_high))


def _pairs(heard: Cells, alpha: float) -> tuple[Comparison, ...]:
    """Compare every condition with every one before it."""
    rows: list[Comparison] = []
    for place, earlier in enumerate(heard.conditions[:-1]):
        matched = heard.against(earlier).only(heard.conditions[place + 1 :])
        rows += [replace(row, test="paired_t_pairs") for row in paired_t(matched, alpha=alpha)]
    return holm(rows)


@dataclass(frozen=True)
class Sensitivity:
    """What is shown without the raters that a screening rule points at.

    Parameters
    ----------
    rule
        The rule's name.
    left_out, raters
        How many raters it points at, and how many are left.
    rows, verdicts
        The paired t tests and the verdicts of the others.
    """

    rule: str
    left_out: int
    raters: int
    rows: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Results:
    """What the tests found.

    Parameters
    ----------
    comparisons
        The rows of all tests.
    verdicts, wide_verdicts
        What is shown for these prompts (raters' differences), and for prompts like these (mixed model with
        interactions, or the two-way interval where there is none).
    means
        Mean score by rater, one column a condition; two columns may stand on different prompts.
    heard, matched
        The ratings by cell, and the differences from the baseline within rater, prompt and seed.
    model
        The mixed model behind what is shown for prompts like these; None where nothing is compared.
    """

    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    wide_verdicts: tuple[Verdict, ...]
    means: pd.DataFrame
    heard: Cells
    matched: Differences
    model: MixedModel | None = None

    @property
    def differences(self) -> pd.DataFrame:
        """Mean difference from the baseline by rater (row) and condition (column), within prompt and seed."""
        return self.matched.table
