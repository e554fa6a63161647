"""Tables with a row a rating: read by the names that people give their columns, or refused with what settles it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import cells, drawn, read, said, written

from analysis.errors import MissingColumnError, RatingsError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.read.answers import load_answers
from analysis.table.reading import read_table

NAMES = [
    ("rater", "text", "model", "mos"),
    ("listener_id", "caption", "system", "rating"),
    ("Subject", "Utterance", "Method", "Opinion Score"),
    ("subject_id", "item", "codec", "vote"),
    ("WorkerId", "sentence", "algorithm", "Quality"),
    ("annotator", "sample", "variant", "value"),
    ("judge", "prompt text", "audio type", "score"),
    ("Assessor Name", "Sample ID", "Model Name", "MOS score"),
    ("evaluatorId", "sentenceId", "systemId", "naturalness"),
    ("user id", "description", "vocoder", "User rating (1-5)"),
    ("panellist", "lyrics", "encoder", "stars"),
    ("Voter No", "Clip ID", "team", "Overall impression"),
    ("Hörer", "Satz", "Verfahren", "Bewertung"),
    ("被験者", "文", "システム", "評価"),
    ("被试", "句子", "cond", "评分"),
    ("participant_id", "prompt_id", "system_id", "naturalness"),
    ("auditeur", "phrase", "système", "note"),
    ("participant", "prompt, as shown, to raters", "condition", "score"),
    ("PARTICIPANT ", "Prompt", "Condition", "SCORE"),
]


@pytest.mark.parametrize("names", NAMES, ids=" ".join)
def test_columns_are_known_by_the_names_that_people_give_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    ratings = drawn()
    order = [int(place) for place in ratings.rng.permutation(4)]
    rows = [(*cell, score) for cell, score in ratings.mixed()]
    table = read(tmp_path, [names[place] for place in order], [[row[place] for place in order] for row in rows])
    assert cells(table) == ratings.scores
    for name, ours in zip(names, ("participant", "prompt", "condition", "score"), strict=True):
        plain = name.strip().casefold() == ours
        told = f"{name} was taken for {ours}" in said(table) or f"{name} for {ours}" in said(table)
        assert told is not plain


def test_the_submission_of_prolific_is_no_condition(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [("s1", *cell, score) for cell, score in ratings.mixed()]
    assert cells(read(tmp_path, ("Submission id", "PROLIFIC_PID", "Text", "System", "Rating"), rows)) == ratings.scores


def test_the_report_says_what_was_taken_for_what(tmp_path: Path) -> None:
    rows = [(*cell, score) for cell, score in drawn().mixed()]
    answers = load_answers(written(tmp_path, ("rater", "prompt", "system", "mos"), rows))
    assert len(answers.frame) == len(rows)
    assert "rater was taken for participant, system for condition, mos for score" in "\n".join(answers.source.notices)


def test_the_plainer_of_two_names_is_meant(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, 3, "acr", "x") for cell, score in ratings.mixed()]
    table = read(tmp_path, ("rater", "text", "system", "mos", "value", "type", "id"), rows)
    assert cells(table) == ratings.scores


def test_a_column_that_is_the_same_throughout_is_not_the_condition(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, "ACR") for cell, score in ratings.mixed()]
    assert cells(read(tmp_path, ("rater", "text", "system", "mos", "method"), rows)) == ratings.scores


def test_of_columns_that_say_the_same_either_will_do(tmp_path: Path) -> None:
    ratings = drawn()
    numbers = {person: number for number, person in enumerate(ratings.people)}
    rows = [(*cell, score, numbers[cell[0]]) for cell, score in ratings.mixed()]
    assert cells(read(tmp_path, ("rater", "text", "system", "mos", "rater_number"), rows)) == ratings.scores


@pytest.mark.parametrize(
    ("names", "role", "remedy"),
    [
        (("rater", "text", "system", "mos", "rating"), "score", "score=mos"),
        (("rater", "text", "system", "naturalness", "similarity"), "score", "score=naturalness"),
        (("rater", "text", "system", "Audio quality", "Speech quality"), "score", "'score=Audio quality'"),
    ],
)
def test_two_columns_that_could_be_meant_are_named_with_what_settles_it(
    tmp_path: Path, names: tuple[str, ...], role: str, remedy: str
) -> None:
    ratings = drawn()
    rows = [(*cell, score, 6 - score) for cell, score in ratings.mixed()]
    with pytest.raises(RatingsError) as caught:
        read(tmp_path, names, rows)
    message = str(caught.value)
    assert message == (
        f"ratings.csv: {role} could be the column {names[3]!r} and {names[4]!r}; say which with --columns {remedy}, "
        "or take each as a scale of its own with --wide"
    )
    option = remedy.strip("'").split("=")
    assert cells(read(tmp_path, names, rows, columns={option[0]: option[1]})) == ratings.scores
    assert set(read(tmp_path, names, rows, wide=True).column("scale")) == set(names[3:])


def test_what_somebody_says_of_the_columns_goes_before_any_guess(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [("x", *cell, 3, score) for cell, score in ratings.mixed()]
    names = ("participant", "a", "b", "c", "score", "d")
    given = {"participant": "a", "prompt": "b", "condition": "c", "score": "d"}
    assert cells(read(tmp_path, names, rows, columns=given)) == ratings.scores
    assert cells(read(tmp_path, names, rows, columns={ours: name.upper() for ours, name in given.items()})) == (
        ratings.scores
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"participant": "who"}, "the column 'who' is not there; the file has rater, text, system and mos"),
        (
            {"rater": "participant"},
            "'rater' is none of the columns of ratings; they are participant, prompt, condition",
        ),
    ],
)
def test_a_wrong_name_is_refused_with_the_names_that_there_are(
    tmp_path: Path, columns: dict[str, str], says: str
) -> None:
    with pytest.raises(MissingColumnError) as caught:
        read(tmp_path, ("rater", "text", "system", "mos"), [("a", "p", "x", 3)], columns=columns)
    assert says in str(caught.value)


@pytest.mark.parametrize("head", ["clip", "wavname", "file", "Audio file"])
@pytest.mark.parametrize(
    "way", ["{1}/{0}.wav", "https://host.org/study/{1}/{0}.mp3?x=1", "C:\\clips\\{1}\\{0}.wav", "{1}__{0}.wav"]
)
def test_condition_and_prompt_come_from_the_names_of_files(tmp_path: Path, head: str, way: str) -> None:
    ratings = drawn()
    rows = [(cell[0], way.format(*cell[1:]), score) for cell, score in ratings.mixed()]
    table = read(tmp_path, ("listener", head, "score"), rows)
    assert cells(table) == ratings.scores
    assert "From the names of the files" in said(table)


def test_the_prompt_is_what_the_name_of_a_file_says_beside_the_condition(tmp_path: Path) -> None:
    ratings = drawn(prompts=("u1", "u2", "u3"))
    rows = [
        (person, condition, f"{condition}-{prompt}.wav", score)
        for (person, prompt, condition), score in ratings.mixed()
    ]
    assert cells(read(tmp_path, ("listener", "system", "wav", "mos"), rows)) == ratings.scores


def test_the_only_column_of_numbers_is_the_score(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, 1200, 34) for cell, score in ratings.mixed()]
    names = ("participant", "prompt", "condition", "How did you like it?", "rt", "age")
    assert cells(read(tmp_path, names, rows)) == ratings.scores


def test_what_no_name_tells_is_refused_with_the_option_that_tells_it(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score) for cell, score in ratings.mixed()]
    with pytest.raises(MissingColumnError, match=r"no column condition.*--columns condition=NAME"):
        read(tmp_path, ("rater", "text", "zzz", "mos"), rows)
    assert cells(read(tmp_path, ("rater", "text", "zzz", "mos"), rows, columns={"condition": "zzz"})) == ratings.scores


def test_line_numbers_stay_those_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path, ("rater", "text", "system", "mos"), [("a", "p", "x", 3), ("a", "p\nq", "y", 4), ("b", "p", "x", 5)]
    )
    assert tidied(read_table(path), Options()).lines == [2, 4, 5]


def test_a_column_for_repeats_is_kept(tmp_path: Path) -> None:
    rows = [("a", "p", "x", 3, 1), ("a", "p", "x", 4, 2)]
    table = read(tmp_path, ("rater", "text", "system", "mos", "showing"), rows, repeat="showing")
    assert table.column("showing") == ["1", "2"]
