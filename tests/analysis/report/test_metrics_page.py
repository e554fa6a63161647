"""The page of metrics, and their section in a report: every number, nothing to run, every name as it is."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from measured_tables import METRICS, drawn
from pages import Page

from analysis import Report, StudyFacts, analyze, write_report
from analysis.errors import ReportError
from analysis.metrics.measured import Measured
from analysis.read.answers import Answers
from analysis.read.sheet import Source
from analysis.report.metrics_page import write_metrics_page
from analysis.report.scales_page import analyze_scales
from analysis.scale.rating_scale import FIVE

SIX = ("baseline", "sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8", "sqs-w4a8", "sqd-w4a8")
EVIL = '<script>alert(1)</script>"><img src=http://evil/x onerror=alert(2)>{{ 7*7 }}$x_1$'


def answers(frame: pd.DataFrame, name: str = "", question: str = "acr") -> Answers:
    return Answers(question, frame, Source("ratings.csv", "", len(frame)), name=name, scale=FIVE)


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def written(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def test_the_page_has_every_number(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX)
    path = write_metrics_page(measured, tmp_path, [answers(ratings)])
    words = page_of(path).words
    for one in measured.cells:
        if one.value is None:
            continue
        digits = 4 if abs(one.value) < 1 else 3
        assert written(one.value, digits) in words
        if one.low is not None and one.high is not None:
            assert f"{written(one.low, digits)} to {written(one.high, digits)}" in words
        if one.difference_low is not None and one.difference_high is not None:
            assert f"{written(one.difference_low, digits)} to {written(one.difference_high, digits)}" in words
    for name, mean in ratings.groupby("condition")["score"].mean().items():
        assert name in words
        assert written(mean, 2) in words
    assert "It is the full-precision clip itself" in words
    assert "ab12ab12ab12" in words
    assert "Two clips are silent." in words
    assert (tmp_path / "figures" / "metrics.svg").is_file()
    assert (tmp_path / "figures" / "metrics-people.png").is_file()


def test_the_best_and_the_second_best_are_marked_by_which_way_is_better(seed: int, tmp_path: Path) -> None:
    measured, _ = drawn(seed, SIX, metrics=METRICS[:2])
    text = write_metrics_page(measured, tmp_path).read_text(encoding="utf-8")
    table = text[text.index('<table class="metrics">') : text.index("</table>")]
    for key, better in (("clap", max), ("kl", min)):
        values = {name: cell.value for name in SIX if (cell := measured.cell(key, name)) and cell.value is not None}
        best = better(values.values())
        rest = better(value for value in values.values() if f"{value:.3f}" != f"{best:.3f}")
        assert f"<strong>{best:.3f}</strong>" in table
        assert f"<u>{rest:.3f}</u>" in table


def test_the_table_of_values_has_a_row_for_each_condition_and_column(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX)
    write_metrics_page(measured, tmp_path, [answers(ratings)])
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SIX) * (len(METRICS) + 2)
    held = {(row["column"], row["condition"]): row for row in rows}
    for one in measured.cells:
        row = held[one.column, one.condition]
        assert (row["value"] == "") == (one.value is None)
        assert one.value is None or float(row["value"]) == one.value
        assert row["why"] == one.why
    assert float(held["people", "sqs-w8a8"]["value"]) == pytest.approx(
        ratings[ratings["condition"] == "sqs-w8a8"]["score"].mean()
    )


def test_without_people_nothing_is_said_of_them(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX)
    for people in ([], [answers(ratings, question="ab")]):
        words = page_of(write_metrics_page(measured, tmp_path / str(len(people)), people)).words
        assert "People" not in words
        assert "agrees" not in words


def test_each_scale_has_a_column_and_a_table(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX[:3], metrics=METRICS[:1])
    page = page_of(write_metrics_page(measured, tmp_path, [answers(ratings, "match"), answers(ratings, "quality")]))
    assert "People: match" in page.words
    assert "Metrics against ratings: quality" in page.words
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == 3


def check(page: Page) -> None:
    """What every page of ours holds."""
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert all(load.startswith("#") for load in page.loads)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("h1") == 1
    assert page.unscoped == 0
    assert page.uncaptioned == 0
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


def test_names_are_shown_as_they_are(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, ("baseline", "x"), mark=EVIL, prompts=4, raters=4, metrics=METRICS[1:3])
    path = write_metrics_page(measured, tmp_path / "alone", [answers(ratings, EVIL), answers(ratings, "b")])
    facts = StudyFacts("s", conditions=tuple(measured.conditions))
    report = write_report(
        analyze(ratings, metrics=measured, facts=facts, baseline=measured.baseline), tmp_path / "report"
    ).html
    for one in (path, report):
        text = one.read_text(encoding="utf-8")
        check(Page(text))
        assert "alert(1)" in Page(text).words
        assert "{{ 7*7 }}" in Page(text).words


def test_a_report_has_a_section_on_metrics_and_their_data(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX[:4])
    report = analyze(ratings, metrics=measured, facts=StudyFacts("s", conditions=SIX[:4]))
    paths = write_report(report, tmp_path)
    text = paths.html.read_text(encoding="utf-8")
    page = Page(text)
    check(page)
    assert "metrics" in page.ids
    content = json.loads(paths.json.read_text(encoding="utf-8"))
    assert [one["key"] for one in content["metrics"]["columns"]] == [one.key for one in measured.columns]
    assert len(content["metrics"]["cells"]) == len(measured.cells)
    assert "clips" not in content["metrics"]
    assert report.metrics is not None
    assert content["agreements"] == [one.as_dict() for one in report.metrics.agreements]
    for one in content["agreements"]:
        if one["correlation"] is not None:
            assert f"{one['correlation']:.2f}".replace("-", "−") in page.words
        assert one["words"] in page.words
    for row, score in ((row, score) for row in report.rows("two_way") for score in report.conditions):
        if score.condition == row.condition and row.ci_low is not None and row.ci_high is not None:
            low, high = (written(round(end, 2) + 0.0, 2) for end in (row.ci_low, row.ci_high))  # zero has no sign
            assert f"{low} to {high}" in page.words
    plain = write_report(replace(report, metrics=None), tmp_path / "plain")
    assert "metrics" not in Page(plain.html.read_text(encoding="utf-8")).ids
    assert json.loads(plain.json.read_text(encoding="utf-8"))["agreements"] == []


def test_every_scale_of_scores_gets_the_metrics(seed: int) -> None:
    measured, ratings = drawn(seed, SIX[:2], prompts=4, raters=3)
    both = [answers(ratings, "match"), answers(ratings, "quality")]
    for one in analyze_scales(both, facts=StudyFacts("s"), metrics=measured):
        assert isinstance(one.found, Report)
        assert one.found.metrics is not None
        assert one.found.metrics.measured is measured


def test_another_baseline_than_that_of_the_metrics_has_no_differences_of_people(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX[:3], prompts=4, raters=4, metrics=METRICS[:1])
    report = analyze(ratings, metrics=measured, baseline="sqd-w8a8", facts=StudyFacts("s", conditions=SIX[:3]))
    text = write_report(report, tmp_path).html.read_text(encoding="utf-8")
    section = text[text.index("Differences from baseline</h3>") :]
    assert "People" not in section[: section.index("</thead>")]


def test_a_condition_that_nobody_rated_or_measured_is_a_dash(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX[:3])
    ratings["condition"] = ratings["condition"].replace("sqd-w8a8", "elsewhere")
    page = page_of(write_metrics_page(measured, tmp_path, [answers(ratings)]))
    assert "elsewhere" in page.words
    assert "sqd-w8a8" in page.words
    assert "Nobody rated it." not in page.words  # what people did not rate has a dash and no reason


def test_a_folder_that_cannot_be_written_is_named(seed: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    measured: Measured = replace(drawn(seed, SIX[:2])[0], remarks=())
    with pytest.raises(ReportError, match="page of metrics cannot be written"):
        write_metrics_page(measured, tmp_path / "file" / "metrics")


def test_raters_who_are_no_people_are_not_called_people(seed: int, tmp_path: Path) -> None:
    measured, ratings = drawn(seed, SIX)
    scales = [answers(ratings, "match"), answers(ratings, "quality")]
    path = write_metrics_page(measured, tmp_path, scales, raters="Simulated raters")
    heads = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    for name in ("Simulated raters: match", "Simulated raters: quality"):
        assert name in page_of(path).words
        assert name in heads
    assert "People: " not in page_of(path).words + heads


def test_nothing_is_less_than_zero_by_rounding(seed: int, tmp_path: Path) -> None:
    measured, _ = drawn(seed, SIX)
    cells = [replace(one, low=-1e-7) if one.low is not None else one for one in measured.cells]
    assert any(one.low is not None for one in cells)
    assert (
        "−0.000"
        not in page_of(write_metrics_page(replace(measured, cells=cells), tmp_path)).words.split("Differences")[0]
    )
