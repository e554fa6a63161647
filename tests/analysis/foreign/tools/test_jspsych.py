"""Data of jsPsych: the ratings among trials of every kind, as CSV and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from drawn_ratings import Drawn, cells, drawn, read, records, said

from analysis.errors import MissingColumnError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.foreign.tools.jspsych import recognised
from analysis.table.table import Table


def trials(ratings: Drawn, kind: str, answer: Any = lambda score: score, **more: Any) -> list[dict[str, Any]]:
    """Make the data of an experiment: consent, preloading and practice before the ratings, a page of thanks behind."""
    entries: list[dict[str, Any]] = []
    for who in ratings.people:
        own = [item for item in ratings.mixed() if item[0][0] == who]
        first = {"subject": who, "rt": 900, "time_elapsed": 5}
        entries.append(first | {"trial_type": "html-button-response", "stimulus": "<p>Agree?</p>", "response": 0})
        entries.append(first | {"trial_type": "preload", "success": True})
        entries.append(first | {"trial_type": kind, "response": 1, "stimulus": "base/x.wav", "task": "practice"})
        for (_, prompt, condition), score in own:
            stimulus = f"audio/{condition}/{prompt}.wav"
            entries.append(
                first | {"trial_type": kind, "response": answer(score), "stimulus": stimulus, "task": "rating"}
            )
        entries.append(first | {"trial_type": "html-keyboard-response", "stimulus": "Thanks", "response": " "})
    for index, entry in enumerate(entries):
        entry |= {"trial_index": index, **more}
    return entries


def both(folder: Path, entries: list[dict[str, Any]]) -> list[Table]:
    """Read the data as JSON and as CSV."""
    head = list(dict.fromkeys(key for entry in entries for key in entry))
    rows = [[entry.get(name, "") for name in head] for entry in entries]
    return [tidied(records(entries), Options()), read(folder, head, rows)]


@pytest.mark.parametrize(
    ("kind", "moved"),
    [
        ("audio-slider-response", 0),
        ("html-slider-response", 0),
        ("audio-button-response", -1),
        ("audio-keyboard-response", 0),
    ],
)
def test_sliders_buttons_and_keys(tmp_path: Path, kind: str, moved: int) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    for table in both(tmp_path, trials(ratings, kind, lambda score: score + moved)):
        assert cells(table) == ratings.scores
        assert ("counted from 1" in said(table)) is (moved != 0)
        assert "12 trials that are no ratings of clips left out" in said(table) or "practice" in table.column("kind")


def test_practice_is_left_apart(tmp_path: Path) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    entries = trials(ratings, "audio-slider-response")
    for entry in entries:
        if entry.get("task") == "practice":
            entry["stimulus"] = "audio/baseline/rain.wav"
    for table in both(tmp_path, entries):
        assert cells(table) == ratings.scores
        assert set(cells(table, "practice")) == {(who, "rain", "baseline") for who in ratings.people}


def test_stimuli_in_html(tmp_path: Path) -> None:
    ratings = drawn(prompts=("rain", "dog", "sea", "bells"))
    entries = trials(ratings, "html-slider-response")
    for entry in entries:
        if entry.get("task") == "rating":
            entry["stimulus"] = f'<p>Listen:</p><audio controls src="https://h.org/{entry["stimulus"]}"></audio>'
    for table in both(tmp_path, entries):
        assert cells(table) == ratings.scores


def test_a_likert_survey_is_about_what_the_columns_say(tmp_path: Path) -> None:
    first, second = drawn(), drawn()
    other = dict(zip(first.scores, second.scores.values(), strict=True))
    entries: list[dict[str, Any]] = [{"trial_type": "survey-likert", "subject_id": "x", "response": '{"age":3}'}]
    for (who, prompt, condition), score in first.scores.items():
        response = {"quality": score - 1, "match": other[who, prompt, condition] - 1}
        own = {"subject_id": who, "system": condition, "item": prompt, "response": json.dumps(response)}
        entries.append({"trial_type": "survey-likert", "rt": 1, **own})
    for index, entry in enumerate(entries):
        entry["trial_index"] = index
    for table in both(tmp_path, entries):
        parts = zip(*(table.column(n) for n in ("participant", "prompt", "condition", "scale", "score")), strict=True)
        assert {(cell[0], cell[1], cell[2], cell[3]): int(cell[4]) for cell in parts} == {
            **{(*cell, "quality"): score for cell, score in first.scores.items()},
            **{(*cell, "match"): score for cell, score in other.items()},
        }


def test_nothing_that_names_the_participants(tmp_path: Path) -> None:
    entries = trials(drawn(), "audio-slider-response")
    for entry in entries:
        del entry["subject"]
    with pytest.raises(MissingColumnError, match="no column names the participants"):
        tidied(records(entries), Options())


def test_an_experiment_without_clips_is_refused(tmp_path: Path) -> None:
    entries = [
        {"trial_type": "html-slider-response", "trial_index": 0, "response": 3, "subject": "a", "stimulus": "Hi"}
    ]
    with pytest.raises(MissingColumnError, match="no trial of this jsPsych experiment says which condition"):
        tidied(records(entries), Options())
    assert recognised(records([{"trial_type": "x", "response": 3}])) is None
