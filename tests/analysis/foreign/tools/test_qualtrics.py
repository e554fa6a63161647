"""Exports of Qualtrics: matrices, loops, previews and unfinished answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_ratings import CONDITIONS, PROMPTS, Drawn, cells, drawn, read, said

from analysis.foreign.tools.qualtrics import recognised
from analysis.table.table import Table

META = ("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished", "RecordedDate")
META = (*META, "ResponseId", "DistributionChannel", "UserLanguage")


def export(
    folder: Path, ratings: Drawn, questions: dict[tuple[str, str], tuple[str, str]], labels: bool = False
) -> Table:
    """Write an export whose questions have these names and texts, with a preview and an unfinished answer."""
    head = (*META, "Q1_age", *(name for name, _ in questions.values()), "Q99")
    texts = (*META, "How old are you?", *(text for _, text in questions.values()), "Any remarks?")
    ids = tuple(f'{{"ImportId":"QID{number}","timeZone":"America/Denver"}}' for number in range(len(head)))

    def line(who: str, status: str, finished: str, channel: str) -> tuple[object, ...]:
        own = ratings.of(who) if who in ratings.people else dict.fromkeys(questions, 1)
        when = "2026-02-01 10:00:00"
        meta = (when, when, status, "1.2.3.4", "100", "600", finished, when, who, channel, "EN")
        word = dict(enumerate(("Bad", "Poor", "Fair", "Good", "Excellent"), 1))
        scores = [f"{own[clip]} - {word[own[clip]]}" if labels else own[clip] for clip in questions]
        return (*meta, 30, *scores, "fine")

    rows = [line(who, "IP Address", "True", "anonymous") for who in ratings.people]
    rows += [line("R_preview", "Survey Preview", "True", "preview"), line("R_half", "IP Address", "False", "anonymous")]
    return read(folder, head, [texts, ids, *rows])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Q{0}_{1}", "Please rate the clips of {prompt}. - {condition}"),
        ("{number}_Q3", "Listen to {condition}/{prompt}.wav and say how good it sounds."),
        ("Q{number}", "<p>Clip</p><audio src='https://h.org/{condition}/{prompt}.mp3'></audio> How good?"),
    ],
    ids=["matrix", "loop and merge", "a question a clip"],
)
def test_clips_are_told_by_the_texts_of_questions(tmp_path: Path, name: str, text: str) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    clips = list(ratings.of(ratings.people[0]))
    questions = {
        clip: (
            name.format(number // 3 + 2, number % 3 + 1, number=number),
            text.format(prompt=clip[0], condition=clip[1]),
        )
        for number, clip in enumerate(clips, 1)
    }
    table = export(tmp_path, ratings, questions)
    assert cells(table) == ratings.scores
    assert min(table.lines) == 4
    assert "1 preview of the survey left out" in said(table)
    assert "1 unfinished answer left out" in said(table)


def test_names_of_columns_tell_what_texts_do_not(tmp_path: Path) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    clips = list(ratings.of(ratings.people[0]))
    table = export(tmp_path, ratings, {(p, c): (f"{c}_{p}", "How good is it?") for p, c in clips}, labels=False)
    assert cells(table) == ratings.scores


def test_answers_may_be_labels(tmp_path: Path) -> None:
    ratings = drawn(prompts=("rain", "dog"))
    questions = {(p, c): (f"Q_{p}_{c}", f"How good? - {c}: {p}") for p, c in ratings.of(ratings.people[0])}
    table = export(tmp_path, ratings, questions, labels=True)
    assert [int(score[0]) for score in table.column("score")] == list(ratings.scores.values())


def test_several_questions_of_a_loop_are_scales(tmp_path: Path) -> None:
    prompts, conditions = PROMPTS[:2], CONDITIONS
    clips = [(p, c) for p in prompts for c in conditions]
    head = ["ResponseId"]
    texts = ["Response ID"]
    for number, (p, c) in enumerate(clips, 1):
        head += [f"{number}_Q3", f"{number}_Q4"]
        texts += [f"{c}/{p}.wav: how good is it?", f"How well does {c}/{p}.wav match its text?"]
    rng = drawn().rng
    rows = [[f"R_{who}", *map(int, rng.integers(1, 6, 2 * len(clips)))] for who in range(3)]
    table = read(tmp_path, head, [texts, [f'{{"ImportId":"{name}"}}' for name in head], *rows])
    places = zip(
        *(table.column(name) for name in ("participant", "prompt", "condition", "scale", "score")), strict=True
    )
    found = {(who, p, c, scale): int(score) for who, p, c, scale, score in places}
    wanted = {
        (row[0], p, c, scale): row[1 + 2 * number + turn]
        for row in rows
        for number, (p, c) in enumerate(clips)
        for turn, scale in enumerate(("Q3", "Q4"))
    }
    assert found == wanted


def test_a_file_that_only_resembles_is_not_taken() -> None:
    columns = (["R_1", "R_2"], ["4", "5"])
    assert recognised(Table("q.csv", "", ("ResponseId", "Q1"), columns, [2, 3])) is None
