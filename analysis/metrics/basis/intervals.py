"""Intervals: means of clips with intervals that know that clips of one prompt are alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95


def mean_over_prompts(
    values: Sequence[float] | NDArray[np.float64], prompts: Sequence[str]
) -> tuple[float, float | None, float | None]:
    """Mean of clips with its interval for prompts like these: prompts are the units, their clips (seeds) are averaged.

    A t interval over the prompts' means; each prompt counts alike. Without bounds if there is one prompt.

    Examples
    --------
    >>> mean, low, high = mean_over_prompts([1.0, 3.0, 4.0], ["a", "a", "b"])
    >>> mean, round(low, 2), round(high, 2)
    (3.0, -9.71, 15.71)
    """
    array = np.asarray(values, dtype=np.float64)
    order, index = np.unique(np.asarray(prompts), return_inverse=True)
    means = np.bincount(index, weights=array) / np.bincount(index)
    centre = float(means.mean())
    if len(order) < 2:
        return centre, None, None
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, len(order) - 1) * means.std(ddof=1) / np.sqrt(len(order)))
    return centre, centre - reach, centre + reach
