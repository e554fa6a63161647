"""Ratings files as people have them: read to the last digit, or refused with the line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.errors import (
    AnalysisError,
    DuplicateRatingError,
    EncodingError,
    MissingColumnError,
    NoRatingsError,
    RatingsError,
    ScoreError,
    TableError,
    ValueMissingError,
)
from analysis.read.ratings import load_ratings
from survey.records import RatingRow, write_csv

Write = Callable[..., Path]
HEAD = "participant,prompt,condition,score\n"
GOOD = HEAD + "007,a dog,base,4\n007,a dog,w8,5.0\n"


def refusal(path: Path, kind: type[AnalysisError]) -> str:
    """Refuse the file with one line and return it."""
    with pytest.raises(kind) as caught:
        load_ratings(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_reads_names_as_text_and_scores_as_numbers(write: Write) -> None:
    ratings = load_ratings(write(GOOD))
    assert ratings.frame["participant"].tolist() == ["007", "007"]
    assert ratings.frame["score"].tolist() == [4, 5]
    assert ratings.source.file == "ratings.csv"
    assert ratings.source.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert ratings.source.lines == 2


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("007,", " 007 , "),
        GOOD + "\n\n",
        GOOD + ",,,\n",
        GOOD.removesuffix("\n"),
    ],
    ids=[
        "semicolons",
        "tabs",
        "byte order mark",
        "Windows line ends",
        "spaces",
        "empty lines",
        "empty row",
        "no last newline",
    ],
)
def test_reads_the_same_in_every_form(write: Write, content: str | bytes) -> None:
    frame = load_ratings(write(content)).frame
    assert frame.to_dict("list") == {
        "participant": ["007", "007"],
        "prompt": ["a dog", "a dog"],
        "condition": ["base", "w8"],
        "score": [4, 5],
    }


@pytest.mark.parametrize("name", ["NA", "null", "nan", "1e5", "TRUE", "0012", "日本"])
def test_keeps_names_that_look_like_something_else(write: Write, name: str) -> None:
    assert load_ratings(write(f"{HEAD}{name},{name},{name},3\n")).frame.iloc[0, :3].tolist() == [name] * 3


def test_reads_prompts_with_separators_and_line_ends(write: Write) -> None:
    frame = load_ratings(write(HEAD + 'r,"rain, then\nthunder; ""loud""",base,2\n')).frame
    assert frame["prompt"].tolist() == ['rain, then\nthunder; "loud"']


def test_reads_what_the_survey_exports(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"

    def row(kind: str, condition: str, score: int, seed: int) -> RatingRow:
        return RatingRow(
            study="s", participant="007", session="1", position=1, kind=kind, prompt_id="p1", prompt="bells",
            condition=condition, seed=seed, stimulus="x", clip_sha256="0", score=score, plays=1,
            heard_seconds=10.0, response_ms=900, rated_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip

    rows = [row("practice", "base", 1, 1), row("trial", "base", 4, 1), row("trial", "base", 5, 2)]
    write_csv(path, rows)
    ratings = load_ratings(path)
    assert ratings.frame["score"].tolist() == [4, 5]
    assert ratings.source.lines == 3
    assert ratings.source.left_out == {"practice": 1}


@pytest.mark.parametrize("score", ["0", "6", "-1", "4.7", "four", "inf", "1e0", "٣", "05"])
def test_refuses_a_score_outside_the_scale_with_its_line(write: Write, score: str) -> None:
    message = refusal(write(f'{HEAD}r1,p,a,3\nr1,p,b,"{score}"\nr2,p,b,"{score}"\n'), ScoreError)
    assert message.startswith(f"ratings.csv: line 3: score '{score}' is not a whole number from 1 to 5")
    assert "1 more" in message


def test_refuses_a_missing_score_with_its_line(write: Write) -> None:
    # The quoted prompt holds a line end, so the bad score stands on the file's fifth line.
    assert "line 5: score is missing" in refusal(write(HEAD + 'r1,"a\nb",a,3\n\nr1,p,b,\n'), ScoreError)


@pytest.mark.parametrize("text", ["NA", "nan", "-", "N/A", "\N{EN DASH}"])
def test_what_says_that_there_is_no_score_is_a_missing_one(write: Write, text: str) -> None:
    message = refusal(write(f"{HEAD}r1,p,a,3\nr1,p,b,{text}\n"), ScoreError)
    assert "line 3: score is missing;" in message
    assert message.endswith("leave out all such lines with --skip-missing")


def test_a_practice_trial_without_score_stops_nothing(write: Write) -> None:
    content = "participant,prompt,condition,score,kind\nr,p,a,,practice\nr,p,a,3,trial\n"
    assert len(load_ratings(write(content)).frame) == 1


def test_refuses_a_second_rating_of_one_cell(write: Write) -> None:
    lines = "r1,p,a,3\nr1,p,b,3\nr2,p,a,1\nr1,p,a,4\nr2,p,a,2\n"
    message = refusal(write(HEAD + lines), DuplicateRatingError)
    assert "lines 2 and 5" in message
    assert "'r1'" in message
    assert "2 times" in message
    assert "1 more such cells" in message
    assert "keep one line of each, or name the column that tells the showings apart with --repeat COLUMN" in message


def test_a_seed_makes_another_cell(write: Write) -> None:
    content = "participant,prompt,condition,score,seed\nr,p,a,3,1\nr,p,a,4,2\n"
    assert len(load_ratings(write(content)).frame) == 2
    message = refusal(write(content + "r,p,a,5,2\n"), DuplicateRatingError)
    assert "lines 3 and 4" in message
    assert "seed 2" in message


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (GOOD.encode() + b"r,p\0,a,3\n", EncodingError, "line 4 holds a byte 0, so it is not text"),
        ("", MissingColumnError, "is empty; give a table"),
        ("rater,prompt,model,score\n", MissingColumnError, "no column participant, condition"),
        (HEAD, NoRatingsError, "no line of data"),
        ("participant,prompt,condition,score,kind\nr,p,a,3,practice\n", NoRatingsError, "1 of kind practice"),
        (HEAD + "r,p,a,3,9\n", TableError, "line 2 has 5 fields and the header 4"),
        (HEAD + "r,p,a\n", TableError, "line 2 has 3 fields"),
        (HEAD + 'r,"p,a,3\nr,p,b,3\n', TableError, "check its quotes"),
        ("participant,prompt,condition,score,score\nr,p,a,3,4\n", TableError, "column score twice"),
        (HEAD + "r,p,a,3\n ,p,a,3\n", ValueMissingError, "line 3: participant is empty"),
        (HEAD + "r,,a,3\n", ValueMissingError, "line 2: prompt is empty"),
        (HEAD + "r,p,,3\n", ValueMissingError, "line 2: condition is empty"),
        (
            "participant,prompt,condition,score,study\nr,p,a,3,x\nr,p,b,3,y\n",
            RatingsError,
            "2 studies (x, y)",
        ),
    ],
)
def test_refuses_with_name_place_and_remedy(
    write: Write, content: str | bytes, kind: type[AnalysisError], says: str
) -> None:
    message = refusal(write(content), kind)
    assert message.startswith("ratings.csv: ")
    assert says in message


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.csv", RatingsError)
    assert "cannot be read" in refusal(tmp_path, RatingsError)


def test_the_time_of_a_rating_is_kept_where_the_file_has_it(write: Callable[..., Path]) -> None:
    text = "participant,prompt,condition,score,rated_at\na,p,x,3,2026-01-02T10:00:00+00:00\n"
    assert list(load_ratings(write(text)).frame["rated_at"]) == [datetime(2026, 1, 2, 10, tzinfo=UTC)]


def test_answers_to_another_question_are_refused(write: Callable[..., Path]) -> None:
    text = "participant,prompt,condition,score,question\na,p,x,3,acr\na,q,x,1,abx\n"
    with pytest.raises(RatingsError, match="line 3: answers a question of type abx"):
        load_ratings(write(text))


def test_checks_come_with_what_was_passed(write: Callable[..., Path]) -> None:
    text = (
        "participant,prompt,condition,score,kind,passed\n"
        "a,p,x,3,trial,\na,p,x,5,attention,False\nb,p,x,1,attention,True\nb,q,x,4,repeat,1\n"
    )
    ratings = load_ratings(write(text))
    assert ratings.checks is not None
    assert ratings.checks[["participant", "kind", "passed"]].to_numpy().tolist() == [
        ["a", "attention", False],
        ["b", "attention", True],
        ["b", "repeat", True],
    ]
    assert len(ratings.frame) == 1


def test_a_headphone_check_is_passed_failed_or_not_known(write: Write) -> None:
    text = (
        "participant,prompt,condition,score,headphones\n"
        "a,p,x,3,passed\na,q,x,3,passed\nb,p,x,1,failed\nc,p,x,4,\nd,p,x,4,5 4\n"
    )
    checks = load_ratings(write(text)).checks
    assert checks is not None
    assert checks[["participant", "kind", "passed"]].to_numpy().tolist() == [
        ["a", "headphones", True],
        ["b", "headphones", False],
        ["c", "headphones", None],
        ["d", "headphones", None],
    ]


def test_a_check_whose_result_cannot_be_read_is_not_lost(write: Write) -> None:
    text = "participant,prompt,condition,score,kind,passed\na,p,x,3,trial,\na,p,x,5,attention,yes?\na,q,x,5,repeat,\n"
    checks = load_ratings(write(text)).checks
    assert checks is not None
    assert checks[["kind", "passed"]].to_numpy().tolist() == [["attention", None], ["repeat", None]]


def test_a_prompt_is_its_id_where_there_are_ids(write: Write) -> None:
    head = "participant,prompt,condition,score,prompt_id\n"
    ratings = load_ratings(write(head + "r,a dog,x,3,p1\nr,a dog,x,5,p2\nr,a cat,x,4,p3\n"))
    assert ratings.frame["prompt"].tolist() == ["a dog [p1]", "a dog [p2]", "a cat"]
    (remark,) = ratings.source.remarks
    assert "1 text has more than one id: 'a dog'" in remark
    assert "delete the column prompt_id" in remark
    assert "lines 2 and 3" in refusal(write(head + "r,a dog,x,3,p1\nr,the dog,x,5,p1\n"), DuplicateRatingError)
    mended = load_ratings(write(head + "r,a dgo,x,3,p1\ns,a dog,x,5,p1\ns,a dog,y,5,p1\n"))
    assert mended.frame["prompt"].tolist() == ["a dgo"] * 3
    assert "1 id has more than one text: 'p1': 'a dgo' and 'a dog'" in mended.source.remarks[0]
    assert load_ratings(write(head + "r,a dog,x,3,\nr,a cat,x,5,\n")).frame["prompt"].tolist() == ["a dog", "a cat"]
    assert "line 3: prompt_id is empty" in refusal(write(head + "r,a,x,3,p1\nr,b,x,5,\n"), ValueMissingError)


def test_two_prompts_never_become_one_by_their_names(write: Write) -> None:
    rows = "r,a,x,1,p1\nr,a,x,2,p2\nr,a [p1],x,3,p3\n"
    frame = load_ratings(write("participant,prompt,condition,score,prompt_id\n" + rows)).frame
    assert frame["prompt"].nunique() == 3
