"""Ratings files of other question types: read, refused with line and remedy, analysed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answer_tables import DATA, check_sound

from analysis.errors import (
    AnalysisError,
    BaselineError,
    DuplicateRatingError,
    MissingColumnError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    SettingError,
    TableError,
    ValueMissingError,
)
from analysis.infer.compare import Comparison, paired_t
from analysis.questions.answers import analyze_answers, load_answers, question_of
from analysis.read.matched import cells
from analysis.read.ratings import load_ratings

Write = Callable[..., Path]
PAIR = "question,participant,prompt,condition,reference,first,score\n"
ABX = "question,participant,prompt,condition,reference,first,x,position,score\n"
ONE = "question,participant,prompt,condition,score\n"
TEXT = "question,participant,prompt,condition,score,comment\n"
FILES = {
    "acr": ONE + "acr,007,a dog,baseline,4\n,007,a dog,w8,5.0\n",
    "ab": PAIR + "ab,007,a dog,w8,baseline,w8,-1\nab,007,a cat,w8,baseline,,0\nab,008,a cat,w8,baseline,w8,+1\n",
    "ccr": PAIR + "ccr,007,a dog,w8,baseline,w8,-3\nccr,007,a dog,w8,baseline,baseline,2.0\n",
    "abx": ABX + "abx,r,p,w8,baseline,w8,baseline,1,1\nabx,r,p,baseline,w8,w8,baseline,2,0\n",
    "mushra": ONE + "mushra,r,p,baseline,100\nmushra,r,p,w8,0\nmushra,r,p,anchor,37\n",
    "text": TEXT + 'text,r,p,w8,,"good, but\nnoisy"\ntext,r,q,w8,,\ntext,s,p,w8,,\'-10 dB?\n',
}


def refusal(path: Path, kind: type[AnalysisError]) -> str:
    with pytest.raises(kind) as caught:
        load_answers(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("question", list(FILES))
def test_reads_every_question_type(write: Write, question: str) -> None:
    path = write(FILES[question])
    assert question_of(path) == question
    answers = load_answers(path)
    assert answers.question == question
    assert len(answers.frame) == answers.source.lines == {"acr": 2, "ccr": 2, "abx": 2}.get(question, 3)
    scores = {"acr": [4, 5], "ab": [-1, 0, 1], "ccr": [-3, 2], "abx": [1, 0], "mushra": [100, 0, 37]}
    if question != "text":
        assert answers.frame["score"].tolist() == scores[question]
    assert analyze_answers(answers).question == question


def test_without_a_column_question_it_is_the_file_of_today(write: Write) -> None:
    path = write("participant,prompt,condition,score\nr,p,a,3\nr,p,b,4\n")
    answers = load_answers(path)
    assert answers.question == "acr"
    assert answers.frame.equals(load_ratings(path).frame)


def test_acr_findings_are_the_tests_of_compare() -> None:
    path = DATA / "intervals" / "incomplete.csv"
    findings = analyze_answers(load_answers(path), baseline="base")
    assert findings.of("paired_t") == paired_t(cells(load_ratings(path).frame, ["base", "w4", "w8"]).against("base"))
    assert len(findings.sentences) == 2
    check_sound(findings)


def test_other_kinds_are_left_out_and_counted(write: Write) -> None:
    head, rows = FILES["abx"].split("\n", 1)
    lines = "".join(f"{line},trial\n" for line in rows.splitlines())
    path = write(f"{head},kind\n{lines}ab,r,p,w8,w8,,,3,9,practice\nabx,r,p,w8,baseline,w8,w8,4,1,attention\n")
    answers = load_answers(path)
    assert len(answers.frame) == 2
    assert answers.source.lines == 4
    assert answers.source.left_out == {"practice": 1, "attention": 1}


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (PAIR + "ab,r,p,a,b,a,1\nab,r,q,a,b,a,2\n", ScoreError, "line 3: score '2' is not a whole number from -1 to 1"),
        (PAIR + "ccr,r,p,a,b,a,-4\n", ScoreError, "line 2: score '-4' is not a whole number from -3 to 3"),
        (PAIR + "ccr,r,p,a,b,a,1.5\n", ScoreError, "score '1.5'"),
        (PAIR + "ccr,r,p,a,b,a,\n", ScoreError, "line 2: score is missing"),
        (PAIR + "abx,r,p,a,b,a,-1\nabx,r,q,a,b,a,7\n", ScoreError, "from 0 to 1 (question abx) (and 1 more"),
        (ONE + "mushra,r,p,a,101\n", ScoreError, "from 0 to 100"),
        (ONE + "mushra,r,p,a,1e2\n", ScoreError, "score '1e2'"),
        (ONE + "acr,r,p,a,0\n", ScoreError, "from 1 to 5"),
        (TEXT + "text,r,p,a,3,fine\n", ScoreError, "score '3' beside a text"),
        (ONE + "text,r,p,a,\n", MissingColumnError, "no column comment"),
        (ONE + "ab,r,p,a,1\n", MissingColumnError, "no column reference, which question type ab needs"),
        (PAIR + "ab,r,p,a,,a,1\n", ValueMissingError, "line 2: reference is empty"),
        (PAIR + "ab,r,p,a,b,a,1\nab,r,q,a,a,a,1\n", RatingsError, "line 3: condition and reference are both 'a'"),
        (PAIR + "ab,r,p,a,b,c,1\n", RatingsError, "line 2: first is 'c', which is neither 'a' nor 'b'"),
        (ABX + "abx,r,p,a,b,a,c,1,1\n", RatingsError, "line 2: x is 'c'"),
        (PAIR + "AB,r,p,a,b,a,1\n", RatingsError, "line 2: question 'AB' is not one of acr, ab, ccr"),
        (
            PAIR + "ab,r,p,a,b,a,1\nccr,r,p,a,b,a,1\n,r,p,a,b,a,1\n",
            RatingsError,
            "3 types of question (1 of ab, 1 of ccr, 1 of acr); write each type to a file of its own",
        ),
        (PAIR + "ab,r,p,a,b,a,1\nab,r,p,b,a,a,-1\n", DuplicateRatingError, "lines 2 and 3"),
        (ABX + "abx,r,p,a,b,a,a,1,1\nabx,r,p,a,b,a,a,1,1\n", DuplicateRatingError, "lines 2 and 3"),
        (ONE + "mushra,r,p,a,50\nmushra,r,p,a,60\n", DuplicateRatingError, "2 times"),
        (
            ONE.replace("question,", "question,study,") + "mushra,s,r,p,a,5\nmushra,t,r,q,a,5\n",
            RatingsError,
            "2 studies",
        ),
        ("question," + PAIR, TableError, "names the column question twice"),
        (PAIR, NoRatingsError, "no line of data"),
        (PAIR + "ab,r,p,a,b,a\n", TableError, "line 2 has 6 fields"),
    ],
)
def test_refuses_with_name_place_and_remedy(write: Write, content: str, kind: type[AnalysisError], says: str) -> None:
    message = refusal(write(content), kind)
    assert message.startswith("ratings.csv: ")
    assert says in message


def test_the_two_orders_of_a_pair_and_repeated_abx_trials_are_no_duplicates(write: Write) -> None:
    both = PAIR + "ccr,r,p,a,b,a,1\nccr,r,p,a,b,b,1\n"
    assert len(load_answers(write(both)).frame) == 2
    again = ABX + "abx,r,p,a,b,a,a,1,1\nabx,r,p,a,b,a,a,2,1\n"
    assert len(load_answers(write(again)).frame) == 2


@pytest.mark.parametrize("question", list(FILES))
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


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    for read in (load_answers, question_of):
        with pytest.raises(RatingsError, match="cannot be read"):
            read(tmp_path / "none.csv")


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
    [("ccr", {"margin": 3.0}), ("ccr", {"margin": float("nan")}), ("acr", {"margin": 0.0}), ("abx", {"alpha": 0.5})],
)
def test_refuses_impossible_settings(write: Write, question: str, settings: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        analyze_answers(load_answers(write(FILES[question])), **settings)


def test_a_margin_that_a_type_does_not_use_stops_nothing(write: Write) -> None:
    assert analyze_answers(load_answers(write(FILES["mushra"])), margin=25.0).question == "mushra"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("question", list(FILES))
def test_findings_are_sound_on_few_answers(write: Write, question: str) -> None:
    findings = analyze_answers(load_answers(write(FILES[question])))
    check_sound(findings)
    assert all(isinstance(row, Comparison) for row in findings.rows)
