"""Rendering a study: its conditions differ by quantization alone, and its clips were made in one way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_study import CONDITIONS, PROMPTS, tiny_study
from torch.overrides import TorchFunctionMode

from app import __version__
from app.cli import main
from app.folder import read_study
from app.verbs.clips.pipeline import generate_study, up_to_date
from quant.rendering.clips import read_flac
from survey import read_manifest, write_manifest

KEEP_ALL = "quantization: {keep: [to_qkv, to_q, to_kv, to_out, ff.0.proj, ff.2]}\n"


def raw_clips(study: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The clips of a study before their loudness is aligned, by stimulus."""
    _, config = read_study(study)
    manifest = generate_study(study, config)
    assert {clip.condition for clip in manifest.clips} == set(config.conditions)
    return {clip.stimulus: read_flac(study / "clips" / clip.file)[0] for clip in manifest.clips}


def test_a_variant_that_quantizes_nothing_sounds_as_full_precision(tmp_path: Path, seed: int) -> None:
    """All layers are kept, with weights that 16 bits hold: whatever else differs is heard here.

    What is not quantized (norms, embeddings, the prompt's path, the decoder) has weights that 16 bits do not hold.
    """
    study = tiny_study(tmp_path / "study", seed, KEEP_ALL)
    weights = study / "tiny" / "model.safetensors"
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in load_file(weights).items():
        exact = ".transformer.layers." in name and value.ndim == 2
        if exact or not value.is_floating_point():
            state[name] = value.half().float() if exact else value
        else:
            state[name] = value.float() * (1 + 2.0**-12 * torch.rand(value.shape, generator=generator))
    save_file(state, weights)
    clips = raw_clips(study)
    for prompt in ("p1", "p2"):
        exact = clips[f"{prompt}.baseline.1000"].astype(int)
        for condition in CONDITIONS[1:]:
            found = clips[f"{prompt}.{condition}.1000"].astype(int)
            # A step of 16 bits, where float32 sums in another order.
            assert int(np.abs(found - exact).max()) <= 1, condition


class Attention(TorchFunctionMode):
    """Notes in which dtype attention is computed."""

    def __init__(self) -> None:
        self.dtypes: set[torch.dtype] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            self.dtypes |= {value.dtype for value in args[:3]}
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("engine", ["integer", "reference"])
def test_attention_is_computed_in_float32_under_every_condition(tmp_path: Path, seed: int, engine: str) -> None:
    study = tiny_study(tmp_path / "study", seed, f"quantization: {{engine: {engine}}}\n")
    _, config = read_study(study)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that all is rendered in this process, where it is seen
    try:
        with Attention() as seen:
            generate_study(study, config)
    finally:
        torch.set_num_threads(threads)
    assert seen.dtypes == {torch.float32}


# --- one way to render a study -------------------------------------------------------------------


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with its clips, to be copied by tests that change it."""
    folder = tiny_study(tmp_path_factory.mktemp("rendered") / "study", seed=int.from_bytes(os.urandom(4)))
    assert main(["generate", str(folder)]) == 0
    return folder


@pytest.fixture
def study(rendered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rendered, tmp_path / "study"))


def test_no_byte_count_tells_the_condition_of_a_clip(study: Path) -> None:
    clips = read_manifest(study / "clips" / "manifest.json").clips
    for prompt in ("p1", "p2"):
        files = [study / "clips" / clip.file for clip in clips if clip.prompt_id == prompt]
        assert len(files) == len(CONDITIONS)
        assert len({path.stat().st_size for path in files}) == 1
        assert len({path.read_bytes() for path in files}) > 1


def raw_files(study: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((study / "clips" / "raw").iterdir())}


def notes(study: Path) -> list[dict[str, Any]]:
    return [json.loads(content) for name, content in raw_files(study).items() if name.endswith(".json")]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forget_clips_of(study: Path, checkpoint_sha256: str | None) -> int:
    """Remove the raw clips of a condition; returns how many there were."""
    gone = 0
    for note in (study / "clips" / "raw").glob("*.json"):
        if json.loads(note.read_text())["clip"]["checkpoint_sha256"] == checkpoint_sha256:
            note.with_suffix(".flac").unlink()
            note.unlink()
            gone += 1
    return gone


def test_manifest_says_what_made_each_condition_and_each_clip(rendered: Path) -> None:
    manifest = read_manifest(rendered / "clips" / "manifest.json")
    weights, models = sha256(rendered / "tiny" / "model.safetensors"), rendered / "models"
    assert manifest.variants["baseline"] == {
        "scheme": "full precision",
        "weight_bits": 32,
        "activation_bits": 32,
        "model_sha256": weights,
    }
    assert manifest.variants["sqd-lora-w8a8"] == {
        "scheme": "dynamic",
        "weight_bits": 8,
        "activation_bits": 8,
        "engine": "integer",
        "groups": 1,
        "rank": 32,
        "lowrank": "outliers",
        "keep": [],
        "rounding": "nearest",
        "rotate": False,
        "alpha": 0.5,
        "calibration_prompts": 2,
        "checkpoint": "models/sqd-lora-w8a8.safetensors",
        "checkpoint_sha256": sha256(models / "sqd-lora-w8a8.safetensors"),
        "calibration_sha256": sha256(models / "calibration.safetensors"),
        "model_sha256": weights,
    }
    assert manifest.variants["sqs-w8a8"]["checkpoint_sha256"] == sha256(models / "sqs-w8a8.safetensors")
    assert "lowrank" not in manifest.variants["sqs-w8a8"]
    assert manifest.variants["sqs-w8a8"]["range"] == "mse", "what was used, not auto"
    paths = {}
    for clip in manifest.clips:
        facts = dict(clip.recipe)
        paths.setdefault(clip.condition, set()).add(facts.pop("kernel_path"))
        assert facts == {
            "device": "cpu",
            "processor": torch.backends.cpu.get_cpu_capability(),
            "dtype": "float32",
            "torch": torch.__version__,
            "earmark": __version__,
        }
    assert paths["baseline"] == {"torch float32"}
    assert paths["sqs-w8a8"] == paths["sqd-lora-w8a8"] != paths["baseline"]
    assert all(len(found) == 1 for found in paths.values())


def test_a_study_is_not_finished_on_another_processor(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert forget_clips_of(study, sha256(study / "models" / "sqs-w8a8.safetensors")) == len(PROMPTS)
    before, listed = raw_files(study), (study / "clips" / "manifest.json").read_bytes()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert main(["generate", str(study)]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert "oneDNN up to AVX2" in complaint
    assert "earmark generate --fresh" in complaint
    assert raw_files(study) == before
    assert (study / "clips" / "manifest.json").read_bytes() == listed
    # All of them again, or the rest as the others were.
    assert main(["generate", str(study), "--fresh"]) == 0
    assert {note["rendered"]["processor"].partition(", ")[2] for note in notes(study)} == {"oneDNN up to AVX2"}
    # With nothing to render, it does not matter where it is looked at.
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert main(["generate", str(study)]) == 0
    assert main(["check", str(study)]) == 0


def test_clips_that_were_mixed_are_refused_though_all_are_there(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when raw clips of two machines are copied together, or come from a version that left no notes."""
    note = next((study / "clips" / "raw").glob("*.json"))
    found = json.loads(note.read_text())
    note.write_text(json.dumps(found | {"rendered": found["rendered"] | {"torch": "1.0"}}))
    assert main(["generate", str(study)]) == 2
    assert "torch: " in (complaint := capsys.readouterr().err.splitlines()[-1])
    assert "--fresh" in complaint
    note.unlink()
    assert main(["generate", str(study)]) == 2
    assert "does not say what rendered it" in (complaint := capsys.readouterr().err.splitlines()[-1])
    assert "--fresh" in complaint


def test_the_gate_refuses_a_listing_of_mixed_clips(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study / "clips" / "manifest.json"
    manifest = read_manifest(path)
    clips = [
        replace(clip, recipe=clip.recipe | {"device": "NVIDIA H100"}) if clip.condition == "baseline" else clip
        for clip in manifest.clips
    ]
    write_manifest(path, replace(manifest, clips=tuple(clips)))
    assert main(["check", str(study)]) == 2
    said = capsys.readouterr()
    assert said.err.endswith("1 fault found (made alike); fix before you open the study\n")
    assert "device: cpu, not NVIDIA H100" in " ".join(said.out.split())
    assert "--fresh" in said.out


def test_a_listing_is_up_to_date_as_long_as_the_conditions_are(study: Path) -> None:
    _, config = read_study(study)
    assert up_to_date(study, config)
    for change in (
        {"quantization": replace(config.quantization, keep=("ff.2",))},
        {"quantization": replace(config.quantization, engine="reference")},
        {"calibration": replace(config.calibration, alpha=0.6)},
    ):
        assert not up_to_date(study, replace(config, **change))
    path = study / "clips" / "manifest.json"
    manifest = read_manifest(path)
    for was in ({"rotate": True}, {"rounding": "feedback"}):  # and is no more
        facts = manifest.variants | {"sqs-w8a8": manifest.variants["sqs-w8a8"] | was}
        write_manifest(path, replace(manifest, variants=facts))
        assert not up_to_date(study, config), was
    write_manifest(path, replace(manifest, clips=tuple(replace(clip, recipe={}) for clip in manifest.clips)))
    assert not up_to_date(study, config)


# --- settings that would change nothing -----------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "rules", "key"),
    [
        ("baseline, sqs-w8a8", "groups: 4, lowrank: weight", "quantization.groups quantization.lowrank"),
        ("baseline, sqd-w8a8", "lowrank: weight", "quantization.lowrank"),
        ("baseline, sqd-w8a8", "rounding: nearest", "quantization.rounding"),
        ("baseline, sqd-w4a8", "rounding: feedback, groups: 4", "rounding"),
        ("baseline, sqd-w8a8", "engine: reference, groups: 4", "groups"),
        ("baseline, sqd-w8a8", "keep: [ff.9]", "keep"),
    ],
)
def test_a_setting_that_changes_nothing_is_refused_before_any_work(
    tmp_path: Path, seed: int, conditions: str, rules: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path / "study", seed, f"quantization: {{{rules}}}\n")
    text = (study / "study.yaml").read_text().replace(", ".join(CONDITIONS), conditions)
    (study / "study.yaml").write_text(text)
    for verb in ("calibrate", "quantize", "generate"):
        assert main([verb, str(study)]) == 2
        complaint = capsys.readouterr().err
        assert all(f"{one}: " in complaint for one in key.split())
    assert not (study / "models").exists()
