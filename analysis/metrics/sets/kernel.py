"""Kernel distance of two sets of vectors: the squared maximum mean discrepancy, unbiased, under a Gaussian kernel.

k(x, y) = exp(-|x - y|^2 / (2 b^2)), b the median distance of pairs of the reference. The distance is the mean of k over
pairs of the one set, plus that of the other, less twice that of pairs across, times 100 as kadtk prints its KAD (Chung
et al., arXiv 2502.15602; Gretton et al., 2012, equation 3). It may be negative; its expectation is the distance.

No pair within a unit counts, in any of the three means: vectors of a clip are alike, so are clips of one prompt, and so
are a clip and its reference, and each such pair would pull the distance off its expectation. kadtk knows no units and
leaves out only a vector's pair with itself: ``pooled`` is its number. A set is at a distance of exactly 0 from itself
here, and below 0 there.

"KAD-infinity" is the intercept of a line through distances of subsets against 1 / n. The slope of an unbiased distance
is 0 on average, so that the line gives the distance again, with more noise: :func:`kernel_at_infinity` has it, as a
check. kadtk draws its subsets with replacement, and a vector drawn twice makes its numbers, and the slope, larger.

The interval is the jackknife's over units. Near 0, where the first-order part of the error vanishes, it is too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.errors import NoValueError
from analysis.metrics.sets.splits import Splits
from analysis.metrics.sets.vectors import Float, Vectors

SCALE = 100.0
LEVEL = 0.95
MOST_FOR_MEDIAN = 5000  # vectors whose pairs give the bandwidth: of more, that many, spread evenly
CELLS = 4_000_000  # of the kernel's matrix that are held at once


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance with its 95 % interval over units, its bandwidth, and the number that kadtk would print.

    All but the bandwidth are times 100.
    """

    value: float
    low: float
    high: float
    bandwidth: float
    pooled: float


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The sum of the kernel over pairs of two sets, and how many pairs that is.

    ``total`` and ``count`` are of pairs of different units; ``totals`` and ``counts`` (units,) of those of them that a
    unit has a part in; ``pooled`` is the mean of the kernel over all pairs, but for those of a vector with itself.
    """

    total: float
    count: float
    totals: Float
    counts: Float
    pooled: float

    def mean(self) -> float:
        """Average the kernel over pairs of different units."""
        return self.total / self.count

    def means_without_each(self) -> Float:
        """Average it with each unit left out in turn, (units,)."""
        left: Float = (self.total - self.totals) / (self.count - self.counts)
        return left


def kernel_distance(generated: Vectors, reference: Vectors, bandwidth: float | None = None) -> KernelDistance:
    """Compute the distance, with the bandwidth of the reference unless another is given.

    Raises
    ------
    NoValueError
        If a set has fewer than three units, the widths differ, or the vectors of the reference are all the same.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> names = [str(i) for i in range(60)]
    >>> one, other = (Vectors.of(list(rng.normal(shift, 1, (60, 1, 4))), names) for shift in (0, 1))
    >>> found = kernel_distance(one, other)
    >>> found.low < found.value < found.high, round(kernel_distance(one, one).value, 12)
    (True, 0.0)
    """
    if generated.rows.shape[1] != reference.rows.shape[1]:
        raise NoValueError(f"vectors of widths {generated.rows.shape[1]} and {reference.rows.shape[1]} are no sets")
    names = np.unique(np.concatenate([generated.units, reference.units]))
    few = min(len(np.unique(some.units)) for some in (generated, reference))
    if few < 3:
        raise NoValueError(f"clips of {few} prompt{'s'[: few != 1]} are too few; a kernel distance needs 3 prompts")
    wide = median_distance(reference) if bandwidth is None else bandwidth
    middle = reference.rows.mean(axis=0)
    x, y = (Vectors((some.rows - middle) / wide, some.units) for some in (generated, reference))
    within, beside, across = _pairs(x, None, names), _pairs(y, None, names), _pairs(x, y, names)
    value = within.mean() + beside.mean() - 2 * across.mean()
    left = within.means_without_each() + beside.means_without_each() - 2 * across.means_without_each()
    error = np.sqrt((len(names) - 1) / len(names) * ((left - value) ** 2).sum())
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, few - 1) * error)
    pooled = within.pooled + beside.pooled - 2 * across.pooled
    return KernelDistance(SCALE * value, SCALE * (value - reach), SCALE * (value + reach), wide, SCALE * pooled)


def kernel_at_infinity(generated: Vectors, reference: Vectors, bandwidth: float) -> float:
    """Carry the distance, times 100, to infinitely many vectors by a line through that of all and those of two halves.

    Raises
    ------
    NoValueError
        If a half has fewer than three units.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> one, other = (Vectors.of(list(rng.normal(shift, 1, (60, 1, 4))), [*map(str, range(60))]) for shift in (0, 1))
    >>> abs(kernel_at_infinity(one, other, 2.0) / kernel_distance(one, other, 2.0).value - 1) < 0.1
    True
    """
    splits = Splits([generated.units, reference.units])
    halves = [
        kernel_distance(generated.kept(splits.kept(0, part, 2)), reference.kept(splits.kept(1, part, 2)), bandwidth)
        for part in range(2)
    ]
    return 2 * kernel_distance(generated, reference, bandwidth).value - sum(half.value for half in halves) / 2


def median_distance(reference: Vectors) -> float:
    """Give the bandwidth: the median distance of pairs of vectors of different units.

    Raises
    ------
    NoValueError
        If there is no such pair, or half of them or more are the same vector twice.

    Examples
    --------
    >>> median_distance(Vectors.of([np.array([[0.0]]), np.array([[1.0]]), np.array([[5.0]])], ["a", "b", "c"]))
    4.0
    """
    spread = np.linspace(0, len(reference.rows) - 1, min(len(reference.rows), MOST_FOR_MEDIAN)).astype(int)
    rows, units = reference.rows[spread] - reference.rows.mean(axis=0), reference.units[spread]
    squares = (rows**2).sum(axis=1)
    found = []
    for at in range(0, len(rows) - 1, step := max(1, CELLS // len(rows))):
        chunk = slice(at, at + step)
        apart = squares[chunk, None] + squares[None, at:] - 2 * rows[chunk] @ rows[at:].T
        found.append(apart[np.triu(units[chunk, None] != units[None, at:], 1)])
    distances = np.concatenate(found) if found else np.empty(0)
    median = float(np.median(np.sqrt(np.maximum(distances, 0)))) if len(distances) else 0.0
    if median == 0:
        raise NoValueError("the reference's clips are all alike, so that a kernel has no bandwidth")
    return median


def _pairs(one: Vectors, other: Vectors | None, names: NDArray[np.str_]) -> _Pairs:
    """Sum exp(-|x - y|^2 / 2) over pairs of two sets, or of one where there is no other, a slab at a time."""
    second = one if other is None else other
    i, j = (np.searchsorted(names, some.units) for some in (one, second))
    n, m = (np.bincount(index, minlength=len(names)).astype(np.float64) for index in (i, j))
    by_first, by_second, everything = np.zeros(len(one.rows)), np.zeros(len(second.rows)), 0.0
    ours, theirs = ((some.rows**2).sum(axis=1) / 2 for some in (one, second))
    for at in range(0, len(one.rows), step := max(1, CELLS // len(second.rows))):
        chunk = slice(at, at + step)
        kernel = one.rows[chunk] @ second.rows.T
        kernel -= ours[chunk, None]
        kernel -= theirs
        np.exp(np.minimum(kernel, 0, out=kernel), out=kernel)
        everything += kernel.sum()
        kernel[i[chunk, None] == j] = 0
        by_first[chunk] = kernel.sum(axis=1)
        by_second += kernel.sum(axis=0)
    itself = len(one.rows) if other is None else 0
    totals: Float = np.bincount(i, by_first, len(names)).astype(np.float64)
    return _Pairs(
        total=float(by_first.sum()),
        count=float(n.sum() * m.sum() - n @ m),
        totals=totals + np.bincount(j, by_second, len(names)),
        counts=n * (m.sum() - m) + m * (n.sum() - n),
        pooled=float((everything - itself) / (len(one.rows) * len(second.rows) - itself)),
    )
