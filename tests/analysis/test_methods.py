"""What goes into a paper: the methods paragraph and the LaTeX table say what the report's numbers say."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from rating_tables import DATA, table

from analysis import Source, StudyFacts, analyze
from analysis.methods import latex_table, methods_paragraph
from analysis.ratings import load_ratings


def test_the_paragraph_names_the_facts_beside_a_mean(paper_like: pd.DataFrame) -> None:
    facts = StudyFacts("s", question="How well?", earmark="9.9", protocol="Headphones were checked.")
    source = Source("r.csv", "0" * 64, 330, {"practice": 20, "attention": 10})
    report = analyze(paper_like, baseline="fp32", facts=facts, source=source, margin=0.25)
    text = methods_paragraph(report)
    for fact in (
        "20 participants gave 300 ratings of 15 clips",
        "5 prompts under 3 conditions (fp32, sqdl, sqs), at least 20 ratings a clip",
        "the question “How well?”",
        "five grades",
        "Headphones were checked.",
        "30 answers to practice trials and checks",
        "95 % intervals",
        "±0.25 points",
        "Earmark 9.9",
    ):
        assert fact in text, fact
    assert f"ICC(A,1) {report.reliability.icc.single:.2f}" in text


@pytest.mark.parametrize(("name", "whose"), [("zero", "Satterthwaite"), ("interactions", "Kenward-Roger")])
def test_the_paragraph_says_whose_degrees_of_freedom(name: str, whose: str) -> None:
    """`zero` has a variance that is estimated as zero, `interactions` none."""
    ratings = load_ratings(DATA / "mixed" / f"{name}.csv").frame
    assert f"(REML, {whose} degrees of freedom)" in methods_paragraph(analyze(ratings, baseline="base"))


def test_a_model_that_could_not_be_fitted_is_not_claimed() -> None:
    ratings = table((f"r{r}", "p", c, 1 + (r * len(c)) % 5) for r in range(4) for c in ("baseline", "w8"))
    text = methods_paragraph(analyze(ratings))
    assert "paired t test" in text
    assert "mixed model" not in text


def test_the_table_has_every_condition_and_its_numbers(paper_like: pd.DataFrame) -> None:
    report = analyze(paper_like, baseline="fp32")
    text = latex_table(report)
    rows = [line.strip() for line in text.splitlines() if line.strip().endswith(r"\\")][1:]
    assert [row.split(" & ")[0] for row in rows] == ["fp32", "sqdl", "sqs"]
    for row, score in zip(rows, report.conditions, strict=True):
        assert f"{score.mean:.2f} $[{score.ci_low:.2f}, {score.ci_high:.2f}]$" in row
        assert row.count("&") == 6
    for line, wide in zip(rows[1:], report.rows("paired_t"), strict=True):
        assert f"${wide.estimate:+.2f}$" in line


def test_names_do_not_break_latex() -> None:
    odd = "50%_of $x^2$ & #1\\{~}"
    ratings = table(
        (f"r{r}", f"p{p}", c, 1 + (r + p + (c == odd)) % 5)
        for r in range(4)
        for p in range(2)
        for c in ("baseline", odd)
    )
    text = latex_table(analyze(ratings))
    row = next(line for line in text.splitlines() if "50" in line)
    assert r"50\%\_of \$x\textasciicircum{}2\$ \& \#1\textbackslash{}\{\textasciitilde{}\}" in row
    assert not re.search(r"(?<!\\)[%#$_&](?=of|x|1)", row)
