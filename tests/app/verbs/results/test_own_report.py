"""The report of a study of own clips knows what its conditions are: anchors, and nothing beside the test."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from own_sounds import noise, write_sound
from taking_part import begin, rate, step

from app.cli import main
from app.server import create_app

CHANGES = (("practice: 2", "practice: 1"), ("must_listen: true", "must_listen: false"), (": antiphase", ": none     "))


def studied(tmp_path: Path, rng: np.random.Generator, kinds: dict[str, str], *changes: tuple[str, str]) -> Path:
    """Make a study of conditions of these kinds, with a gold and a practice clip beside them, and rate it."""
    lines = ["file,condition,prompt,kind,expected"]
    for condition, kind in kinds.items():
        for prompt in ("rain", "wind"):
            file = write_sound(tmp_path / "wavs" / f"{condition}-{prompt}.wav", noise(rng)).name
            lines.append(f"{file},{condition},{prompt},{kind},")
    for kind in ("gold", "practice"):
        file = write_sound(tmp_path / "wavs" / f"{kind}.wav", noise(rng, seconds=1.5)).name
        lines.append(f"{file},beside-{kind},thunder,{kind},4")
    table = tmp_path / "wavs" / "clips.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    study = tmp_path / "study"
    assert main(["new", str(study), "--clips", str(table)]) == 0
    text = (study / "study.yaml").read_text(encoding="utf-8")
    for old, new in (*CHANGES, *changes):
        assert old in text
        text = text.replace(old, new)
    (study / "study.yaml").write_text(text, encoding="utf-8")
    with TestClient(create_app(study)) as client:
        for _ in range(3):
            client.cookies.clear()
            state = begin(client)
            while state["stage"] != "done":
                if state.get("trial"):
                    answer = rate(client, state, int(rng.integers(1, 6)))
                    assert answer.status_code == 200, answer.text
                    state = answer.json()
                else:
                    state = step(client, state["stage"])
        client.app.state.study.runs.run("anna", "close")
    return study


def reported(study: Path, *options: str) -> dict:
    assert main(["analyze", str(study), *options]) == 0
    return json.loads((study / "report" / "report.json").read_text(encoding="utf-8"))


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_an_anchor_is_described_and_not_compared(tmp_path, rng, capsys):
    study = studied(tmp_path, rng, {"ours": "", "theirs": "", "low": "anchor"}, ("gold_checks: 0", "gold_checks: 1"))
    report = reported(study)
    assert report["anchors"] == ["low"]
    assert {row["condition"] for row in report["conditions"]} == {"ours", "theirs", "low"}
    assert "low" not in {row["condition"] for row in report["comparisons"]}
    assert "an anchor" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("low "))
    clips = report["provenance"]["clips"]
    assert clips["clips"] == 6, "gold and practice clips are none of the test"
    assert set(clips["conditions"]) == {"ours", "theirs", "low"}
    assert reported(study, "--baseline", "low")["anchors"] == [], "what others are compared with is none"


def test_where_nothing_else_would_be_compared_an_anchor_is(tmp_path, rng):
    report = reported(studied(tmp_path, rng, {"ours": "", "low": "anchor"}))
    assert report["anchors"] == []
    assert "low" in {row["condition"] for row in report["comparisons"]}
