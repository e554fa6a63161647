"""Sequences: true at all times at once, by simulation and by hand; and words that follow from them."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from rating_tables import table
from scipy import integrate, stats

from analysis.conclude.sequential import FEWEST, METHODS, above, capital, interval, radius, watch
from analysis.read.matched import cells


def timed(rows: list[tuple[str, str, str, int]]) -> pd.DataFrame:
    """A table whose ratings were given a second apart, in the order of the rows."""
    return table(rows).assign(rated_at=pd.date_range("2026-01-01", periods=len(rows), freq="s", tz="UTC"))


def watched(ratings, conditions, baseline):
    return watch(ratings, cells(ratings, conditions).against(baseline), margin=0.3)


def streams(rng: np.random.Generator, mean: float, size: tuple[int, int]) -> np.ndarray:
    """Differences of rater means over five prompts, of whole scores, whose mean lies near `mean` by symmetry."""
    scores = [3 + sign * mean / 2 + rng.normal(0, 0.8, (*size, 5)) for sign in (1, -1)]
    one, other = (np.clip(np.rint(score), 1, 5).mean(axis=-1) for score in scores)
    return np.asarray(one - other)


@pytest.mark.parametrize("method", METHODS)
def test_errs_no_more_often_than_alpha_at_all_times_at_once(method, seed):
    differences = streams(np.random.default_rng(seed), 0, (2000, 150))
    missed = above(differences, 0, method, alpha=0.025) | above(-differences, 0, method, alpha=0.025)
    share = missed.any(axis=1).mean()
    assert share <= 0.05 + 2 * sqrt(0.05 * 0.95 / 2000)
    at_once = np.abs(np.cumsum(differences, axis=1)) > 1.96 * differences.std() * np.sqrt(np.arange(1, 151))
    assert at_once[:, 10:].any(axis=1).mean() > 0.2, "an ordinary interval looked at each time would have done as well"


def test_bounded_holds_where_differences_are_as_skewed_as_can_be(seed):
    rng = np.random.default_rng(seed)
    differences = np.where(rng.random((2000, 150)) < 0.04, 4.0, -4 / 24)  # mean 0
    missed = above(differences, 0, "bounded", alpha=0.025) | above(-differences, 0, "bounded", alpha=0.025)
    assert missed.any(axis=1).mean() <= 0.05 + 2 * sqrt(0.05 * 0.95 / 2000)


def test_capital_is_a_fair_game(seed):
    """Over all paths of a coin of two differences with the mean bet on, the expected capital stays 1."""
    rng = np.random.default_rng(seed)
    high, low = rng.uniform(0.5, 4), -rng.uniform(0.5, 4)
    chance = rng.uniform(0.2, 0.8)
    mean = chance * high + (1 - chance) * low
    paths = np.array(np.meshgrid(*[[0, 1]] * 10)).reshape(10, -1).T
    weights = np.where(paths, chance, 1 - chance).prod(axis=1)
    grown = np.exp(capital(np.where(paths, high, low), mean))
    assert weights @ grown == pytest.approx(np.ones(10), rel=1e-12)


def test_capital_by_hand():
    differences, mean = [0.4, -1.0, 2.0, 0.2], -0.5
    x, m = [(d + 4) / 8 for d in differences], (mean + 4) / 8
    wealth, seen, variance, squares = 1.0, 0.5, (0.6 / 8) ** 2, (0.6 / 8) ** 2
    for t, value in enumerate(x, start=1):
        stake = min(sqrt(2 * log(40) / (variance * t * log(1 + t))), 0.9 / m)
        wealth *= 1 + stake * (value - m)
        assert exp(capital(np.array(differences), mean)[t - 1]) == pytest.approx(wealth, rel=1e-12)
        for share, shown in ((1.001, True), (0.999, False)):  # Ville: chance of ever holding 1 / alpha is alpha
            assert above(np.array(differences), mean, "bounded", alpha=share / wealth)[t - 1] == shown
        seen += value
        squares += (value - seen / (t + 1)) ** 2
        variance = squares / (t + 1)


def test_the_asymptotic_boundary_is_no_wider_than_a_mixture_of_gaussian_bets():
    """For known variance 1 the one-sided mixture martingale is computed by integration and reaches 1 / alpha there."""
    r = (2 * log(20) + log(2 * log(20) + 1)) / 20
    for t, alpha in ((20, 0.05), (60, 0.025)):
        total = t * float(radius(np.array([t]), alpha)[0])

        def bet(size: float, total: float = total, t: int = t) -> float:
            return float(2 * stats.norm.pdf(size, 0, sqrt(r)) * exp(size * total - size**2 * t / 2))

        reached = integrate.quad(bet, 0, 20 * sqrt(r), points=[total / t])[0]
        assert 1 / alpha <= reached < 1.1 / alpha


@pytest.mark.parametrize("method", METHODS)
def test_interval_is_what_was_never_excluded(method, seed):
    differences = streams(np.random.default_rng(seed), 0.4, (60, 60))[0]
    low, high = interval(differences, method, alpha=0.1)
    assert -4 <= low < high <= 4  # what was excluded once may hold the last mean
    for mean in np.linspace(-1, 1, 41):
        kept = not above(differences, mean, method, alpha=0.05).any()
        kept &= not above(-differences, -mean, method, alpha=0.05).any()
        assert kept == (low < mean < high) or min(abs(mean - low), abs(mean - high)) < 1e-9


def test_equivalence_and_difference_are_found_and_the_bounded_way_takes_longer():
    rng = np.random.default_rng(1)  # one draw: how often each may err is tested with fresh ones
    rows = []
    for r in range(150):
        for p in range(6):
            start = 3 + 0.4 * rng.normal()
            for name, shift in (("base", 0.0), ("same", 0.0), ("worse", -1.0)):
                rows.append((f"r{r}", f"p{p}", name, int(np.clip(np.rint(start + shift + 0.5 * rng.normal()), 1, 5))))
    same_b, same_a, worse_b, worse_a = watched(timed(rows), ["base", "same", "worse"], "base")
    assert (same_b.method, same_a.method) == METHODS
    assert (same_b.declared, same_a.declared, worse_b.declared, worse_a.declared) == ("equivalent",) * 2 + (
        "different",
    ) * 2
    assert FEWEST <= same_a.equivalent_at < same_b.equivalent_at <= 150
    assert worse_a.high < 0
    assert "equivalent to base since rater" in same_a.words
    assert "in the limit" in same_a.words
    assert "in the limit" not in same_b.words
    # What was shown at some rater was shown with the raters up to then alone, and not before.
    for place, at in enumerate(
        (same_b.equivalent_at, same_a.equivalent_at, worse_b.different_at, worse_a.different_at)
    ):
        for count, declared in ((at, "equivalent" if place < 2 else "different"), (at - 1, "neither")):
            kept = [row for row in rows if int(row[0][1:]) < count]
            assert watched(timed(kept), ["base", "same", "worse"], "base")[place].declared == declared


def test_raters_stand_in_the_order_of_their_last_rating(seed):
    rng = np.random.default_rng(seed)
    scores = {f"r{r}": (int(rng.integers(1, 6)), int(rng.integers(1, 4))) for r in range(40)}
    names = list(rng.permutation(list(scores)))
    in_order = timed([(name, "p", c, scores[name][k]) for name in names for k, c in enumerate("ab")])
    # The file is sorted by another thing, and some rater's first answer was the first of all.
    shuffled = in_order.sort_values(["participant", "condition"], ignore_index=True)
    first = shuffled.index[shuffled["participant"] == names[-1]][0]
    shuffled.loc[first, "rated_at"] = pd.Timestamp("2025-01-01", tz="UTC")
    assert watched(shuffled, ["a", "b"], "a") == watched(in_order, ["a", "b"], "a")


def test_nothing_is_said_of_looks_where_the_order_of_raters_is_not_known():
    rows = [(f"r{r}", "p", c, 1 + (r + len(c)) % 5) for r in range(20) for c in ("a", "bb")]
    assert watched(timed(rows), ["a", "bb"], "a")
    assert watched(table(rows), ["a", "bb"], "a") == ()
    assert (
        watched(timed(rows).replace({"rated_at": {pd.Timestamp("2026-01-01", tz="UTC"): pd.NaT}}), ["a", "bb"], "a")
        == ()
    )
    assert watched(table(rows).assign(rated_at="01/02/2026 10:00"), ["a", "bb"], "a") == ()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("r", "p", "a", 3), ("s", "p", "b", 3)], "nobody rated both"),
        ([(f"r{r}", "p", c, 3) for r in range(30) for c in "ab"], "the same"),
        ([(f"r{r}", "p", c, 1 + r % 3) for r in range(5) for c in "ab"], "at least 15 raters"),
        ([("r", "p", "a", 3)], "nobody rated both"),
    ],
    ids=["nobody", "no spread", "few", "no condition"],
)
def test_poor_data_are_said_in_words(rows, says):
    found = watched(timed(rows), ["a", "b"], "a")
    assert any(says in row.note for row in found)
    assert all(says in row.words for row in found if row.low is None)
    assert all(row.declared == "neither" for row in found if row.method == "asymptotic")


def test_raters_of_one_condition_are_left_out_and_counted():
    rows = [(f"r{r}", "p", c, 1 + (r + len(c)) % 5) for r in range(20) for c in ("a", "bb") if (r, c) != (3, "bb")]
    found = watched(timed(rows), ["a", "bb"], "a")
    assert len(found) == 2
    for row in found:
        assert row.raters == 19
        assert "1 rater left out" in row.note
