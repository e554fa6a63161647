"""Needed: how many raters like these would settle what is not settled yet, for the prompts at hand."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from scipy import stats

from analysis.compare import Comparison

MOST = 100_000
POWER = 0.8


def more_raters(difference: Comparison, *, margin: float, alpha: float = 0.05, power: float = POWER) -> str:
    """Say how many raters it takes to settle a comparison, if the true difference is the one observed.

    Raters differ as the raters of this row of `paired_t` did (sd = estimate / dz). Below the margin the aim is
    equivalence, whose power for n raters is P(t' < -c) + P(t'' > c) - 1 with t' and t'' noncentral t (n - 1 degrees of
    freedom, noncentralities sqrt(n) (d -+ margin) / sd) and c = t(1 - alpha; n - 1), the sum standing in for the joint
    probability; at or beyond the margin the aim is the difference, with the power of the two-sided t test. Empty where
    the row has no spread.
    """
    if difference.estimate is None or difference.ci_low is None or difference.ci_high is None or not difference.df:
        return ""
    have, mean = difference.n, difference.estimate
    error = (difference.ci_high - difference.ci_low) / 2 / float(stats.t.ppf(1 - alpha / 2, difference.df))
    spread = error * sqrt(have)
    claim = "equivalence" if abs(mean) < margin else "a difference"
    found = None
    count = 2
    while count <= MOST:
        if _power(count, mean, spread, margin, alpha) >= power:
            found = count
            break
        count = max(count + 1, ceil(count * 1.01))
    if found is None:
        return f"If the true difference is that large, more than {MOST:,} raters would be needed to show {claim}."
    if found <= have:
        return (
            f"With {have} raters like these, a true difference of that size would have shown {claim} in "
            f"{100 * _power(have, mean, spread, margin, alpha):.0f} of 100 such studies: a few more may settle it."
        )
    return (
        f"If the true difference is that large, about {found:,} raters like these ({found - have:,} more) would show "
        f"{claim} in {100 * power:.0f} of 100 such studies."
    )


def _power(count: int, mean: float, spread: float, margin: float, alpha: float) -> float:
    """Give the power of a study with so many raters."""
    df = count - 1
    with np.errstate(all="ignore"):
        if abs(mean) < margin:
            critical = stats.t.ppf(1 - alpha, df)
            below = stats.nct.cdf(-critical, df, sqrt(count) * (mean - margin) / spread)
            above = stats.nct.sf(critical, df, sqrt(count) * (mean + margin) / spread)
            return max(0.0, float(below + above - 1))
        critical = stats.t.ppf(1 - alpha / 2, df)
        shift = sqrt(count) * abs(mean) / spread
        return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))
