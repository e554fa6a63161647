"""Intervals stay on the scale, and ratings that do not use it prove nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from answer_tables import answers_of
from rating_tables import table

from analysis.conclude.battery import compare_all
from analysis.describe.opinion import opinion_scores
from analysis.infer.compare import noninferiority
from analysis.questions.mushra import mushra
from analysis.questions.pairs import comparison_rating, preference
from analysis.read.matched import Differences

POINTS = ("paired_t", "tost", "two_way", "two_way_tost", "lmm", "lmm_tost", "lmm_additive")


def two_raters() -> pd.DataFrame:
    """Two people who use the scale otherwise: every interval of theirs is wide."""
    scores = {"r": (1, 5, 3), "s": (5, 4, 1)}
    return table(
        (rater, prompt, name, score - (prompt == "q" and score > 1))
        for rater, given in scores.items()
        for prompt in "pq"
        for name, score in zip(("base", "x", "y"), given, strict=True)
    )


def test_no_interval_leaves_the_scale_and_one_that_covers_it_is_said_to_bound_nothing() -> None:
    found = compare_all(two_raters(), ["base", "x", "y"], "base", margin=0.3)
    for row in found.comparisons:
        if row.test in POINTS and row.ci_low is not None:
            assert -4 <= row.ci_low <= row.ci_high <= 4, row
    (paired, _) = (row for row in found.comparisons if row.test == "paired_t")
    assert paired.p is not None  # a test, and an interval that would run from -30 to 30
    assert (paired.ci_low, paired.ci_high) == (None, None)
    assert "the data set no limits" in paired.note
    assert "the data set no limits: the 95 % interval covers the whole scale" in found.verdicts[0].words
    for score in opinion_scores(two_raters(), ["base", "x", "y"]):
        for low, high in ((score.ci_low, score.ci_high), (score.wide_low, score.wide_high)):
            assert low is None or 1 <= low <= high <= 5
    assert "the data set no limits" in opinion_scores(two_raters(), ["base"])[0].note


def test_other_questions_stay_on_their_scales() -> None:
    rows = [(r, p, "x", "base", f, s) for (r, p, f), s in zip(
        product("rs", "pq", ("x", "base")), (1, 1, -1, 1, 0, -1, 1, 1), strict=True)]  # fmt: skip
    for findings, test, reach in (
        (preference(answers_of(rows), "base"), "ab", 1),
        (comparison_rating(answers_of((*row[:5], 3 * row[5]) for row in rows), "base"), "ccr", 3),
    ):
        for row in findings.rows:
            if row.ci_low is not None and row.test != "ab_bradley_terry":
                widest = 2 * reach if row.test.endswith("order") else reach
                assert -widest <= row.ci_low <= row.ci_high <= widest, row
        assert findings.of(f"{test}_t")[0].p is not None
    sliders = two_raters().assign(score=lambda frame: frame["score"] * 20)
    findings = mushra(sliders, "base")
    assert all(row.ci_low is None or -100 <= row.ci_low <= row.ci_high <= 100 for row in findings.rows)
    for described in findings.tables[0].rows:
        assert all(bound is None or 0 <= bound <= 100 for bound in described[4:8])
    assert any("the data set no limits" in text for text in findings.sentences)


def like(scores: dict[str, int], odd: dict[tuple[int, int, str], int] | None = None) -> pd.DataFrame:
    """Twelve raters and four prompts; every rating is the condition's, but for the odd ones."""
    odd = odd or {}
    return table(
        (f"r{r}", f"p{p}", name, odd.get((r, p, name), score))
        for r, p in product(range(12), range(4))
        for name, score in scores.items()
    )


@pytest.mark.parametrize(
    ("ratings", "says"),
    [
        (like({"base": 4, "x": 4}), "All 96 ratings of the two are 4: the scale was not used"),
        (like({"base": 4, "x": 4}, {(3, 1, "x"): 5}), "95 of 96 ratings of the two are 4: the scale was hardly used"),
        (like({"base": 4, "x": 4}, {(3, 1, "x"): 5, (5, 0, "base"): 3, (5, 2, "x"): 3}), "the scale was hardly used"),
    ],
    ids=["all", "all but one", "all but three"],
)
def test_who_does_not_use_the_scale_shows_no_equivalence(ratings: pd.DataFrame, says: str) -> None:
    found = compare_all(ratings, ["base", "x"], "base", margin=0.3)
    for verdict in (*found.verdicts, *found.wide_verdicts):
        assert verdict.kind == "not enough data"
        assert says in verdict.words
    for row in found.comparisons:
        assert not (row.test in ("tost", "lmm_tost", "two_way_tost") and row.p is not None), row


def test_equivalence_on_a_scale_hardly_used_says_so(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ratings = like({"base": 5, "x": 5})
    ratings["score"] -= (rng.random(len(ratings)) < 0.06).astype(int)
    while (ratings["score"] == 5).mean() < 0.905:
        ratings.loc[ratings.index[rng.integers(len(ratings))], "score"] = 5
    found = compare_all(ratings, ["base", "x"], "base", margin=0.3)
    for verdict in (*found.verdicts, *found.wide_verdicts):
        assert "ratings of the two are 5: the scale was hardly used" in verdict.words


def test_a_condition_that_always_gets_the_same_is_named() -> None:
    rng = np.random.default_rng(1)
    ratings = like({"base": 5, "x": 3})
    ratings["score"] -= np.where(ratings["condition"] == "x", rng.integers(0, 3, len(ratings)), 0)
    found = compare_all(ratings, ["base", "x"], "base", margin=0.3)
    assert found.verdicts[0].kind == "inferior"
    assert "Every rating of base is 5." in found.verdicts[0].words
    base, _ = opinion_scores(ratings, ["base", "x"])
    assert (base.ci_low, base.pooled_low, base.wide_low) == (None, None, None)
    assert "every rating is 5" in base.note


@pytest.mark.parametrize(("raters", "share", "size"), [(20, 0.15, 2), (40, 0.15, 2), (20, 0.3, 1), (12, 0.1, 3)])
def test_rare_large_differences_make_no_false_equivalence(raters: int, share: float, size: int, seed: int) -> None:
    """Most raters hear nothing and some hear much; the mean lies on the margin, and 5 % may err."""
    rng = np.random.default_rng(seed)
    studies, wrong = 400, 0
    for _ in range(studies):
        heard = pd.DataFrame({"x": -float(size) * (rng.random(raters) < share)})
        (row,) = noninferiority(Differences("base", heard), margin=share * size)
        wrong += row.p is not None and row.p < 0.05
    assert wrong <= 0.05 * studies + 4 * np.sqrt(0.05 * 0.95 * studies)
