"""Ranks: correlations against loops and R, and intervals against what they promise."""

from __future__ import annotations

from itertools import permutations
from math import asin, pi, sqrt

import numpy as np
import pytest
from scipy import stats

from analysis.metrics.ranks import (
    Correlation,
    Rated,
    by_chance,
    correlated,
    midranks,
    over_clips,
    over_conditions,
    within_prompts,
)


def ranked(values: list[float]) -> list[float]:
    """Middle ranks, counted: how many are below, and half of the equal ones."""
    return [sum(b < a for b in values) + (sum(b == a for b in values) + 1) / 2 for a in values]


def pearson(one: list[float], other: list[float]) -> float:
    first, second = sum(one) / len(one), sum(other) / len(other)
    shared = sum((a - first) * (b - second) for a, b in zip(one, other, strict=True))
    return shared / sqrt(sum((a - first) ** 2 for a in one) * sum((b - second) ** 2 for b in other))


def rated(random: np.random.Generator, prompts: int, conditions: int, raters: int) -> Rated:
    """Clips in prompts with coarse values and ratings, so that many are equal; some ratings are missing."""
    clips = prompts * conditions
    counts = (random.random((raters, clips)) < 0.8).astype(float)
    counts[0] = 1
    scores = random.integers(1, 6, (raters, clips)) * counts
    places = np.arange(clips)
    values = random.integers(0, 6, clips).astype(float)
    return Rated(values, places // conditions, places % conditions, scores, counts)


def test_correlations_are_those_of_a_loop_over_ranks(seed: int) -> None:
    one = rated(np.random.default_rng(seed), 7, 4, 5)
    values, means = one.values.tolist(), one.means().tolist()
    assert over_clips(one).value == pytest.approx(pearson(ranked(values), ranked(means)), abs=1e-12)
    assert over_clips(one).value == pytest.approx(stats.spearmanr(values, means).statistic, abs=1e-12)

    centred: tuple[list[float], list[float]] = ([], [])
    for prompt in range(7):
        own = [place for place, number in enumerate(one.prompts) if number == prompt]
        for kept, some in zip(centred, (values, means), strict=True):
            kept += [rank / (len(own) + 1) - 0.5 for rank in ranked([some[place] for place in own])]
    assert within_prompts(one).value == pytest.approx(pearson(*centred), abs=1e-12)

    by_condition: tuple[list[float], list[float]] = ([], [])
    for condition in range(4):
        own = [place for place, number in enumerate(one.conditions) if number == condition]
        by_condition[0].append(sum(values[place] for place in own) / len(own))
        scores = sum(float(one.sums[:, place].sum()) for place in own)
        by_condition[1].append(scores / sum(float(one.counts[:, place].sum()) for place in own))
    expected = pearson(ranked(by_condition[0]), ranked(by_condition[1]))
    assert over_conditions(one).value == pytest.approx(expected, abs=1e-12)
    fixed = np.random.default_rng(seed + 1).random(4)
    expected = pearson(ranked(fixed.tolist()), ranked(by_condition[1]))
    assert over_conditions(one, fixed).value == pytest.approx(expected, abs=1e-12)


def test_equal_values_are_ranked_as_r_does() -> None:
    """R 4.2: cor(1:5, c(5, 6, 7, 8, 7), method = "spearman") is 0.8207827."""
    ones, prompt = np.ones((1, 5)), np.zeros(5, dtype=np.intp)
    found = over_clips(Rated(np.arange(1.0, 6.0), prompt, prompt, np.array([[5.0, 6.0, 7.0, 8.0, 7.0]]), ones))
    assert found.value == pytest.approx(0.8207826816681233, abs=1e-12)


def test_a_weight_is_as_many_clips(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other, weights = random.integers(0, 5, 30), random.integers(0, 5, 30), random.integers(0, 4, (3, 30))
    found = correlated(
        midranks(one.astype(float), weights.astype(float)),
        midranks(other.astype(float), weights.astype(float)),
        weights.astype(float),
    )
    for value, row in zip(found, weights, strict=True):
        expected = stats.spearmanr(np.repeat(one, row), np.repeat(other, row)).statistic
        assert value == pytest.approx(expected, abs=1e-12)


def test_what_orders_prompts_alone_is_not_correlated_within_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    prompts, conditions = np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30)
    level = random.normal(0, 3, 30)[prompts]
    sums = level + random.normal(0, 1, (10, 180))
    one = Rated(level + random.normal(0, 0.1, 180), prompts, conditions, sums, np.ones((10, 180)))
    everywhere, inside = over_clips(one), within_prompts(one)
    assert everywhere.low is not None
    assert inside.value is not None
    assert everywhere.low > 0.8
    assert abs(inside.value) < 0.4  # five standard errors of 150 free ranks


def test_chance_is_counted_over_all_orders(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 4, 5).astype(float), random.random(5)
    one[0] = 7
    value = pearson(ranked(one.tolist()), ranked(other.tolist()))
    found = [abs(pearson(ranked(one.tolist()), ranked(list(order)))) for order in permutations(other.tolist())]
    assert by_chance(value, one, other) == pytest.approx(np.mean([r >= abs(value) - 1e-9 for r in found]), abs=1e-12)


@pytest.mark.parametrize(("prompts", "conditions", "raters"), [(4, 8, 10), (12, 4, 8)])
def test_intervals_hold_the_correlation_as_often_as_they_say(
    seed: int, prompts: int, conditions: int, raters: int
) -> None:
    """Clips in prompts, raters with opinions of conditions; all normal, so that the true correlations are known.

    Over clips 6/pi asin(r/2). Within prompts of k clips Moran's (1948) mean of Spearman's correlation of k:
    6 / (pi (k + 1)) (asin r + (k - 2) asin(r/2)).
    """
    random = np.random.default_rng(seed)
    shared, own, opinion, noise, inside, between = 0.3, 0.3, 0.3, 0.7, 0.6, 0.5
    clips, rounds, held = prompts * conditions, 120, {"clips": 0, "within": 0}
    prompt, condition = np.repeat(np.arange(prompts), conditions), np.tile(np.arange(conditions), prompts)
    heard = own**2 + (noise**2 + opinion**2) / raters
    over = (between * shared**2 + inside * own**2) / sqrt((shared**2 + own**2) * (shared**2 + heard))
    within = inside * own**2 / sqrt(own**2 * heard)
    truth = {
        "clips": 6 / pi * asin(over / 2),
        "within": 6 / (pi * (conditions + 1)) * (asin(within) + (conditions - 2) * asin(within / 2)),
    }
    for _ in range(rounds):
        level = random.multivariate_normal([0, 0], [[1, between], [between, 1]], prompts)[prompt]
        detail = random.multivariate_normal([0, 0], [[1, inside], [inside, 1]], clips)
        values, quality = (shared * level + own * detail).T
        sums = (
            quality
            + random.normal(0, opinion, (raters, conditions))[:, condition]
            + random.normal(0, 1, (raters, 1))
            + random.normal(0, noise, (raters, clips))
        )
        one = Rated(values, prompt, condition, sums, np.ones((raters, clips)))
        for name, found in (("clips", over_clips(one)), ("within", within_prompts(one))):
            assert found.low is not None
            assert found.high is not None
            held[name] += found.low <= truth[name] <= found.high
    for (
        name,
        count,
    ) in held.items():  # 93 of 100 at least; less is refused where chance would bring it once in a million
        assert stats.binom.cdf(count, rounds, 0.93) > 1e-6, (name, count)


def width(found: Correlation) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


def test_raters_who_differ_make_intervals_wider(seed: int) -> None:
    """The same mean ratings, once of raters who agree and once of raters who each favour a condition."""
    random = np.random.default_rng(seed)
    prompt, condition = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    values = random.normal(0, 1, 80)
    alike = np.tile(values + random.normal(0, 1, 80), (4, 1))
    favour = 8 * np.eye(4)[:, condition]
    one = Rated(values, prompt, condition, alike, np.ones((4, 80)))
    other = Rated(values, prompt, condition, alike + favour - favour.mean(axis=0), np.ones((4, 80)))
    for correlation in (over_clips, within_prompts):
        assert correlation(one).value == pytest.approx(correlation(other).value, abs=1e-12)
    widths = [width(over_clips(some)) + width(within_prompts(some)) for some in (one, other)]
    assert widths[1] > 1.1 * widths[0]


def test_more_clips_of_a_prompt_that_are_alike_say_no_more(seed: int) -> None:
    """Each clip four times: prompts are the units, so that the interval is no half of what it was."""
    random = np.random.default_rng(seed)
    prompt, condition = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    values = random.normal(0, 1, 80)
    sums = values + random.normal(0, 1, 80) + random.normal(0, 0.1, (5, 80))
    once = over_clips(Rated(values, prompt, condition, sums, np.ones((5, 80))))
    parts = (np.tile(one, 4) for one in (values, prompt, condition))
    often = over_clips(Rated(*parts, np.tile(sums, (1, 4)), np.ones((5, 320))))
    assert once.value == pytest.approx(often.value, abs=1e-12)
    assert width(often) == pytest.approx(width(once), rel=0.2)  # six standard errors of the spread of 1,000 draws


@pytest.mark.parametrize("turned", [False, True])
def test_the_interval_over_conditions_holds_their_true_order(seed: int, turned: bool) -> None:
    """Means that lie close together: the order of the draws is nearly never the true one."""
    random = np.random.default_rng(seed)
    prompts, conditions, raters, rounds, held = 12, 6, 8, 60, 0
    prompt, condition = np.repeat(np.arange(prompts), conditions), np.tile(np.arange(conditions), prompts)
    level = 0.1 * np.arange(conditions)
    for _ in range(rounds):
        values = level[condition] + random.normal(0, 0.3, len(prompt))
        quality = (level[::-1] if turned else level)[condition] + random.normal(0, 0.3, len(prompt))
        sums = (
            quality
            + random.normal(0, 0.2, (raters, conditions))[:, condition]
            + random.normal(0, 0.7, (raters, len(prompt)))
        )
        found = over_conditions(Rated(values, prompt, condition, sums, np.ones(sums.shape)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= (-1 if turned else 1) <= found.high
    assert stats.binom.cdf(held, rounds, 0.88) > 1e-6, held


def test_few_prompts_or_one_rater_have_no_interval(seed: int) -> None:
    random = np.random.default_rng(seed)
    for prompts, raters in ((3, 5), (9, 1)):
        one = rated(random, prompts, 4, raters)
        for found in (over_clips(one), within_prompts(one), over_conditions(one)):
            assert found.low is None
            assert found.high is None


def test_what_does_not_vary_has_no_correlation() -> None:
    places = np.arange(12)
    flat = Rated(np.ones(12), places // 3, places % 3, np.tile(places % 5 + 1.0, (2, 1)), np.ones((2, 12)))
    assert over_clips(flat).value is None
    assert within_prompts(flat).value is None
    assert over_conditions(flat).value is None
