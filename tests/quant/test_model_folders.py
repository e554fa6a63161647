"""Every kind of model folder that people have: it is computed, or refused with the words that the documents give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from model_folders import FOLDERS, Folder
from refusals import refusal

from docs.tables.models import folders
from quant.engine.convert import quantize_
from quant.inspect.target import checkpoint_bytes, fused_blocks, layer_kinds
from quant.method.variants import VARIANTS
from quant.model.loading import load_model
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling, paper_settings, sample

GOOD = [folder for folder in FOLDERS if not folder.refused]
REFUSED = [folder for folder in FOLDERS if folder.refused]
VARIANT = VARIANTS["sqd-lora-w8a8"]


@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.name)
def test_folder_is_computed(kind: Folder, tmp_path: Path, seed: int) -> None:
    """Its weights are those of the file, it hears its prompt, and quantized it sounds about the same."""
    expected = kind.make(tmp_path / "model", seed)
    model = load_model(str(tmp_path / "model"))
    state = model.wrapper.state_dict()
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(state[name], value.to(state[name].dtype)), name
    settings = short(paper_settings(model))
    rain, dog = (sample(model, prompt, seed, settings) for prompt in ("rain", "a dog"))
    assert rain.isfinite().all()
    assert not torch.equal(rain, dog)
    assert layer_kinds(model.dit)
    said = checkpoint_bytes(model, VARIANT, settings.steps)
    count, against = fused_blocks(model, VARIANT)
    assert said > 0
    assert count + len(against) == 2
    quantize_(model, VARIANT, calibrate(model, ["rain"], settings, tmp_path / "calibration.safetensors"))
    error = sample(model, "rain", seed, settings) - rain
    assert error.norm() < 0.5 * rain.norm()


def short(settings: Sampling) -> Sampling:
    return replace(settings, steps=2, seconds=1.0, cfg_scale=2.0)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_folder_is_refused(kind: Folder, tmp_path: Path, seed: int) -> None:
    kind.make(tmp_path / "model", seed)
    message = refusal(tmp_path / "model")
    assert message.startswith(str(tmp_path / "model"))
    assert kind.refused in message


def test_the_documents_list_every_folder() -> None:
    assert list(folders()) == [(kind.name, kind.kind, kind.refused) for kind in FOLDERS]
    assert len({kind.name for kind in FOLDERS}) == len(FOLDERS)
