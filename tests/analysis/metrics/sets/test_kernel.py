"""The kernel distance: against loops in float64, a closed form, and its own statements about bias and interval."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from analysis.errors import NoValueError
from analysis.metrics.sets import kernel
from analysis.metrics.sets.kernel import kernel_distance, median_distance
from analysis.metrics.sets.simulated import kernel_bias, normal_sets, true_kernel
from analysis.metrics.sets.vectors import Vectors


def uneven(rng: np.random.Generator, units: int, shared: bool) -> tuple[Vectors, Vectors]:
    """Draw sets whose units have between one and four vectors, and share some units or none."""
    found = []
    for names in (range(units), range(2 if shared else 100, units + (2 if shared else 100))):
        parts = [rng.normal(size=(rng.integers(1, 5), 3)) for _ in names]
        found.append(Vectors.of(parts, [f"p{name}" for name in names]))
    return found[0], found[1]


def by_loops(one: Vectors, other: Vectors, bandwidth: float) -> float:
    """Follow the definition pair by pair."""

    def mean(first: Vectors, second: Vectors) -> float:
        values = [
            np.exp(-(((x - y) ** 2).sum()) / (2 * bandwidth**2))
            for x, unit in zip(first.rows, first.units, strict=True)
            for y, its in zip(second.rows, second.units, strict=True)
            if unit != its
        ]
        return float(np.mean(values))

    return 100 * (mean(one, one) + mean(other, other) - 2 * mean(one, other))


@pytest.mark.parametrize("shared", [True, False])
def test_it_is_the_mean_over_pairs_of_different_units_and_so_is_each_part_of_the_jackknife(seed, shared, monkeypatch):
    monkeypatch.setattr(kernel, "CELLS", 50)  # several slabs
    rng = np.random.default_rng(seed)
    one, other = uneven(rng, 7, shared)
    bandwidth = float(rng.uniform(0.5, 3))
    found = kernel_distance(one, other, bandwidth)
    value = by_loops(one, other, bandwidth)
    assert_allclose(found.value, value, rtol=1e-9, atol=1e-9)
    names = sorted({*one.units, *other.units})
    left = np.array([by_loops(one.without([name]), other.without([name]), bandwidth) for name in names])
    error = np.sqrt((len(names) - 1) / len(names) * ((left - value) ** 2).sum())
    assert_allclose(found.high - found.value, stats.t.ppf(0.975, 6) * error, rtol=1e-9)
    assert_allclose(found.value - found.low, stats.t.ppf(0.975, 6) * error, rtol=1e-9)


def test_pooled_is_what_kadtk_prints(seed):
    rng = np.random.default_rng(seed)
    one, other = uneven(rng, 6, True)
    x, y = other.rows, one.rows  # theirs takes the reference first
    gamma = 1 / (2 * 1.3**2)
    own = [np.exp(-gamma * ((a[:, None] - a[None]) ** 2).sum(-1)) for a in (x, y)]
    means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in own]
    across = np.exp(-gamma * ((x[:, None] - y[None]) ** 2).sum(-1)).mean()
    assert_allclose(kernel_distance(one, other, 1.3).pooled, 100 * (sum(means) - 2 * across), rtol=1e-9)


def test_bandwidth_is_the_median_distance_of_pairs_of_different_units_of_the_reference(seed, monkeypatch):
    monkeypatch.setattr(kernel, "CELLS", 30)
    one, other = uneven(np.random.default_rng(seed), 8, False)
    expected = np.median(
        [
            np.linalg.norm(other.rows[i] - other.rows[j])
            for i in range(len(other.rows))
            for j in range(i)
            if other.units[i] != other.units[j]
        ]
    )
    assert_allclose(median_distance(other), expected, rtol=1e-9)
    assert_allclose(kernel_distance(one, other).bandwidth, expected, rtol=1e-9)


def test_thirty_clips_of_one_distribution_are_at_no_distance_on_average(seed):
    mean, error = kernel_bias(n=30, width=16, seed=seed)
    assert abs(mean) < 5 * error


def test_a_set_is_at_no_distance_from_itself_whereas_the_pooled_number_is_below(seed):
    one, _ = normal_sets(np.random.default_rng(seed), 20, width=8, blocks=3)
    found = kernel_distance(one, one)
    assert found.value == pytest.approx(0, abs=1e-9)
    assert found.low <= 0 <= found.high
    assert found.pooled < -0.1


@pytest.mark.parametrize(
    ("units", "shift", "scale", "paired"),
    [(30, 0.0, 1.0, False), (30, 0.0, 1.0, True), (30, 0.5, 1.2, False), (30, 0.5, 1.2, True), (12, 1.0, 1.0, False)],
)
def test_the_interval_holds_the_distance_of_the_distributions_and_the_mean_meets_it(seed, units, shift, scale, paired):
    rng, draws = np.random.default_rng(seed), 200
    truth = true_kernel(6, shift, scale, 2.0)
    found = [
        kernel_distance(*normal_sets(rng, units, width=6, blocks=3, shift=shift, scale=scale, paired=paired), 2.0)
        for _ in range(draws)
    ]
    values = np.array([one.value for one in found])
    assert abs(values.mean() - truth) < 5 * values.std() / np.sqrt(draws)
    covered = sum(one.low <= truth <= one.high for one in found)
    assert covered >= stats.binom.ppf(1e-6, draws, 0.95)


@pytest.mark.parametrize(
    ("spread", "units", "words"),
    [(1.0, "ab", "2 prompts"), (1.0, "a", "1 prompt are"), (0.0, "abc", "all alike")],
)
def test_sets_without_a_distance_are_named(spread, units, words):
    rng = np.random.default_rng(1)
    one, other = (Vectors.of([spread * rng.normal(size=(5, 2)) for _ in some], list(some)) for some in (units, "abc"))
    with pytest.raises(NoValueError, match=words):
        kernel_distance(one, other)
    with pytest.raises(NoValueError, match="widths 2 and 3"):
        kernel_distance(other, Vectors.of([rng.normal(size=(5, 3))] * 3, list("abc")))


def test_vectors_that_are_not_numbers_or_not_there_are_named():
    with pytest.raises(NoValueError, match="NaN"):
        Vectors.of([np.full((1, 2), np.nan)], ["a"])
    with pytest.raises(NoValueError, match="no vector"):
        Vectors.of([], [])
