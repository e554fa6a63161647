"""Ratings files of other question types: read, and refused with line and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from answer_tables import ABX, FILES, ONE, PAIR, TEXT

from analysis.errors import (
    AnalysisError,
    DuplicateRatingError,
    MissingColumnError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    TableError,
    ValueMissingError,
)
from analysis.read.answers import load_answers
from analysis.read.ratings import load_ratings

Write = Callable[..., Path]


def refusal(path: Path, kind: type[AnalysisError]) -> str:
    with pytest.raises(kind) as caught:
        load_answers(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("question", list(FILES))
def test_reads_every_question_type(write: Write, question: str) -> None:
    path = write(FILES[question])
    answers = load_answers(path)
    assert answers.question == question
    assert len(answers.frame) == answers.source.lines == {"acr": 2, "ccr": 2, "abx": 2}.get(question, 3)
    scores = {"acr": [4, 5], "ab": [-1, 0, 1], "ccr": [-3, 2], "abx": [1, 0], "mushra": [100, 0, 37]}
    if question != "text":
        assert answers.frame["score"].tolist() == scores[question]


def test_without_a_column_question_it_is_the_file_of_today(write: Write) -> None:
    path = write("participant,prompt,condition,score\nr,p,a,3\nr,p,b,4\n")
    answers = load_answers(path)
    assert answers.question == "acr"
    assert answers.frame.equals(load_ratings(path).frame)


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
        (PAIR + "ccr,r,p,a,b,a,-4\n", ScoreError, "line 2: score '-4' is not a number from -3 to 3 in steps of 0.5"),
        (PAIR + "ccr,r,p,a,b,a,1.25\n", ScoreError, "score '1.25'"),
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
        (PAIR + "best,r,p,a,b,a,1\n", RatingsError, "line 2: question 'best' is not one of acr, ab, ccr"),
        (
            PAIR + "ab,r,p,a,b,a,1\nccr,r,p,a,b,a,1\n,r,p,a,b,a,1\n",
            RatingsError,
            "answers on 3 scales (1 of ab, 1 of ccr and 1 of acr); earmark analyze reports on each",
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


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RatingsError, match="cannot be read"):
        load_answers(tmp_path / "none.csv")
