"""Weights beyond the range of 16 bits are kept as they are, in memory and in the file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import PROMPTS, QUICK, fresh
from torch import Tensor

from quant.engine.checkpoint import load_beside, load_checkpoint, read_header, save_checkpoint
from quant.engine.convert import quantize_
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import sample

FEED = "transformer.layers.0.ff.ff"
LARGE = 2.0**22
ERROR = {8: 0.4, 4: 0.7}
VARIANTS_HERE = [
    VARIANTS["sqs-w8a8"],
    replace(VARIANTS["sqs-w8a8"], keep=("ff.2",)),
    replace(VARIANTS["sqd-w8a8"], groups=3),
    replace(VARIANTS["sqd-lora-w4a8"], groups=2, lowrank="weight", rank=8),
]


def enlarged(model: AudioModel) -> AudioModel:
    """A model with two weights that 16 bits cannot hold, and activations beyond 65,504 behind them."""
    model.dit.get_submodule(f"{FEED}.2").weight.data.mul_(LARGE)
    decoder = model.wrapper.pretransform.model.decoder
    first = next(layer for layer in decoder.modules() if isinstance(layer, torch.nn.Conv1d))
    first.weight_g.data.mul_(1e6)
    return model


@pytest.fixture
def large(at_home: Path, folders: dict[str, Path]) -> Callable[[], AudioModel]:
    return lambda: enlarged(fresh(folders["v"]))


@pytest.mark.parametrize("variant", VARIANTS_HERE, ids=lambda v: f"{v.name}-{v.groups}-{len(v.keep)}")
def test_weights_beyond_16_bits_stay_in_float32_and_come_back_bit_by_bit(
    large: Callable[[], AudioModel],
    tmp_path: Path,
    variant: Variant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, path = large(), tmp_path / "m.safetensors"
    weight = made.dit.get_submodule(f"{FEED}.2").weight.detach().clone()
    assert float(weight.abs().max()) > 65504
    calibration = calibrate(made, PROMPTS, QUICK, tmp_path / "calibration.safetensors")
    quantize_(made, variant, calibration)
    with caplog.at_level(logging.WARNING, "quant.engine.checkpoint"):
        save_checkpoint(path, made, variant, alpha=0.5, made_by="me")

    held, wide = load_file(path), read_header(path)["float32"]
    assert all(bool(value.isfinite().all()) for value in held.values() if value.is_floating_point())
    assert f"{len(wide)} tensors stay in float32" in caplog.text
    assert any(name.startswith("pretransform.model.decoder.") for name in wide)
    own = f"model.model.{FEED}.2.weight"
    assert (own in wide) == bool(variant.keep or variant.groups > 1)
    if variant.keep:
        assert torch.equal(held[own], weight)

    latent = sample(made, PROMPTS[0], 7, QUICK)
    source = large()
    exact = sample(source, PROMPTS[0], 7, QUICK)
    assert _error(latent, exact) < ERROR[variant.weight_bits]
    audio = made.decode(latent)
    assert bool(audio.isfinite().all())
    again, _ = load_checkpoint(path)
    assert torch.equal(sample(again, PROMPTS[0], 7, QUICK), latent)
    assert torch.equal(again.decode(latent), audio)
    beside, _ = load_beside(path, source)
    assert _error(sample(beside, PROMPTS[0], 7, QUICK), exact) < ERROR[variant.weight_bits]


def test_a_model_whose_weights_fit_has_none_in_float32(checkpoint: Path) -> None:
    assert read_header(checkpoint)["float32"] == []


def _error(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).norm() / exact.norm())
