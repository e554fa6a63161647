"""The verb analyze and metrics: they are read where they are of the study's present clips, else said to be left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from served import write_study

from analysis.metrics.measured import Cell, ClipValue, Column, Measured, write_measured
from app.cli import main
from app.settings import Settings
from app.study import Study
from db import Answer
from survey import read_manifest


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """Make a study that three people answered."""
    folder = write_study(tmp_path / "study", session="headphone_check: none, practice: 1")
    study = Study(folder, Settings())
    for person in "abc":
        token = person * 32
        state = study.store.sessions.start(token)
        while state.stage != "done":
            if state.trial is None:
                state = study.store.sessions.confirm(token, state.stage)
            else:
                score = 1 + (ord(person) + state.trial.position * 3) % 5
                state = study.store.sessions.rate(token, Answer(state.trial.same, score, 1, 9.0, 4000))
    study.runs.run("anna", "close")
    study.close()
    return folder


def measured_of(folder: Path, seed: int) -> Measured:
    """Measure the study's own clips, with numbers drawn at random."""
    manifest = read_manifest(folder / "clips" / "manifest.json")
    clips = [one for one in manifest.clips if one.kind == "trial"]
    conditions = list(dict.fromkeys(one.condition for one in clips))
    random = np.random.default_rng(seed)
    values = [ClipValue("fd", one.condition, one.prompt_id, one.seed, random.normal()) for one in clips]
    return Measured(
        study="measured",
        baseline=conditions[0],
        conditions=conditions,
        columns=[Column("fd", "distance", "lower")],
        cells=[Cell("fd", name, random.normal()) for name in conditions],
        clips=values,
        networks={},
        reference="nothing",
        sha256=sorted({one.sha256 for one in clips}),
        prompts={one.prompt_id: one.prompt for one in clips},
    )


def test_metrics_of_the_present_clips_stand_beside_the_ratings(
    rated: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measured_of(rated, seed)
    (rated / "metrics").mkdir()
    write_measured(measured, rated / "metrics" / "measured.json")
    assert main(["analyze", str(rated)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) <= 20
    assert printed[-2].startswith("metrics: 1 beside ratings, 1 ")
    assert printed[-2].endswith("; see the report")
    content = json.loads((rated / "report" / "report.json").read_text(encoding="utf-8"))
    assert content["metrics"]["study"] == measured.study
    (clips,) = [one for one in content["agreements"] if one["over"] == "clips"]
    assert clips["n"] == len(measured.clips), "prompts, conditions and seeds of ratings are those of the metrics"
    assert 'id="metrics"' in (rated / "report" / "report.html").read_text(encoding="utf-8")


def test_metrics_of_other_clips_are_left_out_with_a_remark(
    rated: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measured_of(rated, seed)
    path = rated / "metrics" / "measured.json"
    path.parent.mkdir()
    for other, said in (
        (replace(measured, sha256=["0" * 64, *measured.sha256[1:]]), f"1 of the {len(measured.sha256)} clips that"),
        (replace(measured, sha256=()), "the clips that they are of are not the study's"),
    ):
        write_measured(other, path)
        assert main(["analyze", str(rated)]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert f"warning: Metrics are left out: {said}" in printed
        assert f"Run earmark measure {rated} again." in printed
        assert "beside ratings" not in printed
        content = json.loads((rated / "report" / "report.json").read_text(encoding="utf-8"))
        assert content["metrics"] is None
        assert any("Metrics are left out" in one for one in content["provenance"]["remarks"])
    path.write_text("{", encoding="utf-8")
    assert main(["analyze", str(rated)]) == 0
    assert "Metrics are left out" in capsys.readouterr().out


def test_without_metrics_nothing_is_said_of_them(rated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(rated)]) == 0
    assert "metrics:" not in (printed := capsys.readouterr().out)
    assert "Metrics" not in printed
