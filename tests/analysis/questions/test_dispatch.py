"""Answers of each type of question get its analysis, with the settings that it can mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answer_tables import FILES, ONE, PAIR, check_sound

from analysis.errors import BaselineError, RatingsError, SettingError
from analysis.infer.compare import Comparison
from analysis.questions.dispatch import analyze_answers
from analysis.read.answers import load_answers

Write = Callable[..., Path]
ASKED = [question for question in FILES if question != "acr"]


@pytest.mark.parametrize("question", ASKED)
def test_each_question_gets_its_own_analysis(write: Write, question: str) -> None:
    assert analyze_answers(load_answers(write(FILES[question]))).question == question


def test_scores_from_1_to_5_have_one_way_of_analysis(write: Write) -> None:
    with pytest.raises(RatingsError, match=r"ratings\.csv: holds scores of single clips"):
        analyze_answers(load_answers(write(FILES["acr"])))


@pytest.mark.parametrize("question", ASKED)
def test_who_failed_a_check_is_said_of_every_question_type_and_left_out_of_none(write: Write, question: str) -> None:
    head, rows = FILES[question].rstrip("\n").replace("but\nnoisy", "but noisy").split("\n", 1)
    kept = [f"{row},trial,,failed" for row in rows.splitlines()]
    person = load_answers(write(FILES[question])).frame["participant"].iloc[0]
    gone = [row.replace(f",{person},", ",gone,", 1) + ",uncounted,,failed" for row in rows.splitlines()]
    wrong = [row + ",attention,False,failed" for row in rows.splitlines()[:1]]
    answers = load_answers(write("\n".join([f"{head},kind,passed,headphones", *kept, *gone, *wrong])))
    found = analyze_answers(answers)
    everybody = sorted(answers.frame["participant"].unique())
    count = {1: "1 of 1 rater", 2: "2 of 2 raters"}[len(everybody)]
    assert (
        f"{count} gave too few right answers to the headphone check: {', '.join(everybody)}. "
        "They are included in these results." in found.sentences
    )
    assert any(f"at least once: {person}. They are included in these results." in text for text in found.sentences)
    assert "gone" not in " ".join(found.sentences)


def test_texts_are_counted_listed_and_freed_of_the_spreadsheet_mark(write: Write) -> None:
    findings = analyze_answers(load_answers(write(FILES["text"])))
    counts, texts = findings.tables
    assert counts.rows == (("w8", 2, 1, 2.5),)  # three words and two
    assert texts.rows == (("w8", "p", "r", "good, but\nnoisy"), ("w8", "p", "s", "-10 dB?"))
    assert findings.rows == ()
    assert "2 texts from 2 participants; 1 left empty" in findings.sentences[0]


def test_the_baseline_is_asked_for_named_so_or_the_most_frequent_reference(write: Write) -> None:
    rows = "ab,r,p,x,fp,x,1\nab,s,p,x,fp,x,-1\nab,r,p,x,y,x,1\nab,s,p,y,fp,y,1\n"
    answers = load_answers(write(PAIR + rows))

    def references(baseline: str | None) -> set[str | None]:
        return {row.reference for row in analyze_answers(answers, baseline=baseline).of("ab_bradley_terry")}

    assert references(None) == {"fp"}
    assert references("y") == {"y"}
    with pytest.raises(BaselineError, match=r"'z': not among the conditions \(fp, x, y\)"):
        analyze_answers(answers, baseline="z")
    sliders = load_answers(write(ONE + "mushra,r,p,a,50\nmushra,r,p,b,60\n"))
    with pytest.raises(BaselineError, match="'baseline': not among"):
        analyze_answers(sliders)


@pytest.mark.parametrize(
    ("question", "settings"),
    [("ccr", {"margin": 3.0}), ("ccr", {"margin": float("nan")}), ("abx", {"alpha": 0.5})],
)
def test_refuses_impossible_settings(write: Write, question: str, settings: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        analyze_answers(load_answers(write(FILES[question])), **settings)


def test_a_margin_that_a_type_does_not_use_stops_nothing(write: Write) -> None:
    assert analyze_answers(load_answers(write(FILES["mushra"])), margin=25.0).question == "mushra"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("question", ASKED)
def test_findings_are_sound_on_few_answers(write: Write, question: str) -> None:
    findings = analyze_answers(load_answers(write(FILES[question])))
    check_sound(findings)
    assert all(isinstance(row, Comparison) for row in findings.rows)
