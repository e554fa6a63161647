"""Battery: every test of one set of ratings, so that the same can be asked of them without some raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from analysis.compare import Comparison, friedman, holm, noninferiority, paired_t, rater_means, tost, wilcoxon
from analysis.intervals import two_way
from analysis.mixed import against, every_pair, fit, lmm_anova, lmm_differences, lmm_noninferiority, lmm_tost
from analysis.ordinal import clmm
from analysis.permutation import permutation
from analysis.screening import Screen
from analysis.verdict import Verdict, verdicts


def compare_all(
    ratings: pd.DataFrame,
    conditions: Sequence[str],
    baseline: str,
    *,
    margin: float,
    alpha: float = 0.05,
    all_pairs: bool = False,
) -> Results:
    """Run every test; with `all_pairs` also the paired t test and the mixed model between all conditions.

    The rows of all pairs are those of tests named `paired_t_pairs` and `lmm_pairs`, with Holm's adjustment over the
    pairs.
    """
    means = rater_means(ratings, conditions)
    differences = paired_t(means, baseline, alpha=alpha)
    if not differences:
        return Results((), (), (), means)
    equivalences = tost(means, baseline, margin=margin, alpha=alpha)
    one_sided = noninferiority(means, baseline, margin=margin, alpha=alpha)
    additive, model = (fit(ratings, conditions, interactions=both) for both in (False, True))
    pairs = against(conditions, baseline)
    wide = lmm_differences(model, pairs, alpha=alpha)
    wide_equivalences = lmm_tost(model, pairs, margin=margin, alpha=alpha)
    wide_one_sided = lmm_noninferiority(model, pairs, margin=margin, alpha=alpha)
    rows = (
        *differences,
        *wilcoxon(means, baseline),
        *permutation(means, baseline),
        *friedman(means),
        *equivalences,
        *wide,
        *wide_equivalences,
        *lmm_anova(model),
        *two_way(ratings, conditions, baseline, alpha=alpha),
        *lmm_differences(additive, pairs, alpha=alpha),
        *clmm(ratings, conditions, baseline, alpha=alpha),
    )
    if all_pairs:
        rows += _pairs(means, conditions, alpha)
        found = lmm_differences(model, every_pair(conditions), alpha=alpha)
        rows += tuple(_renamed(row, "lmm_pairs") for row in found)
    return Results(
        rows,
        verdicts(differences, equivalences, one_sided, margin=margin, alpha=alpha),
        verdicts(wide, wide_equivalences, wide_one_sided, margin=margin, alpha=alpha),
        means,
    )


def without(
    ratings: pd.DataFrame,
    screen: Screen,
    conditions: Sequence[str],
    baseline: str,
    *,
    margin: float,
    alpha: float = 0.05,
) -> Sensitivity:
    """Say what would be shown, on rater means, without the raters that a rule points at."""
    left = ratings[~ratings["participant"].isin(screen.participants)]
    means = rater_means(left, conditions)
    rows = paired_t(means, baseline, alpha=alpha)
    rules = (
        tost(means, baseline, margin=margin, alpha=alpha),
        noninferiority(means, baseline, margin=margin, alpha=alpha),
    )
    found = verdicts(rows, *rules, margin=margin, alpha=alpha)
    return Sensitivity(screen.rule, screen.count, int(left["participant"].nunique()), rows, found)


def _pairs(means: pd.DataFrame, conditions: Sequence[str], alpha: float) -> tuple[Comparison, ...]:
    """Compare every condition with every one before it."""
    rows = [
        paired_t(means[[earlier, later]], earlier, alpha=alpha)[0] for earlier, later in combinations(conditions, 2)
    ]
    return tuple(_renamed(row, "paired_t_pairs") for row in holm(rows))


def _renamed(row: Comparison, test: str) -> Comparison:
    """Give a row the name of another test."""
    return replace(row, test=test)


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
        What is shown for these prompts (rater means), and for prompts like these (mixed model with interactions).
    means
        Mean score by rater, one column a condition.
    """

    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    wide_verdicts: tuple[Verdict, ...]
    means: pd.DataFrame
