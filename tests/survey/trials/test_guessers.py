"""The level of the tests of pairs where raters hear no difference, through the program's own plans and export."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from guessers import Guesser, always, evenly, fair, favourite, guessed, read_back, stimuli
from scipy import stats

from analysis.questions.dispatch import analyze_answers


def results(
    kind: str, conditions: int, guesser: Callable[..., Guesser], seed: int, folder: Path, prompts: int = 6
) -> Iterator[tuple[str, float | None]]:
    """Yield the p of each test of a pair in studies whose raters hear no difference."""
    rng, pool = Random(seed), stimuli(prompts, conditions)
    for number in range(40):
        rows = guessed(pool, kind, 12, f"{seed}-{number}", guesser, rng)
        for row in analyze_answers(read_back(rows, folder), baseline="baseline").rows:
            yield row.test, row.p


@pytest.mark.parametrize("guesser", [always, favourite, fair])
@pytest.mark.parametrize(("kind", "conditions"), [("abx", 4), ("ab", 2), ("ab", 3), ("ccr", 2)])
def test_who_hears_no_difference_is_seldom_said_to_hear_one(kind, conditions, guesser, seed, tmp_path):
    wanted = {
        "abx": ("abx_cmh", "abx_binomial", "abx_cluster"),
        "ab": ("ab_t", "ab_permutation", "ab_two_way", "ab_binomial", "ab_bradley_terry"),
        "ccr": ("ccr_t", "ccr_wilcoxon", "ccr_permutation", "ccr_two_way"),
    }[kind]
    wrong, of = Counter(), Counter()
    for test, p in results(kind, conditions, guesser, seed, tmp_path):
        of[test] += 1
        wrong[test] += p is not None and p < 0.05
    for test in wanted:
        # The tests of one study have raters in common, so that their number counts as that of the studies.
        share = wrong[test] / of[test]
        assert share <= stats.binom.ppf(1 - 1e-4, 40, 0.06) / 40, (test, share)


@pytest.mark.parametrize("prompts", [2, 5])
def test_who_balances_their_answers_is_seldom_said_to_hear_a_difference(prompts, seed, tmp_path):
    """X is balanced too, so that such a rater guesses right more unevenly than a coin: the leading test knows."""
    found = [p for test, p in results("abx", 2, evenly, seed, tmp_path, prompts) if test == "abx_cmh"]
    assert len(found) == 40
    assert sum(p is not None and p < 0.05 for p in found) <= stats.binom.ppf(1 - 1e-4, 40, 0.06)
