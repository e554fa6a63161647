"""Opinion scores: what the raters said of each condition, with an interval that knows about raters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats

from analysis.describe.scale import UNBOUND, clipped
from analysis.infer.intervals import pooled_interval, two_way_interval
from analysis.scale.rating_scale import FIVE, RatingScale
from analysis.settings import ALPHA


def opinion_scores(
    ratings: pd.DataFrame, conditions: Sequence[str], *, alpha: float = ALPHA, scale: RatingScale = FIVE
) -> tuple[OpinionScore, ...]:
    """Describe each condition on the scale, in the order given; one without ratings has n = 0 and no mean.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x",
    ...                         "score": [5, 4, 4, 3]})
    >>> (found,) = opinion_scores(ratings, ["x"])
    >>> found.mean, round(found.sd, 4), found.histogram
    (4.0, 0.8165, (0, 0, 1, 2, 1))
    """
    condition = pd.Index(list(conditions)).get_indexer(ratings["condition"])
    score = ratings["score"].to_numpy(dtype=float)
    rater, prompt = (pd.factorize(ratings[name])[0] for name in ("participant", "prompt"))
    described = []
    for place, name in enumerate(conditions):
        part = condition == place
        described.append(_describe(str(name), score[part], rater[part], prompt[part], alpha, scale))
    return tuple(described)


def cluster_interval(scores: np.ndarray, raters: np.ndarray, *, alpha: float = ALPHA) -> tuple[float, float] | None:
    """Interval of a mean whose observations come in clusters, one a rater.

    With N ratings of R raters and e_r the sum of rater r's deviations from the mean, the linearized
    (cluster-robust) variance is V = R / (R - 1) * sum(e_r ** 2) / N ** 2, and the interval is
    mean +- t(1 - alpha / 2, R - 1) * sqrt(V). Where all raters gave equally many ratings this is the t
    interval of the rater means.

    Returns
    -------
    tuple or None
        The bounds; None for fewer than two raters, whose spread nothing tells.

    Examples
    --------
    >>> scores, raters = np.array([5, 4, 4, 3, 3, 2]), np.array(["a", "a", "b", "b", "c", "c"])
    >>> [round(end, 3) for end in cluster_interval(scores, raters)]  # the t interval of 4.5, 3.5 and 2.5
    [1.016, 5.984]
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


def _describe(
    condition: str, scores: np.ndarray, raters: np.ndarray, prompts: np.ndarray, alpha: float, scale: RatingScale
) -> OpinionScore:
    """Describe one condition; intervals are cut at the ends of the scale, and left out where they tell nothing."""
    wide = two_way_interval(scores, raters, prompts, alpha=alpha)
    pooled = pooled_interval(scores, alpha=alpha)
    found = (
        cluster_interval(scores, raters, alpha=alpha) or (None, None),
        (pooled.low, pooled.high),
        (wide.low, wide.high),
    )
    kept = [clipped(low, high, scale.ends) or (None, None) for low, high in found]
    note = ""
    if len(scores) > 1 and float(np.ptp(scores)) == 0:
        kept, note = [(None, None)] * len(kept), f"no interval: every rating is {scores[0]:g}, so there is no spread"
    elif found[0][0] is not None and found[0][1] == found[0][0]:
        kept[0], note = (None, None), "no interval for these prompts: the raters' means are all the same"
    elif any(low is not None and cut[0] is None for (low, _), cut in zip(found, kept, strict=True)):
        note = UNBOUND
    return OpinionScore(
        condition=condition,
        n=len(scores),
        participants=len(np.unique(raters)),
        prompts=len(np.unique(prompts)),
        mean=float(scores.mean()) if len(scores) else None,
        sd=float(scores.std(ddof=1)) if len(scores) > 1 else None,
        ci_low=kept[0][0],
        ci_high=kept[0][1],
        histogram=scale.counts(scores),
        pooled_low=kept[1][0],
        pooled_high=kept[1][1],
        wide_low=kept[2][0],
        wide_high=kept[2][1],
        note=note,
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
        How often each score was given: the scores under each of `RatingScale.parts`.
    pooled_low, pooled_high
        The t interval of ITU-T P.800, as if all ratings were independent.
    wide_low, wide_high
        The two-way cluster interval, for raters and prompts like these.
    note
        Why an interval is missing.
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
    note: str = ""
