"""The Laplace log-likelihood of the ordinal mixed model of `analysis.infer.clmm`, its gradient and its maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

Array = np.ndarray

# A spread beyond this many logits means that none is finite.
ENDLESS = 15.0


def count_cells(ratings: pd.DataFrame, conditions: Sequence[str]) -> Cells:
    """Count equal ratings; number raters, prompts, conditions (in the order given) and grades from 0.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabb"), "prompt": "p", "condition": list("xyxy"),
    ...                         "score": [3, 4, 4, 5]})
    >>> cells = count_cells(ratings, ["x", "y"])
    >>> cells.weight.tolist(), cells.grades, cells.spreads
    ([1.0, 1.0, 1.0, 1.0], (3, 4, 5), ('participant',))
    """
    rater, raters = pd.factorize(ratings["participant"], sort=True)
    prompt, prompts = pd.factorize(ratings["prompt"], sort=True)
    grade, grades = pd.factorize(ratings["score"], sort=True)
    condition = pd.Index(conditions).get_indexer(ratings["condition"])
    sizes = (len(raters), len(prompts), len(conditions), len(grades))
    flat, weight = np.unique(np.ravel_multi_index((rater, prompt, condition, grade), sizes), return_counts=True)
    rater, prompt, condition, grade = np.unravel_index(flat, sizes)
    # Where each rater has a prompt of their own the two spreads cannot be told apart.
    twins = len(raters) == len(prompts) == len(np.unique(rater * len(prompts) + prompt))
    swapped = len(prompts) > len(raters)
    big, small = (prompt, rater) if swapped else (rater, prompt)
    return Cells(
        big=big,
        small=small,
        condition=condition,
        grade=grade,
        weight=weight.astype(float),
        shape=(max(sizes[:2]), min(sizes[:2])),
        grades=tuple(int(score) if float(score).is_integer() else float(score) for score in grades),
        conditions=len(conditions),
        spreads=("participant",) if len(prompts) == 1 or twins else ("participant", "prompt"),
        places=(1, 0) if swapped else (0, 1),
    )


def plain_start(cells: Cells) -> Array:
    """Thresholds from the pooled counts, no effects, spreads of one.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabb"), "prompt": "p", "condition": list("xyxy"),
    ...                         "score": [3, 4, 4, 5]})
    >>> plain_start(count_cells(ratings, ["x", "y"])).round(4).tolist()  # log(1 / 3), the log of a gap, effect, spread
    [-1.0986, 0.7872, 0.0, 1.0]
    """
    counts = np.bincount(cells.grade, weights=cells.weight)
    below = np.cumsum(counts)[:-1] / counts.sum()
    theta = np.log(below / (1 - below))
    gaps = np.log(np.diff(theta))
    return np.concatenate((theta[:1], gaps, np.zeros(cells.conditions - 1), np.ones(len(cells.spreads))))


def maximize(likelihood: Laplace, start: Array) -> Maximum:
    """Climb by a quasi-Newton method (BFGS); the Hessian at both ends is differenced from the exact gradient.

    It ends where a Newton step would gain less than 1e-9 in log-likelihood, far below what can be seen in four
    digits of a standard error.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabb"), "prompt": "p", "condition": list("xyxy"),
    ...                         "score": [3, 4, 4, 3]})
    >>> cells = count_cells(ratings, ["x", "y"])
    >>> found = maximize(Laplace(cells), plain_start(cells))
    >>> found.settled, round(found.value, 4)  # each score half of four: 4 log 2
    (True, 2.7726)
    """
    x = start
    value, gradient = likelihood(x)
    hessian, fresh = _differenced(likelihood, x), True
    for _ in range(200):
        roots, vectors = np.linalg.eigh(hessian)
        sizes = np.maximum(np.abs(roots), 1e-9 * np.abs(roots).max())
        step = -vectors @ ((vectors.T @ gradient) / sizes)
        if -float(gradient @ step) < 1e-9:
            if not fresh:
                hessian, fresh = _differenced(likelihood, x), True
                continue
            if roots.min() > 0:
                return Maximum(x, value, hessian, settled=True)
            step = 0.5 * vectors[:, 0]  # a saddle, as a spread of zero can be: leave it along the falling side
        step *= min(1.0, 0.7 / float(np.abs(step).max()))
        for _ in range(30):
            tried = likelihood(x + step)
            if tried[0] <= value + 1e-12 * abs(value):
                break
            step /= 2
        else:
            break
        hessian, fresh = _updated((vectors * sizes) @ vectors.T, step, tried[1] - gradient), False
        x, (value, gradient) = x + step, tried
        if np.abs(likelihood.cells.parts(x)[2]).max() > ENDLESS:
            break
    return Maximum(x, value, hessian, settled=False)


def _differenced(likelihood: Laplace, x: Array, width: float = 1e-3) -> Array:
    """Second derivative by central differences of the gradient."""
    rows, center = [], likelihood.modes
    for shift in width * np.eye(len(x)):
        ahead = likelihood(x + shift)[1]
        # Mirrored, the random effects of one side are a close guess of the other's.
        likelihood.modes = [2 * middle - mode for middle, mode in zip(center, likelihood.modes, strict=True)]
        rows.append(ahead - likelihood(x - shift)[1])
        likelihood.modes = center
    hessian = np.array(rows) / (2 * width)
    return np.asarray((hessian + hessian.T) / 2)


def _updated(hessian: Array, step: Array, change: Array) -> Array:
    """Update a Hessian by BFGS where the step saw it curve upwards."""
    if float(step @ change) < 1e-6 * float(step @ hessian @ step):
        return hessian
    pulled = hessian @ step
    return np.asarray(hessian + np.outer(change, change) / (change @ step) - np.outer(pulled, pulled) / (step @ pulled))


class Laplace:
    """Minus the Laplace log-likelihood of cells, with its gradient.

    Parameters are the first threshold, the logarithms of the gaps to the next ones, the effects, and the
    spreads. Spreads enter as they are and not as logarithms: the likelihood is even in a spread, so that zero is
    an ordinary point and no edge. The last random effects found are kept, as the next start.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.pair = cells.big * cells.shape[1] + cells.small
        self.kind = cells.grade * cells.conditions + cells.condition
        self.modes = [np.zeros(size) for size in cells.shape]

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """Give value and gradient.

        The logistic F has F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)). So log p is a sum of one term for the
        threshold above (a), one for that below (b) and one without random effects, each differentiated apart.
        """
        cells, weight = self.cells, self.cells.weight
        theta, beta, spread = cells.parts(parameters)
        scale = cells.scales(spread)
        odds, blocks = self._modes(theta, beta, scale)
        gaps = np.diff(theta)
        inner = np.bincount(cells.grade, weight)[1:-1]
        value = float(weight @ (np.log1p(1 / odds[0]) + np.log1p(odds[1]))) - float(inner @ np.log(-np.expm1(-gaps)))
        value += sum(float(mode @ mode) for mode in self.modes) / 2 + blocks.logdet / 2

        over, under = 1 / (1 + odds[0]), 1 / (1 + odds[1])
        slopes = over * (1 - over), under * (1 - under)
        bends = slopes[0] * (2 * over - 1), slopes[1] * (2 * under - 1)
        # log det H moves with a predictor through its weight; the modes move so that h stays at its minimum.
        variance = blocks.variance().ravel()[self.pair]
        pull = self._table(-0.5 * weight * (bends[0] + bends[1]) * variance)
        answer = blocks.solve(scale[0] * pull.sum(axis=1), scale[1] * pull.sum(axis=0))
        moved = np.add.outer(scale[0] * answer[0], scale[1] * answer[1]).ravel()[self.pair]
        at_above = weight * (0.5 * variance * bends[0] + moved * slopes[0] - over)
        at_below = weight * (0.5 * variance * bends[1] + moved * slopes[1] + 1 - under)
        predictor = -(at_above + at_below)

        size = len(cells.grades)
        by_cut = np.bincount(cells.grade, at_above, size)[:-1] + np.bincount(cells.grade, at_below, size)[1:]
        tail = np.cumsum(by_cut[::-1])[::-1]
        gradient = [tail[:1], gaps * (tail[1:] - inner / np.expm1(gaps))]
        gradient.append(np.bincount(cells.condition, predictor, cells.conditions)[1:])
        pushed, score = self._table(predictor), self._table(weight * (1 - over - under))
        for place in cells.places[: len(spread)]:
            axis = 1 - place
            own = self.modes[place] @ pushed.sum(axis=axis) + answer[place] @ score.sum(axis=axis)
            gradient.append(np.array([own + blocks.trace(place)]))
        return value, np.concatenate(gradient)

    def _modes(self, theta: Array, beta: Array, scale: Array) -> tuple[tuple[Array, Array], _Blocks]:
        """Find the most probable random effects; give the odds exp(a) and exp(b) of each cell, and H."""
        cells = self.cells
        ends = np.exp(np.concatenate(([-np.inf], theta, [np.inf])))
        fixed = [
            np.outer(ends[place : place + len(cells.grades)], np.exp(-beta)).ravel()[self.kind] for place in (1, 0)
        ]
        for _ in range(100):
            # Odds multiply, which is many times faster than an exponential for each cell.
            factors = [np.exp(-size * mode) for size, mode in zip(scale, self.modes, strict=True)]
            effect = np.multiply.outer(*factors).ravel()[self.pair]
            odds = fixed[0] * effect, fixed[1] * effect
            over, under = 1 / (1 + odds[0]), 1 / (1 + odds[1])
            score = self._table(cells.weight * (1 - over - under))
            blocks = _Blocks(self._table(cells.weight * (over * (1 - over) + under * (1 - under))), scale)
            step = blocks.solve(
                scale[0] * score.sum(axis=1) - self.modes[0], scale[1] * score.sum(axis=0) - self.modes[1]
            )
            if max(float(np.abs(one).max()) for one in step) < 1e-10:
                break
            # The logistic's third derivative is at most its second, so a predictor moved by 1 cannot overshoot.
            reach = sum(float(abs(size) * np.abs(one).max()) for size, one in zip(scale, step, strict=True))
            self.modes = [mode + one / max(1.0, reach) for mode, one in zip(self.modes, step, strict=True)]
        return odds, blocks

    def _table(self, values: Array) -> Array:
        """Sum over the cells of each pair of rater and prompt."""
        shape = self.cells.shape
        return np.bincount(self.pair, values, shape[0] * shape[1]).reshape(shape)


class _Blocks:
    """H = I + S Z'WZ S by blocks: the larger grouping's is diagonal and eliminated, what remains is dense."""

    def __init__(self, weights: Array, scale: Array) -> None:
        self.weights, self.scale = weights, scale
        self.diagonal = 1 + scale[0] ** 2 * weights.sum(axis=1)
        self.cross = scale[0] * scale[1] * weights
        self.ratio = self.cross / self.diagonal[:, None]
        dense = np.diag(1 + scale[1] ** 2 * weights.sum(axis=0)) - self.cross.T @ self.ratio
        self.factor = linalg.cholesky(dense, lower=True)
        self.logdet = float(np.log(self.diagonal).sum() + 2 * np.log(np.diag(self.factor)).sum())

    def solve(self, big: Array, small: Array) -> list[Array]:
        """Solve H x = (big, small)."""
        tail = linalg.cho_solve((self.factor, True), small - self.ratio.T @ big)
        return [(big - self.cross @ tail) / self.diagonal, tail]

    def variance(self) -> Array:
        """Variance of the two scaled effects' sum for each pair, from the inverse of H."""
        inverse = linalg.cho_solve((self.factor, True), np.eye(len(self.factor)))
        both = self.ratio @ inverse
        self.inverse = 1 / self.diagonal + np.einsum("rp,rp->r", both, self.ratio), np.diag(inverse)
        self.mixed = -both
        one, two = self.scale
        return np.asarray(
            one**2 * self.inverse[0][:, None] + two**2 * self.inverse[1][None, :] + 2 * one * two * self.mixed
        )

    def trace(self, place: int) -> float:
        """Half the derivative of log det H in one spread, through S alone; after `variance`."""
        own = float(self.weights.sum(axis=1 - place) @ self.inverse[place])
        return float(self.scale[place] * own + self.scale[1 - place] * np.vdot(self.weights, self.mixed))


@dataclass(frozen=True)
class Cells:
    """Counted ratings.

    Parameters
    ----------
    big, small
        Level of the larger and of the smaller grouping (raters, prompts).
    condition, grade, weight
        Condition, grade and how many such ratings there are.
    shape
        Levels of the two groupings.
    grades
        The scores that occur.
    conditions
        How many conditions; number 0 is the baseline.
    spreads
        The groupings whose spread is a parameter, the raters' first.
    places
        Where raters and prompts stand among (big, small).
    """

    big: Array
    small: Array
    condition: Array
    grade: Array
    weight: Array
    shape: tuple[int, int]
    grades: tuple[float, ...]
    conditions: int
    spreads: tuple[str, ...]
    places: tuple[int, int]

    def parts(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Part parameters into thresholds, effects (the baseline's 0 first) and spreads."""
        cuts = len(self.grades) - 1
        theta = parameters[0] + np.concatenate(([0.0], np.cumsum(np.exp(parameters[1:cuts]))))
        beta = np.concatenate(([0.0], parameters[cuts : cuts + self.conditions - 1]))
        return theta, beta, parameters[cuts + self.conditions - 1 :]

    def scales(self, spread: Array) -> Array:
        """Order the spreads as the groupings; one that is no parameter is 0."""
        scale = np.zeros(2)
        scale[list(self.places[: len(spread)])] = spread
        return scale


@dataclass(frozen=True)
class Maximum:
    """Where a climb ended: parameters, minus the log-likelihood, its Hessian, and whether that is a maximum."""

    parameters: Array
    value: float
    hessian: Array
    settled: bool
