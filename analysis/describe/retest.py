"""Retest: how far raters agree with themselves over clips that they rated twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.scale.rating_scale import FIVE, RatingScale

# A correlation over two pairs is always +-1.
FEWEST = 3


def agreement_with_themselves(repeats: pd.DataFrame, scale: RatingScale = FIVE) -> Retest:
    """Say how alike the scores are that a rater gave to one clip twice.

    With the differences d = again - first: the typical error of one rating is sqrt(mean(d^2) / 2), what two ratings
    differ by beyond what was heard; the correlation is Pearson's over all pairs.

    Parameters
    ----------
    repeats
        One row a pair: `participant`, `first`, `again`.
    scale
        The scale of the scores.

    Examples
    --------
    >>> repeats = pd.DataFrame({"participant": list("aab"), "first": [3, 5, 1], "again": [3, 4, 2]})
    >>> found = agreement_with_themselves(repeats)
    >>> found.pairs, found.raters, round(found.same, 2), round(found.error, 2), round(found.correlation, 2)
    (3, 2, 0.33, 0.58, 1.0)
    """
    first, again = (repeats[name].to_numpy(dtype=float) for name in ("first", "again"))
    differences = again - first
    spread = len(first) >= FEWEST and min(float(np.ptp(first)), float(np.ptp(again))) > 0
    return Retest(
        pairs=len(first),
        raters=int(repeats["participant"].nunique()),
        same=float((np.abs(differences) < scale.resolution / 2).mean()),
        shift=float(differences.mean()),
        error=float(np.sqrt((differences**2).mean() / 2)),
        correlation=float(stats.pearsonr(first, again).statistic) if spread else None,
    )


@dataclass(frozen=True)
class Retest:
    """Agreement of raters with themselves, over clips that they rated twice.

    Parameters
    ----------
    pairs, raters
        How many of each.
    same
        Share of the pairs with the same score; on a continuous scale within half a hundredth of its range.
    shift
        Mean of the second score minus the first.
    error
        Typical error of one rating, in points.
    correlation
        Pearson's; None where all scores are the same, or there are fewer than three pairs.
    """

    pairs: int
    raters: int
    same: float
    shift: float
    error: float
    correlation: float | None
