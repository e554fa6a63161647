"""Results of webMUSHRA and pymushra: every kind of page, training apart, and files that only look like them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from drawn_ratings import Drawn, cells, drawn, read, records, said

from analysis.errors import MissingColumnError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.foreign.tools.webmushra import recognised

CONDITIONS = ("reference", "anchor35", "C1")
HEAD = ("session_test_id", "email", "age", "gender", "session_uuid", "trial_id")
MUSHRA = (*HEAD, "rating_stimulus", "rating_score", "rating_time", "rating_comment")


def sessions(ratings: Drawn) -> dict[str, str]:
    """Draw an identifier of a session for each participant."""
    return {who: str(UUID(bytes=ratings.rng.bytes(16))) for who in ratings.people}


def mushra(ratings: Drawn, *, email: bool = True) -> Iterator[tuple[object, ...]]:
    session = sessions(ratings)
    for (who, page, stimulus), score in ratings.scores.items():
        time = int(ratings.rng.integers(1000, 90000))
        yield "study", who if email else "", "", "", session[who], page, stimulus, score, time, ""


def test_a_mushra_file_with_training_and_without(tmp_path: Path) -> None:
    pages = ("training", "trial_training_2", "train1", "rain")
    ratings = drawn(0, 100, conditions=CONDITIONS, prompts=pages)
    table = read(tmp_path, MUSHRA, mushra(ratings))
    practice = {cell: score for cell, score in ratings.scores.items() if "training" in cell[1]}
    assert cells(table, "practice") == practice
    assert cells(table) == {cell: score for cell, score in ratings.scores.items() if cell not in practice}
    assert set(table.column("question")) == {"mushra"}
    for words in (
        "results of webMUSHRA",
        "training, trial_training_2",
        "--anchor anchor35",
        "'reference' was taken for the reference",
    ):
        assert words in said(table)


def test_without_an_address_the_session_is_the_participant(tmp_path: Path) -> None:
    ratings = drawn(0, 100, conditions=CONDITIONS)
    table = read(tmp_path, MUSHRA, mushra(ratings, email=False))
    assert sorted(cells(table).values()) == sorted(ratings.scores.values())
    assert len(set(table.column("participant"))) == len(ratings.people)


def test_somebody_may_say_who_the_participants_are(tmp_path: Path) -> None:
    ratings = drawn(0, 100, conditions=CONDITIONS)
    rows = [row[:1] + row[2:4] + row[5:] for row in mushra(ratings)]
    head = (MUSHRA[0], "age", "gender", *MUSHRA[5:])
    with pytest.raises(MissingColumnError, match=r"nothing tells the participants.*--columns participant=NAME"):
        read(tmp_path, head, rows)
    rows = [(row[0], who, *row[2:]) for row, (who, _, _) in zip(rows, ratings.scores, strict=True)]
    table = read(tmp_path, head, rows, columns={"participant": "age"})
    assert cells(table) == ratings.scores
    assert "As asked, age was taken for participant" in said(table)


def test_paired_comparisons_are_whether_the_reference_was_known(tmp_path: Path) -> None:
    ratings = drawn(0, 1, conditions=("C1", "C2"))
    words = ("incorrect", "correct")
    rows = [
        ("s", who, page, "ref", condition, words[right], 900, "") for (who, page, condition), right in ratings.mixed()
    ]
    rows.append(("s", "x", "rain", "ref", "C1", "undecided", 900, ""))
    head = ("session_test_id", "email", "trial_id", "choice_reference", "choice_non_reference", "choice_answer")
    table = read(tmp_path, (*head, "choice_time", "choice_comment"), rows)
    assert cells(table) == ratings.scores
    assert {name: set(table.column(name)) for name in ("question", "reference", "x")} == {
        "question": {"abx"},
        "reference": {"ref"},
        "x": {"ref"},
    }
    assert "1 undecided answers left out" in said(table)


def test_a_bs1116_page_gives_two_grades(tmp_path: Path) -> None:
    ratings = drawn(conditions=("ref", "C1"))
    rows = [
        ("s", who, page, "ref", "C1", ratings.scores[who, page, "ref"], ratings.scores[who, page, "C1"], 900, "")
        for who in ratings.people
        for page in dict.fromkeys(page for _, page, _ in ratings.scores)
    ]
    head = ("session_test_id", "email", "trial_id", "rating_reference", "rating_non_reference")
    table = read(
        tmp_path, (*head, "rating_reference_score", "rating_non_reference_score", "rating_time", "choice_comment"), rows
    )
    assert cells(table) == ratings.scores
    assert {*zip(table.column("low"), table.column("high"), strict=True)} == {("1", "5")}


def test_likert_pages(tmp_path: Path) -> None:
    ratings = drawn(conditions=CONDITIONS)
    rows = [("s", who, page, f" {score} ", stimulus, 900) for (who, page, stimulus), score in ratings.mixed()]
    head = ("session_test_id", "email", "trial_id", "stimuli_rating", "stimuli", "rating_time")
    assert cells(read(tmp_path, head, rows)) == ratings.scores


def pymushra(ratings: Drawn) -> Iterator[dict[str, object]]:
    session = sessions(ratings)
    for (who, page, stimulus), score in ratings.mixed():
        yield {
            "responses_stimulus": stimulus, "responses_score": score, "responses_time": 12, "responses_comment": None,
            "questionaire_email": who, "questionaire_uuid": session[who], "wm_type": "mushra", "wm_id": page,
            "wm_testId": "t", "wm_config": "configs/default.yaml", "wm_date": "2026-02-01 10:00:00.5",
        }  # fmt: skip


def test_the_downloads_of_pymushra(tmp_path: Path) -> None:
    ratings = drawn(0, 100, conditions=CONDITIONS)
    entries = list(pymushra(ratings))
    assert cells(tidied(records(entries), Options())) == ratings.scores
    table = read(tmp_path, tuple(entries[0]), [tuple(entry.values()) for entry in entries])
    assert cells(table) == ratings.scores
    assert set(table.column("rated_at")) == {"2026-02-01 10:00:00.5"}


def test_the_database_of_pymushra() -> None:
    ratings = drawn(0, 100, conditions=CONDITIONS)
    session = sessions(ratings)
    trials = [
        {"t": {"type": "mushra", "id": page, "testId": "t", "date": "2026-02-01 10:00:00", "responses": [
            {"stimulus": c, "score": ratings.scores[who, page, c], "time": 5, "comment": ""} for c in CONDITIONS],
            "questionaire": {"email": who, "uuid": session[who]}}}
        for who in ratings.people
        for page in dict.fromkeys(page for _, page, _ in ratings.scores)
    ]  # fmt: skip
    table = tidied(records(trials), Options())
    assert cells(table) == ratings.scores
    assert table.lines[:4] == [1, 1, 1, 2]


def test_a_file_that_only_resembles_is_not_taken() -> None:
    assert recognised(records([{"trial_id": "1", "rating_stimulus": "x", "rating_score": "3"}])) is None
    assert recognised(records([{"session_test_id": "t", "email": "a", "trial_id": "1", "score": "3"}])) is None
