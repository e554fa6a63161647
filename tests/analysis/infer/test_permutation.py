"""The permutation test: against enumeration by hand, and uniform p values where nothing differs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from rating_tables import differences_of, table
from scipy import stats

from analysis.infer.permutation import _drawn_p, _exact_p, permutation
from analysis.read.matched import Differences, cells


def enumerated(differences: np.ndarray) -> float:
    """Count all signs one by one."""
    observed = abs(differences.sum())
    ways = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(way >= observed - 1e-9 for way in ways) / len(ways)


def means_of(differences: np.ndarray) -> Differences:
    return Differences("base", pd.DataFrame({"x": differences}))


@pytest.mark.parametrize("count", [2, 5, 9, 13])
def test_counts_every_way_when_they_are_few(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed + count)
    differences = np.round(rng.normal(0.2, 1, count), 1)  # rounded, so that sums tie
    (row,) = permutation(means_of(differences))
    moved = differences[differences != 0]
    if not len(moved):
        assert row.p is None
        return
    assert row.p == pytest.approx(enumerated(moved), abs=1e-12)
    assert row.note == f"exact: all {2 ** len(moved)} ways"
    assert row.estimate == pytest.approx(differences.mean())
    assert row.n == count


def test_a_rater_without_a_difference_changes_no_p() -> None:
    differences = np.array([0.4, 0.2, 0.7, -0.1, 0.3])
    more = np.append(differences, [0.0, 0.0])
    assert permutation(means_of(more))[0].p == permutation(means_of(differences))[0].p


def test_drawn_ways_are_near_the_exact_p_and_the_same_each_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    differences = rng.normal(0.3, 1, 14)
    exact = enumerated(differences)
    (row,) = permutation(means_of(differences))
    assert row.p is not None
    assert "10000 draws" in row.note
    assert abs(row.p - exact) < 5.5 * np.sqrt(exact * (1 - exact) / 10_000) + 2e-4
    assert permutation(means_of(differences)) == (row,)


def test_one_draw_more_keeps_p_above_zero() -> None:
    (row,) = permutation(means_of(np.linspace(1, 2, 40)), draws=999)
    assert row.p == pytest.approx(1 / 1000)


def test_p_values_are_uniform_where_nothing_differs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exact = [_exact_p(rng.normal(0, 1, 5)) for _ in range(2000)]
    # Five raters have 16 possible p values, all equally likely.
    steps = np.bincount(np.rint(np.array(exact, dtype=float) * 16).astype(int), minlength=17)[1:]
    assert stats.chisquare(steps).pvalue > 1e-5
    drawn = [_drawn_p([rng.normal(0, 1, 12)], 99, int(rng.integers(1 << 30)))[0] for _ in range(4000)]
    for level in (0.01, 0.05, 0.2):
        below = sum(p <= level + 1e-9 for p in drawn)
        assert stats.binomtest(below, 4000, level).pvalue > 1e-5, level


def test_adjusts_over_the_conditions() -> None:
    rng = np.random.default_rng(1)
    means = pd.DataFrame(rng.normal(3, 1, (10, 3)), columns=["base", "x", "y"])
    low, high = sorted(permutation(differences_of(means, "base")), key=lambda row: row.p or 0)
    assert low.p is not None
    assert low.p_adjusted == pytest.approx(min(1, 2 * low.p))
    assert high.p_adjusted == pytest.approx(max(low.p_adjusted or 0, high.p or 0))


@pytest.mark.parametrize(
    ("means", "says"),
    [
        (pd.DataFrame({"base": [3.0], "x": [4.0]}), "fewer than two raters"),
        (pd.DataFrame({"base": [3.0, np.nan], "x": [np.nan, 4.0]}), "no rater rated both"),
        (pd.DataFrame({"base": [3.0, 2.0], "x": [3.0, 2.0]}), "the same mean"),
    ],
)
def test_what_cannot_be_computed_says_why(means: pd.DataFrame, says: str) -> None:
    (row,) = permutation(differences_of(means, "base"))
    assert row.p is None
    assert row.note.startswith("not computed: ")
    assert says in row.note


def test_counts_who_was_left_out_and_stands_where_all_agree() -> None:
    rows = [(f"r{r}", "p", c, 3 + (c == "x")) for r in range(3) for c in ("base", "x")]
    rows += [("r4", "p", "base", 3), ("r4", "q", "x", 2)]
    (row,) = permutation(cells(table(rows), ["base", "x"]).against("base"))
    assert row.p == pytest.approx(2 / 8)
    assert row.effect_size is None
    assert "1 rater left out" in row.note
