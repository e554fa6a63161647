"""Means and their intervals, against R, the textbook interval and a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rating_tables import Golden, table
from scipy import stats

from analysis.describe.opinion import cluster_interval, opinion_scores


def test_agrees_with_r(golden: Golden) -> None:
    names = sorted(golden.ratings["condition"].unique())
    for score in opinion_scores(golden.ratings, names):
        for field, value in golden.answers["opinion", score.condition].items():
            assert getattr(score, field) == pytest.approx(value, rel=1e-9), (score.condition, field)


def test_published_means(paper_like: pd.DataFrame) -> None:
    scores = {score.condition: score for score in opinion_scores(paper_like, ["fp32", "sqs", "sqdl"])}
    assert {name: round(score.mean or 0, 6) for name, score in scores.items()} == {
        "fp32": 3.67,
        "sqs": 3.62,
        "sqdl": 3.37,
    }
    assert (scores["fp32"].n, scores["fp32"].participants, scores["fp32"].prompts) == (100, 20, 5)
    assert scores["fp32"].histogram == (1, 9, 33, 36, 21)


def test_balanced_interval_is_the_t_interval_of_rater_means(paper_like: pd.DataFrame) -> None:
    ratings = paper_like[paper_like["condition"] == "sqs"]
    means = ratings.groupby("participant")["score"].mean()
    expected = stats.t.interval(0.95, len(means) - 1, means.mean(), stats.sem(means))
    found = cluster_interval(ratings["score"].to_numpy(float), ratings["participant"].to_numpy())
    assert found == pytest.approx(expected, rel=1e-12)


def test_unbalanced_interval_is_the_sandwich_by_hand() -> None:
    rng = np.random.default_rng(20)
    raters = np.repeat(np.arange(7), [1, 5, 2, 9, 3, 3, 4])
    scores = rng.integers(1, 6, len(raters)).astype(float)
    mean, total = sum(scores) / len(scores), 0.0
    for rater in set(raters):
        total += sum(score - mean for score, of in zip(scores, raters, strict=True) if of == rater) ** 2
    error = (7 / 6 * total) ** 0.5 / len(scores)
    half = stats.t.ppf(0.995, 6) * error
    assert cluster_interval(scores, raters, alpha=0.01) == pytest.approx((mean - half, mean + half), rel=1e-12)


def test_one_rater_has_a_mean_and_no_interval() -> None:
    (score,) = opinion_scores(table([("r", "p1", "a", 3), ("r", "p2", "a", 4)]), ["a"])
    assert score.mean == 3.5
    assert (score.ci_low, score.ci_high) == (None, None)


def test_one_rating_has_no_spread_and_a_condition_without_ratings_no_mean() -> None:
    lone, empty = opinion_scores(table([("r", "p1", "a", 3)]), ["a", "b"])
    assert (lone.n, lone.mean, lone.sd) == (1, 3.0, None)
    assert (empty.n, empty.participants, empty.mean, empty.histogram) == (0, 0, None, (0, 0, 0, 0, 0))
