"""The extrapolated Frechet distance: its interval, and that it is nearer than the plain one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from analysis.errors import NoValueError
from analysis.metrics.sets.extrapolated import extrapolated_distance, too_few
from analysis.metrics.sets.frechet import Moments, frechet_distance
from analysis.metrics.sets.simulated import normal_sets, true_frechet
from analysis.metrics.sets.vectors import Vectors


@pytest.mark.parametrize(
    ("units", "shift", "scale", "paired"),
    [(40, 0.0, 1.0, False), (40, 0.5, 1.2, False), (40, 0.5, 1.2, True), (80, 1.0, 1.5, False)],
)
def test_the_interval_holds_the_distance_of_the_distributions(seed, units, shift, scale, paired):
    rng, draws = np.random.default_rng(seed), 60
    truth = true_frechet(6, shift, scale)
    found = [
        extrapolated_distance(
            *normal_sets(rng, units, width=6, blocks=3, shift=shift, scale=scale, paired=paired),
        )
        for _ in range(draws)
    ]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert covered >= stats.binom.ppf(1e-6, draws, 0.95)


def test_the_plain_distance_lies_above_the_truth_and_the_extrapolated_one_does_not(seed):
    rng, draws = np.random.default_rng(seed), 100
    found = [extrapolated_distance(*normal_sets(rng, 60, width=8, shift=0.3), interval=False) for _ in range(draws)]
    truth = true_frechet(8, 0.3, 1.0)
    plain = np.array([one.plain for one in found])
    value = np.array([one.value for one in found])
    assert plain.mean() > truth + 5 * plain.std() / 10
    assert abs(value.mean() - truth) < abs(plain.mean() - truth) / 2


def test_plain_is_the_distance_of_the_sets_and_a_set_is_at_none_from_itself(seed):
    one, other = normal_sets(np.random.default_rng(seed), 30, width=5, blocks=2, shift=0.4)
    expected = frechet_distance(Moments.of(one.rows), Moments.of(other.rows))
    assert_allclose(extrapolated_distance(one, other).plain, expected, rtol=1e-9)
    same = extrapolated_distance(one, one)
    assert_allclose([same.value, same.low, same.high, same.plain, same.line], 0, atol=1e-9)


def test_moments_of_a_reference_are_taken_as_they_are(seed):
    rng, draws, covered = np.random.default_rng(seed), 40, 0
    moments = Moments(10**6, np.zeros(4), np.diag(1 / np.arange(1, 5)))
    for _ in range(draws):
        one, _ = normal_sets(rng, 200, width=4, shift=1.0)
        found = extrapolated_distance(one, moments)
        assert found.plain == pytest.approx(frechet_distance(Moments.of(one.rows), moments))
        covered += found.low < true_frechet(4, 1.0, 1.0) < found.high
    assert covered >= stats.binom.ppf(1e-6, draws, 0.95)


def test_a_permutation_of_vectors_or_the_order_of_units_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    one, other = normal_sets(rng, 24, width=3, blocks=2, paired=True, shift=0.2)
    order = rng.permutation(len(one.rows))
    again = extrapolated_distance(Vectors(one.rows[order], one.units[order]), other)
    found = extrapolated_distance(one, other)
    assert_allclose([again.value, again.low, again.high], [found.value, found.low, found.high], rtol=1e-8, atol=1e-10)


def test_too_few_clips_are_named_with_what_would_do():
    words = too_few(30, 30, 210, 512)
    assert words.startswith("n = 30 clips (210 blocks) are too few for a Frechet distance in 512 dimensions")
    assert words.endswith("KAD has no such bias")
    assert "90 clips of 30 prompts" in too_few(90, 30, 630, 512)
    assert too_few(308, 308, 513, 512) == ""
    assert too_few(307, 307, 9999, 512)
    assert too_few(308, 308, 512, 512)
    one, _ = normal_sets(np.random.default_rng(1), 5, width=3)
    with pytest.raises(NoValueError, match="5 prompts"):
        extrapolated_distance(one, one)
