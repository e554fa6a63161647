"""Comparisons with the baseline: one function a test, all returning rows with the same columns.

Every test here works on rater means (one number per rater and condition), because the ratings of one rater
are not independent of one another. It answers for the prompts that were rated, not for prompts in general.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

# Differences of rater means are multiples of 1/(m n): far coarser than this, far finer than rounding error.
TIED = 1e-9
FEW = 10
TOO_FEW = "not computed: fewer than two raters rated both conditions"
NO_SPREAD = "not computed: every rater's difference is the same, so there is no spread to judge it by"


def rater_means(ratings: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Mean score of each rater (row) under each condition (column); missing where nothing was rated."""
    means = ratings.groupby(["participant", "condition"])["score"].mean().unstack("condition")
    return means.reindex(columns=list(conditions)).astype(float)


def paired_t(means: pd.DataFrame, baseline: str, *, alpha: float = 0.05) -> tuple[Comparison, ...]:
    """Paired t test of each condition against the baseline, with Holm's adjustment.

    d_r is rater r's mean under the condition minus that under the baseline; t = mean(d) / (sd(d) / sqrt(n))
    with n - 1 degrees of freedom. The interval is the 1 - alpha t interval, the effect size dz = mean / sd.
    """
    return holm([_paired_t(means, condition, baseline, alpha) for condition in _others(means, baseline)])


def wilcoxon(means: pd.DataFrame, baseline: str) -> tuple[Comparison, ...]:
    """Wilcoxon signed-rank test of each condition against the baseline, with Holm's adjustment.

    Normal approximation with the correction for ties, zero differences dropped, no continuity correction:
    R's wilcox.test(paired = TRUE, exact = FALSE, correct = FALSE). The statistic is R's V, the rank sum of
    the positive differences; the estimate is the median difference; the effect size is the matched-pairs
    rank-biserial correlation (V - V') / (V + V') (Kerby 2014).
    """
    return holm([_wilcoxon(means, condition, baseline) for condition in _others(means, baseline)])


def friedman(means: pd.DataFrame) -> tuple[Comparison, ...]:
    """Friedman's test of all rated conditions at once, on raters who rated every one of them.

    The effect size is Kendall's W = Q / (n (k - 1)) for n raters and k conditions.
    """
    means = means.dropna(axis="columns", how="all")  # a condition that nobody rated cannot be ranked
    complete = means.dropna()
    raters, conditions = complete.shape
    row = Comparison(test="friedman", n=raters, note=_left_out(len(means) - raters) if raters else "")
    if conditions < 3:
        return (replace(row, note=_joined("not computed: it needs three conditions or more", row.note)),)
    if raters < 2:
        return (replace(row, note=_joined("not computed: fewer than two raters rated every condition", row.note)),)
    if float(np.ptp(complete.to_numpy(), axis=1).max()) < TIED:
        note = "not computed: every rater gave all conditions the same mean"
        return (replace(row, note=_joined(note, row.note)),)
    result = stats.friedmanchisquare(*(complete[name].to_numpy() for name in complete.columns))
    statistic = float(result.statistic)
    return (
        replace(
            row,
            statistic=statistic,
            df=float(conditions - 1),
            p=float(result.pvalue),
            effect_size=statistic / (raters * (conditions - 1)),
        ),
    )


def tost(means: pd.DataFrame, baseline: str, *, margin: float, alpha: float = 0.05) -> tuple[Comparison, ...]:
    """Two one-sided tests of equivalence with the baseline within +-margin (Schuirmann 1987), with Holm.

    t_low = (mean(d) + margin) / se and t_high = (mean(d) - margin) / se; p is the larger of the two one-sided
    p values and the statistic the t value it belongs to. The interval is the 1 - 2 alpha t interval: it lies
    inside +-margin exactly when p < alpha.
    """
    return holm([_tost(means, condition, baseline, margin, alpha) for condition in _others(means, baseline)])


def noninferiority(means: pd.DataFrame, baseline: str, *, margin: float, alpha: float = 0.05) -> tuple[Comparison, ...]:
    """One-sided test that each condition is no worse than the baseline by more than the margin.

    It is the lower one of the two tests of `tost`, under that name, not adjusted; `verdict` reads it.
    """
    names = _others(means, baseline)
    return tuple(_tost(means, name, baseline, margin, alpha, lower_only=True) for name in names)


def holm(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Fill p_adjusted by Holm (1979) over the rows that have a p value.

    The i-th smallest of m p values is multiplied by m - i + 1, and none is below one before it. By hand, because
    statsmodels' multipletests collects garbage at every call, a third of a second where pages are served.
    """
    tested = [row for row in rows if row.p is not None]
    if not tested:
        return tuple(rows)
    found = np.array([row.p for row in tested], dtype=float)
    order = np.argsort(found, kind="stable")
    adjusted = np.empty_like(found)
    factors = np.arange(len(found), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * found[order]), 1.0)
    filled = iter(adjusted)
    return tuple(row if row.p is None else replace(row, p_adjusted=float(next(filled))) for row in rows)


def _others(means: pd.DataFrame, baseline: str) -> list[str]:
    """Name the conditions that are compared with the baseline."""
    return [str(name) for name in means.columns if name != baseline]


def _differences(means: pd.DataFrame, row: Comparison) -> tuple[np.ndarray, Comparison]:
    """Give the differences of raters who rated both conditions, and the row with n, estimate and note."""
    pairs = means[[row.condition, row.reference]].dropna()
    differences = (pairs[row.condition] - pairs[row.reference]).to_numpy(dtype=float)
    # Raters who rated neither of the two say nothing about them, and are not missed.
    asked = int(means[[row.condition, row.reference]].notna().any(axis=1).sum())
    estimate = float(differences.mean()) if len(differences) else None
    note = _left_out(asked - len(differences)) if len(differences) else ""
    return differences, replace(row, n=len(differences), estimate=estimate, note=note)


def _refused(differences: np.ndarray) -> str:
    """Say why no t statistic exists for these differences, or nothing."""
    if len(differences) < 2:
        return TOO_FEW
    return NO_SPREAD if float(np.ptp(differences)) < TIED else ""


def _paired_t(means: pd.DataFrame, condition: str, baseline: str, alpha: float) -> Comparison:
    """Compute one row of `paired_t`."""
    differences, row = _differences(means, Comparison("paired_t", condition, baseline))
    if reason := _refused(differences):
        return replace(row, note=_joined(reason, row.note))
    result = stats.ttest_1samp(differences, 0.0)
    interval = result.confidence_interval(1 - alpha)
    return replace(
        row,
        ci_low=float(interval.low),
        ci_high=float(interval.high),
        statistic=float(result.statistic),
        df=float(result.df),
        p=float(result.pvalue),
        effect_size=float(differences.mean() / differences.std(ddof=1)),
    )


def _wilcoxon(means: pd.DataFrame, condition: str, baseline: str) -> Comparison:
    """Compute one row of `wilcoxon`."""
    differences, row = _differences(means, Comparison("wilcoxon", condition, baseline))
    if len(differences) < 2:
        return replace(row, note=_joined(TOO_FEW, row.note))
    row = replace(row, estimate=float(np.median(differences)))
    settled = np.where(np.abs(differences) < TIED, 0.0, differences)
    moved = int(np.count_nonzero(settled))
    if not moved:
        return replace(row, note=_joined("not computed: every rater gave both conditions the same mean", row.note))
    p = _signed_rank_p(settled)
    ranks = stats.rankdata(np.abs(settled[settled != 0]))
    total, positive = float(ranks.sum()), float(ranks[settled[settled != 0] > 0].sum())
    # Rounding error (3.4 - 3.2 against 3.6 - 3.4) parts differences that are equal; R parts them too.
    exact = _signed_rank_p(np.round(settled, 9))
    notes = [
        f"p = {exact:.3f} when differences equal but for rounding error are ranked as ties"
        if abs(exact - p) > 0.0005
        else "",
        f"{_counted(len(settled) - moved)} without a difference dropped" if moved < len(settled) else "",
        f"rough: normal approximation on {_counted(moved)}" if moved < FEW else "",
        row.note,
    ]
    return replace(row, statistic=positive, p=p, effect_size=(2 * positive - total) / total, note=_joined(*notes))


def _signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided p value of the signed-rank test, as R computes it without exact and correct."""
    return float(stats.wilcoxon(differences, zero_method="wilcox", correction=False, method="approx").pvalue)


def _tost(
    means: pd.DataFrame,
    condition: str,
    baseline: str,
    margin: float,
    alpha: float,
    *,
    lower_only: bool = False,
) -> Comparison:
    """Compute one row of `tost`, or of `noninferiority` with the lower test alone."""
    differences, row = _differences(means, Comparison("tost", condition, baseline))
    if reason := _refused(differences):
        return replace(row, note=_joined(reason, row.note))
    _, low, high = ttost_paired(differences, np.zeros_like(differences), -margin, margin)
    statistic, p, df = low if lower_only or low[1] >= high[1] else high
    spread = float(differences.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha, df)) * spread / sqrt(len(differences))
    mean = float(differences.mean())
    return replace(
        row,
        ci_low=mean - half,
        ci_high=mean + half,
        statistic=float(statistic),
        df=float(df),
        p=float(p),
        effect_size=mean / spread,
    )


def _left_out(raters: int) -> str:
    """Say how many raters a test could not use."""
    return f"{_counted(raters)} left out for missing ratings" if raters else ""


def _counted(raters: int) -> str:
    """Write a number of raters."""
    return "1 rater" if raters == 1 else f"{raters} raters"


def _joined(*notes: str) -> str:
    """Join the notes there are."""
    return "; ".join(note for note in notes if note)


@dataclass(frozen=True)
class Comparison:
    """One row of results; a number that does not exist is None and the note says why.

    Parameters
    ----------
    test
        The test's name: those of this file, and of the others that compare (docs/statistics.md lists them).
    condition, reference
        What is compared with what; None for a test of all conditions.
    estimate, ci_low, ci_high
        Difference, condition minus reference, in points of the scale, and its interval; where a note says so a log
        odds ratio, a share or a d'.
    statistic, df, p, p_adjusted
        Test statistic, degrees of freedom, p value, and p value after Holm's adjustment.
    df_numerator
        Numerator degrees of freedom of an F statistic; `df` is then the denominator's.
    effect_size, effect_low, effect_high
        dz, rank-biserial correlation, Kendall's W, or what the note says, and its interval.
    n
        Raters the test used.
    note
        What a reader must know about this row.
    """

    test: str
    condition: str | None = None
    reference: str | None = None
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    statistic: float | None = None
    df: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    effect_size: float | None = None
    n: int = 0
    note: str = ""
    df_numerator: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None


COLUMNS = tuple(field.name for field in fields(Comparison))
