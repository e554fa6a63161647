"""A block in integers: every fold of smoothing factors is exact, and the whole is the library's block."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from library_blocks import (
    FEED,
    GROUPS,
    HEAD,
    LAYERS,
    SHAPES,
    TOKENS,
    WORDS,
    converted,
    inputs_for,
    library_block,
    powers,
    single,
)
from torch import Tensor

from quant.engine.block import IntegerBlock, compute_in_, fusible
from quant.engine.integer import IntegerLinear
from quant.kernels import cpu, paths
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, Variant
from quant.model import upstream


@pytest.fixture(params=SHAPES)
def block(request: pytest.FixtureRequest, seed: int) -> Any:
    return library_block(seed, **SHAPES[request.param])


@pytest.fixture
def given(block: Any, generator: torch.Generator) -> list[dict[str, Any]]:
    """What the block receives at the two steps; the second half of the batch is guidance's, with a prompt of zeros."""
    return inputs_for(block, generator)


@pytest.fixture
def step() -> CurrentStep:
    return CurrentStep(torch.zeros(GROUPS), "v", torch.arange(GROUPS))


def test_smoothing_leaves_the_block_exactly(
    block: Any, given: list[dict[str, Any]], step: CurrentStep, generator: torch.Generator
) -> None:
    """What the block divides out at one place is multiplied back into the library's next weight: nothing changes.

    In float64, with powers of two as factors, which differ from group to group.
    """
    generic = converted(block, given, replace(VARIANTS["sqd-w8a8"], groups=GROUPS), step)
    for name, layer in generic.named_modules():
        if isinstance(layer, IntegerLinear):
            layer.smoothing = powers((layer.groups, layer.in_features), generator)
            if name == "cross_attn.to_out":
                cross = generic.cross_attn
                shared = powers((layer.groups, cross.kv_heads, 1, HEAD), generator)
                layer.smoothing = shared.expand(-1, -1, cross.num_heads // cross.kv_heads, -1).flatten(1)
    if block.cross_attend:
        # Keys and values in float64: they are what is divided, not what is quantized.
        for name in ("to_kv", "k_norm"):
            if hasattr(block.cross_attn, name):
                setattr(generic.cross_attn, name, getattr(block.cross_attn, name))
    fused = IntegerBlock(generic)
    for index, inputs in enumerate(given):
        step.index = index
        ready, exact = fused.ready(), block(**inputs)
        again = copy.deepcopy(block)

        def smoothed(name: str, again: Any = again, index: int = index) -> tuple[Any, Tensor]:
            factor = generic.get_submodule(name).smoothing[index].double()
            layer = again.get_submodule(name)
            layer.weight.mul_(factor)
            return layer, factor

        def normed(norm: Any, found: Any) -> None:
            norm.gamma.copy_(found.gamma)
            norm.beta.copy_(found.beta)
            assert norm.eps == found.eps

        normed(again.pre_norm, ready.norms["self"])
        qkv, _ = smoothed("self_attn.to_qkv")
        qkv.weight.mul_((ready.qkv.scale / generic.self_attn.to_qkv.scale[index]).double()[:, None])
        smoothed("self_attn.to_out")
        normed(again.ff_norm, ready.norms["ff"])
        proj, _ = smoothed("ff.ff.0.proj")
        proj.weight[: proj.out_features // 2].mul_(ready.up_fold.double()[:, None])
        if proj.bias is not None:
            assert torch.equal(ready.up_gate_bias, proj.bias.float())
            proj.bias[: proj.out_features // 2].mul_(ready.up_fold.double())
        smoothed("ff.ff.2")
        if block.cross_attend:
            normed(again.cross_attend_norm, ready.norms["cross"])
            smoothed("cross_attn.to_q")
            _, factor = smoothed("cross_attn.to_out")
            kv, heads = again.cross_attn.to_kv, again.cross_attn.num_heads // again.cross_attn.kv_heads
            rows = factor.view(-1, heads, HEAD)
            assert torch.equal(rows, rows[:, :1].expand_as(rows))
            kv.weight[len(kv.weight) // 2 :].div_(rows[:, 0].flatten()[:, None])
            # The block divides the values themselves, after they were given to all heads that share them.
            context = inputs["context"]
            k, v = kv(context[:1]).view(1, WORDS, 2, -1, HEAD).permute(2, 0, 3, 1, 4)
            k = again.cross_attn.k_norm(k) if again.cross_attn.qk_norm == "ln" else k
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(cpu, "activation_dtype", lambda: torch.float64)
                found = fused.folded_values(context)
            assert torch.allclose(found[0], k.repeat_interleave(heads, 1), rtol=1e-12, atol=1e-12)
            assert torch.allclose(found[1], v.repeat_interleave(heads, 1), rtol=1e-12, atol=1e-12)

        result = again(**inputs)
        assert float((result - exact).abs().max()) <= 1e-12 * float(exact.abs().max())
        # All that was multiplied in and divided out does change the layers.
        assert float((again.ff.ff[2].weight - block.ff.ff[2].weight).abs().max()) > 0.01


@pytest.fixture(params=["native", "float"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.dtype]:
    """This processor, and one that multiplies floats alone, whose activations stay in float32 between products."""
    if request.param == "float":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    for cached in (cpu.method, cpu.activation_dtype, paths.compiled):
        cached.cache_clear()
    yield cpu.activation_dtype()
    for cached in (cpu.method, cpu.activation_dtype, paths.compiled):
        cached.cache_clear()


KINDS = [
    *(variant for variant in VARIANTS.values() if variant.scheme),
    *(replace(VARIANTS[name], groups=GROUPS) for name in ("sqd-w8a8", "sqd-lora-w8a8", "sqd-lora-w4a8")),
    replace(VARIANTS["sqd-lora-w4a8"], rank=8, lowrank="weight"),
    Variant("sqd-w8a7", "dynamic", 8, 7),
    Variant("sqs-w8a7", "static", 8, 7),
]


@pytest.mark.parametrize("variant", KINDS, ids=lambda v: f"{v.name}-{v.groups}-{v.lowrank}")
@pytest.mark.parametrize(
    ("block", "processor"),
    [*((shape, "float") for shape in SHAPES), *((shape, "native") for shape in ("no bias", "normed heads"))],
    indirect=True,
)
def test_block_is_the_librarys_with_the_same_layers(
    block: Any, given: list[dict[str, Any]], step: CurrentStep, variant: Variant, processor: torch.dtype
) -> None:
    """Apart are codes of values that lie on a border, and where activations are bfloat16, their 8 bits.

    A code that goes to the other side is off by a step d, where quantization's error has variance d^2/12: 2 of 100
    such codes make a difference of sqrt(12 / 50), half of what quantization costs. bfloat16 rounds queries, keys,
    values, the halves of the gate and the branch by 2^-9 each, and attention's exponential multiplies that by the
    size of its logits, below 8 here.
    """
    generic = converted(block, given, variant, step)
    fused = IntegerBlock(converted(block, given, variant, step))
    for index, inputs in enumerate(given):
        step.index = index
        exact = block(**inputs) - inputs["x"]
        expected = generic(**single(inputs)).double() - inputs["x"]
        found = fused(**single(inputs)).double() - inputs["x"]
        cost = float((expected - exact).norm())
        rounding = 2.0**-6 * float(exact.norm()) if processor == torch.bfloat16 else 0
        assert float((found - expected).norm()) < cost / 2 + rounding
        assert cost < float(exact.norm()) * (0.05 if variant.weight_bits == 8 else 0.3) * 2 ** (
            8 - variant.activation_bits
        )


@pytest.fixture
def usual(seed: int, generator: torch.Generator) -> tuple[Any, list[dict[str, Any]]]:
    """One block that shares values, and its inputs."""
    block = library_block(seed, **SHAPES["shared values"])
    return block, inputs_for(block, generator)


def test_asked_to_it_rounds_nothing_between_its_products(
    usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep
) -> None:
    """In float32 it is the library's block with the same layers, but for a few codes on a border.

    Activations of 2 bits have so few borders that most draws have no code on one: what is apart then is float32's.
    """
    block, given = usual
    variant, apart = Variant("x", "static", 8, 2), []
    for index, inputs in enumerate(given):
        step.index = index
        generic, fused = (converted(block, given, variant, step) for _ in range(2))
        fused = IntegerBlock(fused)
        compute_in_(SimpleNamespace(transformer=SimpleNamespace(layers=[fused])), torch.float32)
        expected, found = generic(**single(inputs)), fused(**single(inputs))
        assert fused.folded_values(single(inputs)["context"])[0].dtype == torch.float32
        apart.append(float((found - expected).norm() / (expected - inputs["x"].float()).norm()))
    assert min(apart) < 1e-4


@pytest.mark.parametrize("name", ["sqd-lora-w8a8", "sqs-w4a8"])
def test_guidance_half_sees_no_prompt(usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep, name: str) -> None:
    block, given = usual
    fused = IntegerBlock(converted(block, given, VARIANTS[name], step))
    inputs = single(given[0])
    current = fused.cross_attn._current[0]
    first = fused(**inputs)
    context = inputs["context"].clone()
    context[0] += 1
    current.set(context)
    second = fused(**(inputs | {"context": context}))
    assert torch.equal(second[1], first[1])
    assert float((second[0] - first[0]).abs().max()) > 1e-3
    # Alone, each half is what it is beside the other.
    current.set(context[1:])
    assert current.active == 0
    alone = {"rotary_pos_emb": inputs["rotary_pos_emb"]}
    assert torch.allclose(fused(inputs["x"][1:], context=context[1:], **alone), first[1:], rtol=1e-3, atol=1e-3)
    assert torch.allclose(fused(inputs["x"][1:], context=None, **alone), first[1:], rtol=1e-3, atol=1e-3)
    current.set(context[:1])
    assert torch.allclose(fused(inputs["x"][:1], context=context[:1], **alone), second[:1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("variant", KINDS, ids=lambda v: f"{v.name}-{v.groups}-{v.lowrank}")
def test_what_a_block_keeps_is_never_left_over(
    usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep, variant: Variant
) -> None:
    """Steps, prompts and lengths in turn, each as in a block that has seen nothing else."""
    block, given = usual

    def fresh() -> Any:
        return IntegerBlock(converted(block, given, variant, step))

    used = fresh()
    other = given[1]["context"].clone()
    other[0] *= -1
    library = upstream.stable_audio_tools("models.transformer")
    for index, context, tokens in (
        (0, given[0]["context"], TOKENS),
        (1, given[0]["context"], TOKENS),
        (1, other, TOKENS),
        (0, other, TOKENS),
        (0, other, TOKENS - 8),
        (1, given[0]["context"], TOKENS - 8),
        (0, given[0]["context"], TOKENS),
    ):
        step.index = index
        inputs = single(given[index]) | {
            "context": context.float(),
            "x": given[index]["x"][:, :tokens].float(),
            "rotary_pos_emb": library.RotaryEmbedding(HEAD // 2).forward_from_seq_len(tokens),
        }
        outputs = []
        for one in (used, fresh()):
            one.cross_attn._current[0].set(inputs["context"])
            outputs.append(one(**inputs))
        assert torch.equal(*outputs), (index, tokens)


def test_values_are_made_once_for_a_prompt_and_group(
    usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep
) -> None:
    block, given = usual
    fused = IntegerBlock(converted(block, given, replace(VARIANTS["sqd-w8a8"], groups=GROUPS), step))
    calls: list[int] = []
    fused.cross_attn.to_kv.register_forward_hook(lambda *_: calls.append(step.index))
    inputs = single(given[0])
    for index in (0, 0, 1, 1, 0):
        step.index = index
        fused(**inputs)
    assert calls == [0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_result_has_the_inputs_dtype(
    usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep, dtype: torch.dtype
) -> None:
    block, given = usual
    fused = IntegerBlock(converted(block, given, VARIANTS["sqd-w8a8"], step))
    expected, inputs = fused(**single(given[0])), single(given[0])
    found = fused(**(inputs | {"x": inputs["x"].to(dtype)}))
    assert found.dtype == dtype
    assert float((found.float() - expected).norm() / expected.norm()) < 0.02


@pytest.mark.parametrize("kept", [*LAYERS, *FEED])
def test_kept_layer_has_its_block_run_as_the_library_wrote_it(
    usual: tuple[Any, list[dict[str, Any]]], step: CurrentStep, kept: str
) -> None:
    """But for keys and values, which are computed outside of what is fused."""
    block, given = usual
    generic = converted(block, given, VARIANTS["sqd-w8a8"], step, keep=(kept,))
    assert fusible(generic) == (kept == "cross_attn.to_kv")
    exact = block(**given[0])
    for one in (generic, IntegerBlock(generic)) if fusible(generic) else (generic,):
        assert float((one(**single(given[0])).double() - exact).norm() / exact.norm()) < 0.03
