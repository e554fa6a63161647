"""Intervals that know about prompts as well as raters, and the plain one that knows about neither.

The rater-cluster interval of `analysis.opinion` answers for the prompts that were rated. The two-way interval
here answers for prompts like these too: it lets ratings of one prompt resemble each other as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster

from analysis.compare import TIED, Comparison, holm

# Rounding error of a variance that is zero on paper, as a share of the variances it is made of.
NOTHING = 1e-12
NEGATIVE = (
    "the two-way variance is not positive; in its place the larger of the rater and prompt variances "
    "(Cameron, Gelbach and Miller would set it to zero, which is no interval)"
)


def pooled_interval(scores: np.ndarray, *, alpha: float = 0.05) -> Interval:
    """Interval of a mean as if all ratings were independent (ITU-T P.800, P.1401): too narrow where they are not.

    mean +- t(1 - alpha / 2, n - 1) * sd / sqrt(n).
    """
    if len(scores) < 2:
        return Interval(_mean(scores), note="not computed: fewer than two ratings")
    error = float(np.std(scores, ddof=1)) / sqrt(len(scores))
    return _around(_mean(scores), error, len(scores) - 1, alpha)


def two_way_interval(scores: np.ndarray, raters: np.ndarray, prompts: np.ndarray, *, alpha: float = 0.05) -> Interval:
    """Interval of a mean whose ratings are alike within a rater and within a prompt.

    V = V_rater + V_prompt - V_rater:prompt (Cameron, Gelbach & Miller 2011). With N ratings, G clusters of a kind
    and e_g the sum of the deviations from the mean in cluster g, each part is G / (G - 1) * sum(e_g ** 2) / N ** 2,
    with its own G: R's `sandwich::vcovCL(cluster = ~ rater + prompt, type = "HC0", cadjust = TRUE)`. The interval
    is mean +- t(1 - alpha / 2, df) * sqrt(V), df = min(raters, prompts) - 1.

    V can come out negative when neither raters nor prompts differ more than chance makes them. The authors then
    replace negative eigenvalues by zero, which for a single mean is an interval without width. Here the larger of
    V_rater and V_prompt is used instead, and the note says so.
    """
    return _clustered(np.asarray(scores, dtype=float), None, raters, prompts, alpha)


def two_way(
    ratings: pd.DataFrame, conditions: Sequence[str], baseline: str, *, alpha: float = 0.05
) -> tuple[Comparison, ...]:
    """Difference of each condition from the baseline, for raters and prompts like these, with Holm's adjustment.

    d is the score of a clip minus the baseline's score by the same rater for the same prompt (and seed); the
    interval and t = mean(d) / sqrt(V) are those of `two_way_interval` for d. Ratings without their counterpart are left
    out and counted. Where nobody rated a prompt under both conditions, the difference of the two means is
    taken instead, from the regression of the score on the condition, and V gains the factor (N - 1) / (N - 2):
    `vcovCL(lm(score ~ condition), type = "HC1")`. The effect size is None: V has no single spread to divide by.
    """
    place = [column for column in ("participant", "prompt", "seed") if column in ratings.columns]
    cells = ratings.groupby([*place, "condition"])["score"].mean().unstack("condition")
    cells = cells.reindex(columns=list(dict.fromkeys([*conditions, baseline]))).astype(float)
    return holm([_two_way(cells, str(name), baseline, alpha) for name in conditions if name != baseline])


def as_row(interval: Interval, test: str, condition: str | None, reference: str | None) -> Comparison:
    """Make a row of results from an interval: t = mean / error against zero, two-sided."""
    row = Comparison(
        test, condition, reference, interval.mean, interval.low, interval.high, n=interval.raters, note=interval.note
    )
    if not interval.error or interval.mean is None:
        return row
    statistic = interval.mean / interval.error
    p = 2 * float(stats.t.sf(abs(statistic), interval.df))
    return Comparison(**{**row.__dict__, "statistic": statistic, "df": interval.df, "p": p})


def _two_way(cells: pd.DataFrame, condition: str, baseline: str, alpha: float) -> Comparison:
    """Compute one row of `two_way`."""
    rated = cells[[condition, baseline]].dropna(how="all")
    both = rated.dropna()
    if len(both):
        differences = (both[condition] - both[baseline]).to_numpy()
        interval = _clustered(differences, None, _level(both, "participant"), _level(both, "prompt"), alpha)
        left = len(rated) - len(both)
        note = f"{left} rating{'s' if left > 1 else ''} without a counterpart left out" if left else ""
    else:
        long = rated.stack().dropna()
        treated = (long.index.get_level_values("condition") == condition).astype(float)
        if not 0 < treated.sum() < len(long):
            return Comparison("two_way", condition, baseline, note="not computed: one of the two was not rated")
        interval = _clustered(
            long.to_numpy(dtype=float), treated, _level(long, "participant"), _level(long, "prompt"), alpha
        )
        note = "nobody rated a prompt under both conditions: this is the difference of the two means"
    row = as_row(interval, "two_way", condition, baseline)
    return Comparison(**{**row.__dict__, "note": "; ".join(text for text in (row.note, note) if text)})


def _clustered(
    scores: np.ndarray, treated: np.ndarray | None, raters: np.ndarray, prompts: np.ndarray, alpha: float
) -> Interval:
    """Give the two-way interval of a mean, or of the difference of two means."""
    rater, rater_names = pd.factorize(raters)
    prompt, prompt_names = pd.factorize(prompts)
    count, items = len(rater_names), len(prompt_names)
    size = {"raters": count, "prompts": items}
    if not len(scores):
        return Interval(None, note="not computed: no ratings")
    design = np.ones((len(scores), 1)) if treated is None else np.column_stack([np.ones(len(scores)), treated])
    fit = OLS(scores, design).fit()
    mean = float(fit.params[-1])
    if min(count, items) < 2:
        few = "raters" if count < 2 else "prompts"
        return Interval(mean, **size, note=f"not computed: fewer than two {few}")
    if float(np.ptp(fit.resid)) < TIED:
        return Interval(mean, **size, note="not computed: all values are the same, so there is no spread to judge by")
    cell, _ = pd.factorize(rater.astype(np.int64) * items + prompt)
    by_rater, by_prompt, by_cell = (float(cov_cluster(fit, codes)[-1, -1]) for codes in (rater, prompt, cell))
    variance, note = by_rater + by_prompt - by_cell, ""
    if variance <= NOTHING * by_cell:
        variance, note = max(by_rater, by_prompt), NEGATIVE
        if variance <= NOTHING * by_cell:
            return Interval(mean, **size, note="not computed: neither raters nor prompts differ in their means")
    return _around(mean, sqrt(variance), min(count, items) - 1, alpha, note=note, **size)


def _around(mean: float | None, error: float, df: int, alpha: float, *, note: str = "", **size: int) -> Interval:
    """Put a t interval around a mean."""
    assert mean is not None
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    return Interval(mean, mean - half, mean + half, error, float(df), note=note, **size)


def _level(table: pd.DataFrame | pd.Series, name: str) -> np.ndarray:
    """Take one level of a table's index."""
    return np.asarray(table.index.get_level_values(name))


def _mean(scores: np.ndarray) -> float | None:
    """Mean of the scores, if there are any."""
    return float(np.mean(scores)) if len(scores) else None


@dataclass(frozen=True)
class Interval:
    """A mean and its t interval; what does not exist is None and the note says why.

    Parameters
    ----------
    mean, low, high
        The mean (or difference of means) and its bounds.
    error, df
        Standard error and degrees of freedom.
    raters, prompts
        How many of each; 0 where the interval does not know them.
    note
        What a reader must know about it.
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    error: float | None = None
    df: float | None = None
    raters: int = 0
    prompts: int = 0
    note: str = ""
