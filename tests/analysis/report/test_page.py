"""The page: results on top, expert parts folded away, readable with any number of conditions and in any way."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
from pages import Page
from rating_tables import ratings_of

from analysis import Report, StudyFacts, analyze
from analysis.report.page import render

DRAWINGS = dict.fromkeys(("means", "scores", "prompts", "raters", "differences"), "<svg></svg>")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    ratings = ratings_of("paper_like", tmp_path_factory.mktemp("page"))
    ratings.loc[ratings["participant"] == "r00", "score"] = 3
    ratings["rated_at"] = pd.date_range("2026-01-01", periods=len(ratings), freq="s", tz="UTC")
    facts = StudyFacts("bells", earmark="1.2.3")
    return analyze(ratings, baseline="fp32", facts=facts, bias=True, all_pairs=True)


def test_the_page_leads_with_warnings_contents_and_results(report: Report) -> None:
    text = render(replace(report, remarks=("Mind this.",)), DRAWINGS)
    read = Page(text)
    links = [load[1:] for load in read.loads if load.startswith("#") and not load.startswith("#means-m")]
    assert {"findings", "means", "differences", "raters", "watched", "methods", "provenance"} <= set(links)
    assert set(re.findall(r'<a href="#([^"]+)"', text)) <= set(read.ids)
    assert text.index("Contents") < text.index("Mind this.") < text.index('class="glance"') < text.index("<figure")
    start = text.index('class="glance"')
    glance = Page(text[start : text.index("</table>", start)]).words
    assert glance.index("fp32") < glance.index("sqdl") < glance.index("sqs")
    assert "? not enough data" in glance
    assert "≈ equivalent" in glance


def test_expert_parts_are_folded_away(report: Report) -> None:
    text = render(report, DRAWINGS)
    folded = [part.split("</summary>")[0] for part in text.split("<details>")[1:]]
    for title in ("All tests, with their numbers", "If somebody looked at the results", "Words in this report"):
        assert any(title in head for head in folded), title
    watched = text[text.index('id="watched"') :]
    assert watched.index("however often you") < watched.index("</details>")


def test_the_page_can_be_read_with_a_screen_reader(report: Report) -> None:
    read = Page(render(replace(report, remarks=("Mind this.",), components={"residual": 1.0}), DRAWINGS))
    assert read.headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(read.headings)), read.headings
    assert read.unscoped == 0
    assert read.uncaptioned == 0


def test_a_page_of_many_conditions_stays_small_and_says_what_it_leaves_out(report: Report) -> None:
    """187 systems, as in BVCC, 300 raters and 300 prompts: the numbers are those of three conditions, over and over."""
    names = ["fp32", *(f"system {number}" for number in range(1, 187))]
    wide = pd.DataFrame(3.5, index=[f"r{number}" for number in range(300)], columns=names)
    rows = [row for row in report.comparisons if row.condition == "sqs"]
    many = replace(
        report,
        conditions=tuple(replace(report.conditions[0], condition=name) for name in names),
        comparisons=tuple(replace(row, condition=name) for row in rows for name in names[1:]),
        verdicts=tuple(replace(report.verdicts[0], condition=name) for name in names[1:]),
        wide_verdicts=tuple(replace(report.wide_verdicts[0], condition=name) for name in names[1:]),
        watched=tuple(replace(report.watched[0], condition=name) for name in names[1:] for _ in "ab"),
        sensitivity=(),
        means=wide,
        prompt_means=wide,
    )
    text = render(many, DRAWINGS)
    assert len(text.encode()) < 1_000_000
    words = Page(text).words
    start = text.index('class="glance"')
    assert all(name in text[start : text.index("</table>", start)] for name in names), "the results have everybody"
    for cut in ("first 20 of 187 conditions", "first 200 of 300 raters", "first 30 of 186 rows of each test"):
        assert cut in words, cut
    assert "first 30 of 372 lines" in words
    assert "report.json has all of them" in " ".join(words.split())
    assert "<details>\n<summary><h3>The same results in words" in text, "186 cards are folded away"


def test_both_degrees_of_freedom_and_the_intervals_of_effects_are_shown(report: Report) -> None:
    rows = tuple(
        replace(row, df=37.5, df_numerator=2.0, statistic=3.21)
        if row.test == "lmm_anova"
        else replace(row, effect_size=0.52, effect_low=0.1, effect_high=0.93)
        if row.test == "paired_t"
        else row
        for row in report.comparisons
    )
    words = Page(render(replace(report, comparisons=rows), DRAWINGS)).words
    assert "F(2, 37.5) = 3.21" in words
    assert "dz = 0.52 (0.10 to 0.93)" in words


def test_variance_components_are_shown_where_there_are_any(report: Report) -> None:
    assert "Variance components" not in render(replace(report, components={}), DRAWINGS)
    parts = {"participant": 0.09, "prompt:condition": 0.16, "residual": 0.75}
    found = replace(report, components=parts, model_notes=("the variance of rater:condition is zero",))
    text = render(found, DRAWINGS)
    words = " ".join(re.sub(r"<[^>]+>", " ", text[text.index("Variance components") :]).split())
    for part in ("0.30 9 %", "0.40 16 %", "0.87 75 %", "the variance of rater:condition is zero"):
        assert part in words, part
    assert found.as_dict()["components"] == parts
