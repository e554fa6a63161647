"""The Laplace likelihood, against a plain computation from its definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from rating_tables import table
from scipy.optimize import minimize
from scipy.special import expit

from analysis.estimate.laplace import Laplace, count_cells, maximize, plain_start


def some_ratings(seed: int, raters: int, prompts: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return table(
        (f"r{r}", f"p{p}", c, int(rng.integers(1, 6)))
        for r, p, c in product(range(raters), range(prompts), ["base", "x", "y"])
        if rng.random() < 0.8
    )


def by_definition(
    ratings: pd.DataFrame, theta: np.ndarray, beta: dict[str, float], spread: tuple[float, float]
) -> float:
    """Minimize h without derivatives' formulas, and difference its Hessian."""
    raters, prompts = sorted(ratings["participant"].unique()), sorted(ratings["prompt"].unique())
    rater = ratings["participant"].map(raters.index).to_numpy()
    prompt = ratings["prompt"].map(prompts.index).to_numpy()
    effect, score = ratings["condition"].map(beta).to_numpy(), ratings["score"].to_numpy()
    ends = np.concatenate(([-50.0], theta, [50.0]))

    def h(b: np.ndarray) -> float:
        eta = effect + spread[0] * b[rater] + spread[1] * b[len(raters) + prompt]
        return float(-np.log(expit(ends[score] - eta) - expit(ends[score - 1] - eta)).sum() + b @ b / 2)

    size = len(raters) + len(prompts)
    best = minimize(h, np.zeros(size), method="BFGS", options={"gtol": 1e-7}).x
    step = 1e-4 * np.eye(size)
    hessian = [
        [(h(best + u + v) - h(best + u - v) - h(best - u + v) + h(best - u - v)) / 4e-8 for v in step] for u in step
    ]
    return h(best) + float(np.linalg.slogdet(np.array(hessian))[1]) / 2


@pytest.mark.parametrize(("raters", "prompts"), [(5, 3), (3, 4)])
def test_value_by_definition(raters: int, prompts: int) -> None:
    ratings = some_ratings(raters, raters, prompts)
    theta, spread = np.array([-1.7, -0.4, 0.6, 1.5]), (0.8, 0.5)
    cells = count_cells(ratings, ["base", "x", "y"])
    parameters = np.concatenate((theta[:1], np.log(np.diff(theta)), [0.3, -0.6], spread))
    expected = by_definition(ratings, theta, {"base": 0.0, "x": 0.3, "y": -0.6}, spread)
    assert Laplace(cells)(parameters)[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("raters", "prompts"), [(12, 4), (4, 12), (15, 1), (6, 6)])
def test_gradient_is_the_slope_of_the_value(raters: int, prompts: int) -> None:
    cells = count_cells(some_ratings(raters, raters, prompts), ["base", "x", "y"])
    likelihood = Laplace(cells)
    rng = np.random.default_rng(raters)
    parameters = plain_start(cells) + rng.normal(0, 0.4, len(plain_start(cells)))
    slopes = [
        (likelihood(parameters + shift)[0] - likelihood(parameters - shift)[0]) / 2e-5
        for shift in 1e-5 * np.eye(len(parameters))
    ]
    assert likelihood(parameters)[1] == pytest.approx(np.array(slopes), rel=1e-6, abs=1e-6)


def test_the_sign_of_a_spread_means_nothing_and_a_saddle_is_left() -> None:
    cells = count_cells(some_ratings(3, 10, 4), ["base", "x", "y"])
    likelihood = Laplace(cells)
    start = plain_start(cells)
    turned = start.copy()
    turned[-2:] *= -1
    assert likelihood(turned)[0] == pytest.approx(likelihood(start)[0], abs=1e-9)


def test_a_start_without_spread_ends_where_others_do() -> None:
    # At a spread of zero the slope is zero whatever the data say.
    rng = np.random.default_rng(5)
    bias = rng.normal(0, 1.5, 20)
    ratings = table(
        (f"r{r}", f"p{p}", c, int(np.clip(round(3 + bias[r] + rng.normal()), 1, 5)))
        for r, p, c in product(range(20), range(4), ["base", "x"])
    )
    cells = count_cells(ratings, ["base", "x"])
    start = plain_start(cells)
    flat = start.copy()
    flat[-2:] = 0
    usual, from_saddle = maximize(Laplace(cells), start), maximize(Laplace(cells), flat)
    assert usual.settled
    assert from_saddle.settled
    assert from_saddle.value == pytest.approx(usual.value, abs=1e-7)
    assert abs(from_saddle.parameters[-2]) > 1


def test_counts_are_as_good_as_rows() -> None:
    ratings = some_ratings(6, 8, 3)
    twice = pd.concat([ratings, ratings])
    cells, doubled = count_cells(ratings, ["base", "x", "y"]), count_cells(twice, ["base", "x", "y"])
    assert len(cells.weight) == len(doubled.weight)
    assert doubled.weight == pytest.approx(2 * cells.weight)
