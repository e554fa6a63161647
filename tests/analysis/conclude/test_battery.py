"""All tests of one set of ratings: for these prompts, for prompts like these, for all pairs, without some raters."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from rating_tables import table
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.conclude.battery import compare_all, without
from analysis.describe.screening import Screen
from analysis.infer.compare import rater_means
from analysis.infer.intervals import two_way
from analysis.read.matched import cells

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


def nested(seed: int, shift: float) -> pd.DataFrame:
    """Each rater rates each condition once, and every prompt belongs to one condition: no mixed model here."""
    rng = np.random.default_rng(seed)
    of_prompt = rng.normal(0, 0.3, (2, 12))
    rows = []
    for r in range(60):
        own = rng.normal(0, 0.4)
        for k, name in enumerate(("base", "x")):
            p = int(rng.integers(12))
            value = 3.2 + own + of_prompt[k, p] + (shift if name == "x" else 0) + rng.normal(0, 0.6)
            rows.append((f"r{r}", f"{name} {p}", name, int(np.clip(np.rint(value), 1, 5))))
    return table(rows)


def exact(nested_prompts: bool) -> pd.DataFrame:
    """Scores that raters, prompts and conditions explain to the last point, which leaves a model no residual."""
    rows = []
    for r, p in product(range(10), range(8)):
        rows.append((f"r{r}", f"p{p}", "base", 4 + (r % 3 == 0)))
        prompt = f"q{p}" if nested_prompts else f"p{p}"
        rows.append((f"r{r}", prompt, "x", 2 + (r % 3 == 0) + (r % 2 == 0) * (not nested_prompts) + (p % 3 == 0)))
    return table(rows)


def test_without_a_mixed_model_the_two_way_interval_speaks() -> None:
    found = compare_all(exact(nested_prompts=False), ["base", "x"], "base", margin=0.3)
    (wide,) = found.wide_verdicts
    assert wide.kind == "inferior"
    assert "rests on the two-way interval of raters and prompts, as there is no mixed model (" in wide.words
    (row,) = (row for row in found.comparisons if row.test == "two_way_tost")
    (plain,) = (row for row in found.comparisons if row.test == "two_way")
    error = plain.estimate / plain.statistic
    assert row.p == pytest.approx(stats.t.sf((plain.estimate + 0.3) / error, plain.df), rel=1e-8)
    half = stats.t.ppf(0.95, plain.df) * error
    assert (row.ci_low, row.ci_high) == pytest.approx((plain.estimate - half, plain.estimate + half), rel=1e-8)


def test_over_different_prompts_it_says_what_it_supposes() -> None:
    found = compare_all(exact(nested_prompts=True), ["base", "x"], "base", margin=0.3)
    (narrow,), (wide,) = found.verdicts, found.wide_verdicts
    assert (narrow.kind, wide.kind) == ("not enough data", "inferior")
    assert "no rater rated both" in narrow.words
    assert "dealt to the conditions at random" in wide.words


def test_with_a_mixed_model_it_does_not(paper_like: pd.DataFrame) -> None:
    found = compare_all(paper_like, CONDITIONS, "fp32", margin=0.3)
    assert not [row for row in found.comparisons if row.test == "two_way_tost"]
    assert not [verdict for verdict in found.wide_verdicts if "two-way interval" in verdict.words]


def test_where_neither_exists_nothing_is_said_and_why() -> None:
    rows = [(f"r{r}", "a" if name == "base" else "b", name, 3 + r % 2) for r in range(9) for name in ("base", "x")]
    (wide,) = compare_all(table(rows), ["base", "x"], "base", margin=0.3).wide_verdicts
    assert wide.kind == "not enough data"
    assert wide.words.startswith("No result: one prompt alone under one of the two")


def test_the_level_of_the_stand_in_where_prompts_are_nested(seed: int) -> None:
    wrong = 0
    for study in range(150):
        heard = cells(nested(seed + study, 0.0), ["base", "x"])
        (row,) = two_way(heard, "base")
        wrong += row.p is not None and row.p < 0.05
    assert wrong <= 0.05 * 150 + 4 * np.sqrt(0.05 * 0.95 * 150)


def test_the_differences_are_within_rater_and_prompt(paper_like: pd.DataFrame) -> None:
    gone = paper_like[~((paper_like["condition"] == "sqs") & (paper_like["prompt"].isin(["p0", "p1"])))]
    found = compare_all(gone, CONDITIONS, "fp32", margin=0.3)
    wide = gone.pivot(index=["participant", "prompt"], columns="condition", values="score")
    expected = (wide["sqs"] - wide["fp32"]).groupby("participant").mean()
    assert list(found.differences.columns) == ["sqdl", "sqs"]
    assert found.differences["sqs"].sort_index().to_list() == pytest.approx(expected.sort_index().to_list())


def test_separate_blocks_of_raters_and_prompts_are_not_compared_by_any_model(seed: int) -> None:
    """Twelve raters hear two conditions on easy prompts, twelve others two on hard ones; no condition does anything."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{block}{r}", f"{block}p{p}", condition, int(np.clip(np.rint(level + 0.5 * rng.normal()), 1, 5)))
        for block, level, conditions in (("easy", 4.2, ("base", "a")), ("hard", 2.2, ("b", "c")))
        for r in range(12)
        for p in range(6)
        for condition in conditions
    ]
    found = compare_all(table(rows), ["base", "a", "b", "c"], "base", margin=0.3, all_pairs=True)
    apart = [row for row in found.comparisons if {row.condition, row.reference} in ({"b", "base"}, {"a", "b"})]
    assert {"paired_t", "lmm", "lmm_tost", "lmm_additive", "clmm", "two_way", "lmm_pairs"} <= {
        row.test for row in apart
    }
    assert all(row.p is None and row.note.startswith("not computed: ") for row in apart)
    assert all("no rater rated both" in row.note for row in apart if row.test in ("paired_t", "lmm", "lmm_pairs"))
    said = {verdict.condition: verdict for verdict in (*found.verdicts, *found.wide_verdicts)}
    assert said["b"].kind == said["c"].kind == "not enough data"
    assert "no rater rated both" in said["b"].words


def test_conditions_with_raters_and_prompts_of_their_own_say_what_their_comparison_takes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (f"r{r}", f"{condition}{p}", condition, int(np.clip(np.rint(3 + rng.normal()), 1, 5)))
        for r in range(12)
        for condition in ("base", "a")
        for p in range(6)
    ]
    found = compare_all(table(rows), ["base", "a"], "base", margin=0.3)
    (row,) = [row for row in found.comparisons if row.test == "lmm"]
    assert row.p is not None
    assert "dealt to the conditions at random" in row.note
    assert "dealt to the conditions at random" in found.wide_verdicts[0].words
