"""Sequences: what may be declared now, however often one has looked before.

The data are the differences of condition and baseline within prompt and seed, one mean a rater, in the order in which
raters came. A confidence sequence of level 1 - alpha covers their mean at all times at once with that probability. An
ordinary interval covers at one time, stated beforehand; looked at after every rater, it finds a difference that is
not there far more often than alpha says.

Two sequences are given. `bounded` assumes nothing but that no difference is longer than the scale (4 points, where
scores go from 1 to 5) and that raters come in no order that matters. `asymptotic` is narrower, and true in the limit of
many raters: from 15 raters on, by simulation, for differences that are not strongly skewed. Both answer for the prompts
that were rated.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import log
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from analysis.infer.compare import TIED
from analysis.read.matched import Differences
from analysis.read.times import in_time
from analysis.scale.rating_scale import FIVE
from analysis.settings import ALPHA
from analysis.words import counted, points

Method = Literal["bounded", "asymptotic"]
METHODS: tuple[Method, ...] = get_args(Method)
# Share of the capital that may be lost on one rater; any number below 1 is valid, and small stakes win slowly.
STAKE = 0.9
# First guess of the standard deviation of the differences, as a share of the longest there can be; any is valid, a good
# one wins sooner.
GUESS = 0.15
# The asymptotic sequence is tightest near TIGHTEST raters, and not used before FEWEST.
TIGHTEST, FEWEST = 20, 15
HALVINGS = 50
NO_SPREAD = 2.5e-7  # of the longest difference there can be


def watch(
    ratings: pd.DataFrame, matched: Differences, *, margin: float, alpha: float = ALPHA, reach: float = FIVE.length
) -> tuple[Watched, ...]:
    """Say of each condition, by each method, what may be declared now; no difference is beyond `reach`.

    Raters stand in the order of their last rating, which takes the moment of every rating (`rated_at`). Without it
    there are no rows, since a sequence in another order than that of the looks holds for none of them. A rater who
    rated no prompt under both conditions is left out, and counted.

    A difference, and each of the two one-sided claims of equivalence (mean above -margin, mean below margin), rest on
    level 1 - alpha, alpha divided by the number of conditions compared: whatever is declared of any condition, the
    chance that something of its kind is wrong is alpha at most. The interval is of the one condition, of level
    1 - alpha. What was shown once may be declared ever after.

    Examples
    --------
    >>> watch(pd.DataFrame({"score": [4]}), Differences("base", pd.DataFrame({"x": [0.5]})), margin=0.3)  # no moments
    ()
    """
    if not in_time(ratings):
        return ()
    compared, order = matched.conditions, _arrival(ratings)
    made = []
    for name in compared:
        differences = matched.table[name].reindex(order).dropna().to_numpy(dtype=float)
        note = _left_out(matched.left_out(name)[0])
        made += [
            _watched(differences, name, matched.reference, method, margin, alpha, len(compared), note, reach)
            for method in METHODS
        ]
    return tuple(made)


def capital(differences: np.ndarray, mean: float, *, reach: float = FIVE.length) -> np.ndarray:
    """Log capital after each rater (last axis) of one who bets that the mean is above `mean`.

    With x = (d + reach) / (2 reach) and m likewise, K_t = prod_i (1 + lambda_i (x_i - m)) is a nonnegative martingale
    if m is the mean, so that it ever reaches 1 / alpha with probability alpha at most (Ville's inequality). The stake
    may depend on earlier raters only; it is the predictable plug-in of Waudby-Smith and Ramdas (2024, JRSS B 86(1),
    section 4),
    lambda_t = sqrt(2 log(2 / .05) / (v t log(1 + t))) with v the variance before rater t, but .9 / m at most.

    Examples
    --------
    >>> differences = np.full(30, 1.0)
    >>> bool(capital(differences, 0.0)[-1] > np.log(20)), bool(capital(differences, 2.0)[-1] > 0)  # above 0; above 2
    (True, False)
    """
    x, m = differences / (2 * reach) + 0.5, mean / (2 * reach) + 0.5
    t = np.arange(1, x.shape[-1] + 1)
    start = (GUESS / 2) ** 2
    centre = (0.5 + np.cumsum(x, axis=-1)) / (t + 1)
    variance = (start + np.cumsum((x - centre) ** 2, axis=-1)) / (t + 1)
    before = np.concatenate([np.full((*x.shape[:-1], 1), start), variance[..., :-1]], axis=-1)
    stakes = np.minimum(np.sqrt(2 * log(2 / 0.05) / (before * t * np.log1p(t))), STAKE / max(m, TIED))
    return np.asarray(np.cumsum(np.log1p(stakes * (x - m)), axis=-1))


def radius(raters: np.ndarray, alpha: float) -> np.ndarray:
    """Distance from the mean to one end of the asymptotic sequence, for standard deviation 1.

    sqrt(2 (t r + 1) / (t^2 r) log(1 + sqrt(t r + 1) / (2 alpha))), each end erring with probability alpha; r = rho^2 is
    such that it is tightest after 20 raters for a two-sided 5 % (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024,
    Annals of Statistics 52(6), the one-sided form of their sequence).

    Examples
    --------
    >>> radius(np.array([20, 40, 80]), 0.025).round(3).tolist()
    [0.68, 0.485, 0.35]
    """
    r = (2 * log(1 / 0.05) + log(2 * log(1 / 0.05) + 1)) / TIGHTEST
    grown = raters * r + 1
    return np.asarray(np.sqrt(2 * grown / (raters**2 * r) * np.log1p(np.sqrt(grown) / (2 * alpha))))


def above(
    differences: np.ndarray, mean: float, method: Method, *, alpha: float, reach: float = FIVE.length
) -> np.ndarray:
    """Tell after each rater (last axis) whether the mean is shown to be above `mean`.

    If it is not above, the probability of ever saying so is alpha at most: exactly for `bounded`, in the limit
    for `asymptotic`.

    Examples
    --------
    >>> shown = above(np.full(40, 1.0), 0.0, "bounded", alpha=0.05)
    >>> bool(shown[0]), bool(shown[-1])
    (False, True)
    """
    if method == "bounded":
        return capital(differences, mean, reach=reach) >= log(1 / alpha)
    return np.asarray(_lower(differences, alpha, reach) > mean)


def interval(
    differences: np.ndarray, method: Method, *, alpha: float = ALPHA, reach: float = FIVE.length
) -> tuple[float, float]:
    """Present interval of a sequence of level 1 - alpha: all means that were never excluded until now.

    The lower end is above the upper one if all means were excluded, which has probability alpha at most.

    Examples
    --------
    >>> low, high = interval(np.tile([0.5, 1.5], 40), "asymptotic")
    >>> round(low, 2), round(high, 2)  # wider than the ordinary interval of 80 raters
    (0.82, 1.17)
    """
    return _least(differences, method, alpha / 2, reach), -_least(-differences, method, alpha / 2, reach)


def _lower(differences: np.ndarray, alpha: float, reach: float) -> np.ndarray:
    """Lower end of the asymptotic sequence after each rater; minus infinity where it cannot be told."""
    t = np.arange(1, differences.shape[-1] + 1)
    mean = np.cumsum(differences, axis=-1) / t
    squares = np.cumsum(differences**2, axis=-1) - t * mean**2
    spread = np.sqrt(np.maximum(squares, 0) / np.maximum(t - 1, 1))
    told = (t >= FEWEST) & (
        spread > NO_SPREAD * reach
    )  # rounding error of a spread that is zero on paper is below that
    return np.where(told, mean - spread * radius(t, alpha), -np.inf)


def _least(differences: np.ndarray, method: Method, alpha: float, reach: float) -> float:
    """Find the least mean that was never excluded from below."""
    if not differences.size:
        return -reach
    if method == "asymptotic":
        return max(float(_lower(differences, alpha, reach).max()), -reach)
    low, high = -reach, reach
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if above(differences, middle, method, alpha=alpha, reach=reach).any():
            low = middle
        else:
            high = middle
    return low


def _watched(
    differences: np.ndarray,
    condition: str,
    reference: str,
    method: Method,
    margin: float,
    alpha: float,
    compared: int,
    note: str,
    reach: float,
) -> Watched:
    """Judge one condition by one method."""
    row = Watched(condition, reference, method, len(differences), note=note)
    if not len(differences):
        return _noted(row, "not computed: nobody rated both conditions for one prompt")
    row = Watched(condition, reference, method, len(differences), float(differences.mean()), note=note)
    if method == "asymptotic" and len(differences) < FEWEST:
        return _noted(row, f"not computed: it needs at least {FEWEST} raters")
    low, high = interval(differences, method, alpha=alpha, reach=reach)
    if method == "asymptotic" and high == reach and low == -high:
        return _noted(row, "not computed: every rater's difference is the same, so there is no spread to judge it by")
    if low > high:
        return _noted(
            row, "not computed: the raters contradict each other over time; later ones differ from earlier ones"
        )
    share = alpha / compared
    up = _first(above(differences, 0.0, method, alpha=share / 2, reach=reach))
    down = _first(above(-differences, 0.0, method, alpha=share / 2, reach=reach))
    above_loss = _first(above(differences, -margin, method, alpha=share, reach=reach))
    below_gain = _first(above(-differences, -margin, method, alpha=share, reach=reach))
    return Watched(
        condition,
        reference,
        method,
        len(differences),
        row.estimate,
        low,
        high,
        equivalent_at=max(above_loss, below_gain) if above_loss and below_gain else None,
        different_at=min((at for at in (up, down) if at), default=None),
        note=note,
    )


def _first(shown: np.ndarray) -> int | None:
    """Say after how many raters it was first shown."""
    return int(shown.argmax()) + 1 if shown.any() else None


def _arrival(ratings: pd.DataFrame) -> list[str]:
    """Order the raters as they finished; who did in the same moment stand as in the file."""
    last = ratings["rated_at"].groupby(ratings["participant"], sort=False).max()
    return list(last.sort_values(kind="stable").index)


def _left_out(raters: int) -> str:
    """Say how many raters rated one condition only."""
    return f"{counted(raters, 'rater')} left out for missing ratings" if raters else ""


def _noted(row: Watched, reason: str) -> Watched:
    """Put a reason before the note."""
    text = "; ".join(part for part in (reason, row.note) if part)
    return Watched(row.condition, row.reference, row.method, row.raters, row.estimate, note=text)


@dataclass(frozen=True)
class Watched:
    """What may be declared of one condition by one method, however often one has looked.

    Parameters
    ----------
    condition, reference
        What is compared with what.
    method
        `bounded`, which always holds, or `asymptotic`, which holds in the limit.
    raters
        Raters who rated both.
    estimate, low, high
        Mean difference and the present interval of level 1 - alpha; None where there is none, and the note says why.
    equivalent_at, different_at
        After how many raters equivalence, or a difference, was first shown; None if not yet.
    note
        What a reader must know about this row.
    """

    condition: str
    reference: str
    method: Method
    raters: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    equivalent_at: int | None = None
    different_at: int | None = None
    note: str = ""

    @property
    def declared(self) -> str:
        """What may be declared: `equivalent`, `different`, both, or `neither`."""
        found = [("equivalent", self.equivalent_at), ("different", self.different_at)]
        return " and ".join(word for word, at in found if at) or "neither"

    def as_dict(self) -> dict[str, Any]:
        """Give the row's entry in report.json."""
        return {**asdict(self), "declared": self.declared}

    @property
    def words(self) -> str:
        """Say it in a sentence."""
        if self.estimate is None or self.low is None or self.high is None:
            return f"{self.condition}: nothing can be declared ({self.note.removeprefix('not computed: ')})."
        found = [self._since("equivalent to", self.equivalent_at), self._since("different from", self.different_at)]
        neither = f"neither equivalent to {self.reference} nor different from it so far; go on, or stop undecided"
        limit = "" if self.method == "bounded" else ", in the limit of many raters"
        return (
            f"{self.condition}: {' and '.join(text for text in found if text) or neither}. The difference after "
            f"{self.raters} raters is {points(self.estimate)}, between {points(self.low)} and {points(self.high)} "
            f"however often you look{limit}."
        )

    def _since(self, word: str, at: int | None) -> str:
        """Say since when something was shown."""
        return f"{word} {self.reference} since rater {at}" if at else ""
