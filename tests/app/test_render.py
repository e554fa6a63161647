"""Rendering a study: its conditions differ by quantization alone, and its clips were made in one way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_study import CONDITIONS, tiny_study
from torch.overrides import TorchFunctionMode

from app.cli import read_study
from app.pipeline import generate_study
from quant.clips import read_flac

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
    with Attention() as seen:
        generate_study(study, config)
    assert seen.dtypes == {torch.float32}
