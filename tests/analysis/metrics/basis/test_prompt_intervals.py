"""The mean over prompts and its interval: by hand, and by simulation where clips of a prompt are alike."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from analysis.metrics.basis.intervals import mean_over_prompts


def test_each_prompt_counts_alike_whatever_its_number_of_clips(seed):
    rng = np.random.default_rng(seed)
    prompts = [f"p{k}" for k in range(5) for _ in range(k + 1)]
    values = rng.normal(size=len(prompts))
    order = rng.permutation(len(prompts))
    found = mean_over_prompts(values[order], [prompts[k] for k in order])
    means = [np.mean([v for v, p in zip(values, prompts, strict=True) if p == f"p{k}"]) for k in range(5)]
    expected = stats.t.interval(0.95, 4, np.mean(means), stats.sem(means))
    assert_allclose(found, [np.mean(means), *expected], rtol=1e-9)


@pytest.mark.parametrize(("prompts", "seeds"), [(8, 1), (8, 4), (30, 3)])
def test_it_holds_the_mean_of_all_prompts_in_95_of_100_draws(seed, prompts, seeds):
    """Draw a prompt's own level, then its clips around it: clips are not independent, prompts are."""
    rng, draws = np.random.default_rng(seed), 800
    names = [f"p{prompt}" for prompt in range(prompts) for _ in range(seeds)]
    held = naive = 0
    for _ in range(draws):
        values = np.repeat(rng.normal(2, 1, prompts), seeds) + rng.normal(0, 0.5, prompts * seeds)
        _, low, high = mean_over_prompts(values, names)
        held += low <= 2 <= high
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        naive += low <= 2 <= high
    assert stats.binom.ppf(1e-6, draws, 0.95) <= held <= stats.binom.ppf(1 - 1e-6, draws, 0.95)
    if seeds > 1:
        assert naive < stats.binom.ppf(1e-6, draws, 0.95)  # clips taken for independent do not


def test_one_prompt_has_a_mean_and_no_interval():
    assert mean_over_prompts([1.0, 2.0], ["a", "a"]) == (1.5, None, None)
