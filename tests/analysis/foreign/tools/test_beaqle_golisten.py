"""Results of BeaqleJS and of GoListen: a file a session, a row a participant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drawn_ratings import PROMPTS, cells, drawn, read, records, said

from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.foreign.tools import beaqle, golisten
from analysis.table.table import Table


def test_a_session_of_beaqle() -> None:
    ratings = drawn(0, 100, people=1, conditions=("Reference", "A", "B"))
    entries: list[dict[str, Any]] = [
        {"TestID": p, "Runtime": 4000, "filename": {"A": "a.wav"}, "rating": {
            c: ratings.scores[ratings.people[0], p, c] for c in ("Reference", "A", "B")}}
        for p in PROMPTS
    ]  # fmt: skip
    entries.append({"UserName": ratings.people[0], "UserEmail": "", "UserComment": ""})
    table = tidied(records(entries, "session.txt"), Options())
    assert cells(table) == ratings.scores
    assert set(table.column("question")) == {"mushra"}
    assert "'Reference' was taken for the reference" in said(table)


def test_mushra_responses_of_golisten(tmp_path: Path) -> None:
    conditions = ("ref", "anchor35", "w8")
    ratings = drawn(0, 100, conditions=conditions)
    head = ["Tags", "", *([""] * 4 * len(PROMPTS))]
    titles, files = ["Name", "Date"], ["", ""]
    for prompt in PROMPTS:
        titles += [f"{prompt} rating", "", "", "Time (s)"]
        files += [*(f"{condition}.wav" for condition in conditions), ""]
    rows = []
    for who in ratings.people:
        line: list[object] = [who, "2026-02-01 10:00:00"]
        for prompt in PROMPTS:
            line += [*(ratings.scores[who, prompt, condition] for condition in conditions), 12]
        rows.append(line)
    table = read(tmp_path, head, [titles, files, *rows])
    assert cells(table) == ratings.scores
    assert min(table.lines) == 4
    assert set(table.column("question")) == {"mushra"}


def test_mushra_responses_without_the_lines_above(tmp_path: Path) -> None:
    conditions = ("ref", "anchor35", "w8")
    ratings = drawn(0, 100, conditions=conditions)
    head = ["", "", *(f"{condition}.wav" for _ in PROMPTS for condition in conditions)]
    table = read(tmp_path, head, [[who, "2026-02-01", *ratings.of(who).values()] for who in ratings.people])
    pages = {prompt: f"page {number}" for number, prompt in enumerate(PROMPTS, 1)}
    assert cells(table) == {(who, pages[p], c): score for (who, p, c), score in ratings.scores.items()}


def test_acr_responses_of_golisten(tmp_path: Path) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    clips = list(ratings.of(ratings.people[0]))
    rows = [("Name", "Date", *(f"{c} - {p} rating" for p, c in clips))]
    rows += [(who, "2026-02-01 10:00:00", *ratings.of(who).values()) for who in ratings.people]
    table = read(tmp_path, ["Tags", "", *([""] * len(clips))], rows)
    assert cells(table) == ratings.scores


def test_files_that_only_resemble_are_not_taken() -> None:
    assert beaqle.recognised(records([{"TestID": "1", "score": 3}])) is None
    assert golisten.recognised(Table("a.csv", "", ("Name", "Date", "score"), (["a"], ["b"], ["3"]), [2])) is None
