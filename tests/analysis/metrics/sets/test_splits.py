"""Splits: parts that are equal, whole, and the same of a set and its reference; and what is built on them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.metrics.sets.extrapolated import extrapolated_distance
from analysis.metrics.sets.frechet import Root
from analysis.metrics.sets.kernel import kernel_at_infinity
from analysis.metrics.sets.simulated import normal_sets, true_kernel
from analysis.metrics.sets.splits import Splits


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("left_out", [None, 0, 4])
def test_parts_are_equal_and_units_stay_whole_in_both_sets(seed, parts, left_out):
    rng = np.random.default_rng(seed)
    shared, own, others = ([f"{kind}{k}" for k in range(n)] for kind, n in (("s", 60), ("a", 60), ("b", 60)))
    units = [np.array(rng.permutation(2 * (shared + some))) for some in (own, others)]
    splits = Splits(units)
    found = [
        [set(units[place][splits.kept(place, part, parts, left_out)]) for part in range(parts)] for place in range(2)
    ]
    kept = 180 if left_out is None else 180 - 180 // splits.groups
    everything = set().union(*found[0], *found[1])
    assert len(everything) == kept
    for place, some in enumerate(found):
        assert sum(map(len, some)) == len(set().union(*some)) == len(everything & set(units[place]))
        assert max(map(len, some)) - min(map(len, some)) <= 6
    for one, other in zip(*found, strict=True):
        assert one & set(shared) == other & set(shared)


def test_the_line_and_the_parabola_go_through_the_distances_of_the_parts(seed):
    one, other = normal_sets(np.random.default_rng(seed), 30, width=4, blocks=2, shift=0.5, paired=True)
    splits = Splits([one.units, other.units])

    def distance(part: int, parts: int) -> float:
        roots = [Root.of(some.rows[splits.kept(place, part, parts)]) for place, some in enumerate((one, other))]
        return roots[0].distance(roots[1])

    means = [np.mean([distance(part, parts) for part in range(parts)]) for parts in (1, 2, 3)]
    found = extrapolated_distance(one, other)
    assert_allclose(found.plain, means[0], rtol=1e-9)
    assert_allclose(found.line, np.polyfit([1, 2], means[:2], 1)[-1], rtol=1e-9)
    assert_allclose(found.value, np.polyfit([1, 2, 3], means, 2)[-1], rtol=1e-7)
    assert found.high - found.value > abs(found.value - found.line)


def test_the_line_of_a_kernel_distance_is_as_unbiased_as_the_distance(seed):
    rng, draws = np.random.default_rng(seed), 150
    line = np.array([kernel_at_infinity(*normal_sets(rng, 16, width=5, shift=0.6), 2.0) for _ in range(draws)])
    assert abs(line.mean() - true_kernel(5, 0.6, 1.0, 2.0)) < 5 * line.std() / np.sqrt(draws)
