"""Answers of Google Forms: grids and single questions, with names and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import CONDITIONS, PROMPTS, cells, drawn, read, said

from analysis.foreign.tools.forms import recognised
from analysis.table.table import Table


@pytest.mark.parametrize(
    "question",
    [
        "How good are these clips of {prompt}? [{condition}]",
        "System {condition}: rate every clip [{prompt}]",
        "Clip {condition}/{prompt}.wav: how good is it?",
        "{condition} - {prompt}",
    ],
)
def test_questions_tell_condition_and_prompt(tmp_path: Path, question: str) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    clips = list(ratings.of(ratings.people[0]))
    head = (
        "Timestamp",
        "Email Address",
        "How old are you?",
        *(question.format(prompt=p, condition=c) for p, c in clips),
    )
    rows = [("2026/02/01 2:05:33 PM GMT+1", who, "31", *ratings.of(who).values()) for who in ratings.people]
    table = read(tmp_path, head, rows)
    assert cells(table) == ratings.scores
    assert "answers of Google Forms" in said(table)


def test_without_names_every_row_is_a_participant(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [("1.2.2026 14:05:00", *ratings.of(who).values()) for who in ratings.people]
    head = ("Zeitstempel", *(f"{p} [{c}]" for p in PROMPTS for c in CONDITIONS))
    table = read(tmp_path, head, rows)
    names = {who: f"row {line}" for line, who in enumerate(ratings.people, 2)}
    assert cells(table) == {(names[who], p, c): score for (who, p, c), score in ratings.scores.items()}


def test_one_clip_a_condition_has_one_prompt(tmp_path: Path) -> None:
    head = ("Timestamp", "Name", "How good is baseline?", "How good is w8a8?")
    table = read(tmp_path, head, [("t1", "Ann", 4, 3), ("t2", "Bo", "", 2)])
    assert cells(table) == {("Ann", "all", "baseline"): 4, ("Ann", "all", "w8a8"): 3, ("Bo", "all", "w8a8"): 2}


def test_a_row_a_rating_that_a_form_sent_is_no_sheet_of_answers(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(f"2026-02-01 10:00:{number:02}", *cell, score) for number, (cell, score) in enumerate(ratings.mixed())]
    table = read(
        tmp_path, ("Timestamp", "Your name", "Prompt", "System", "Rating"), rows, columns={"participant": "Your name"}
    )
    assert cells(table) == ratings.scores
    assert recognised(Table("f.csv", "", ("Time", "a", "b"), (["1"], ["2"], ["3"]), [2])) is None
