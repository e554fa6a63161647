"""Batch files of Mechanical Turk that are not the P.808 toolkit's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from drawn_ratings import CONDITIONS, PROMPTS, cells, drawn, read, said

from analysis.foreign.tools.mturk import recognised
from analysis.read.answers import load_answers
from analysis.table.table import Table

HEAD = ("HITId", "AssignmentId", "WorkerId", "AssignmentStatus", "WorkTimeInSeconds")


def test_one_clip_a_task_by_its_fields(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [("h", "a", who, "Approved", 60, c, p, score, 33) for (who, p, c), score in ratings.mixed()]
    rows.append(("h", "a", "bot", "Rejected", 2, "w8a8", "rain", 1, 33))
    table = read(tmp_path, (*HEAD, "Input.system", "Input.caption", "Answer.quality", "Answer.age"), rows)
    assert cells(table) == ratings.scores
    assert "1 rejected assignment left out" in said(table)


def test_several_clips_a_task_by_their_numbers(tmp_path: Path) -> None:
    ratings = drawn()
    clips = [(p, c) for p in PROMPTS for c in CONDITIONS]
    rows = []
    for who in ratings.people:
        order = [clips[int(place)] for place in ratings.rng.permutation(len(clips))]
        addresses = [f"https://h.org/{c}/{p}.wav" for p, c in order]
        rows.append(("h", "a", who, "Approved", 9, *addresses, *(ratings.scores[who, p, c] for p, c in order)))
    numbers = range(1, len(clips) + 1)
    head = (*HEAD, *(f"Input.audio_url{n}" for n in numbers), *(f"Answer.rating{n}" for n in numbers))
    assert cells(read(tmp_path, head, rows)) == ratings.scores


def test_groups_of_buttons(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [
        ("h", "a", who, "Approved", 60, c, p, *(str(score == level).lower() for level in range(1, 6)))
        for (who, p, c), score in ratings.mixed()
    ]
    head = (*HEAD, "Input.model", "Input.text", *(f"Answer.quality.{level}" for level in range(1, 6)))
    assert cells(read(tmp_path, head, rows)) == ratings.scores


def test_several_questions_are_scales(tmp_path: Path) -> None:
    first, second = drawn(), drawn()
    rows = [
        ("h", "a", who, "Approved", 60, c, p, score, other)
        for ((who, p, c), score), other in zip(first.scores.items(), second.scores.values(), strict=True)
    ]
    table = read(tmp_path, (*HEAD, "Input.model", "Input.text", "Answer.naturalness", "Answer.relevance"), rows)
    assert table.column("scale")[:2] == ["naturalness", "relevance"]
    assert list(map(int, table.column("score"))) == [score for row in rows for score in row[-2:]]


def test_a_file_that_only_resembles_is_not_taken() -> None:
    assert recognised(Table("a.csv", "", ("WorkerId", "score"), (["w"], ["3"]), [2])) is None
    assert recognised(Table("a.csv", "", ("WorkerId", "Answer.comment"), (["w"], ["nice"]), [2])) is None


def test_answers_of_crowd_elements(tmp_path: Path) -> None:
    ratings = drawn()
    for write in (
        lambda score: [{"rating": str(score)}],
        lambda score: [{"rating": {str(level): level == score for level in range(1, 6)}}],
        lambda score: [{"quality": {"label": ("Bad", "Poor", "Fair", "Good", "Excellent")[score - 1]}, "age": 33}],
    ):
        rows = [
            ("h", "a", who, "Approved", 60, f"https://h.org/{c}/{p}.wav", json.dumps(write(score)))
            for (who, p, c), score in ratings.mixed()
        ]
        path = tmp_path / "batch.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([(*HEAD, "Input.audio_url", "Answer.taskAnswers"), *rows])
        frame = load_answers(path).frame
        found = zip(frame["participant"], frame["prompt"], frame["condition"], strict=True)
        assert dict(zip(found, frame["score"], strict=True)) == ratings.scores
