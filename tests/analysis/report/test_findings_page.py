"""The page of other question types: every number and sentence of the findings, escaped, and as JSON."""

from __future__ import annotations

import json
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from pages import Page

from analysis import Answers, StudyFacts, analyze_answers, load_answers, write_findings
from analysis.errors import ReportError
from analysis.read.facts import SessionFacts
from analysis.report.findings_page import NAMES

DATA = Path(__file__).parents[1] / "data"
FILES = {"ab": "pairs/ab.csv", "ccr": "pairs/ccr.csv", "abx": "abx/abx.csv", "mushra": "mushra/mushra.csv"}
BASELINES = {"ab": "base", "ccr": "base", "abx": "base", "mushra": "reference"}


@pytest.mark.parametrize("question", list(FILES))
def test_the_page_holds_what_was_found(question: str, tmp_path: Path) -> None:
    answers = load_answers(DATA / FILES[question])
    found = analyze_answers(answers, baseline=BASELINES[question])
    page = write_findings(found, answers, tmp_path, facts=StudyFacts("bells", question="Which?"))
    text = unescape(page.read_text(encoding="utf-8"))
    for sentence in found.sentences:
        assert sentence in text
    for row in found.rows:
        if row.statistic is not None:
            assert f"{row.statistic:.2f}".replace("-", "−") in text
    # Every test has a name for readers.
    kinds = {row.test.partition("_")[2].removesuffix("_all") for row in found.rows}
    assert kinds <= set(NAMES)
    read = Page(page.read_text(encoding="utf-8"))
    assert all(after - before <= 1 for before, after in pairwise(read.headings)), read.headings
    assert (read.unscoped, read.uncaptioned) == (0, 0)
    assert {load[1:] for load in read.loads} <= set(read.ids)
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["question"] == question
    assert [row["test"] for row in content["rows"]] == [row.test for row in found.rows]
    assert content["provenance"]["sha256"] == answers.source.sha256
    assert content["provenance"]["ratings"] == len(answers.frame)
    assert content["provenance"]["clips"] is None
    methods = (tmp_path / "methods.txt").read_text(encoding="utf-8").rstrip("\n")
    assert content["methods"] == methods
    assert methods in text


def answers_of(question: str, tmp_path: Path, conditions: list[str], extra: str = "") -> Answers:
    """Write answers about these conditions against `base`, to no known question."""
    rows = [
        f"r{r},p{p},{c},base,{(r * r + p * len(c)) % 3 % 2},{question},trial,{extra}"
        for r in range(4)
        for p in range(2)
        for c in conditions
    ]
    path = tmp_path / "answers.csv"
    head = "participant,prompt,condition,reference,score,question,kind,x"
    path.write_text("\n".join([head, *rows, f"r0,p0,w8,base,1,{question},warmup,"]), encoding="utf-8")
    return load_answers(path)


def test_of_answers_from_elsewhere_only_what_is_in_the_file_is_known(tmp_path: Path) -> None:
    answers = answers_of("ab", tmp_path, ["w8", "w4"])
    write_findings(analyze_answers(answers, baseline="base"), answers, tmp_path / "out", facts=StudyFacts("x"))
    text = (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")
    assert "4 participants gave 16 answers on 2 prompts under base, w4, w8." in text
    assert "The answers are paired preferences (AB)." in text
    assert "Not analysed: 1 line of kind “warmup”." in text
    assert "t test, one number per rater (p adjusted by Holm's method over 2 comparisons)" in text
    for claim in ("heard", "headphone", "practice", "margin", "was to hear"):
        assert claim not in text, claim


def test_a_study_says_what_its_participants_did(tmp_path: Path) -> None:
    answers = answers_of("abx", tmp_path, ["w8"], "w8")
    session = SessionFacts("balanced", None, 0, False, {}, None)
    facts = StudyFacts("x", question="Which?", asked="abx", session=session)
    write_findings(analyze_answers(answers, baseline="base"), answers, tmp_path / "out", facts=facts)
    text = (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")
    for fact in (
        "said which of them a third clip, X, was",
        "every prompt with every condition beside the reference, in a balanced order, without practice",
        "did not have to be heard to its end",
        "1 answer of kind “warmup”",
        "Whether participants wore headphones was not checked.",
    ):
        assert fact in text, fact


def test_rows_and_tables_stand_in_the_studys_order(tmp_path: Path) -> None:
    answers = answers_of("ab", tmp_path, ["w16", "w8", "w4", "w10"])
    found = analyze_answers(answers, baseline="base")
    for conditions, ordered in (
        ((), ["w4", "w8", "w10", "w16"]),
        (("base", "w10", "w4", "w16", "w8"), ["w10", "w4", "w16", "w8"]),
    ):
        write_findings(found, answers, tmp_path / "out", facts=StudyFacts("x", conditions=conditions))
        content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
        assert [row["condition"] for row in content["rows"] if row["test"] == "ab_t"] == ordered
        assert [row[0] for row in content["tables"][0]["rows"]] == ordered


def test_texts_are_listed_and_escaped(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text(
        "participant,prompt,condition,score,question,comment\n"
        "a,p,baseline,,text,<script>alert(1)</script>\n"
        "b,p,baseline,,text,a dog\n"
    )
    answers = load_answers(path)
    page = write_findings(analyze_answers(answers), answers, tmp_path / "out", facts=StudyFacts("t"))
    text = page.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "a dog" in text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answers = load_answers(DATA / FILES["abx"])
    found = analyze_answers(answers, baseline="base")
    with pytest.raises(ReportError, match="the report cannot be written"):
        write_findings(found, answers, tmp_path / "file", facts=StudyFacts("x"))
