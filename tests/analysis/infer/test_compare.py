"""Tests of difference and equivalence, against R, against independent computations, and on poor data."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import product
from math import isfinite

import numpy as np
import pandas as pd
import pytest
from rating_tables import DATA, Golden, differences_of, table
from scipy import stats

from analysis.infer.compare import (
    COLUMNS,
    Comparison,
    friedman,
    holm,
    noninferiority,
    paired_t,
    tost,
)
from analysis.infer.signed_rank import wilcoxon
from analysis.read.matched import cells

FIXED = [
    *(
        "test",
        "condition",
        "reference",
        "estimate",
        "ci_low",
        "ci_high",
        "statistic",
        "df",
        "p",
        "p_adjusted",
    ),
    *("effect_size", "n", "note", "df_numerator", "effect_low", "effect_high"),
]


def all_tests(ratings: pd.DataFrame, baseline: str) -> list[Comparison]:
    heard = cells(ratings, sorted(ratings["condition"].unique()))
    matched = heard.against(baseline)
    return [*paired_t(matched), *wilcoxon(matched), *friedman(heard), *tost(matched, margin=0.3)]


def test_columns_are_fixed() -> None:
    assert list(COLUMNS) == FIXED


def test_agrees_with_r(golden: Golden) -> None:
    rows = all_tests(golden.ratings, golden.baseline)
    checked = 0
    for row in rows:
        for field, value in golden.answers[row.test, row.condition or ""].items():
            assert getattr(row, field) == pytest.approx(value, rel=1e-8, abs=1e-12), (
                row.test,
                row.condition,
                field,
            )
            checked += 1
    assert checked == sum(len(fields) for (test, _), fields in golden.answers.items() if test != "opinion")


def test_agrees_with_the_published_answers(paper_like: pd.DataFrame) -> None:
    truth = (DATA / "paper_like" / "truth.txt").read_text(encoding="utf-8")
    rows = {(row.test, row.condition): row for row in all_tests(paper_like, "fp32")}
    line = re.search(r"Friedman chi-squared = ([\d.]+), df = (\d+), p-value = ([\d.]+)", truth)
    assert line is not None
    q, df, p = map(float, line.groups())
    overall = rows["friedman", None]
    assert (overall.statistic, overall.df, overall.p) == (
        pytest.approx(q, abs=5e-5),
        df,
        pytest.approx(p, abs=5e-5),
    )
    sqs, sqdl = (float(text) for text in re.findall(r"^\[1\] ([\d.]+)$", truth, re.MULTILINE))
    assert rows["wilcoxon", "sqs"].p == pytest.approx(sqs, abs=5e-8)
    assert rows["wilcoxon", "sqdl"].p == pytest.approx(sqdl, abs=5e-9)
    assert rows["wilcoxon", "sqdl"].p_adjusted == pytest.approx(2 * sqdl, abs=1e-8)


def test_wilcoxon_says_when_rounding_error_parts_ties(paper_like: pd.DataFrame) -> None:
    # In sums of five scores nothing is rounded, and equal differences are equal.
    sums = paper_like.groupby(["participant", "condition"])["score"].sum().unstack()
    exact = stats.wilcoxon(sums["sqs"] - sums["fp32"], method="approx", correction=False).pvalue
    row = next(row for row in all_tests(paper_like, "fp32") if (row.test, row.condition) == ("wilcoxon", "sqs"))
    assert f"p = {exact:.3f} if differences that are equal except for rounding errors are ranked as ties" in row.note


def test_friedman_says_when_rounding_error_parts_ties() -> None:
    # x and y are equal in tenths, and 0.1 + 0.2 is not 0.3: float puts either first in turn.
    sums, halves = (3, 3, 6), ((1, 2), (3, 0))
    given = {rater: (halves[place % 2], halves[(place + 1) % 2], (2, 4)) for place, rater in enumerate("abcdef")}
    rows = [
        (rater, prompt, name, pair[prompt] / 10)
        for rater, pairs in given.items()
        for name, pair in zip("xyz", pairs, strict=True)
        for prompt in (0, 1)
    ]
    frame = pd.DataFrame(rows, columns=["participant", "prompt", "condition", "score"])
    (row,) = friedman(cells(frame, ("x", "y", "z")))
    exact = stats.friedmanchisquare(*([total] * 6 for total in sums)).pvalue
    assert row.p != pytest.approx(exact)
    assert f"p = {exact:.3f} if means that are equal except for rounding errors are ranked as ties" in row.note


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_holm_by_hand(seed: int) -> None:
    ps = np.random.default_rng(seed).uniform(0, 0.3, 6).tolist()
    order = sorted(range(6), key=lambda place: ps[place])
    expected, highest = [0.0] * 6, 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (6 - rank) * ps[place]))
        expected[place] = highest
    rows = [Comparison("paired_t", p=p) for p in ps]
    rows.insert(2, Comparison("paired_t", note="no p value"))
    adjusted = [row.p_adjusted for row in holm(rows)]
    assert adjusted.pop(2) is None
    assert adjusted == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("shift", "margin"), [(0.0, 0.3), (-0.4, 0.5), (0.8, 0.3), (0.1, 0.2)])
def test_tost_is_two_one_sided_t_tests(shift: float, margin: float) -> None:
    rng = np.random.default_rng(8)
    means = pd.DataFrame({"base": rng.normal(3, 0.5, 15)})
    means["new"] = means["base"] + shift + rng.normal(0, 0.3, 15)
    (row,) = tost(differences_of(means, "base"), margin=margin)
    difference = means["new"] - means["base"]
    low = stats.ttest_1samp(difference, -margin, alternative="greater")
    high = stats.ttest_1samp(difference, margin, alternative="less")
    assert row.p == pytest.approx(max(low.pvalue, high.pvalue), rel=1e-10)
    interval = stats.t.interval(0.9, 14, difference.mean(), stats.sem(difference))
    assert (row.ci_low, row.ci_high) == pytest.approx(interval, rel=1e-10)
    assert row.p is not None
    assert (row.p < 0.05) == (-margin < interval[0] and interval[1] < margin)
    (one_sided,) = noninferiority(differences_of(means, "base"), margin=margin)
    assert one_sided.p == pytest.approx(low.pvalue, rel=1e-10)


def test_rank_biserial_is_one_when_all_raters_agree() -> None:
    means = pd.DataFrame({"base": [3.0, 2.0, 4.0], "up": [3.5, 3.0, 4.2], "down": [1.0, 1.5, 3.0]})
    assert [row.effect_size for row in wilcoxon(differences_of(means, "base"))] == [1.0, -1.0]


def test_kendalls_w_is_one_when_all_raters_rank_alike() -> None:
    rows = [(f"r{r}", "p", name, score) for name, scores in zip("abc", [(1, 2, 1), (2, 3, 2), (4, 5, 3)], strict=True)
            for r, score in enumerate(scores)]  # fmt: skip
    assert friedman(cells(table(rows), ["a", "b", "c"]))[0].effect_size == pytest.approx(1.0)


def test_incomplete_raters_are_left_out_and_counted() -> None:
    ratings = table(
        (f"r{r}", f"p{p}", c, 1 + (r * (p + 2) + len(c)) % 5)
        for r, p, c in product(range(6), range(3), ["base", "x", "yy"])
    )
    partial = ratings[~((ratings["participant"] == "r5") & (ratings["condition"] == "x"))]
    rows = all_tests(partial, "base")
    for row in rows:
        missing = row.condition in ("x", None)
        assert row.n == (5 if missing else 6)
        assert ("1 rater left out" in row.note) == missing


def degenerate() -> dict[str, pd.DataFrame]:
    grid = list(product(["r1", "r2", "r3"], ["p1", "p2"], ["base", "x", "y"]))
    return {
        "one rater": table((r, p, c, 3 + (c == "x")) for r, p, c in grid if r == "r1"),
        "all the same": table((r, p, c, 4) for r, p, c in grid),
        "constant difference": table((r, p, c, 3 + (c == "x")) for r, p, c in grid),
        "two conditions": table((r, p, c, int(r[1]) + (p == "p2")) for r, p, c in grid if c != "y"),
        "nobody rated both": table((r, p, {"r1": "base", "r2": "x", "r3": "y"}[r], 3) for r, p, c in grid if c == "x"),
        "one rating each": table((r, "p1", c, 1 + (len(r + c) * int(r[1])) % 5) for r, p, c in grid if p == "p1"),
    }


@pytest.mark.parametrize("case", list(degenerate()))
def test_poor_data_give_notes_and_no_nan(case: str) -> None:
    for row in all_tests(degenerate()[case], "base"):
        for field, value in asdict(row).items():
            assert not isinstance(value, float) or isfinite(value), (row.test, field)
        assert row.p is not None or row.note.startswith("not computed: ")


@pytest.mark.parametrize("seed", range(5))
def test_a_difference_has_the_sign_of_condition_minus_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = pd.DataFrame(rng.uniform(1, 5, (12, 2)), columns=["base", "x"])
    swapped = [test(differences_of(means, "x"))[0] for test in (paired_t, wilcoxon)]
    for row, other in zip(
        (test(differences_of(means, "base"))[0] for test in (paired_t, wilcoxon)), swapped, strict=True
    ):
        assert row.estimate is not None
        assert other.estimate == pytest.approx(-row.estimate)
        assert other.effect_size == pytest.approx(-(row.effect_size or 0))
        assert other.p == pytest.approx(row.p)
