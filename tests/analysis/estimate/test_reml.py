"""The restricted likelihood, its derivatives and its optimum, against dense matrices and against each other."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from analysis.estimate import patterns, reml
from analysis.estimate.average_information import average

pytestmark = pytest.mark.filterwarnings("error")

SPREADS = (0.5, 0.4, 0.3, 0.25, 0.4)
LEVELS = {
    "outer": lambda r, p, c: r,
    "outer:condition": lambda r, p, c: r * 3 + c,
    "cell": lambda r, p, c: r * 1000 + p,
    "inner": lambda r, p, c: p,
    "inner:condition": lambda r, p, c: p * 3 + c,
}
TERMS = {
    "interactions": ("outer", "outer:condition", "cell", "inner", "inner:condition"),
    "additive": ("outer", "cell", "inner"),
    "nested": ("outer", "outer:condition", "inner"),
    "raters alone": ("outer", "outer:condition"),
    "prompts alone": ("inner", "inner:condition"),
}

Codes = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def draw(seed: int, raters: int, prompts: int, n: int, *, sd: tuple[float, ...] = SPREADS) -> Codes:
    """Ratings of cells drawn with replacement, so that some are missing and some come twice, with continuous scores."""
    rng = np.random.default_rng(seed)
    r, p, c = (np.unique(rng.integers(0, size, n), return_inverse=True)[1] for size in (raters, prompts, 3))
    value = rng.normal(0, sd[0], raters)[r] + rng.normal(0, sd[1], prompts)[p] - 0.2 * c + rng.normal(0, 0.7, n)
    value += rng.normal(0, sd[2], (raters, 3))[r, c] + rng.normal(0, sd[3], (prompts, 3))[p, c]
    value += rng.normal(0, sd[4], (raters, prompts))[r, p]
    return r, p, c, value - value.mean()


def repeated(codes: Codes, seed: int) -> Codes:
    """Let five more raters hear just what each rater heard, with scores of their own."""
    r, p, c, _ = codes
    many = 6
    again = np.concatenate([r + one * (r.max() + 1) for one in range(many)])
    return again, np.tile(p, many), np.tile(c, many), np.random.default_rng(seed).normal(0, 1, many * len(r))


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("same", [False, True])
def test_likelihood_and_derivatives_agree_with_dense_matrices(terms: str, same: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = draw(seed, 9, 5, 100)
    r, p, c, y = codes = repeated(codes, seed) if same else codes
    sums = patterns.tabulate(*codes, TERMS[terms])
    assert bool(max(batch.many.max() for batch in sums.batches) >= 6) is same
    shared = [(level[:, None] == level).astype(float) for level in (LEVELS[term](r, p, c) for term in sums.terms)]
    gamma = rng.uniform(0, 1, len(shared)) * (rng.random(len(shared)) < 0.8)
    inverse = np.linalg.inv(np.eye(len(y)) + np.tensordot(gamma, np.array(shared), 1))
    t = np.column_stack([c[:, None] == np.arange(c.max() + 1), y])
    at = reml.expand(sums, gamma)
    assert sums.squares == pytest.approx(float(y @ y))
    assert at.logdet == pytest.approx(-np.linalg.slogdet(inverse)[1], rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(at.form, t.T @ inverse @ t, rtol=1e-8, atol=1e-7)
    for i, one in enumerate(shared):
        assert at.logdet1[i] == pytest.approx(np.trace(inverse @ one), rel=1e-8)
        np.testing.assert_allclose(at.form1[i], -t.T @ inverse @ one @ inverse @ t, rtol=1e-8, atol=1e-7)
        for j, two in enumerate(shared):
            assert at.logdet2[i, j] == pytest.approx(-np.trace(inverse @ one @ inverse @ two), rel=1e-8)
            half = t.T @ inverse @ one @ inverse @ two @ inverse @ t
            np.testing.assert_allclose(at.form2[i, j], half + half.T, rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("zero", ["", "inner:condition", "inner"])
@pytest.mark.parametrize("terms", ["interactions", "additive", "nested"])
def test_average_information_agrees_with_dense_matrices(
    terms: str, zero: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likelihood and slopes to the letter; for second derivatives, of the residual sum of squares, those of P alone."""
    monkeypatch.setattr(patterns, "WIDE", 0)
    rng = np.random.default_rng(seed)
    r, p, c, y = codes = draw(seed, 9, 7, 150)
    sums = patterns.tabulate(*codes, TERMS[terms])
    assert sums.wide
    shared = [(level[:, None] == level).astype(float) for level in (LEVELS[term](r, p, c) for term in sums.terms)]
    gamma = np.where([term == zero for term in sums.terms], 0.0, rng.uniform(0.1, 1, len(shared)))
    inverse = np.linalg.inv(np.eye(len(y)) + np.tensordot(gamma, np.array(shared), 1))
    x = (c[:, None] == np.arange(3)).astype(float)
    t = np.column_stack([x, y])
    at = average(sums, gamma)
    assert at.logdet == pytest.approx(-np.linalg.slogdet(inverse)[1], rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(at.form, t.T @ inverse @ t, rtol=1e-8, atol=1e-7)
    projected = inverse - inverse @ x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse)
    for i, one in enumerate(shared):
        assert at.logdet1[i] == pytest.approx(np.trace(inverse @ one), rel=1e-7)
        np.testing.assert_allclose(at.form1[i], -t.T @ inverse @ one @ inverse @ t, rtol=1e-7, atol=1e-7)
        for j, two in enumerate(shared):
            bent = 2 * y @ projected @ one @ projected @ two @ projected @ y
            assert at.residual()[2][i, j] == pytest.approx(bent, rel=1e-7, abs=1e-7)
    with_residual = at.with_residual(gamma).residual()[2]
    assert with_residual[0, 0] == pytest.approx(2 * y @ projected @ projected @ projected @ y, rel=1e-7)
    assert with_residual[0, 1] == pytest.approx(2 * y @ projected @ projected @ shared[0] @ projected @ y, rel=1e-7)


@pytest.mark.parametrize("wide", [False, True])
def test_slopes_are_zero_or_point_below_zero_at_the_optimum(
    wide: bool, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough ratings that a part of them begins the search, by raters who heard different clips.
    codes = draw(seed, 300 if wide else 2_500, 12, 6_000 if wide else 30_000, sd=(0.5, 0.4, 0.3, 0.0, 0.4))
    if wide:
        monkeypatch.setattr(patterns, "WIDE", 30)
        monkeypatch.setattr(reml, "SETTLED_WIDE", 1e-12)  # to the end: a user's search stops a little before
    sums, gamma, at = reml.reml(*codes, TERMS["interactions"])
    assert sums.wide is wide
    residual = at.solve()[2] / at.freedom
    slope = at.restricted()[1] + at.residual()[1] / residual
    for value, steep in zip([1.0, *gamma], slope, strict=True):
        assert steep > -0.05  # of a curvature of about half the number of ratings
        assert value == 0.0 or steep < 0.05
    found = dict(zip(sums.terms, np.sqrt(gamma * residual), strict=True))
    assert found["outer"] == pytest.approx(0.5, abs=0.15)
    assert found["outer:condition"] == pytest.approx(0.3, abs=0.15)
    assert found["cell"] == pytest.approx(0.4, abs=0.15)
    assert sqrt(residual) == pytest.approx(0.7, abs=0.1)
