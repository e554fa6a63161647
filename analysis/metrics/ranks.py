"""Ranks: Spearman's correlation where clips come in prompts and ratings come from raters, and its interval.

Over clips, a clip is ranked among all. Within prompts, it is ranked among those of its prompt, its rank is set between
0 and 1, and the ranks of all prompts are correlated together: what orders prompts alone has no correlation there. Over
conditions, their means are ranked.

An interval over clips is one of Fisher's z. Its variance is that of a bootstrap of whole prompts plus that of one of
raters, and t has Satterthwaite's degrees of freedom. Only the spread of the draws is used: a mean of raters drawn anew
is noisier than that of the raters, so that its correlations are smaller. What is estimated is the correlation with mean
ratings of as many raters; their noise is part of it.

Conditions are those of the study and no sample. There the correlation is that of their true means, and the interval
reaches over the quantiles of draws of prompts and raters and over their mirror image at the estimate: ranks of means
that lie close together fall apart in every draw, and the quantiles alone then miss an order that is the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from math import atanh, sqrt, tanh

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Float = NDArray[np.float64]
Index = NDArray[np.intp]

LEVEL = 0.95
DRAWS, FEWEST_DRAWS = 1000, 200
ROOM = 4_000_000  # numbers that the draws of one kind may take
FEWEST_PROMPTS = 4  # for an interval; checked down to this by simulation
EXACT = 8  # conditions whose orders are all gone through


@dataclass(frozen=True)
class Rated:
    """Clips with a metric's value, + where it is better, and their ratings.

    Parameters
    ----------
    values
        The metric's, (clips,).
    prompts, conditions
        Their numbers, (clips,).
    sums, counts
        Of each rater's scores, (raters, clips).
    """

    values: Float
    prompts: Index
    conditions: Index
    sums: Float
    counts: Float

    def means(self) -> Float:
        """Mean rating of each clip.

        Examples
        --------
        >>> one = np.zeros(1, dtype=np.intp)
        >>> Rated(np.ones(1), one, one, np.array([[4.0], [3.0]]), np.ones((2, 1))).means().tolist()
        [3.5]
        """
        found: Float = self.sums.sum(axis=0) / self.counts.sum(axis=0)
        return found


@dataclass(frozen=True)
class Correlation:
    """A correlation with its interval; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Draws:
    """How often each prompt and each rater is drawn, (draws, prompts) and (draws, raters)."""

    prompts: Float
    raters: Float


def over_clips(rated: Rated) -> Correlation:
    """Correlate clips with their mean ratings, all prompts together.

    Examples
    --------
    >>> draw, prompts, ones = np.random.default_rng(3), np.repeat(np.arange(6), 4), np.ones((2, 24))
    >>> values, noise = draw.standard_normal(24), draw.standard_normal((2, 24))
    >>> found = over_clips(Rated(values, prompts, np.tile(np.arange(4), 6), values + noise, ones))
    >>> 0 < found.low < found.value < found.high < 1
    True
    """
    every = np.ones((1, len(rated.values)))
    value = float(correlated(midranks(rated.values, every), midranks(rated.means(), every), every)[0])
    draws = drawn(rated)
    weights = draws.prompts[:, rated.prompts]
    by_prompts = correlated(midranks(rated.values, weights), midranks(rated.means(), weights), weights)
    means, held = _means(rated, draws.raters)
    by_raters = correlated(midranks(rated.values, held), _ranked(means), held)
    return _around(value, by_prompts, by_raters, draws)


def within_prompts(rated: Rated) -> Correlation:
    """Correlate clips with their mean ratings among clips of one prompt, all prompts together.

    Examples
    --------
    >>> prompts = np.array([0, 0, 1, 1])  # they are far apart, and within them the order is the other one
    >>> values, ratings = np.array([1.0, 2.0, 8.0, 9.0]), np.array([[2.0, 1.0, 5.0, 4.0]])
    >>> rated = Rated(values, prompts, prompts, ratings, np.ones((1, 4)))
    >>> over_clips(rated).value, within_prompts(rated).value
    (0.6, -1.0)
    """
    every = np.ones((1, len(rated.values)))
    values, means = (_relative(one[None], every, rated.prompts) for one in (rated.values, rated.means()))
    value = float(correlated(values, means, every)[0])
    draws = drawn(rated)
    size = int(rated.prompts.max()) + 1
    shared, own, other = (np.bincount(rated.prompts, one[0], size) for one in (values * means, values**2, means**2))
    by_prompts = _ratio(draws.prompts @ shared, draws.prompts @ own, draws.prompts @ other)
    again, held = _means(rated, draws.raters)
    wide = np.broadcast_to(rated.values, again.shape)
    by_raters = correlated(_relative(wide, held, rated.prompts), _relative(again, held, rated.prompts), held)
    return _around(value, by_prompts, by_raters, draws)


def over_conditions(rated: Rated, fixed: Float | None = None) -> Correlation:
    """Correlate conditions: the means of their clips, or the values of sets, with their mean ratings.

    Parameters
    ----------
    rated
        The clips; their values do not count where there are fixed ones.
    fixed
        The value of each condition's set of clips, (conditions,), which is not drawn anew.

    Examples
    --------
    >>> conditions = np.array([0, 1, 2])
    >>> rated = Rated(np.zeros(3), np.zeros(3, np.intp), conditions, np.array([[1.0, 5.0, 3.0]]), np.ones((1, 3)))
    >>> over_conditions(rated, np.array([0.1, 0.2, 0.3])).value
    0.5
    """
    member = np.eye(int(rated.conditions.max()) + 1)[rated.conditions]
    draws = drawn(rated)

    def correlation(prompts: Float, raters: Float) -> Float:
        weights = prompts[:, rated.prompts]
        sums, counts = (weights * (raters @ one) @ member for one in (rated.sums, rated.counts))
        present = weights @ member
        values = np.broadcast_to(fixed, present.shape) if fixed is not None else (weights * rated.values) @ member
        values = values if fixed is not None else _divided(values, present)
        means, whole = _divided(sums, counts), (counts > 0).all(axis=1) & (present > 0).all(axis=1)
        found = correlated(_ranked(values), _ranked(means), np.ones(means.shape))
        return np.where(whole, found, np.nan)

    value = float(correlation(np.ones((1, draws.prompts.shape[1])), np.ones((1, draws.raters.shape[1])))[0])
    found = correlation(draws.prompts, draws.raters)
    found = found[np.isfinite(found)]
    if np.isnan(value):
        return Correlation(None)
    if not _enough(draws) or len(found) < len(draws.prompts) / 2:
        return Correlation(value)
    low, high = np.quantile(found, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], method="inverted_cdf")
    return Correlation(value, max(-1.0, float(min(low, 2 * value - high))), min(1.0, float(max(high, 2 * value - low))))


def by_chance(value: float, one: Float, other: Float) -> float:
    """Say how often orders by chance are correlated as strongly, either way: exact up to eight conditions, t beyond.

    Examples
    --------
    >>> by_chance(1.0, np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))  # 2 of the 6 orders
    0.3333333333333333
    """
    if len(one) > EXACT:
        return float(stats.spearmanr(one, other).pvalue)
    orders = stats.rankdata(other)[_orders(len(other))]
    found = correlated(np.broadcast_to(stats.rankdata(one), orders.shape), orders, np.ones(orders.shape))
    return float((np.abs(found) >= abs(value) - 1e-9).mean())


def drawn(rated: Rated) -> Draws:
    """Draw prompts and raters anew; the same data give the same draws.

    Examples
    --------
    >>> one = np.zeros(1, dtype=np.intp)
    >>> drawn(Rated(np.ones(1), one, one, np.ones((3, 1)), np.ones((3, 1)))).raters.sum(axis=1).max().item()
    3.0
    """
    parts = (rated.values, rated.prompts, rated.conditions, rated.sums, rated.counts)
    hashed = hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in parts)).digest()
    random = np.random.default_rng(int.from_bytes(hashed[:16]))
    count = int(np.clip(ROOM // len(rated.values), FEWEST_DRAWS, DRAWS))
    prompts, raters = (
        random.multinomial(size, np.full(size, 1 / size), count).astype(np.float64)
        for size in (int(rated.prompts.max()) + 1, len(rated.sums))
    )
    return Draws(prompts, raters)


def midranks(values: Float, weights: Float) -> Float:
    """Rank values, of which each row of weights says how often each one is there: (rows, values).

    Equal values share the middle of their ranks.

    Examples
    --------
    >>> midranks(np.array([3.0, 1.0, 3.0]), np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])).tolist()
    [[2.5, 1.0, 2.5], [3.0, 1.5, 3.0]]
    """
    _, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    held = np.add.reduceat(weights[:, order], starts, axis=1)
    found: Float = (np.cumsum(held, axis=1) - held / 2 + 0.5)[:, place]
    return found


def correlated(one: Float, other: Float, weights: Float) -> Float:
    """Correlate row by row (Pearson), weighted; NaN where either does not vary.

    Examples
    --------
    >>> correlated(np.array([[1.0, 2.0]]), np.array([[5.0, 3.0]]), np.ones((1, 2))).tolist()
    [-1.0]
    """
    total = weights.sum(axis=1, keepdims=True)
    first, second = (row - (weights * row).sum(axis=1, keepdims=True) / total for row in (one, other))
    sums = [(weights * product).sum(axis=1) for product in (first * second, first**2, second**2)]
    return _ratio(*sums)


def _ratio(shared: Float, one: Float, other: Float) -> Float:
    """Divide sums of products by the root of the sums of squares."""
    spread = np.sqrt(one * other)
    ratio = np.divide(shared, spread, out=np.full(len(shared), np.nan), where=np.minimum(one, other) > 1e-12)
    found: Float = np.clip(ratio, -1.0, 1.0)
    return found


def _divided(one: Float, other: Float) -> Float:
    """Divide, with infinity where there is nothing to divide by."""
    found: Float = np.divide(one, other, out=np.full(one.shape, np.inf), where=other > 0)
    return found


def _means(rated: Rated, raters: Float) -> tuple[Float, Float]:
    """Give the clips' mean ratings by raters drawn anew, infinite where none of them rated it, and whether one did."""
    counts = raters @ rated.counts
    return _divided(raters @ rated.sums, counts), (counts > 0).astype(np.float64)


def _ranked(rows: Float) -> Float:
    """Rank each row; infinity, which stands for what is missing, is above all."""
    found: Float = stats.rankdata(rows, axis=1)
    return found


def _relative(rows: Float, held: Float, prompts: Index) -> Float:
    """Rank each row among the clips of a prompt that are held, between -1/2 and 1/2; 0 where one is not."""
    found = np.zeros(rows.shape)
    shown = np.where(held > 0, rows, np.inf)
    for prompt in range(int(prompts.max()) + 1):
        own = np.flatnonzero(prompts == prompt)
        count = held[:, own].sum(axis=1, keepdims=True)
        found[:, own] = np.where(held[:, own] > 0, _ranked(shown[:, own]) / (count + 1) - 0.5, 0.0)
    return found


def _around(value: float, by_prompts: Float, by_raters: Float, draws: Draws) -> Correlation:
    """Put the interval around a correlation, if there is one."""
    if np.isnan(value):
        return Correlation(None)
    spreads = [one[np.isfinite(one)] for one in (by_prompts, by_raters)]
    if not _enough(draws) or min(map(len, spreads)) < len(by_prompts) / 2 or abs(value) > 1 - 1e-9:
        return Correlation(value)
    sizes = [one.shape[1] for one in (draws.prompts, draws.raters)]
    parts = [
        float(one.var()) * size / (size - 1) / (1 - value**2) ** 2 for one, size in zip(spreads, sizes, strict=True)
    ]
    if sum(parts) <= 0:
        return Correlation(value)
    freedom = sum(parts) ** 2 / sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * sqrt(sum(parts))
    return Correlation(value, tanh(atanh(value) - reach), tanh(atanh(value) + reach))


def _enough(draws: Draws) -> bool:
    """Tell whether there are prompts and raters enough for an interval."""
    return bool(draws.prompts.shape[1] >= FEWEST_PROMPTS and draws.raters.shape[1] >= 2)


@cache
def _orders(count: int) -> Index:
    """Give all orders of so many things."""
    return np.array(list(permutations(range(count))), dtype=np.intp)
