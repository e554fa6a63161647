"""Opinion scores: what the raters said of each condition, with an interval that knows about raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import pooled_interval, two_way_interval
from analysis.ratings import SCALE


def opinion_scores(
    ratings: pd.DataFrame, conditions: Sequence[str], *, alpha: float = 0.05
) -> tuple[OpinionScore, ...]:
    """Describe each condition, in the order given; one without ratings has n = 0 and no mean."""
    return tuple(_describe(name, ratings[ratings["condition"] == name], alpha) for name in conditions)


def cluster_interval(scores: np.ndarray, raters: np.ndarray, *, alpha: float = 0.05) -> tuple[float, float] | None:
    """Interval of a mean whose observations come in clusters, one a rater.

    With N ratings of R raters and e_r the sum of rater r's deviations from the mean, the linearized
    (cluster-robust) variance is V = R / (R - 1) * sum(e_r ** 2) / N ** 2, and the interval is
    mean +- t(1 - alpha / 2, R - 1) * sqrt(V). Where all raters gave equally many ratings this is the t
    interval of the rater means.

    Returns
    -------
    tuple or None
        The bounds; None for fewer than two raters, whose spread nothing tells.
    """
    _, rater = np.unique(raters, return_inverse=True)
    count = int(rater.max(initial=-1)) + 1
    if count < 2:
        return None
    mean = float(scores.mean())
    totals = np.bincount(rater, weights=scores - mean)
    error = sqrt(count / (count - 1) * float(totals @ totals)) / len(scores)
    half = float(stats.t.ppf(1 - alpha / 2, count - 1)) * error
    return mean - half, mean + half


def _describe(condition: str, ratings: pd.DataFrame, alpha: float) -> OpinionScore:
    """Describe one condition."""
    scores = ratings["score"].to_numpy(dtype=float)
    low, high = cluster_interval(scores, ratings["participant"].to_numpy(), alpha=alpha) or (None, None)
    pooled = pooled_interval(scores, alpha=alpha)
    wide = two_way_interval(scores, ratings["participant"].to_numpy(), ratings["prompt"].to_numpy(), alpha=alpha)
    return OpinionScore(
        condition=condition,
        n=len(scores),
        participants=int(ratings["participant"].nunique()),
        prompts=int(ratings["prompt"].nunique()),
        mean=float(scores.mean()) if len(scores) else None,
        sd=float(scores.std(ddof=1)) if len(scores) > 1 else None,
        ci_low=low,
        ci_high=high,
        histogram=tuple(int((scores == step).sum()) for step in SCALE),
        pooled_low=pooled.low,
        pooled_high=pooled.high,
        wide_low=wide.low,
        wide_high=wide.high,
    )


@dataclass(frozen=True)
class OpinionScore:
    """What the raters said of one condition.

    Parameters
    ----------
    condition
        The condition's name.
    n, participants, prompts
        How many ratings, raters and prompts.
    mean, sd
        Mean and standard deviation (n - 1) of the ratings.
    ci_low, ci_high
        Rater-cluster t interval of the mean; see `cluster_interval`.
    histogram
        How often each score from 1 to 5 was given.
    pooled_low, pooled_high
        The t interval of ITU-T P.800, as if all ratings were independent.
    wide_low, wide_high
        The two-way cluster interval, for raters and prompts like these.
    """

    condition: str
    n: int
    participants: int
    prompts: int
    mean: float | None
    sd: float | None
    ci_low: float | None
    ci_high: float | None
    histogram: tuple[int, ...]
    pooled_low: float | None = None
    pooled_high: float | None = None
    wide_low: float | None = None
    wide_high: float | None = None
