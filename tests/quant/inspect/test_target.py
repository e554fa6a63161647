"""What would be quantized, the bytes that follow and what keeps a block from being fused: held to what comes of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import fresh, model_config, random_state

from quant.engine.block import IntegerBlock
from quant.engine.checkpoint import save_checkpoint
from quant.engine.convert import quantize_
from quant.errors import VariantError
from quant.inspect.target import (
    KEPT,
    OTHER,
    OUTSIDE,
    QUANTIZED,
    checkpoint_bytes,
    fused_blocks,
    layer_kinds,
    parameters,
    storage,
)
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel, load_model

ALL = [variant for variant in VARIANTS.values() if variant.scheme]
STATIC = VARIANTS["sqs-w8a8"]


def test_layers_are_those_of_the_weight_file(loaded: dict[str, AudioModel], folders: dict[str, Path]) -> None:
    state = load_file(folders["v"] / "model.safetensors")
    matrices = {
        name: tuple(value.shape) for name, value in state.items() if name.startswith("model.") and value.ndim == 2
    }
    inside: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for name, shape in matrices.items():
        if found := re.fullmatch(r"model\.model\.transformer\.layers\.\d+\.(.+)\.weight", name):
            inside[found[1], shape] += 1
    kinds = layer_kinds(loaded["v"].dit)
    assert {(kind.name, kind.shape): kind.count for kind in kinds if kind.fate == QUANTIZED} == inside
    outside = {name for name in matrices if "transformer.layers" not in name and "timestep_features" not in name}
    assert {f"model.model.{kind.name}.weight" for kind in kinds if kind.fate == OUTSIDE} == outside
    assert {kind.name for kind in kinds if kind.fate == OTHER} == {"Conv1d", "FourierFeatures", "LayerNorm"}
    assert sum(kind.weights for kind in kinds) == sum(value.numel() for value in loaded["v"].dit.parameters())


def test_kept_layers_are_said_to_be(loaded: dict[str, AudioModel]) -> None:
    kinds = layer_kinds(loaded["v"].dit, ["layers.1.ff.ff.2", "to_out"])
    fates = {(kind.name, kind.fate): kind.count for kind in kinds if "ff.2" in kind.name or "to_out" in kind.name}
    assert fates == {
        ("ff.ff.2", QUANTIZED): 1,
        ("ff.ff.2", KEPT): 1,
        ("self_attn.to_out", KEPT): 2,
        ("cross_attn.to_out", KEPT): 2,
    }
    with pytest.raises(VariantError, match=r"ff\.9 names no linear layer"):
        layer_kinds(loaded["v"].dit, ["ff.9"])


def test_parameters_are_counted_with_the_text_encoder(loaded: dict[str, AudioModel], folders: dict[str, Path]) -> None:
    from transformers import AutoModel

    found, state = parameters(loaded["v"]), load_file(folders["v"] / "model.safetensors")
    assert found["autoencoder"] == sum(
        value.numel() for name, value in state.items() if name.startswith("pretransform.")
    )
    t5 = AutoModel.from_pretrained(folders["v"].parent / "t5-base")
    projection = [value.numel() for name, value in state.items() if name.startswith("conditioner.conditioners.prompt.")]
    encoder = sum(value.numel() for value in t5.encoder.parameters())
    assert found["prompt"] == encoder + sum(projection)


@pytest.mark.parametrize("variant", ALL, ids=lambda variant: variant.name)
@pytest.mark.parametrize("changes", [{}, {"keep": ("ff.ff.2",), "groups": 2}], ids=["plain", "kept and grouped"])
def test_bytes_are_those_of_a_written_checkpoint(
    variant: Variant, changes: dict[str, Any], folders: dict[str, Path], calibration: Calibration, tmp_path: Path
) -> None:
    if variant.scheme == "static":
        changes = {key: value for key, value in changes.items() if key != "groups"}
    variant, model = replace(variant, **changes), fresh(folders["v"])
    said = checkpoint_bytes(model, variant, len(calibration.sigmas))
    quantize_(model, variant, calibration)
    save_checkpoint(tmp_path / "file", model, variant, alpha=0.5, made_by="0.1.0")
    assert said == pytest.approx((tmp_path / "file").stat().st_size, rel=0.01)


def of_kind(folder: Path, seed: int, changes: dict[str, Any]) -> AudioModel:
    config = model_config()
    config["model"]["diffusion"]["config"] |= changes
    folder.mkdir()
    (folder / "model_config.json").write_text(json.dumps(config))
    save_file(random_state(config, seed), folder / "model.safetensors")
    return load_model(str(folder))


@pytest.mark.parametrize(
    ("changes", "keep", "reason"),
    [
        ({}, ["layers.1.ff.ff.2"], "ff.ff.2 is not in integers"),
        ({"global_cond_type": "adaLN"}, [], "adaptive normalization"),
        ({"conformer": True}, [], "a conformer"),
        ({"layer_scale": True}, [], "layer scales"),
        ({"add_rope": True}, [], "positions of its own"),
        ({"attn_kwargs": {"qk_norm": "l2"}}, [], "qk_norm l2"),
        ({"attn_kwargs": {"differential": True}}, [], "attention of an unusual kind"),
        ({"ff_kwargs": {"use_conv": True}}, [], "ff.ff.2 is not in integers"),
    ],
    ids=lambda value: str(value),
)
def test_blocks_that_are_not_fused_are_named(
    changes: dict[str, Any], keep: list[str], reason: str, at_home: Path, tmp_path: Path, seed: int
) -> None:
    model = of_kind(tmp_path / "model", seed, changes)
    variant = replace(STATIC, keep=tuple(keep))
    count, against = fused_blocks(model, variant)
    assert set(against.values()) == {reason}
    layers = [name for name, part in model.dit.named_modules() if isinstance(part, torch.nn.Linear)]
    table = {name: torch.ones(1, model.dit.get_submodule(name).in_features) for name in layers}
    quantize_(model, variant, Calibration(model.sha256, {}, torch.ones(1), {k: -v for k, v in table.items()}, table))
    fused = [number for number, block in enumerate(model.dit.transformer.layers) if isinstance(block, IntegerBlock)]
    assert count == len(fused)
    assert sorted(against) == [number for number in range(2) if number not in fused]


def test_a_plain_model_is_fused_whole_and_stays_in_full_precision(loaded: dict[str, AudioModel]) -> None:
    before = dict(loaded["v"].dit.named_modules())
    assert fused_blocks(loaded["v"], STATIC) == (2, {})
    assert dict(loaded["v"].dit.named_modules()) == before


def test_storage_adds_up_by_dtype() -> None:
    found = storage({"a": torch.zeros(3, 2).half(), "b": torch.zeros(5).bfloat16(), "c": torch.zeros(1).half()})
    assert list(found.items()) == [("float16", 14), ("bfloat16", 10)]
