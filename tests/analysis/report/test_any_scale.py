"""Scores on any numeric scale: R's numbers, the same results in other points, and words that name the scale."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mixed_tables import draw
from rating_tables import DATA, table

from analysis import AnalysisError, Report, StudyFacts, analyze, load_answers, write_report
from analysis.errors import BaselineError, SettingError
from analysis.foreign.options import Options
from analysis.infer.compare import Comparison
from analysis.report.methods import latex_table, methods_paragraph
from analysis.scale.rating_scale import FIVE, RatingScale

Write = Callable[..., Path]
HERE = DATA / "numeric"
SCALES = {"ten": (0.0, 10.0), "slider": (0.0, 100.0)}


def report_of(name: str, margin: float | None = None) -> Report:
    answers = load_answers(HERE / f"{name}.csv", Options(scale=SCALES[name]))
    return analyze(answers.frame, baseline="base", margin=margin, scale=answers.scale, source=answers.source)


def golden() -> list[tuple[str, str, str, str, float]]:
    with (HERE / "golden.csv").open(encoding="utf-8") as file:
        return [(r["set"], r["test"], r["condition"], r["field"], float(r["value"])) for r in csv.DictReader(file)]


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {name: report_of(name) for name in SCALES}


def test_means_and_tests_are_those_of_r(reports: dict[str, Report]) -> None:
    for name, test, condition, field, value in golden():
        found: list[object] = [row for row in reports[name].rows(test) if row.condition == condition]
        if test == "opinion":
            found = [score for score in reports[name].conditions if score.condition == condition]
        close = {"lmm": 2e-4, "clmm": 2e-4}.get(test, 1e-8)  # of R's own optimum; a log odds ratio may be near zero
        nearly = pytest.approx(value, rel=close, abs=1e-4 if test == "clmm" else 1e-10)
        assert getattr(found[0], field) == nearly, (name, test, condition, field)


def test_the_ordinal_model_is_for_few_grades(reports: dict[str, Report]) -> None:
    assert reports["ten"].scale == RatingScale(0, 10)
    assert reports["slider"].scale == RatingScale(0, 100, None)
    assert all(row.p is not None for row in reports["ten"].rows("clmm"))
    assert {row.note for row in reports["slider"].rows("clmm")} == {
        "not computed: the scale has any number from 0 to 100, and the model is for at most 11 grades"
    }


def test_scores_are_counted_by_level_or_in_ten_parts(reports: dict[str, Report]) -> None:
    frames = {name: pd.read_csv(HERE / f"{name}.csv") for name in SCALES}
    for name, report in reports.items():
        for score in report.conditions:
            given = frames[name].loc[frames[name]["condition"] == score.condition, "score"]
            whole = given.astype(int) if name == "ten" else np.minimum(given // 10, 9).astype(int)
            assert list(score.histogram) == [int((whole == place).sum()) for place in range(len(score.histogram))]
            assert len(score.histogram) == {"ten": 11, "slider": 10}[name]


@pytest.mark.parametrize(("low", "high"), [(0.0, 100.0), (0.0, 1.0), (-3.0, 3.0), (1.0, 9.0)])
def test_other_points_change_no_result(seed: int, low: float, high: float) -> None:
    """Scores from 1 to 5 and their image on another scale: the same p values, and differences in proportion."""
    ratings, times = draw(seed, 12, 6, 230), (high - low) / 4
    ratings["rated_at"] = pd.date_range("2026-01-01", periods=len(ratings), freq="min", tz="UTC")
    moved = ratings.assign(score=low + times * (ratings["score"] - 1))
    one = analyze(ratings, baseline="base", bias=True)
    # Any step but that of the grades would change the floor of the rater model.
    other = analyze(moved, baseline="base", bias=True, scale=RatingScale(low, high, times))
    assert other.margin == pytest.approx(0.3 * times)
    assert [verdict.kind for verdict in one.verdicts] == [verdict.kind for verdict in other.verdicts]
    assert [verdict.kind for verdict in one.wide_verdicts] == [verdict.kind for verdict in other.wide_verdicts]
    for ours, theirs in zip(one.comparisons, other.comparisons, strict=True):
        if ours.test not in {"wilcoxon", "friedman"}:  # rounding parts other ties there, in R as here
            check(ours, theirs, 1.0 if ours.test == "clmm" else times)
    for mine, yours in zip(one.conditions, other.conditions, strict=True):
        assert mine.histogram == yours.histogram
        for field in ("mean", "ci_low", "ci_high", "wide_low", "wide_high", "pooled_low"):
            same(getattr(mine, field), getattr(yours, field), times, low - times)
    for watched, seen in zip(one.watched, other.watched, strict=True):
        assert (watched.equivalent_at, watched.different_at) == (seen.equivalent_at, seen.different_at)
        same(watched.low, seen.low, times)
    assert one.reliability.icc.single == pytest.approx(other.reliability.icc.single)
    assert one.reliability.krippendorff_alpha == pytest.approx(other.reliability.krippendorff_alpha)
    assert [screen.participants for screen in one.screens] == [screen.participants for screen in other.screens]
    assert one.rater_model
    assert other.rater_model
    for rater, again in zip(one.rater_model.raters, other.rater_model.raters, strict=True):
        same(rater.bias, again.bias, times)
        same(rater.inconsistency, again.inconsistency, times)


def check(ours: Comparison, theirs: Comparison, times: float) -> None:
    close = 2e-4 if ours.test.startswith(("lmm", "clmm")) else 1e-7
    for field in ("statistic", "df", "p", "p_adjusted", "effect_size"):
        same(getattr(ours, field), getattr(theirs, field), 1.0, close=close)
    for field in ("estimate", "ci_low", "ci_high"):
        same(getattr(ours, field), getattr(theirs, field), times, close=close)


def same(one: float | None, other: float | None, times: float, shift: float = 0.0, *, close: float = 1e-7) -> None:
    expected = None if one is None else pytest.approx(one * times + shift, rel=close, abs=close * abs(times))
    assert other == expected


def test_a_report_names_its_scale_everywhere(reports: dict[str, Report], tmp_path: Path) -> None:
    facts = StudyFacts(name="t", margin_from="default")
    for name, words in {"ten": "from 0 to 10", "slider": "from 0 to 100"}.items():
        report = replace(reports[name], facts=facts)
        page = write_report(report, tmp_path / name).html.read_text(encoding="utf-8")
        texts = (page, methods_paragraph(report), latex_table(report))
        assert all(words in text for text in texts)
        assert not [text for text in texts if "1 to 5" in text]
        assert "the default margin, 7.5 % of the range" in texts[1]
        assert "mean rating, 1 to 5" not in page
    assert "in ten equal parts of the scale" in page
    assert '<th scope="col">90 to 100</th>' in page


def test_a_margin_is_held_against_the_range(reports: dict[str, Report]) -> None:
    assert (reports["ten"].margin, reports["slider"].margin) == (0.75, 7.5)
    with pytest.raises(SettingError, match=r"not between 0 and 10 points; a usual margin is 0\.75"):
        report_of("ten", margin=10.0)
    assert report_of("slider", margin=99.0).margin == 99


def test_scores_beyond_a_scale_are_refused() -> None:
    ratings = table([("a", "p", "baseline", 7), ("a", "p", "x", 8)])
    with pytest.raises(AnalysisError, match="the scores go from 7 to 8; give their scale"):
        analyze(ratings)
    with pytest.raises(AnalysisError, match="give their scale"):
        analyze(ratings, scale=FIVE)
    with pytest.raises(SettingError, match="the lowest score must be below the highest"):
        RatingScale(5, 5)


def test_an_interval_that_covers_the_scale_says_nothing() -> None:
    ratings = table([("a", "p", "baseline", 5), ("a", "p", "x", 90), ("b", "p", "baseline", 95), ("b", "p", "x", 10)])
    report = analyze(ratings, scale=RatingScale(0, 100))
    assert all(score.ci_low is None and "set no limits" in score.note for score in report.conditions)
    (row,) = report.rows("paired_t")
    assert row.ci_low is None
    assert "covers the whole scale" in report.verdicts[0].words


def test_an_anchor_is_described_and_not_compared(seed: int, tmp_path: Path) -> None:
    ratings = draw(seed, 10, 5, 200)
    anchor = ratings[ratings["condition"] == "x"].assign(condition="low", score=1)
    whole = pd.concat([ratings, anchor])
    one, other = analyze(ratings, baseline="base"), analyze(whole, baseline="base", anchors=["low"])
    assert [row for row in one.comparisons if row.test != "friedman"] == [
        row for row in other.comparisons if row.test != "friedman"
    ]
    assert one.verdicts == other.verdicts
    (low,) = (score for score in other.conditions if score.condition == "low")
    assert (low.mean, low.n) == (1.0, len(anchor))
    page = write_report(other, tmp_path).html.read_text(encoding="utf-8")
    assert "low: an anchor, described and drawn with the other conditions, and not compared" in page
    assert "low was taken as an anchor" in methods_paragraph(other)
    for wrong, says in (("high", "anchor 'high': not among the conditions"), ("base", "the others are compared with")):
        with pytest.raises(BaselineError, match=says):
            analyze(whole, baseline="base", anchors=[wrong])


def test_degradation_ratings_are_told_as_such(write: Write, tmp_path: Path) -> None:
    cells = [(r, p, name) for r in range(5) for p in range(3) for name in ("baseline", "x")]
    rows = "".join(f"dcr,r{r},p{p},{name},{3 + (r + p + len(name)) % 3}\n" for r, p, name in cells)
    answers = load_answers(write("question,participant,prompt,condition,score\n" + rows))
    assert (answers.question, answers.scale) == ("dcr", FIVE)
    report = analyze(answers.frame, scale=answers.scale, question="dcr", source=answers.source)
    page = write_report(report, tmp_path / "out").html.read_text(encoding="utf-8")
    assert "Degradation mean opinion scores (DMOS)" in page
    assert "from 1 to 5 (5: degradation is inaudible, 1: degradation is very annoying)" in methods_paragraph(report)
