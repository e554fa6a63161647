"""Columns called as ours: taken for ours where they hold what ours hold, else left alone, with a word about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import cells, drawn, read, said

HEAD = ("participant", "prompt", "condition", "score")


def test_a_file_of_ours_stays_as_it_is(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, "trial", "acr", "s") for cell, score in ratings.mixed()]
    table = read(tmp_path, (*HEAD, "kind", "question", "study"), rows)
    assert table.header == (*HEAD, "kind", "question", "study")
    assert table.notices == ()


@pytest.mark.parametrize("name", ["kind", "question"])
def test_a_column_with_another_meaning_is_not_used(tmp_path: Path, name: str) -> None:
    ratings = drawn()
    what = {"kind": ("animal", "weather"), "question": ("How is it?", "How is it?")}[name]
    rows = [(*cell, score, what[len(cell[1]) % 2]) for cell, score in ratings.mixed()]
    table = read(tmp_path, (*HEAD, name), rows)
    assert cells(table) == ratings.scores
    assert name not in table.header
    assert f"The column {name}" in said(table)


def test_batches_of_participants_are_no_studies_of_ours(tmp_path: Path) -> None:
    ratings = drawn()
    batch = {person: f"batch{number % 2}" for number, person in enumerate(ratings.people)}
    rows = [(*cell, score, batch[cell[0]]) for cell, score in ratings.mixed()]
    assert "study" not in read(tmp_path, (*HEAD, "study"), rows).header
    exported = read(tmp_path, (*HEAD, "study", "session"), [(*row, "1") for row in rows])
    assert set(exported.column("study")) == {"batch0", "batch1"}
    twice = [(*cell, score, f"s{number % 2}") for number, (cell, score) in enumerate(ratings.scores.items())]
    assert "study" in read(tmp_path, (*HEAD, "study"), twice).header


@pytest.mark.parametrize("word", ["test", "Main"])
def test_other_words_for_kinds_are_understood(tmp_path: Path, word: str) -> None:
    ratings = drawn()
    rows = [*((*cell, score, word) for cell, score in ratings.mixed()), ("x", "p", "c", 3, "training")]
    table = read(tmp_path, (*HEAD, "kind"), rows)
    assert cells(table) == ratings.scores
    assert len(cells(table, "practice")) == 1
    assert "training was taken for practice" in said(table)


def test_beside_trials_of_ours_other_kinds_keep_their_names(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [*((*cell, score, "Trial") for cell, score in ratings.mixed()), ("x", "p", "c", 3, "warmup")]
    table = read(tmp_path, (*HEAD, "kind"), rows)
    assert cells(table) == ratings.scores
    assert len(cells(table, "warmup")) == 1


def test_a_split_of_data_is_no_kind(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, ("train", "test")[number % 2]) for number, (cell, score) in enumerate(ratings.mixed())]
    assert cells(read(tmp_path, (*HEAD, "kind"), rows)) == ratings.scores


@pytest.mark.parametrize(("word", "question"), [("MUSHRA", "mushra"), ("MOS", "acr"), ("Abx", "abx")])
def test_types_of_question_are_known_in_capitals_too(tmp_path: Path, word: str, question: str) -> None:
    rows = [(*cell, score, word) for cell, score in drawn().mixed()]
    assert set(read(tmp_path, (*HEAD, "question"), rows).column("question")) == {question}


def test_several_questions_about_the_same_clips_are_scales(tmp_path: Path) -> None:
    first, second = drawn(), drawn()
    other = dict(zip(first.scores, second.scores.values(), strict=True))
    rows = [(*cell, score, "How good?") for cell, score in first.scores.items()]
    rows += [(*cell, score, "How well does it match?") for cell, score in other.items()]
    table = read(tmp_path, (*HEAD, "question"), rows)
    assert set(table.column("scale")) == {"How good?", "How well does it match?"}
    assert "question" not in table.header


@pytest.mark.parametrize("person", ["participant", "rater"])
@pytest.mark.parametrize("name", ["dimension", "Attribute", "metric", "Kriterium"])
def test_a_column_of_scales_is_known_by_the_names_that_people_give_it(tmp_path: Path, person: str, name: str) -> None:
    first, second = drawn(), drawn()
    other = dict(zip(first.scores, second.scores.values(), strict=True))
    rows = [(*cell, score, "quality") for cell, score in first.mixed()]
    rows += [(*cell, score, "match") for cell, score in other.items()]
    table = read(tmp_path, (person, *HEAD[1:], name), rows)
    assert f"The column {name} was taken for scale: it holds 2 scales" in said(table)
    held = zip(*(table.column(one) for one in ("participant", "prompt", "condition", "scale", "score")), strict=True)
    assert {(one[:4]): float(one[4]) for one in held} == {
        (*cell, scale): score
        for of, scale in ((first.scores, "quality"), (other, "match"))
        for cell, score in of.items()
    }


def test_a_column_called_as_scales_are_that_tells_nothing_apart_is_left(tmp_path: Path) -> None:
    rows = [(*cell, score, "quality") for cell, score in drawn().mixed()]
    assert "scale" not in read(tmp_path, (*HEAD, "attribute"), rows).header


def test_file_paths_are_shortened_to_what_tells_them_apart(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [
        (person, f"C:\\clips\\{prompt}.wav", f"/mnt/run 3/{condition}/cfg7.0 (final).wav", score)
        for (person, prompt, condition), score in ratings.mixed()
    ]
    table = read(tmp_path, HEAD, rows)
    assert cells(table) == ratings.scores
    assert "file paths were shortened" in said(table)


def test_prompts_with_slashes_are_no_paths(tmp_path: Path) -> None:
    rows = [("a", "rain/wind", "x", 3), ("a", "rain/sea", "x", 4)]
    assert read(tmp_path, HEAD, rows).column("prompt") == ["rain/wind", "rain/sea"]
