"""The Frechet distance against closed forms and an independent square root of a matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg

from analysis.errors import NoValueError
from analysis.metrics.sets.frechet import Moments, Root, frechet_distance


def by_square_root(one: np.ndarray, other: np.ndarray) -> float:
    """Compute it as stable-audio-metrics does: numpy's moments and the square root of the product."""
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = linalg.sqrtm(first @ second)
    apart = one.mean(axis=0) - other.mean(axis=0)
    return float((apart @ apart + np.trace(first + second - 2 * root)).real)


def distance_of_rows(one: np.ndarray, other: np.ndarray) -> float:
    return Root.of(one).distance(Root.of(other))


def mixed(rng: np.random.Generator, n: int, width: int) -> np.ndarray:
    return rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width)


def test_one_dimension_is_the_difference_of_means_and_of_deviations(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(2, 3, (50, 1)), rng.normal(-1, 0.5, (70, 1))
    expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert_allclose(frechet_distance(Moments.of(first), Moments.of(second)), expected, rtol=1e-12)
    assert_allclose(distance_of_rows(first, second), expected, rtol=1e-12)


def test_covariances_that_commute_have_the_closed_form(seed):
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    one, other = rng.uniform(0, 4, (2, 12))
    means = rng.normal(size=(2, 12))
    first, second = (
        Moments(99, mean, basis * values @ basis.T) for mean, values in zip(means, (one, other), strict=True)
    )
    expected = ((means[0] - means[1]) ** 2).sum() + ((np.sqrt(one) - np.sqrt(other)) ** 2).sum()
    assert_allclose(frechet_distance(first, second), expected, rtol=1e-10)


def test_it_equals_the_square_root_of_the_product_where_covariances_have_full_rank(seed):
    rng = np.random.default_rng(seed)
    one, other = mixed(rng, 80, 16), mixed(rng, 60, 16)
    expected = by_square_root(one, other)
    assert_allclose(frechet_distance(Moments.of(one), Moments.of(other)), expected, rtol=1e-9)
    assert_allclose(distance_of_rows(one, other), expected, rtol=1e-9)


def test_fewer_vectors_than_dimensions_give_the_limit_of_a_vanishing_diagonal(seed):
    rng = np.random.default_rng(seed)
    one, other = mixed(rng, 9, 24), mixed(rng, 13, 24)
    found = distance_of_rows(one, other)
    assert_allclose(frechet_distance(Moments.of(one), Moments.of(other)), found, rtol=1e-5)
    first, second = Moments.of(one), Moments.of(other)
    near = [linalg.sqrtm((first.covariance + e * np.eye(24)) @ (second.covariance + e * np.eye(24))) for e in (1e-7, 0)]
    apart = first.mean - second.mean
    limit = apart @ apart + np.trace(first.covariance + second.covariance) - 2 * np.trace(near[0]).real
    assert_allclose(found, limit, rtol=1e-2)


def test_a_set_is_at_no_distance_from_itself_and_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    one, other = Moments.of(mixed(rng, 70, 16)), Moments.of(mixed(rng, 70, 16))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-8 * np.trace(one.covariance))
    assert_allclose(frechet_distance(one, other), frechet_distance(other, one), rtol=1e-9)


def test_moments_joined_are_those_of_the_pooled_vectors(seed):
    rng = np.random.default_rng(seed)
    rows = mixed(rng, 50, 5) + 1000
    cut = int(rng.integers(2, 48))
    joined = Moments.of(rows[:cut]).joined(Moments.of(rows[cut:]))
    assert joined.n == 50
    assert_allclose(joined.mean, rows.mean(axis=0), rtol=1e-12)
    assert_allclose(joined.covariance, np.cov(rows, rowvar=False), rtol=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "two or more"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "NaN"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "widths 3 and 4"),
    ],
)
def test_sets_without_a_distance_are_named(one, other, words):
    with pytest.raises(NoValueError, match=words):
        distance_of_rows(one, other)
    with pytest.raises(NoValueError, match=words):
        frechet_distance(Moments.of(one), Moments.of(other))
