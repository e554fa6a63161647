"""Scores as people write them: read by what the whole column shows, never by one cell alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fresh_tables import HEADER, fresh, read, written

from analysis.errors import ScoreError
from analysis.read.answers import load_answers
from analysis.table.labels import SCALES
from analysis.table.numbers import plain

Write = Callable[..., Path]


def scores(*cells: str) -> list[str]:
    return plain(cells, range(2, 2 + len(cells)), "r.csv")[0]


def said(*cells: str) -> str:
    return " ".join(plain(cells, range(2, 2 + len(cells)), "r.csv")[1])


@pytest.mark.parametrize(
    ("cells", "read_as"),
    [
        (("4,5", "3"), ["4.5", "3"]),
        (("0,747", "0,5"), ["0.747", "0.5"]),
        (("3,125", "4"), ["3.125", "4"]),
        (("1.234,5", "7,5"), ["1234.5", "7.5"]),
        (("1,234.5", "750"), ["1234.5", "750"]),
        (("1,000", "750"), ["1000", "750"]),
        (("1,000,000", "2"), ["1000000", "2"]),
        (("1 000", "1\xa0500", "20"), ["1000", "1500", "20"]),
        (("1'000", "20"), ["1000", "20"]),
        (("\u22123", "+2"), ["-3", "+2"]),
        (("80%", "75 %"), ["80", "75"]),
        (("5 - Excellent", "1 \u2013 Bad"), ["5", "1"]),
        (("5: Excellent", "4. Good", "3) Fair", "2=Poor", "(1) Bad"), ["5", "4", "3", "2", "1"]),
        (("5 Excellent", "Excellent"), ["5", "5"]),
        (("5 stars", "1 star"), ["5", "1"]),
        (("Excellent - 5", "Bad: 1"), ["5", "1"]),
        (("Much worse (-3)", "About the same (0)", "Much better (3)"), ["-3", "0", "3"]),
        (("-3 - Much worse", "3 - Much better"), ["-3", "3"]),
        (("4,5 - good", "3 - fair"), ["4.5", "3"]),
        (("4/5", "5 / 5", ""), ["4", "5", ""]),
        (("4 von 5", "3,5 von 5"), ["4", "3.5"]),
        (("Ausgezeichnet", "dürftig"), ["5", "2"]),
        (("Mauvaise", "Assez bonne"), ["1", "3"]),
        (("Excellent", "4", "bad"), ["5", "4", "1"]),
        (("Perceptible, but not annoying", "very annoying"), ["4", "1"]),
    ],
)
def test_a_column_is_read_by_all_that_it_holds(cells: tuple[str, ...], read_as: list[str]) -> None:
    assert scores(*cells) == read_as


@pytest.mark.parametrize("cell", ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "None", "-", ".", "\u2013", "?"])
def test_what_says_that_there_is_no_score_is_empty(cell: str) -> None:
    assert scores("4", cell, "4.5") == ["4", "", "4.5"]
    assert said("4", cell) == ""


@pytest.mark.parametrize("cell", ["four", "3-4", "4 or 5", "1e0", "inf", "\u0663", "05x", "4/5", "12:30", "super"])
def test_what_is_not_understood_stays(cell: str) -> None:
    assert scores("4", cell) == ["4", cell]


@pytest.mark.parametrize("scale", SCALES)
def test_words_count_only_where_all_are_of_one_scale(seed: int, scale: dict[str, str]) -> None:
    rng = np.random.default_rng(seed)
    words = [str(word).capitalize() for word in rng.choice(list(scale), 20)]
    assert scores(*words) == [scale[word.lower()] for word in words]
    assert scores(*words, "splendid")[-1] == "splendid"
    assert scores(*words, "splendid")[0] == words[0], "one word of another scale, and none is read"


def test_labels_of_another_scale_go_by_their_numbers() -> None:
    assert scores("1 - Excellent", "5 - Bad", "Excellent") == ["1", "5", "1"]


@pytest.mark.parametrize("cells", [("1 - Excellent", "5 - Bad"), ("2 - Imperceptible", "3 - annoying")])
def test_labels_that_run_the_other_way_are_said(cells: tuple[str, str]) -> None:
    assert f"By its labels {cells[0][0]} ({cells[0][4:].lower()}) is better than {cells[1][0]}" in said(*cells)
    assert "By its labels" not in said(cells[0].replace(cells[0][0], "5"), cells[1].replace(cells[1][0], "1"))


def test_what_was_read_is_said() -> None:
    assert said("4,5", "3") == "Scores have decimal commas: '4,5' is read as 4.5."
    assert said("1,000", "750") == "Scores have separators of thousands: '1,000' is read as 1000."
    assert "'5 - Excellent' as 5, '4 - Good' as 4 and 1 more" in said("5 - Excellent", "4 - Good", "1 - Bad")
    assert said("4", "4.5", "-3", "4.") == ""


def test_a_comma_and_a_point_are_never_mixed(write: Write, seed: int) -> None:
    rows = fresh(seed)
    mixed = [(*rows[0][:3], "4,0"), (*rows[1][:3], "4.0"), *rows[2:]]
    with pytest.raises(ScoreError, match=r"decimal comma \(line 2: '4,0'\) and with a decimal point \(line 3: '4.0'\)"):
        load_answers(write(written(mixed)))
    one_way = [(*row[:3], row[3].replace(".", ",")) for row in mixed]
    assert read(write(written(one_way))) == [(*row[:3], "4") for row in rows[:2]] + rows[2:]


def test_only_scores_are_read_as_numbers(write: Write, seed: int) -> None:
    rows = [(f"{person[1:]},5", "4,5 - a", "NA", score) for person, *_, score in fresh(seed)[::15]]
    assert read(write(written(rows, ";", HEADER))) == rows
