"""The page of other question types: every number and sentence of the findings, escaped, and as JSON."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest

from analysis import StudyFacts, analyze_answers, load_answers, write_findings
from analysis.errors import ReportError
from analysis.findings_page import NAMES

DATA = Path(__file__).parent / "data"
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
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["question"] == question
    assert [row["test"] for row in content["rows"]] == [row.test for row in found.rows]
    assert content["provenance"]["sha256"] == answers.source.sha256


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
