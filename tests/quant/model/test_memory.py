"""Freed memory goes back to the operating system."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest
import torch
from folder_makers import dit
from safetensors.torch import load_file, save_file
from tiny_models import PROMPTS, QUICK

from quant.engine.checkpoint import load_beside, load_checkpoint, save_checkpoint
from quant.engine.convert import quantize_
from quant.engine.reference import linear_layers
from quant.kernels import cpu
from quant.method.calibration import read_calibration
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel, load_model
from quant.model.memory import give_back, let_go
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import sample

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    found = re.search(r"RssAnon:\s+(\d+)", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


on_linux = pytest.mark.skipif(
    not STATUS.exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs Linux with glibc"
)


@on_linux
def test_freed_blocks_are_given_back() -> None:
    blocks = [ctypes.create_string_buffer(b"x" * 50_000) for _ in range(2000)]
    kept = blocks[-1]  # the heap cannot shrink from its end
    del blocks
    before = resident()
    give_back()
    assert resident() < before - 50_000_000
    assert kept.raw[0] == ord("x")


def mapped() -> int:
    """Bytes of files that are mapped into this process and in memory."""
    found = re.search(r"RssFile:\s+(\d+)", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


@on_linux
def test_weights_of_a_file_leave_memory_and_come_back_as_they_were(tmp_path: Path, seed: int) -> None:
    weights = torch.randn(25_000_000, generator=torch.Generator().manual_seed(seed))
    save_file({"weights": weights}, tmp_path / "model.safetensors")
    read = load_file(tmp_path / "model.safetensors")["weights"]
    changed = read[:10_000_000]
    changed += 1  # lies in memory alone from now on
    assert float(read.sum()) == pytest.approx(float(weights.sum()) + 1e7, rel=1e-3)
    before = mapped()
    let_go([read, weights])
    assert mapped() < before - 50_000_000
    assert torch.equal(read[10_000_000:], weights[10_000_000:])
    assert torch.equal(changed, weights[:10_000_000] + 1)


def weights(model: AudioModel) -> dict[str, torch.Tensor]:
    return {name: layer.weight for name, layer in linear_layers(model.dit).items()}


@on_linux
def test_weights_that_are_codes_by_now_are_not_in_memory(tmp_path: Path, at_home: Path, seed: int) -> None:
    """A model of gigabytes is not there twice, neither while it is quantized nor beside what was."""
    folder, file, variant = tmp_path / "model", tmp_path / "made.safetensors", VARIANTS["sqs-w8a8"]
    dit(embed_dim=768, depth=2, num_heads=12)(folder, seed)
    calibrate(load_model(str(folder)), PROMPTS, QUICK, tmp_path / "calibration.safetensors")
    calibration = read_calibration(tmp_path / "calibration.safetensors")
    model = load_model(str(folder))
    sums = {name: float(weight.sum()) for name, weight in weights(model).items()}
    of_layers = [tensor for name in sums for tensor in calibration.tensors(name)]
    assert all(tensor.isfinite().all() for tensor in of_layers)  # and so all are in memory
    known = sum(tensor.nbytes for tensor in of_layers)
    size = sum(weight.nbytes for weight in weights(model).values())
    assert known > 1_000_000
    before = mapped()
    quantize_(model, variant, calibration)
    assert mapped() < before - 0.9 * (size + known), "quantizing lets go of weights, and of their calibration"
    save_checkpoint(file, model, variant, alpha=0.5, made_by="a test")
    del model
    source = load_model(str(folder))
    assert {name: float(weight.sum()) for name, weight in weights(source).items()} == sums
    before = mapped()
    load_beside(file, source)
    assert mapped() < before - 0.9 * size, "what is rendered beside a model needs none of its weights"
    assert {name: float(weight.sum()) for name, weight in weights(source).items()} == sums


@on_linux
def test_codes_lie_in_the_file_and_leave_memory_while_a_clip_is_decoded(
    tmp_path: Path, at_home: Path, seed: int
) -> None:
    """Others than AMX have them packed, in memory; the clip is always that of a model all of which is in memory."""
    folder, file, variant = tmp_path / "model", tmp_path / "made.safetensors", VARIANTS["sqd-w8a8"]
    dit(embed_dim=768, depth=2, num_heads=12)(folder, seed)
    calibration = calibrate(load_model(str(folder)), PROMPTS, QUICK, tmp_path / "calibration.safetensors")
    whole = load_model(str(folder))
    size = sum(weight.numel() for weight in weights(whole).values())
    quantize_(whole, variant, calibration)
    save_checkpoint(file, whole, variant, alpha=0.5, made_by="a test")
    own, before = resident(), mapped()
    model, _ = load_checkpoint(file)
    of_file = size if cpu.method() == "amx" else 0
    assert resident() < own + 2 * size - 1.5 * of_file, "codes are in memory of their own"
    latents = sample(model, "rain", 1, QUICK)
    assert torch.equal(latents, sample(whole, "rain", 1, QUICK))
    sampled = mapped()
    assert not of_file or sampled > before + 0.9 * of_file
    audio = model.decode(latents)
    assert mapped() <= sampled - 0.8 * of_file + 5_000_000, "codes are in memory while nothing is multiplied"
    assert torch.equal(sample(model, "rain", 1, QUICK), latents)
    assert torch.equal(model.decode(latents), audio)
