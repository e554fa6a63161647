"""All tests of one set of ratings: for these prompts, for prompts like these, for all pairs, without some raters."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.battery import compare_all, without
from analysis.compare import rater_means
from analysis.screening import Screen

CONDITIONS = ["fp32", "sqdl", "sqs"]


def test_both_questions_are_answered_apart(paper_like: pd.DataFrame) -> None:
    found = compare_all(paper_like, CONDITIONS, "fp32", margin=0.3)
    narrow, wide = (
        {row.condition: row for row in found.comparisons if row.test == test} for test in ("paired_t", "lmm")
    )
    assert [verdict.condition for verdict in found.verdicts] == ["sqdl", "sqs"]
    assert [verdict.condition for verdict in found.wide_verdicts] == ["sqdl", "sqs"]
    for condition, row in wide.items():
        # The same difference, for more: its interval is wider.
        assert row.estimate == pytest.approx(narrow[condition].estimate, abs=1e-9)
        assert row.ci_high - row.ci_low > narrow[condition].ci_high - narrow[condition].ci_low


def test_all_pairs_are_compared_on_request_with_holm_over_them(paper_like: pd.DataFrame) -> None:
    plain = compare_all(paper_like, CONDITIONS, "fp32", margin=0.3)
    assert not [row for row in plain.comparisons if row.test.endswith("_pairs")]
    found = compare_all(paper_like, CONDITIONS, "fp32", margin=0.3, all_pairs=True)
    rows = [row for row in found.comparisons if row.test == "paired_t_pairs"]
    assert [(row.condition, row.reference) for row in rows] == [("sqdl", "fp32"), ("sqs", "fp32"), ("sqs", "sqdl")]
    means = rater_means(paper_like, CONDITIONS)
    p = [stats.ttest_rel(means[row.condition], means[row.reference]).pvalue for row in rows]
    assert [row.p for row in rows] == pytest.approx(p, rel=1e-9)
    assert [row.p_adjusted for row in rows] == pytest.approx(list(multipletests(p, method="holm")[1]), rel=1e-9)
    assert len([row for row in found.comparisons if row.test == "lmm_pairs"]) == 3


def test_one_condition_has_nothing_to_be_compared_with(paper_like: pd.DataFrame) -> None:
    alone = paper_like[paper_like["condition"] == "fp32"]
    found = compare_all(alone, ["fp32"], "fp32", margin=0.3)
    assert (found.comparisons, found.verdicts, found.wide_verdicts) == ((), (), ())
    assert len(found.means) == 20


def test_without_the_raters_a_rule_points_at(paper_like: pd.DataFrame) -> None:
    suspects = ("r01", "r07")
    everybody = compare_all(paper_like, CONDITIONS, "fp32", margin=0.3)
    found = without(everybody, Screen("some_rule", "…", suspects, 20, 20), margin=0.3)
    left = paper_like[~paper_like["participant"].isin(suspects)]
    means = rater_means(left, CONDITIONS)
    assert (found.rule, found.left_out, found.raters) == ("some_rule", 2, 18)
    for row in found.rows:
        expected = stats.ttest_rel(means[row.condition], means["fp32"])
        assert row.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert [verdict.condition for verdict in found.verdicts] == ["sqdl", "sqs"]


def test_without_everybody_nothing_is_claimed(paper_like: pd.DataFrame) -> None:
    everybody = tuple(paper_like["participant"].unique())
    screen = Screen("all", "…", everybody, 20, 20)
    found = without(compare_all(paper_like, CONDITIONS, "fp32", margin=0.3), screen, margin=0.3)
    assert found.raters == 0
    assert {verdict.kind for verdict in found.verdicts} == {"not enough data"}
