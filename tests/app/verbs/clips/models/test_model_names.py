"""A model is named by its weight file wherever it is named by its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from app.cli import main
from app.folder import read_study
from app.verbs.clips.conditions import adapters_of, model_name
from quant.engine.checkpoint import read_header
from quant.files import file_sha256


@pytest.mark.parametrize("name", ["a.safetensors", "pianos #2: a 'b' \"é\".safetensors", "null", "2026-01-02"])
def test_a_study_is_made_for_a_model_of_any_name(tmp_path: Path, name: str) -> None:
    assert main(["new", str(tmp_path / "study"), "--model", f"pianos/{name}"]) == 0
    assert read_study(tmp_path / "study")[1].model == f"pianos/{name}"


def test_a_weight_file_beside_the_study_is_found(tmp_path: Path) -> None:
    assert main(["new", str(tmp_path), "--model", "pianos/b.safetensors"]) == 0
    folder, config = read_study(tmp_path)
    assert model_name(folder, config) == "pianos/b.safetensors"
    (tmp_path / "pianos").mkdir()
    (tmp_path / "pianos" / "b.safetensors").touch()
    assert model_name(folder, config) == str(tmp_path / "pianos" / "b.safetensors")


def test_a_study_quantizes_the_weight_file_that_it_names(good: Path, tmp_path: Path) -> None:
    shutil.copytree(good, tmp_path / "pianos")
    (tmp_path / "pianos" / "model.safetensors").rename(tmp_path / "pianos" / "a.safetensors")
    meant = tmp_path / "pianos" / "b.safetensors"
    state = load_file(tmp_path / "pianos" / "a.safetensors")
    save_file({name: value * 0.5 if value.ndim > 1 else value for name, value in state.items()}, meant)
    (tmp_path / "study.yaml").write_text(
        "name: a\nmodel: pianos/b.safetensors\nconditions: [baseline, sqs-w8a8]\nprompts: [rain, a dog barking]\n"
        "sampling: {steps: 2, seconds: 1}\ncalibration: {prompts: 1}\n"
    )
    assert main(["quantize", str(tmp_path)]) == 0
    header = read_header(tmp_path / "models" / "sqs-w8a8.safetensors")
    assert header["model_sha256"] == file_sha256(meant)
    assert json.loads((tmp_path / "pianos" / "model_config.json").read_text()) == header["model_config"]


def test_an_adapter_is_found_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["new", str(tmp_path / "study")]) == 0
    with (tmp_path / "study" / "study.yaml").open("a") as file:
        file.write("\nlora: {file: ~/rain.safetensors}\n")
    folder, config = read_study(tmp_path / "study")
    (found,) = adapters_of(folder, config)
    assert found.path == tmp_path / "rain.safetensors"
