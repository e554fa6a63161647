"""Ratings that tell little: what is said is true by a computation of its own, and nothing is claimed beyond it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rating_tables import table
from scipy import stats

from analysis import Report, analyze, write_report
from analysis.scale.rating_scale import FIVE, RatingScale

SCALES = [FIVE, RatingScale(0, 100), RatingScale(0, 10, None)]
NAMES = ("baseline", "w8", "w4")


def on(scale: RatingScale, grades: pd.DataFrame) -> pd.DataFrame:
    """Carry grades from 1 to 5 over to a scale."""
    return grades if scale == FIVE else grades.assign(score=scale.low + scale.length / 4 * (grades["score"] - 1))


def drawn(seed: int, raters: int, prompts: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    cells = product(range(raters), range(prompts), NAMES)
    return table((f"r{r:02}", f"p{p}", name, int(rng.integers(2, 6))) for r, p, name in cells)


def reported(ratings: pd.DataFrame, scale: RatingScale, out: Path) -> tuple[Report, str]:
    report = analyze(on(scale, ratings), scale=scale)
    return report, write_report(report, out).html.read_text(encoding="utf-8")


def kinds(report: Report) -> set[str]:
    return {verdict.kind for verdict in (*report.verdicts, *report.wide_verdicts)}


@pytest.mark.parametrize("scale", SCALES)
def test_one_score_throughout_shows_nothing(seed: int, tmp_path: Path, scale: RatingScale) -> None:
    report, page = reported(drawn(seed, 12, 4).assign(score=4), scale, tmp_path)
    four = scale.low + scale.length * 3 / 4
    assert all((score.mean, score.sd, score.ci_low) == (four, 0, None) for score in report.conditions)
    assert kinds(report) == {"not enough data"}
    assert all(row.p is None for row in report.comparisons)
    assert f"Every rating is {four:g}, so nothing can be tested" in page


@pytest.mark.parametrize("scale", SCALES)
def test_one_rater_speaks_for_himself_alone(seed: int, tmp_path: Path, scale: RatingScale) -> None:
    ratings = drawn(seed, 1, 4)
    report, page = reported(ratings, scale, tmp_path)
    means = on(scale, ratings).groupby("condition")["score"].mean()
    assert {score.condition: score.mean for score in report.conditions} == pytest.approx(means.to_dict())
    assert all(score.ci_low is None for score in report.conditions)
    assert kinds(report) == {"not enough data"}
    assert "There is only one rater" in page


@pytest.mark.parametrize("scale", SCALES)
def test_two_raters_and_one_prompt_leave_everything_open(tmp_path: Path, scale: RatingScale) -> None:
    ratings = table(
        (rater, "p", name, score)
        for rater, scores in {"a": (4, 3, 3), "b": (5, 4, 2)}.items()
        for name, score in zip(NAMES, scores, strict=True)
    )
    report, page = reported(ratings, scale, tmp_path)
    (w4, w8) = report.rows("paired_t")
    assert w8.p is None  # both differ by the same
    assert w8.note.startswith("not computed: every rater's difference is the same")
    assert w4.p == pytest.approx(stats.ttest_1samp([-1, -3], 0).pvalue)
    assert kinds(report) == {"not enough data"}
    assert "There is only one prompt" in page


@pytest.mark.parametrize("scale", SCALES)
def test_one_rating_that_differs_is_no_proof_of_sameness(seed: int, tmp_path: Path, scale: RatingScale) -> None:
    ratings = drawn(seed, 12, 4).assign(score=4)
    ratings.loc[ratings["condition"].eq("w4").idxmax(), "score"] = 5
    report, _ = reported(ratings, scale, tmp_path)
    assert kinds(report) == {"not enough data"}
    (row,) = (row for row in report.rows("paired_t") if row.condition == "w4")
    assert row.p == pytest.approx(stats.ttest_1samp([0.25] + [0] * 11, 0).pvalue)
    (tost,) = (row for row in report.rows("tost") if row.condition == "w4")
    assert tost.p is None
    assert "11 of 12 raters show exactly the same difference" in tost.note


@pytest.mark.parametrize("scale", SCALES)
def test_a_condition_that_always_gets_the_highest_score(seed: int, tmp_path: Path, scale: RatingScale) -> None:
    ratings = drawn(seed, 12, 4)
    ratings.loc[ratings["condition"].eq("baseline"), "score"] = 5
    report, _ = reported(ratings, scale, tmp_path)
    assert report.conditions[0].ci_low is None
    assert report.conditions[0].note == f"no interval: every rating is {scale.high:g}, so there is no spread"
    assert all(f"Every rating of baseline is {scale.high:g}." in verdict.words for verdict in report.verdicts)
    means = on(scale, ratings).groupby(["participant", "condition"])["score"].mean().unstack()
    for row in report.rows("paired_t"):
        expected = stats.ttest_rel(means[str(row.condition)], means["baseline"])
        assert (row.statistic, row.p) == pytest.approx((expected.statistic, expected.pvalue))
        assert row.estimate is not None
        assert row.estimate < 0
    if scale.levels:
        assert any("complete separation" in row.note or row.p is not None for row in report.rows("clmm"))


@pytest.mark.parametrize("scale", SCALES)
def test_raters_who_heard_one_condition_each_are_not_their_own_control(tmp_path: Path, scale: RatingScale) -> None:
    rng = np.random.default_rng(5)
    grades = [
        (f"r{r:02}", f"p{p}", NAMES[r % 3], int(np.clip(round(3.6 + 0.8 * shift + rng.normal(0, 0.6)), 1, 5)))
        for r, shift in enumerate(rng.normal(size=12))
        for p in range(4)
    ]
    ratings = table(grades)
    report, page = reported(ratings, scale, tmp_path)
    assert {row.note.partition(";")[0] for row in report.rows("paired_t")} == {
        "not computed: no rater rated both conditions for the same prompt"
    }
    assert {verdict.kind for verdict in report.verdicts} == {"not enough data"}
    assert "no rater rated two conditions for the same prompt, so nothing is shown for these prompts" in page
    # A rater counts once: no error is smaller than that of the analysis of variance of the raters' means.
    means = on(scale, ratings).groupby(["condition", "participant"])["score"].mean()
    within = means.groupby("condition").var(ddof=1).mean()
    middle = means.groupby("condition").mean()
    for row in report.rows("lmm"):
        assert row.estimate == pytest.approx(middle[str(row.condition)] - middle["baseline"])
        assert row.statistic is not None
        assert abs(row.estimate) >= 0.9999 * abs(row.statistic) * np.sqrt(2 * within / 4)
        assert row.df is not None
        assert row.df <= 9.0001
