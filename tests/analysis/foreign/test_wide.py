"""Tables with scores side by side: a column a condition, a clip, a rater or a scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import CONDITIONS, PROMPTS, cells, drawn, read, said

from analysis.errors import RatingsError


def test_a_column_a_condition(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [
        (person, prompt, *(ratings.scores[person, prompt, condition] for condition in CONDITIONS))
        for person in ratings.people
        for prompt in PROMPTS
    ]
    table = read(tmp_path, ("listener", "text", *CONDITIONS), rows)
    assert cells(table) == ratings.scores
    assert "(baseline, w8a8, w4a8) was taken for a condition" in said(table)


def test_a_column_a_prompt(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [
        (person, condition, *(ratings.scores[person, prompt, condition] for prompt in PROMPTS))
        for person in ratings.people
        for condition in CONDITIONS
    ]
    assert cells(read(tmp_path, ("listener", "system", *PROMPTS), rows)) == ratings.scores


@pytest.mark.parametrize("way", ["{1}/{0}.wav", "{1}_{0}", "{0}_{1}", "{1} - {0}", "{1}: {0}"])
def test_a_column_a_clip(tmp_path: Path, way: str) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "wind"))
    clips = list(ratings.of(ratings.people[0]))
    rows = [(person, 33, *ratings.of(person).values()) for person in ratings.people]
    table = read(tmp_path, ("subject", "Age", *(way.format(*clip) for clip in clips)), rows)
    assert cells(table) == ratings.scores
    assert "was taken for a clip" in said(table)


@pytest.mark.parametrize("gap", ["nan", "", "NA", "-"])
@pytest.mark.parametrize("head", ["subject_{}", "P0{}", "rater {}", "Listener{}"])
def test_a_column_a_rater_with_gaps(tmp_path: Path, gap: str, head: str) -> None:
    ratings = drawn(people=6)
    lost = {tuple(cell) for cell, _ in ratings.mixed()[:7]}
    rows = [
        (f"{c}/{p}.wav", *(gap if (who, p, c) in lost else ratings.scores[who, p, c] for who in ratings.people))
        for p in PROMPTS
        for c in CONDITIONS
    ]
    names = {who: head.format(number) for number, who in enumerate(ratings.people)}
    table = read(tmp_path, ("sample", *names.values()), rows)
    assert cells(table) == {
        (names[who], p, c): score for (who, p, c), score in ratings.scores.items() if (who, p, c) not in lost
    }
    assert "7 cells without a score left out" in said(table)


def test_raters_side_by_side_beside_prompt_and_condition(tmp_path: Path) -> None:
    ratings = drawn()
    names = {who: f"r{number}" for number, who in enumerate(ratings.people)}
    rows = [(p, c, *(ratings.scores[who, p, c] for who in ratings.people)) for p in PROMPTS for c in CONDITIONS]
    table = read(tmp_path, ("prompt", "condition", *names.values()), rows)
    assert cells(table) == {(names[who], p, c): score for (who, p, c), score in ratings.scores.items()}


@pytest.mark.parametrize("head", [("file",), ("prompt", "condition")])
def test_raters_may_be_called_by_their_names(tmp_path: Path, head: tuple[str, ...]) -> None:
    ratings = drawn()
    names = dict(zip(ratings.people, ("Anna", "Ben", "Carla", "Dé"), strict=True))
    rows = [
        (*((f"{c}/{p}.wav",) if head == ("file",) else (p, c)), *(ratings.scores[who, p, c] for who in ratings.people))
        for p, c in ratings.of(ratings.people[0])
    ]
    table = read(tmp_path, (*head, *names.values()), rows)
    assert cells(table) == {(names[who], p, c): score for (who, p, c), score in ratings.scores.items()}


def test_scores_of_one_voice_are_not_those_of_raters(tmp_path: Path) -> None:
    rows = [(f"{c}/{p}.wav", 3, 4) for p in PROMPTS for c in CONDITIONS]
    with pytest.raises(RatingsError, match="no column participant"):
        read(tmp_path, ("file", "naturalness", "quality"), rows)


def test_scales_side_by_side_only_where_somebody_says_so(tmp_path: Path) -> None:
    first, second = drawn(), drawn()
    other = dict(zip(first.scores, second.scores.values(), strict=True))
    rows = [(*cell, score, other[cell]) for cell, score in first.scores.items()]
    head = ("rater", "text", "system", "loudness", "timbre")
    with pytest.raises(RatingsError, match=r"score could be the column 'loudness' and 'timbre'.*--wide"):
        read(tmp_path, head, rows)
    table = read(tmp_path, head, rows, wide=True)
    assert table.column("scale")[:2] == ["loudness", "timbre"]
    assert [int(score) for score in table.column("score")] == [score for row in rows for score in row[3:]]


def test_scales_of_clips_are_not_taken_for_conditions(tmp_path: Path) -> None:
    rows = [(who, f"{c}/{p}.wav", 3, 4) for who in "ab" for p in PROMPTS for c in CONDITIONS]
    with pytest.raises(RatingsError, match="score could be the column 'loudness' and 'timbre'"):
        read(tmp_path, ("rater", "file", "loudness", "timbre"), rows)


def test_rows_without_a_name_are_participants_only_where_somebody_says_so(tmp_path: Path) -> None:
    rows = [(5, 3, 2), (4, 3, 3), (5, 4, 1)]
    with pytest.raises(RatingsError, match="no column participant"):
        read(tmp_path, CONDITIONS, rows)
    table = read(tmp_path, CONDITIONS, rows, wide=True)
    assert len(set(table.column("participant"))) == 3
    assert table.column("condition") == list(CONDITIONS) * 3
    assert "each row was taken for a participant" in said(table)


def test_a_table_that_is_not_wide_is_not_read_so(tmp_path: Path) -> None:
    ratings = drawn()
    rows = [(*cell, score, 2, 3) for cell, score in ratings.mixed()]
    assert cells(read(tmp_path, ("rater", "text", "system", "mos", "plays", "n"), rows)) == ratings.scores
    with pytest.raises(RatingsError, match="no column condition"):
        read(tmp_path, ("listener", "text", "a", "b"), [("x", "p", 3, 4)], wide=False)


def test_prompts_of_two_words_are_not_parted(tmp_path: Path) -> None:
    rows = [(f"{kind} {number}", 3, 4) for kind in ("speech", "music") for number in (1, 2)]
    with pytest.raises(RatingsError, match="no column"):
        read(tmp_path, ("prompt", "subject_1", "subject_2"), rows)


@pytest.mark.parametrize("name", ["c", "", "Nr."])
@pytest.mark.parametrize("wide", [None, True])
def test_a_column_of_sound_files_is_the_clip_whatever_it_is_called(
    tmp_path: Path, name: str, wide: bool | None
) -> None:
    ratings = drawn()
    clips = list(ratings.of(ratings.people[0]))
    rows = [
        (f"{prompt}_{condition}.wav", *(ratings.scores[person, prompt, condition] for person in ratings.people))
        for prompt, condition in clips
    ]
    assert cells(read(tmp_path, (name, *(f"P{at:02d}" for at in range(len(ratings.people)))), rows, wide=wide)) == {
        (f"P{ratings.people.index(person):02d}", *clip): score for (person, *clip), score in ratings.scores.items()
    }
