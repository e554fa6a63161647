"""Intervals of effect sizes, by loops and by simulation; those of dz are R's in test_compare."""

from __future__ import annotations

from itertools import combinations
from math import atanh, exp, sqrt, tanh

import numpy as np
import pandas as pd
import pytest
from rating_tables import table
from scipy import stats

from analysis.conclude.battery import compare_all
from analysis.infer.effects import dz_interval, rank_biserial
from analysis.infer.signed_rank import wilcoxon
from analysis.read.matched import Differences


def test_dz_interval_holds_the_true_effect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.normal(0.6, 1, (1000, 10))
    bounds = [dz_interval(row.mean() / row.std(ddof=1), 10) for row in drawn]
    held = sum(low <= 0.6 <= high for low, high in bounds if low is not None and high is not None)
    assert stats.binomtest(held, 1000, 0.95).pvalue > 1e-5


def test_dz_of_two_raters_or_beyond_measure_has_none_or_a_sound_one() -> None:
    assert dz_interval(1.0, 1) == (None, None)
    for effect in (0.0, 5.0, -300.0):
        low, high = dz_interval(effect, 3)
        assert low is None or (high is not None and low <= effect <= high)


def test_rank_biserial_by_loops(seed: int) -> None:
    differences = np.round(np.random.default_rng(seed).normal(0.3, 1, 15), 1)
    differences = differences[differences != 0]
    count = len(differences)
    signs = [np.sign(a + b) for a, b in combinations(differences, 2)] + list(np.sign(differences))
    effect = sum(signs) / len(signs)
    means = [sum(np.sign(a + b) for b in differences) / count for a in differences]
    error = 2 * np.std(means, ddof=1) / sqrt(count - 1)
    half = stats.t.ppf(0.975, count - 1) * error / (1 - effect**2)
    expected = effect, tanh(atanh(effect) - half), tanh(atanh(effect) + half)
    assert rank_biserial(differences) == pytest.approx(expected, rel=1e-9)


def test_rank_biserial_interval_holds_at_least_as_often_as_it_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = 2 * stats.norm.cdf(0.5 * sqrt(2)) - 1  # P(d + d' > 0) less P(d + d' < 0)
    found = [rank_biserial(rng.normal(0.5, 1, 25)) for _ in range(600)]
    bounds = [(low, high) for _, low, high in found if low is not None and high is not None]
    held = sum(low <= true <= high for low, high in bounds)
    assert len(bounds) > 590
    assert held / len(bounds) > 0.95 - 4 * sqrt(0.05 * 0.95 / 600)


def test_no_interval_where_all_raters_agree() -> None:
    (row,) = wilcoxon(Differences("base", pd.DataFrame({"x": [0.5, 1.0, 0.2, 0.7]})))
    assert (row.effect_size, row.effect_low, row.effect_high) == (1.0, None, None)


def test_the_report_rows_have_them() -> None:
    rng = np.random.default_rng(5)
    rows = [(f"r{r}", f"p{p}", c, int(rng.integers(1, 6))) for r in range(9) for p in range(4) for c in "abc"]
    found = compare_all(table(rows), ["a", "b", "c"], "a", margin=0.3)
    for row in found.comparisons:
        if row.test in ("paired_t", "tost", "permutation", "wilcoxon"):
            assert row.effect_low < row.effect_size < row.effect_high, row
        if row.test == "clmm":
            assert (row.effect_low, row.effect_high) == pytest.approx((exp(row.ci_low), exp(row.ci_high)))
        if row.test == "friedman":
            assert row.effect_low is None
            assert "no interval of W" in row.note
