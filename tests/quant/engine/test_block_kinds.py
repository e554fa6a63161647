"""Networks of every kind that the library builds: fused where a block is of the kind that is computed in integers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from library_blocks import (
    ALPHA,
    WIDTH,
    WORDS,
    linears,
)
from torch import Tensor, nn

from quant.engine.block import IntegerBlock, fuse_
from quant.engine.convert import replace as put
from quant.engine.integer import IntegerLinear
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS
from quant.model import upstream
from quant.model.attention import save_work_

# By name: arguments of the library's network that give blocks of kinds which are not fused.
UNUSUAL: dict[str, dict[str, Any]] = {
    "adaptive norm": {"global_cond_type": "adaLN"},
    "conformer": {"conformer": True},
    "layer scale": {"layer_scale": True},
    "tanh for norms": {"remove_norms": True},
    "rotation of its own": {"add_rope": True},
    "l2": {"attn_kwargs": {"qk_norm": "l2"}},
    "tanh heads": {"attn_kwargs": {"qk_norm": "dyt"}},
    "differential": {"attn_kwargs": {"differential": True}},
    "feature scale": {"attn_kwargs": {"feat_scale": True}},
    "differential, one without a prompt": {"attn_kwargs": {"differential": True}, "final_cross_attn_ix": 0},
    "feature scale, one without a prompt": {"attn_kwargs": {"feat_scale": True}, "final_cross_attn_ix": 0},
    "convolution": {"ff_kwargs": {"use_conv": True}},
    "no gate": {"ff_kwargs": {"glu": False}},
}


USUAL: dict[str, dict[str, Any]] = {
    "usual": {},
    "normed heads": {"attn_kwargs": {"qk_norm": "ln"}},
    "memory": {"num_memory_tokens": 3},
    "no rotation": {"rotary_pos_emb": False},
    "norms in float32": {"norm_kwargs": {"force_fp32": True, "bias": True}},
    "prompt for the first block alone": {"final_cross_attn_ix": 0},
    "patches": {"patch_size": 2},
}


@pytest.mark.parametrize("name", [*UNUSUAL, *USUAL])
def test_network_of_any_kind_is_close_to_full_precision(name: str, seed: int, generator: torch.Generator) -> None:
    """Fused where blocks are of the kind that is computed in integers, else as the library wrote them."""
    library = upstream.stable_audio_tools("models.dit")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        dit = library.DiffusionTransformer(
            io_channels=8,
            embed_dim=WIDTH,
            depth=2,
            num_heads=2,
            cond_token_dim=WIDTH // 2,
            project_cond_tokens=False,
            global_cond_dim=16,
            zero_init_branch_outputs=False,
            **(UNUSUAL | USUAL)[name],
        )
        for parameter in dit.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.1)
    dit.eval().requires_grad_(False)
    inputs: dict[str, Any] = {
        "x": torch.randn(2, 8, 12, generator=generator),
        "t": torch.rand(2, generator=generator),
        "cross_attn_cond": torch.randn(2, WORDS, WIDTH // 2, generator=generator),
        "global_embed": torch.randn(2, 16, generator=generator),
        "cfg_scale": 3.0,
        "use_checkpointing": False,
    }
    exact = dit(**inputs)
    ours = copy.deepcopy(dit)
    save_work_(ours)
    tables: dict[str, Tensor] = {}
    layers = {key: layer for key, layer in linears(ours).items() if key.startswith("transformer.layers.")}
    for key, layer in layers.items():
        layer.register_forward_pre_hook(
            lambda _, args, key=key: tables.update({key: args[0].abs().flatten(0, -2).amax(0)[None]})
        )
    ours(**inputs)
    one = CurrentStep(torch.zeros(1), "v")
    for key, layer in layers.items():
        put(ours, key, IntegerLinear.of(layer, tables[key], one, VARIANTS["sqd-w8a8"], ALPHA))
    ours.transformer.current_context.reset()
    generic = ours(**inputs)
    assert fuse_(ours) == (2 if name in USUAL else 0)
    assert len([m for m in ours.modules() if isinstance(m, IntegerBlock)]) == (2 if name in USUAL else 0)
    found = ours(**inputs)
    cost = float((generic - exact).norm())
    assert 0 < cost < 0.05 * float(exact.norm())
    assert float((found - generic).norm()) < cost / 2 + 2.0**-6 * float(exact.norm())
    state = dit.state_dict()
    left = {key for key in ours.state_dict() if not any(key.startswith(f"{layer}.") for layer in layers)}
    assert left == {key for key in state if not any(key.startswith(f"{layer}.") for layer in layers)}
