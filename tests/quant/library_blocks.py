"""Blocks of the library in float64, what they receive, and the same in float32 with integer layers inside."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.convert import replace as put
from quant.engine.integer import IntegerLinear
from quant.engine.layer import KeptLinear
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant
from quant.model import upstream
from quant.model.attention import CrossAttention, CurrentContext

WIDTH, HEAD, TOKENS, WORDS, GROUPS, ALPHA = 64, 16, 21, 9, 2, 0.5


OUTLIERS = [5, 17]


LAYERS = ("self_attn.to_qkv", "self_attn.to_out", "cross_attn.to_q", "cross_attn.to_kv", "cross_attn.to_out")


FEED = ("ff.ff.0.proj", "ff.ff.2")


# By name: arguments of the library's block. Two heads share one of keys and values where the context is narrow.
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {"dim_context": WIDTH},
    "shared values": {"dim_context": WIDTH // 2},
    "one head of values": {"dim_context": HEAD},
    "normed heads": {"dim_context": WIDTH // 2, "attn_kwargs": {"qk_norm": "ln"}},
    "no context": {"cross_attend": False},
    "no bias": {"dim_context": WIDTH // 2, "ff_kwargs": {"no_bias": True, "mult": 1.5}},
}


def library_block(seed: int, **arguments: Any) -> Any:
    """A TransformerBlock of the library in float64, random throughout, with values that float32 holds."""
    library = upstream.stable_audio_tools("models.transformer")
    arguments = {"cross_attend": True, "norm_kwargs": {"bias": True}, "zero_init_branch_outputs": False} | arguments
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        block = library.TransformerBlock(WIDTH, dim_heads=HEAD, **arguments)
        for parameter in block.parameters():
            if parameter.ndim == 1:
                nn.init.normal_(parameter, std=0.5)
        for norm in (block.pre_norm, block.ff_norm, getattr(block, "cross_attend_norm", None)):
            if hasattr(norm, "gamma"):
                norm.gamma.data += 1
                norm.gamma.data[OUTLIERS] *= 30
    for name in ("self_attn.to_qkv", "cross_attn.to_q", "ff.ff.0.proj"):
        if hasattr(block, name.split(".")[0]):
            layer = block.get_submodule(name)
            layer.weight.data[:, OUTLIERS] /= 30
    return block.double().eval().requires_grad_(False)


def inputs_for(block: Any, generator: torch.Generator) -> list[dict[str, Any]]:
    library = upstream.stable_audio_tools("models.transformer")
    rotary = library.RotaryEmbedding(HEAD // 2).forward_from_seq_len(TOKENS)
    context = None
    if block.cross_attend:
        context = torch.randn(2, WORDS, block.dim_context, generator=generator).double()
        context[1] = 0
    return [
        {
            "x": (torch.randn(2, TOKENS, WIDTH, generator=generator) * size).double(),
            "context": context,
            "rotary_pos_emb": rotary,
        }
        for size in (3.0, 1.0)
    ]


def linears(block: Any) -> dict[str, nn.Linear]:
    return {name: layer for name, layer in block.named_modules() if isinstance(layer, nn.Linear)}


def observed(block: Any, given: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Largest input magnitudes (steps, in) of each of the block's layers in full precision."""
    seen: dict[str, list[Tensor]] = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, args, name=name: seen.setdefault(name, []).append(args[0].abs().flatten(0, -2).amax(0).float())
        )
        for name, layer in linears(block).items()
    ]
    for inputs in given:
        block(**inputs)
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(rows) for name, rows in seen.items()}


def converted(
    block: Any, given: list[dict[str, Any]], variant: Variant, step: CurrentStep, keep: tuple[str, ...] = ()
) -> Any:
    """The library's own block in float32 with integer layers inside and both savings of cross-attention."""
    tables, out = observed(block, given), copy.deepcopy(block).float()
    if out.cross_attend:
        current = CurrentContext()
        current.set(given[0]["context"].float())
        out.cross_attn = CrossAttention(out.cross_attn, current)
    for name, layer in linears(out).items():
        table = tables[name]
        if variant.groups == 1 or name.endswith("to_kv"):
            table = table.amax(0, keepdim=True)
        sharing = (1, 1)
        if name == "cross_attn.to_out":
            sharing = (out.cross_attn.num_heads // out.cross_attn.kv_heads, HEAD)
        new = KeptLinear.of(layer) if name in keep else IntegerLinear.of(layer, table, step, variant, ALPHA, sharing)
        put(out, name, new)
    return out


def single(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value.float() if isinstance(value, Tensor) else value for key, value in inputs.items()}


def powers(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Random factors that float32 multiplies and divides by without rounding."""
    return 2.0 ** torch.randint(-5, 6, shape, generator=generator)
