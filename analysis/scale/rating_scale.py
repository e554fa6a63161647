"""Rating scale: the lowest and the highest score that could be given, and the step from one score to the next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import SettingError
from analysis.settings import MARGIN

MOST_LEVELS = 11  # that are counted and modelled one by one
BINS = 10
STEPS = (1.0, 0.5, 0.25, 0.2, 0.1)
SHARE = MARGIN / 4  # of the range: what the default margin is of 1 to 5
ROUNDING = 1e-6  # of a step


@dataclass(frozen=True)
class RatingScale:
    """A numeric scale.

    Parameters
    ----------
    low, high
        The lowest and the highest score that could be given.
    step
        From one score to the next; None where any number between the ends could be given.

    Raises
    ------
    SettingError
        If the ends are no numbers, or the lowest is not below the highest.

    Examples
    --------
    >>> RatingScale(0, 10).levels[:3], RatingScale(0, 100).levels, RatingScale(0, 100).margin
    ((0, 1, 2), (), 7.5)
    """

    low: float
    high: float
    step: float | None = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise SettingError(
                f"scale {self.low:g} to {self.high:g}: the lowest score must be below the highest, as in --scale 0-10"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest score."""
        return float(self.low), float(self.high)

    @property
    def length(self) -> float:
        """From end to end: the largest difference of two scores."""
        return float(self.high - self.low)

    @property
    def is_five(self) -> bool:
        """Whether it goes from 1 to 5, as the scales of ITU-T P.800 do."""
        return self.ends == (1.0, 5.0)

    @property
    def words(self) -> str:
        """The ends, as a sentence says them."""
        return f"from {self.low:g} to {self.high:g}"

    @property
    def margin(self) -> float:
        """The margin of equivalence where none is given: 0.3 points from 1 to 5, that share of any other range."""
        return MARGIN if self.is_five else SHARE * self.length

    @property
    def resolution(self) -> float:
        """The step; of a continuous scale a hundredth of the range."""
        return self.step or self.length / 100

    @property
    def levels(self) -> tuple[float, ...]:
        """All scores that there are, where they are few; none where they are many or without end."""
        if self.step is None or self.length / self.step > MOST_LEVELS - 1 + ROUNDING:
            return ()
        return tuple(_plain(self.low + place * self.step) for place in range(round(self.length / self.step) + 1))

    @property
    def edges(self) -> tuple[float, ...]:
        """Where the parts begin and end in which scores are counted, if there are no `levels`."""
        return tuple(_plain(edge) for edge in np.linspace(self.low, self.high, BINS + 1))

    @property
    def parts(self) -> tuple[str, ...]:
        """The heads under which scores are counted: each level, or ten equal parts."""
        if self.levels:
            return tuple(f"{level:g}" for level in self.levels)
        return tuple(f"{low:g} to {high:g}" for low, high in zip(self.edges, self.edges[1:], strict=False))

    def counts(self, scores: np.ndarray) -> tuple[int, ...]:
        """Count the scores under each of `parts`; one on an edge counts above it.

        Examples
        --------
        >>> RatingScale(1, 5).counts(np.array([5, 4, 4])), RatingScale(0, 100).counts(np.array([0, 10, 100.0]))
        ((0, 0, 0, 2, 1), (1, 1, 0, 0, 0, 0, 0, 0, 0, 1))
        """
        if self.levels and self.step:
            places = np.rint((scores - self.low) / self.step).astype(int)
            return tuple(np.bincount(places, minlength=len(self.levels)).tolist())
        return tuple(np.histogram(scores, bins=np.array(self.edges))[0].tolist())

    def numbers(self, scores: Sequence[float]) -> list[float]:
        """Give scores as whole numbers where the scale has no others."""
        if self.step == 1 and float(self.low).is_integer():
            return [round(score) for score in scores]
        return [float(score) for score in scores]


FIVE = RatingScale(1, 5)


def of_ends(low: float, high: float, scores: Collection[float]) -> RatingScale:
    """Give the scale with these ends, and the largest usual step that all scores keep to.

    Examples
    --------
    >>> of_ends(0, 10, [3, 4.5]), of_ends(0, 1, [0.123])
    (RatingScale(low=0, high=10, step=0.5), RatingScale(low=0, high=1, step=None))
    """
    whole = RatingScale(low, high)
    given = np.unique(np.fromiter(scores, dtype=float))
    for step in STEPS:
        if step <= whole.length and _kept(np.append(given, high) - low, step):
            return RatingScale(low, high, step)
    return RatingScale(low, high, None)


def inferred(scores: Collection[float]) -> tuple[RatingScale, str] | None:
    """Tell the scale from its scores where it is plain, and say so; None where it is not.

    Plain are: whole or half points from 1 to 5; no more than 100 and mostly above 10, some above 50: 0 to 100; whole
    points from 0 to 10 that reach both ends.

    Examples
    --------
    >>> inferred([1, 5, 3]), inferred([4, 7])
    ((RatingScale(low=1, high=5, step=1.0), ''), None)
    >>> inferred([12, 75.5, 90])[1]
    'The scores were taken to be from 0 to 100; if the scale is another one, say so with --scale LOW-HIGH.'
    """
    given = np.fromiter(scores, dtype=float)
    low, high = float(given.min()), float(given.max())
    if low >= 1 and high <= 5:
        if _kept(given, 1):
            return FIVE, ""
        if _kept(given, 0.5):
            return _said(RatingScale(1, 5, 0.5), "from 1 to 5, in half points")
    if low >= 0 and 50 < high <= 100 and 2 * np.count_nonzero(given > 10) >= len(given):
        return _said(of_ends(0, 100, given), "from 0 to 100")
    if low == 0 and high == 10 and _kept(given, 1):
        return _said(RatingScale(0, 10), "from 0 to 10")
    return None


def _said(scale: RatingScale, words: str) -> tuple[RatingScale, str]:
    """Say what the scores were taken to be."""
    other = "if the scale is another one, say so with --scale LOW-HIGH"
    return scale, f"The scores were taken to be {words}; {other}."


def _kept(distances: np.ndarray, step: float) -> bool:
    """Tell whether all distances are whole numbers of steps."""
    steps = distances / step
    return bool((np.abs(steps - np.rint(steps)) < ROUNDING).all())


def _plain(value: float) -> float:
    """Give a whole number as such, and another one without the dust of its computation."""
    value = round(float(value), 9)
    return int(value) if value.is_integer() else value
