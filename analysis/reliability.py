"""Reliability: how far the raters agree with one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

# A correlation over two clips is always +-1.
MIN_CLIPS = 3


def reliability(ratings: pd.DataFrame) -> Reliability:
    """Count the design, and correlate each rater with the mean of the others over the clips both rated.

    The leave-one-out mean of a clip is (sum of all its ratings - own rating) / (number - 1). A rater who gave
    one score only, or shares too few clips with others, has no correlation and is not averaged.
    """
    clip = [column for column in ("prompt", "condition", "seed") if column in ratings.columns]
    scores = ratings["score"].astype(float)
    grouped = scores.groupby([ratings[column] for column in clip])
    counts, totals = grouped.transform("size"), grouped.transform("sum")
    shared = counts > 1
    pairs = pd.DataFrame(
        {
            "participant": ratings["participant"],
            "own": scores,
            "others": (totals - scores) / (counts - 1).where(shared),
        }
    )[shared]
    correlations = [_correlation(rater) for _, rater in pairs.groupby("participant")]
    found = [value for value in correlations if value is not None]
    return Reliability(
        raters=int(ratings["participant"].nunique()),
        clips=int(grouped.ngroups),
        ratings=len(ratings),
        fewest_ratings_per_clip=int(grouped.size().min()),
        mean_rater_correlation=float(np.mean(found)) if found else None,
        raters_correlated=len(found),
    )


def _correlation(rater: pd.DataFrame) -> float | None:
    """Correlate one rater with the others, where that exists."""
    own, others = rater["own"].to_numpy(), rater["others"].to_numpy()
    if len(own) < MIN_CLIPS or np.ptp(own) < 1e-9 or np.ptp(others) < 1e-9:
        return None
    return float(np.corrcoef(own, others)[0, 1])


@dataclass(frozen=True)
class Reliability:
    """Agreement among raters.

    Parameters
    ----------
    raters, clips, ratings
        How many of each.
    fewest_ratings_per_clip
        Ratings of the clip with the fewest.
    mean_rater_correlation
        Mean over raters of the Pearson correlation with the mean of the others; None if none exists.
    raters_correlated
        How many raters have such a correlation.
    """

    raters: int
    clips: int
    ratings: int
    fewest_ratings_per_clip: int
    mean_rater_correlation: float | None
    raters_correlated: int
