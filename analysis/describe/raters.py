"""The rater model: how severe and how erratic each rater is, and the quality of clips with that taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
import pandas as pd
from scipy import linalg, stats
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from analysis.describe.reliability import clip_numbers
from analysis.scale.rating_scale import FIVE, RatingScale
from analysis.settings import ALPHA
from analysis.words import counted

Array = np.ndarray

# Fewer ratings say too little about one person's inconsistency.
MIN_RATINGS = 5
# Rounding to steps scatters by so much of a step. Without a floor the likelihood has no maximum: it grows without end
# as one rater's inconsistency goes to zero.
FLOOR = 1 / sqrt(12)
SETTLED = 2.5e-10  # of the range: the qualities stand still
# From so many ratings a rater on, intervals hold nearly as often as they say.
MANY = 200
# Above these the covariances of all clips are not computed.
MOST_CLIPS = 3000
MOST_WORK = 4_000_000_000


def rater_model(ratings: pd.DataFrame, *, alpha: float = ALPHA, scale: RatingScale = FIVE) -> RaterModel:
    """Fit quality, bias and inconsistency by maximum likelihood.

    The model of ITU-T P.913 (2021) 12.6 (Li, Bampis, Krasula, Janowski & Katsavounidis 2020, "A simple model for
    subject behavior in subjective experiments"): rater i's r-th score of clip j is

        u_ijr = psi_j + delta_i + upsilon_i X,   X ~ N(0, 1),   mean(delta) = 0,

    psi_j the clip's quality, delta_i the rater's bias, upsilon_i the inconsistency. Alternating projection climbs
    the likelihood, each step the maximum in one group of parameters, until the qualities stand still:

        delta_i = mean(u - psi),   upsilon_i^2 = mean((u - psi - delta)^2),   psi_j = sum(w (u - delta)) / sum(w)

    with w = upsilon_i^-2. The scores have steps, so no upsilon is let below 1 / sqrt(12) of a step, the scatter of
    rounding; on a continuous scale a hundredth of its range counts as a step. Standard errors are those of the expected
    information, in which upsilon stands apart from the rest:
    upsilon / sqrt(2 n) for the inconsistency, and for quality and bias those of least squares with the weights w.
    Intervals are normal. They speak of these clips and take the raters as they are.

    The weights are estimated from few ratings each, which these errors do not know of: in simulations with 30
    raters, 95 % intervals of a clip's quality held it in about 85 % of cases with 10 clips a rater, 91 % with 20,
    93 % with 60 and 94 % with 200. The note says so below `MANY` ratings a rater.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abc"), 5), "prompt": list("pqrst") * 3, "condition": "x",
    ...                         "score": [1, 2, 3, 4, 3, 3, 4, 5, 5, 5, 2, 4, 3, 5, 4]})
    >>> [(rater.participant, round(rater.bias, 2)) for rater in rater_model(ratings).raters]
    [('a', -0.93), ('b', 0.87), ('c', 0.07)]
    """
    given = ratings["participant"].map(ratings["participant"].value_counts())
    used = ratings[given >= MIN_RATINGS]
    raters = used["participant"].nunique()
    missed = ratings["participant"].nunique() - raters
    left_out = f"{counted(missed, 'rater')} with fewer than {MIN_RATINGS} ratings left out"
    notes = [left_out] if missed else []
    if raters < 3:
        return _refused("fewer than three raters, whose inconsistencies cannot be told apart", notes)
    if used["score"].nunique() == 1:
        return _refused("every rating is the same", notes)
    data = _Data.of(used)
    parts = connected_components(
        csr_array(
            (np.ones(len(data.rater)), (data.rater, data.clip + data.raters)), shape=(data.raters + data.clips,) * 2
        ),
        directed=False,
    )[0]
    if parts > 1:
        return _refused("the raters fall into groups that share no clip, so biases cannot be compared", notes)
    floor = FLOOR * scale.resolution
    state = _project(data, floor, SETTLED * scale.length)
    if not state.settled:
        return _refused("the alternating projection did not converge", notes)
    at_floor = int((state.inconsistency <= floor).sum())
    if at_floor:
        steps = "whole points" if scale.step == 1 else f"steps of {scale.resolution:g}"
        word = "rater is" if at_floor == 1 else "raters are"
        notes.append(f"{at_floor} {word} as consistent as {steps} allow, and held at {floor:.2f}")
    if float(np.median(data.per_rater)) < MANY:
        notes.append(
            f"rough: intervals are too narrow where raters have few ratings (here {np.median(data.per_rater):g})"
        )
    errors = _errors(data, state)
    if not errors.exact:
        notes.append("too many clips to compute covariances: the errors treat the other parameters as known")
    z = float(stats.norm.ppf(1 - alpha / 2))
    spread_error = state.inconsistency / np.sqrt(2 * data.per_rater)
    return RaterModel(
        raters=tuple(
            RaterTraits(str(name), int(n), *_interval(bias, bias_error, z), *_interval(spread, error, z))
            for name, n, bias, bias_error, spread, error in zip(
                data.names, data.per_rater, state.bias, errors.bias, state.inconsistency, spread_error, strict=True
            )
        ),
        clips=tuple(
            ClipQuality(*key, int(n), *_interval(quality, error, z))
            for key, n, quality, error in zip(data.keys, data.per_clip, state.quality, errors.quality, strict=True)
        ),
        conditions=tuple(
            ConditionQuality(name, int(data.of_condition(name).sum()), *_interval(quality, error, z))
            for name, quality, error in zip(data.conditions, state.means(data), errors.conditions, strict=True)
        ),
        loglik=state.loglik(data),
        note="; ".join(notes),
    )


def _refused(reason: str, notes: Sequence[str]) -> RaterModel:
    """Give a model without numbers."""
    return RaterModel(note="; ".join((f"not computed: {reason}", *notes)))


def _interval(value: float, error: float, z: float) -> tuple[float, float, float]:
    """Give value, lower and upper bound."""
    return float(value), float(value - z * error), float(value + z * error)


def _project(data: _Data, floor: float, settled: float) -> _State:
    """Alternate between qualities, biases and inconsistencies from the mean scores on."""
    quality = np.bincount(data.clip, data.scores) / data.per_clip
    for _ in range(5000):
        apart = data.scores - quality[data.clip]
        bias = np.bincount(data.rater, apart) / data.per_rater
        rest = apart - bias[data.rater]
        inconsistency = np.maximum(np.sqrt(np.bincount(data.rater, rest**2) / data.per_rater), floor)
        weight = (inconsistency**-2)[data.rater]
        total = np.bincount(data.clip, weight)
        shift = np.bincount(data.clip, weight * rest) / total
        quality = quality + shift
        if float(np.linalg.norm(shift)) < settled:
            break
    middle = float(bias.mean())
    return _State(quality + middle, bias - middle, inconsistency, float(np.linalg.norm(shift)) < settled)


def _errors(data: _Data, state: _State) -> _Errors:
    """Standard errors of qualities, biases and condition means at given weights.

    The normal equations of (psi, delta) are [[C, M], [M', R]] with diagonal C and R. With K = M R^-1 and
    S = C - K M', the variance of a sum f'psi + g'delta is g'R^-1 g + (f - K g)' S^- (f - K g) where the entries of
    f and g have the same sum, as they have once mean(delta) = 0 is put in: psi_j stands for psi_j + mean(delta).
    """
    weight = state.inconsistency**-2
    precision = data.per_rater * weight
    total = np.bincount(data.clip, weight[data.rater])
    size = data.clips
    members = [data.of_condition(name) for name in data.conditions]
    if size > MOST_CLIPS or size**2 * data.raters > MOST_WORK:
        variance = 1 / total
        means = np.array([sqrt(float(variance[own].sum())) / int(own.sum()) for own in members])
        return _Errors(np.sqrt(variance), np.sqrt(1 / precision), means, exact=False)
    counts = np.bincount(data.clip * data.raters + data.rater, minlength=size * data.raters).reshape(size, -1)
    share = counts / data.per_rater
    dense = np.diag(total) - (share * weight) @ counts.T
    # S has the null vector 1, to which every f - K g below is orthogonal: adding to that direction changes nothing.
    factor = linalg.cho_factor(dense + total.mean() / size)
    middle = share.mean(axis=1)
    base = float((1 / precision).sum()) / data.raters**2
    inverse = linalg.cho_solve(factor, np.eye(size))
    pulled = inverse @ middle
    quality = base + np.diag(inverse) - 2 * pulled + float(middle @ pulled)
    apart = share - middle[:, None]
    bias = 1 / precision * (1 - 2 / data.raters) + base + np.einsum("cr,cr->r", apart, inverse @ apart)
    directions = [own / own.sum() - middle for own in members]
    means = np.array([base + float(one @ inverse @ one) for one in directions])
    return _Errors(np.sqrt(quality), np.sqrt(bias), np.sqrt(means), exact=True)


@dataclass(frozen=True)
class _Data:
    """Ratings as numbers of rater and clip."""

    rater: Array
    clip: Array
    scores: Array
    per_rater: Array
    per_clip: Array
    names: tuple[str, ...]
    keys: tuple[tuple[str, str, str | None], ...]

    @classmethod
    def of(cls, ratings: pd.DataFrame) -> _Data:
        """Number raters and clips."""
        rater, names = pd.factorize(ratings["participant"], sort=True)
        clip = clip_numbers(ratings)
        first = ratings.iloc[np.unique(clip, return_index=True)[1]]
        seeds = first["seed"] if "seed" in ratings.columns else [None] * len(first)
        return cls(
            rater=rater,
            clip=clip,
            scores=ratings["score"].to_numpy(dtype=float),
            per_rater=np.bincount(rater),
            per_clip=np.bincount(clip),
            names=tuple(names),
            keys=tuple(zip(first["prompt"], first["condition"], seeds, strict=True)),
        )

    @property
    def raters(self) -> int:
        """How many raters."""
        return len(self.per_rater)

    @property
    def clips(self) -> int:
        """How many clips."""
        return len(self.per_clip)

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions, sorted."""
        return sorted({key[1] for key in self.keys})

    def of_condition(self, name: str) -> Array:
        """Mark the clips of a condition."""
        return np.array([key[1] == name for key in self.keys])


@dataclass(frozen=True)
class _State:
    """Where the projection ended."""

    quality: Array
    bias: Array
    inconsistency: Array
    settled: bool

    def means(self, data: _Data) -> list[float]:
        """Mean quality of each condition's clips."""
        return [float(self.quality[data.of_condition(name)].mean()) for name in data.conditions]

    def loglik(self, data: _Data) -> float:
        """Log-likelihood."""
        spread = self.inconsistency[data.rater]
        rest = (data.scores - self.quality[data.clip] - self.bias[data.rater]) / spread
        return -float(np.log(spread).sum() + rest @ rest / 2) - len(rest) * log(2 * pi) / 2


@dataclass(frozen=True)
class _Errors:
    """Standard errors, and whether they hold the covariances."""

    quality: Array
    bias: Array
    conditions: Array
    exact: bool


@dataclass(frozen=True)
class RaterTraits:
    """One rater: bias above (+) or below (-) the mean rater, and inconsistency, in points, with intervals."""

    participant: str
    n: int
    bias: float
    bias_low: float
    bias_high: float
    inconsistency: float
    inconsistency_low: float
    inconsistency_high: float


@dataclass(frozen=True)
class ClipQuality:
    """One clip: its quality in points, with interval; `seed` is None where the ratings have none."""

    prompt: str
    condition: str
    seed: str | None
    n: int
    quality: float
    low: float
    high: float


@dataclass(frozen=True)
class ConditionQuality:
    """One condition: the mean quality of its clips, with interval."""

    condition: str
    clips: int
    quality: float
    low: float
    high: float


@dataclass(frozen=True)
class RaterModel:
    """A fitted rater model.

    Parameters
    ----------
    raters, clips, conditions
        Estimates; empty where nothing could be computed.
    loglik
        Log-likelihood at the estimates.
    note
        Who was left out, what is rough, or why there are no numbers.
    """

    raters: tuple[RaterTraits, ...] = ()
    clips: tuple[ClipQuality, ...] = ()
    conditions: tuple[ConditionQuality, ...] = ()
    loglik: float | None = None
    note: str = ""
