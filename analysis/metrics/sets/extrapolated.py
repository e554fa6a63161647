"""Frechet distance without the bias of few vectors: carried to infinitely many, with an interval over units.

From n vectors a Frechet distance lies above that of the distributions by about a / n ("FAD-infinity", Chong and Forsyth
2020, Gui et al. 2024, draws a line through distances of subsets against 1 / n). Here the units are split at random into
two halves and into three thirds, the same ones of both sets, so that each unit is used once in each split and none
twice, as drawing with replacement would: with the means F2 and F3 of the parts' distances and F1 of all, the line gives
2 F1 - F2 and the parabola 3 F1 - 3 F2 + F3. The parabola's is the value; how far the line's lies from it is how far the
extrapolation can be trusted, and widens the interval on both sides. A naive bootstrap is of no use for it: a vector
drawn twice makes a set smaller than it is, and the distance larger.

The interval is otherwise that of a jackknife that leaves out a twentieth of the units in turn, in the same splits.

Far below as many units as dimensions no curve helps. Simulated for normal sets with the spectrum that aisfx's 512
dimensions have on sounds (trace 259), seven blocks a clip, at no distance: 100 clips give 69 as they are and 22 by the
parabola; 308 clips 29 and 3.5, 1,000 clips 10 and -0.7. :func:`too_few` draws the limit at 308, 0.6 units a dimension,
where what is left of the bias is within the step from the line to the parabola, and the interval held the distance in
eight draws of eight, of four kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.errors import NoValueError
from analysis.metrics.sets.frechet import Moments, Root
from analysis.metrics.sets.splits import Splits
from analysis.metrics.sets.vectors import Vectors

LEVEL = 0.95
UNITS_A_DIMENSION = 0.6


@dataclass(frozen=True)
class FrechetDistance:
    """A Frechet distance at infinitely many vectors, with its 95 % interval over units; None where it has none.

    ``plain`` is the distance of the sets as they are, which others print; ``line`` that by a straight line in 1 / n.
    """

    value: float
    low: float | None
    high: float | None
    plain: float
    line: float


def too_few(clips: int, units: int, vectors: int, width: int) -> str:
    """Say that a Frechet distance of so many dimensions would be of its bias; empty if there are enough units.

    Examples
    --------
    >>> too_few(30, 30, 210, 512)[:77]
    'n = 30 clips (210 blocks) are too few for a Frechet distance in 512 dimension'
    >>> too_few(400, 400, 2800, 512)
    ''
    """
    needed = int(np.ceil(UNITS_A_DIMENSION * width))
    if units >= needed and vectors > width:
        return ""
    prompts = f" of {units} prompts" if units != clips else ""
    what = f"n = {clips} clips{prompts} ({vectors} blocks) are too few for a Frechet distance in {width} dimensions"
    return f"{what}, which needs {needed} prompts; KAD has no such bias"


def extrapolated_distance(
    generated: Vectors, reference: Vectors | Moments, *, interval: bool = True
) -> FrechetDistance:
    """Compute the distance of a set from a reference, or from the moments of one, which are then taken as exact.

    Raises
    ------
    NoValueError
        If a third of a set has fewer than two vectors, or the widths differ.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> names = [str(i) for i in range(90)]
    >>> one, other = (Vectors.of(list(rng.normal(shift, 1, (90, 1, 4))), names) for shift in (0, 1))
    >>> found = extrapolated_distance(one, other)
    >>> found.low < 4 < found.high, found.plain > found.value
    (True, True)
    """
    sets: list[Vectors | Root] = [
        generated,
        Root.of_moments(reference) if isinstance(reference, Moments) else reference,
    ]
    splits = Splits([some.units for some in sets if isinstance(some, Vectors)])
    if splits.units < 6:
        raise NoValueError(f"clips of {splits.units} prompts are too few for a Frechet distance that is extrapolated")
    plain, line, value = _estimates(sets, splits, None)
    if not interval:
        return FrechetDistance(value, None, None, plain, line)
    groups = splits.groups
    left = np.array([_estimates(sets, splits, group)[2] for group in range(groups)])
    error = np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum())
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, groups - 1) * error) + abs(value - line)
    return FrechetDistance(value, value - reach, value + reach, plain, line)


def _estimates(sets: Sequence[Vectors | Root], splits: Splits, left_out: int | None) -> tuple[float, float, float]:
    """Give the distance as it is, by the line and by the parabola, without one group of units."""

    def distance(part: int, parts: int) -> float:
        one, other = (
            some if isinstance(some, Root) else Root.of(some.rows[splits.kept(place, part, parts, left_out)])
            for place, some in enumerate(sets)
        )
        return one.distance(other)

    one, two, three = (float(np.mean([distance(part, parts) for part in range(parts)])) for parts in (1, 2, 3))
    return one, 2 * one - two, 3 * one - 3 * two + three
