"""A model whose configuration was corrected, its weights untouched: nothing made with the old one is taken for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_study import tiny_study

from app.cli import main
from quant.engine.checkpoint import read_header
from survey import read_manifest


def change(model: Path, **options: Any) -> None:
    """Set options of the transformer."""
    path = model / "model_config.json"
    config = json.loads(path.read_text())
    config["model"]["diffusion"]["config"] |= options
    path.write_text(json.dumps(config))


def sounds(study: Path) -> dict[str, str]:
    clips = read_manifest(study / "clips" / "manifest.json").clips
    return {clip.stimulus: clip.sha256 for clip in clips}


@pytest.mark.parametrize("options", [{"num_heads": 1}, {"causal": True}])
def test_a_corrected_configuration_makes_everything_anew(tmp_path: Path, seed: int, options: dict[str, Any]) -> None:
    study, other = tiny_study(tmp_path / "study", seed), tmp_path / "other"
    shutil.copytree(study, other)
    assert main(["generate", str(study)]) == 0
    first = sounds(study)
    for folder in (study, other):
        change(folder / "tiny", **options)
        assert main(["generate", str(folder)]) == 0
    assert sounds(study) == sounds(other)
    assert not set(first.values()) & set(sounds(study).values())


def test_what_is_no_part_of_the_network_changes_nothing(tmp_path: Path, seed: int) -> None:
    study = tiny_study(tmp_path / "study", seed)
    assert main(["generate", str(study)]) == 0
    first, made = sounds(study), {path.name for path in (study / "clips" / "raw").iterdir()}
    path = study / "tiny" / "model_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "training": {"learning_rate": 1}, "sample_size": config["sample_size"] + 1}))
    assert main(["generate", str(study)]) == 0
    assert sounds(study) == first
    assert {path.name for path in (study / "clips" / "raw").iterdir()} == made


def test_a_calibration_beside_a_checkpoint_is_made_anew(tmp_path: Path, seed: int) -> None:
    model, file = tiny_study(tmp_path / "study", seed) / "tiny", tmp_path / "made" / "sqs.safetensors"
    line = ["quantize", "--model", str(model), "--variant", "sqs-w8a8", "-o", str(file), "--prompts", "1"]
    assert main(line) == 0
    first = read_header(file)["calibration_sha256"]
    change(model, causal=True)
    assert main(line) == 0
    assert read_header(file)["calibration_sha256"] != first
