"""A block in integers: every fold of smoothing factors is exact, and the whole is the library's block."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from quant.engine.block import IntegerBlock, compute_in_, fuse_, fusible
from quant.engine.convert import replace as put
from quant.engine.integer import IntegerLinear, KeptLinear
from quant.kernels import cpu
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, Variant
from quant.model import upstream
from quant.model.attention import CrossAttention, CurrentContext, save_work_

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


@pytest.fixture(params=SHAPES)
def block(request: pytest.FixtureRequest, seed: int) -> Any:
    return library_block(seed, **SHAPES[request.param])


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


@pytest.fixture
def given(block: Any, generator: torch.Generator) -> list[dict[str, Any]]:
    """What the block receives at the two steps; the second half of the batch is guidance's, with a prompt of zeros."""
    return inputs_for(block, generator)


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


@pytest.fixture
def step() -> CurrentStep:
    return CurrentStep(torch.zeros(GROUPS), "v", torch.arange(GROUPS))


def powers(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Random factors that float32 multiplies and divides by without rounding."""
    return 2.0 ** torch.randint(-5, 6, shape, generator=generator)


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
    for cached in (cpu.method, cpu.activation_dtype):
        cached.cache_clear()
    yield cpu.activation_dtype()
    for cached in (cpu.method, cpu.activation_dtype):
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
