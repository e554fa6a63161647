"""A model that computes NaN or infinity stops a study in one line; what was rendered before stays."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_study import tiny_study

from app.cli import main

SCALE = "model.model.transformer.layers.1.ff.ff.2.scale"


def spoil(study: Path, tensor: str, value: float) -> None:
    weights = study / "tiny" / "model.safetensors"
    state = load_file(weights)
    state[tensor][0] = value
    save_file(state, weights)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("earmark: ")
    return line.removeprefix("earmark: ")


def test_clips_before_it_stay_and_the_next_run_goes_on_after_them(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path / "study", seed)
    assert main(["quantize", str(study)]) == 0
    path, kept = study / "models" / "sqs-w8a8.safetensors", tmp_path / "kept"
    shutil.copy(path, kept)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    state = load_file(path)
    state[SCALE].fill_(1e38)  # a number, and too large to be added up
    save_file(state, path, metadata=header)
    for _ in range(2):
        assert main(["generate", str(study)]) == 2
        assert complaint(capsys).startswith(
            "p1.sqs-w8a8.1000: 'a dog barking', seed 1000: NaN or infinity at step 1 of 3, first from "
            "transformer.layers.1; "
        )
        raw = {file: file.stat().st_mtime_ns for file in (study / "clips" / "raw").iterdir()}
        assert sorted(file.suffix for file in raw) == [".flac", ".flac", ".json", ".json"]
        assert all(
            json.loads(file.read_text())["clip"]["checkpoint_sha256"] is None for file in raw if file.suffix == ".json"
        )
        assert not (study / "clips" / "manifest.json").exists()
    shutil.copy(kept, path)
    assert main(["generate", str(study)]) == 0
    assert {file: file.stat().st_mtime_ns for file in raw} == raw


def test_a_calibration_keeps_no_ranges_that_are_none(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path / "study", seed)
    spoil(
        study, "model.model.transformer.layers.0.self_attn.to_qkv.weight", 3e38
    )  # numbers, and too large to be added up
    assert main(["generate", str(study)]) == 2
    said = complaint(capsys)
    assert said.startswith("calibrating in full precision: '")
    assert "at step 1 of 3, first from transformer.layers.0.self_attn.to_qkv; " in said
    assert not (study / "models").exists()
    assert not (study / "clips").exists()
