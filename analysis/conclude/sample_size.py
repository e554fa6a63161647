"""Needed: how many raters like these would settle what is not settled yet, for the prompts at hand."""

from __future__ import annotations

from math import sqrt

from scipy import special

from analysis.infer.compare import Comparison
from analysis.settings import ALPHA

MOST = 100_000
POWER = 0.8
AGAIN = "If you add raters and look again, use the sequential interval, which allows for looking twice."


def more_raters(
    difference: Comparison, *, margin: float, alpha: float = ALPHA, compared: int = 1, power: float = POWER
) -> str:
    """Say how many raters it takes to settle a comparison, if the true difference is the one observed.

    Raters differ as the raters of this row of `paired_t` did (sd, from its interval of level 1 - alpha). Below the
    margin the aim is equivalence, whose power for n raters is P(t' < -c) + P(t'' > c) - 1 with t' and t'' noncentral t
    (n - 1 degrees of freedom, noncentralities sqrt(n) (d -+ margin) / sd) and c = t(1 - a; n - 1), the sum standing in
    for the joint probability; at or beyond the margin the aim is the difference, with the power of the two-sided t
    test. The level a is alpha / compared, which Holm's adjustment asks of the first of `compared` claims: it suffices
    whatever the other conditions show. Empty where the row has no spread.

    Examples
    --------
    >>> from analysis.infer.compare import Comparison
    >>> more_raters(Comparison("paired_t", "x", "base"), margin=0.3)  # without a spread there is nothing to say
    ''
    """
    if difference.estimate is None or difference.ci_low is None or difference.ci_high is None or not difference.df:
        return ""
    have, mean = difference.n, difference.estimate
    error = (difference.ci_high - difference.ci_low) / 2 / float(special.stdtrit(difference.df, 1 - alpha / 2))
    spread, alpha = error * sqrt(have), alpha / compared
    claim = "equivalence" if abs(mean) < margin else "a difference"
    low, high = 1, 2
    while high <= MOST and _power(high, mean, spread, margin, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(middle, mean, spread, margin, alpha) >= power else (middle, high)
    found = high
    if found > MOST:
        return f"If the true difference is that large, more than {MOST:,} raters would be needed to show {claim}."
    among = f" among {compared} conditions" if compared > 1 else ""
    if found <= have:
        return (
            f"With {have} raters like these, a true difference of that size would have shown {claim}{among} in "
            f"{100 * _power(have, mean, spread, margin, alpha):.0f} of 100 such studies: a few more may settle it. "
            f"{AGAIN}"
        )
    return (
        f"If the true difference is that large, a new study of about {found:,} raters like these would show {claim}"
        f"{among} in {100 * power:.0f} of 100 such studies. {AGAIN}"
    )


def _power(count: int, mean: float, spread: float, margin: float, alpha: float) -> float:
    """Give the power of a study with so many raters."""
    df = count - 1
    if abs(mean) < margin:
        critical = float(special.stdtrit(df, 1 - alpha))
        below = special.nctdtr(df, sqrt(count) * (mean - margin) / spread, -critical)
        above = special.nctdtr(df, -sqrt(count) * (mean + margin) / spread, -critical)
        return max(0.0, float(below + above - 1))
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    shift = sqrt(count) * abs(mean) / spread
    return float(special.nctdtr(df, -shift, -critical) + special.nctdtr(df, shift, -critical))
