"""A study on a model with adapters: what is heard has them, the manifest says so, and nothing stale is taken."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_study import TO_QKV, tiny_study, write_adapter

from app.cli import main
from app.folder import read_study
from app.verbs.clips.pipeline import up_to_date
from quant.engine.checkpoint import read_header
from quant.rendering.clips import read_flac
from survey import Manifest, read_manifest
from survey.config.rendering import Lora


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with an adapter and its clips, to be copied by tests that change it."""
    seed = int.from_bytes(os.urandom(4))
    print(f"{seed=}")
    folder = tmp_path_factory.mktemp("adapters") / "study"
    tiny_study(folder, seed, "lora: {file: rain.safetensors, strength: 0.5}\n")
    write_adapter(folder / "rain.safetensors", folder / "tiny", seed)
    assert main(["generate", str(folder)]) == 0
    return folder


@pytest.fixture
def study(rendered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rendered, tmp_path / "study"))


def manifest_of(study: Path) -> Manifest:
    return read_manifest(study / "clips" / "manifest.json")


def sounds(study: Path) -> dict[str, bytes]:
    """Clips before their loudness was aligned, by condition and prompt."""
    found = {}
    for note in (study / "clips" / "raw").glob("*.json"):
        clip = json.loads(note.read_text())["clip"]
        found[f"{clip['checkpoint_sha256']} {clip['model_sha256']} {clip['prompt']}"] = note.with_suffix(
            ".flac"
        ).read_bytes()
    return found


def with_lora(study: Path, loras: Sequence[str]) -> None:
    text = (study / "study.yaml").read_text()
    kept = "".join(line for line in text.splitlines(True) if not line.startswith("lora:"))
    (study / "study.yaml").write_text(f"{kept}lora: [{', '.join(loras)}]\n")


def test_the_manifest_and_the_checkpoints_say_which_adapter_it_was(rendered: Path) -> None:
    sha256 = hashlib.sha256((rendered / "rain.safetensors").read_bytes()).hexdigest()
    weights = hashlib.sha256((rendered / "tiny" / "model.safetensors").read_bytes()).hexdigest()
    variants = manifest_of(rendered).variants
    for facts in variants.values():
        assert facts["adapters"] == ["rain.safetensors"]
        assert facts["adapter_strengths"] == [0.5]
        assert facts["adapters_sha256"] == [sha256]
        assert facts["model_sha256"] != weights
    header = read_header(rendered / "models" / "sqs-w8a8.safetensors")
    assert header["adapters"] == [{"file": "rain.safetensors", "strength": 0.5, "sha256": sha256}]
    assert header["model_sha256"] == variants["baseline"]["model_sha256"]


def test_a_study_with_an_adapter_sounds_as_one_on_the_merged_weights(study: Path, rendered: Path) -> None:
    """The weights are merged here, entry by entry, and given as a model of their own."""
    path = study / "tiny" / "model.safetensors"
    state, adapter = load_file(path), load_file(study / "rain.safetensors")
    down, up = (next(v.double().numpy() for n, v in adapter.items() if part in n) for part in ("lora_down", "lora_up"))
    name = f"model.model.{TO_QKV}.weight"
    before = state[name].double().numpy()
    merged = np.array(
        [[before[o, i] + 0.5 * sum(up[o] * down[:, i]) for i in range(down.shape[1])] for o in range(len(up))]
    )
    assert not np.allclose(before, merged, atol=0.1)
    save_file({**state, name: torch.from_numpy(merged).float()}, path)
    with_lora(study, [])
    assert main(["generate", str(study)]) == 0
    for clip in manifest_of(study).clips:
        found = read_flac(study / "clips" / clip.file)[0].astype(int)
        expected = read_flac(rendered / "clips" / clip.file)[0].astype(int)
        assert np.abs(found - expected).max() <= 1, clip.stimulus


def test_a_change_of_the_adapter_makes_everything_anew(study: Path) -> None:
    _, config = read_study(study)
    assert up_to_date(study, config)
    before, first = sounds(study), manifest_of(study)
    for change in ((), (Lora("rain.safetensors", 0.6),), (*config.lora, *config.lora), (Lora("gone", 0.5),)):
        assert not up_to_date(study, replace(config, lora=change))
    write_adapter(study / "rain.safetensors", study / "tiny", 1)
    assert not up_to_date(study, config)
    assert main(["generate", str(study)]) == 0
    assert up_to_date(study, config)
    second = manifest_of(study)
    assert not {clip.sha256 for clip in first.clips} & {clip.sha256 for clip in second.clips}
    assert before.items() < sounds(study).items(), "what was rendered is kept, beside what is new"
    for key in ("model_sha256", "checkpoint_sha256", "calibration_sha256"):
        assert first.variants["sqs-w8a8"][key] != second.variants["sqs-w8a8"][key]


@pytest.mark.parametrize("lora", ["[]", "{file: rain.safetensors, strength: 0}"])
def test_without_an_adapter_it_is_the_base_model(study: Path, lora: str) -> None:
    with_lora(study, [lora] if "file" in lora else [])
    weights = hashlib.sha256((study / "tiny" / "model.safetensors").read_bytes()).hexdigest()
    assert main(["generate", str(study)]) == 0
    facts = manifest_of(study).variants["baseline"]
    assert facts["model_sha256"] == weights
    assert facts.get("adapter_strengths") == ([0.0] if "file" in lora else None)


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        ("{file: gone.safetensors}", "gone.safetensors: no such adapter"),
        ("{file: study.yaml}", "study.yaml: not the name of an adapter's file"),
        ("{file: other.safetensors}", "other.safetensors: an adapter of another model: 0 of its 1 names match"),
        ("{file: tiny}", "tensors are of no adapter that can be merged"),
    ],
)
def test_an_adapter_that_does_not_serve_is_refused_before_anything_is_done(
    study: Path, lora: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = {"blocks.0.lora_down.weight": torch.ones(1, 3), "blocks.0.lora_up.weight": torch.ones(3, 1)}
    save_file({**pair, "blocks.0.alpha": torch.tensor(1.0)}, study / "other.safetensors")
    with_lora(study, [lora])
    before = {path: path.read_bytes() for path in study.rglob("*.safetensors")} | sounds(study)
    capsys.readouterr()
    assert main(["generate", str(study)]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith("earmark: ")
    assert said in complaint
    assert before == {path: path.read_bytes() for path in study.rglob("*.safetensors")} | sounds(study)


def test_a_model_alone_is_quantized_with_adapters(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(rendered)
    target = tmp_path / "sqs.safetensors"
    command = ["quantize", "--model", "tiny", "--variant", "sqs-w8a8", "-o", str(target), "--prompts", "1"]
    assert main([*command, "--lora", "rain.safetensors:0.5", "--lora", "rain.safetensors"]) == 0
    assert [(one["file"], one["strength"]) for one in read_header(target)["adapters"]] == [
        ("rain.safetensors", 0.5),
        ("rain.safetensors", 1.0),
    ]
    assert main([*command, "--lora", "gone:0.5"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("earmark: gone: no such adapter")
    assert main(["quantize", str(rendered), "--lora", "rain.safetensors"]) == 2
