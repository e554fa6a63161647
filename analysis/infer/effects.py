"""Effects: intervals of effect sizes that have no closed form of their own."""

from __future__ import annotations

from math import atanh, isfinite, sqrt, tanh

import numpy as np
from scipy import special, stats
from scipy.optimize import brentq

from analysis.settings import ALPHA

Bounds = tuple[float | None, float | None]


def dz_interval(effect: float, count: int, *, alpha: float = ALPHA) -> Bounds:
    """Interval of dz = mean / sd of normal differences, from the noncentral t distribution (Steiger & Fouladi 1997).

    sqrt(n) dz has a noncentral t distribution with n - 1 degrees of freedom and noncentrality sqrt(n) times the true
    effect; the ends are the noncentralities under which what was seen is the upper or the lower alpha / 2 point.

    Examples
    --------
    >>> [round(end, 3) for end in dz_interval(0.5, 20)]
    [0.028, 0.96]
    >>> dz_interval(0.5, 1)  # one difference has no spread
    (None, None)
    """
    if count < 2:
        return None, None
    t, df, ends = sqrt(count) * effect, count - 1, []
    for share in (1 - alpha / 2, alpha / 2):
        near = float(special.nctdtrinc(df, share, t))
        step = 1e-3 * (1 + abs(near))
        if not isfinite(near) or not special.nctdtr(df, near + step, t) < share < special.nctdtr(df, near - step, t):
            return None, None
        found = brentq(lambda nc, share=share: special.nctdtr(df, nc, t) - share, near - step, near + step, xtol=1e-12)
        ends.append(float(found) / sqrt(count))
    return ends[0], ends[1]


def rank_biserial(differences: np.ndarray, *, alpha: float = ALPHA) -> tuple[float, float | None, float | None]:
    """Matched-pairs rank-biserial correlation (V - V') / (V + V') and its interval.

    With n differences, none of them zero, it is the mean of sign(d_i + d_j) over all pairs i <= j, a U statistic. Its
    variance is 4 / (n - 1) times the variance over raters of mean_j sign(d_i + d_j), and the interval is of
    atanh(r), with standard error se / (1 - r ** 2) and the t quantile with n - 1 degrees of freedom. There is none
    where all raters agree (r is 1 or -1).

    Returns
    -------
    tuple
        The correlation and the two ends.

    Examples
    --------
    >>> effect, low, high = rank_biserial(np.array([1.0, 2.0, -3.0, 4.0]))
    >>> effect  # (1 + 2 + 4 - 3) / 10
    0.4
    >>> rank_biserial(np.array([1.0, 2.0, 3.0]))  # all raters agree
    (1.0, None, None)
    """
    count = len(differences)
    ranks = stats.rankdata(np.abs(differences))
    total = float(ranks.sum())
    effect = float((ranks * np.sign(differences)).sum()) / total
    if count < 3 or abs(effect) > 1 - 1e-9:
        return effect, None, None
    ordered = np.sort(differences)
    # How many d_j lie above -d_i, less how many lie below: differences that tie in size and not in sign cancel.
    above = count - np.searchsorted(ordered, -differences, side="right")
    below = np.searchsorted(ordered, -differences, side="left")
    mean_sign = (above - below) / count
    error = 2 * float(mean_sign.std(ddof=1)) / sqrt(count - 1)
    half = float(special.stdtrit(count - 1, 1 - alpha / 2)) * error / (1 - effect**2)
    middle = atanh(effect)
    return effect, tanh(middle - half), tanh(middle + half)
