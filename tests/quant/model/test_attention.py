"""The savings of cross-attention change no result: against the library's own network, in float64."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import QUICK, SAMPLER_OF, inputs_of, model_config
from torch import Tensor, nn

from quant.model import upstream
from quant.model.attention import CrossAttention, CurrentContext, save_work_
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample

WIDTH, CONTEXT, CHANNELS, FRAMES, WORDS = 64, 32, 8, 12, 5

Network = Callable[..., Any]


@pytest.fixture
def network(seed: int) -> Network:
    """Makes a DiT of the library with random values throughout, in float64.

    Its two heads share one head of keys and values. Without rotation, which the library computes in float32, so
    that the last bits of float64 would be lost.
    """
    library = upstream.stable_audio_tools("models.dit")

    def make(depth: int = 2, rotary: bool = False, context: int = CONTEXT, **attention: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            dit = library.DiffusionTransformer(
                io_channels=CHANNELS,
                embed_dim=WIDTH,
                depth=depth,
                num_heads=2,
                cond_token_dim=context,
                project_cond_tokens=False,
                global_cond_dim=16,
                rotary_pos_emb=rotary,
                zero_init_branch_outputs=False,
                norm_kwargs={"bias": True},
                attn_kwargs=attention,
            ).double()
            for parameter in dit.parameters():
                if parameter.ndim == 1:
                    nn.init.normal_(parameter)
        return dit.eval().requires_grad_(False)

    return make


@pytest.fixture
def given(generator: torch.Generator) -> Callable[..., dict[str, Any]]:
    """Makes a step's inputs for a batch of prompts."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def make(batch: int = 1, guidance: float = 4.0, negative: bool = False, context: int = CONTEXT) -> dict[str, Any]:
        inputs: dict[str, Any] = {
            "x": draw(batch, CHANNELS, FRAMES),
            "t": torch.rand(batch, generator=generator, dtype=torch.float64),
            "cross_attn_cond": draw(batch, WORDS, context),
            "global_embed": draw(batch, 16),
            "cfg_scale": guidance,
            "use_checkpointing": False,
        }
        if negative:
            inputs["negative_cross_attn_cond"] = draw(batch, WORDS, context)
        return inputs

    return make


def saving(dit: Any) -> Any:
    copied = copy.deepcopy(dit)
    save_work_(copied)
    assert all(isinstance(block.cross_attn, CrossAttention) for block in copied.transformer.layers)
    return copied


def same(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 1e-12 * float(expected.abs().max())


def count_keys_values(dit: Any) -> Counter[int]:
    """Calls of ``to_kv`` by block, counted from now on."""
    calls: Counter[int] = Counter()
    for index, block in enumerate(dit.transformer.layers):
        block.cross_attn.to_kv.register_forward_hook(lambda *_, index=index: calls.update([index]))
    return calls


@pytest.mark.parametrize("qk_norm", ["none", "ln", "l2", "dyt"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_network_computes_what_the_librarys_does(
    network: Network, given: Callable[..., dict[str, Any]], qk_norm: str, guidance: float, negative: bool, batch: int
) -> None:
    dit = network(qk_norm=qk_norm)
    ours = saving(dit)
    for _ in range(2):
        inputs = given(batch, guidance, negative)
        same(ours(**inputs), dit(**inputs))


@pytest.mark.parametrize("context", [CONTEXT, WIDTH])
@pytest.mark.parametrize("qk_norm", ["none", "ln"])
def test_rotation_of_self_attention_is_untouched(
    network: Network, given: Callable[..., dict[str, Any]], context: int, qk_norm: str
) -> None:
    """One block, so that nothing is rotated in float32 after cross-attention; with and without shared values."""
    dit = network(depth=1, rotary=True, context=context, qk_norm=qk_norm)
    attention = dit.transformer.layers[0].cross_attn
    assert attention.num_heads // attention.kv_heads == WIDTH // context
    inputs = given(2, context=context)
    same(saving(dit)(**inputs), dit(**inputs))


def test_prompt_matters(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    """Or the comparisons above would prove nothing of cross-attention."""
    dit = saving(network())
    inputs = given()
    other = inputs | {"cross_attn_cond": given()["cross_attn_cond"]}
    assert float((dit(**inputs) - dit(**other)).abs().max()) > 1e-3


def test_keys_and_values_are_computed_once_a_prompt(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    dit = network()
    ours = saving(dit)
    calls = count_keys_values(ours)
    first, second = given(), given()
    steps = [given() for _ in range(3)]

    def run(step: dict[str, Any], prompt: dict[str, Any]) -> None:
        # A new tensor of the same values, as a sampler that concatenates anew for every step hands it over.
        inputs = step | {"cross_attn_cond": prompt["cross_attn_cond"].clone()}
        same(ours(**inputs), dit(**inputs))

    for step in steps:
        run(step, first)
    assert calls == {0: 1, 1: 1}
    for step in steps:
        run(step, second)
    assert calls == {0: 2, 1: 2}
    run(steps[0], first)
    assert calls == {0: 3, 1: 3}
    # Guidance switched off: the batch changes, and with it the context.
    run(steps[0] | {"cfg_scale": 1.0}, first)
    run(steps[1] | {"cfg_scale": 1.0}, first)
    assert calls == {0: 4, 1: 4}


def test_what_is_conditioned_on_is_projected_once(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    dit = network()
    ours, names = saving(dit), ("to_cond_embed", "to_global_embed")
    calls: Counter[str] = Counter()
    for name in names:
        getattr(ours, name)[0].register_forward_hook(lambda *_, name=name: calls.update([name]))

    def steps(prompt: dict[str, Any]) -> None:
        for step in (given(), given()):
            inputs = step | {name: prompt[name].clone() for name in ("cross_attn_cond", "global_embed")}
            same(ours(**inputs), dit(**inputs))

    for number, prompt in enumerate((given(), given()), start=1):
        steps(prompt)
        assert calls == dict.fromkeys(names, number)
    for network_ in (dit, ours):  # as when a model is rounded, or an adapter merged
        network_.to_global_embed[2].weight.mul_(-0.5)
        network_.to_cond_embed[0].weight = nn.Parameter(2 * network_.to_cond_embed[0].weight, requires_grad=False)
    steps(prompt)
    assert calls == dict.fromkeys(names, 3)
    ours.transformer.current_context.reset()
    steps(prompt)
    assert calls == dict.fromkeys(names, 4)


def test_reset_has_them_computed_anew(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    dit = network()
    ours = saving(dit)
    calls = count_keys_values(ours)
    inputs = given()
    same(ours(**inputs), dit(**inputs))
    for network_ in (dit, ours):
        network_.transformer.layers[1].cross_attn.to_kv.weight.mul_(-0.5)
    ours.transformer.current_context.reset()
    same(ours(**inputs), dit(**inputs))
    assert calls == {0: 2, 1: 2}


@pytest.mark.parametrize("qk_norm", ["none", "ln", "l2", "dyt"])
@pytest.mark.parametrize("zero", [(0,), (1,), (0, 1), (0, 2), (1, 2), (2,), ()])
def test_prompts_of_zeros_anywhere_in_the_batch(
    network: Network, given: Callable[..., dict[str, Any]], qk_norm: str, zero: tuple[int, ...]
) -> None:
    dit = network(qk_norm=qk_norm)
    ours = saving(dit)
    inputs = given(3, guidance=1.0)
    inputs["cross_attn_cond"][list(zero)] = 0
    same(ours(**inputs), dit(**inputs))
    inputs["cross_attn_cond"].zero_()
    same(ours(**inputs), dit(**inputs))
    assert ours.transformer.current_context.active == 0


def test_null_half_of_guidance_is_not_computed(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    ours = saving(network())
    seen: list[int] = []
    for block in ours.transformer.layers:
        for name in ("to_q", "to_kv", "to_out"):
            getattr(block.cross_attn, name).register_forward_hook(lambda _, args, out: seen.append(len(args[0])))
    ours(**given(2))
    assert seen == [2] * 6
    seen.clear()
    ours(**given(2, negative=True))
    assert seen == [4] * 6


def test_network_without_a_prompt_runs(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    dit = network()
    ours = saving(dit)
    for inputs in (given(), given() | {"cross_attn_cond": None}, given()):
        same(ours(**inputs), dit(**inputs))


def test_change_of_precision_is_a_change_of_context(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    ours = saving(network())
    inputs = given()
    double = ours(**inputs)
    single = ours.float()(**{k: v.float() if isinstance(v, Tensor) else v for k, v in inputs.items()})
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), double, rtol=1e-3, atol=1e-3)


def test_copy_follows_its_own_prompt(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    dit = network()
    ours = saving(dit)
    first, second = given(), given()
    same(ours(**first), dit(**first))
    other = copy.deepcopy(ours)
    same(other(**second), dit(**second))
    same(ours(**first), dit(**first))
    same(other(**second), dit(**second))


def test_training_sees_every_change_of_the_weights(network: Network, given: Callable[..., dict[str, Any]]) -> None:
    """Same prompt, step after step, as the same context: gradients and updates are the library's."""
    dit = network().requires_grad_(True).train()
    dit.to_cond_embed.requires_grad_(False)
    ours = saving(dit)
    inputs = given(2, guidance=1.0)
    inputs["cross_attn_cond"][1] = 0  # as when the prompt is dropped out
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.01) for model in (dit, ours)]
    for _ in range(3):
        for model, optimizer in zip((dit, ours), optimizers, strict=True):
            optimizer.zero_grad()
            model(**inputs).square().mean().backward()
            optimizer.step()
        mine, theirs = dict(ours.named_parameters()), dict(dit.named_parameters())
        assert mine.keys() == theirs.keys()
        assert any(name.endswith("to_kv.weight") and p.grad.any() for name, p in theirs.items() if p.grad is not None)
        for name, parameter in theirs.items():
            assert (mine[name].grad is None) == (parameter.grad is None), name
            if parameter.grad is not None:
                assert torch.allclose(mine[name].grad, parameter.grad, rtol=1e-9, atol=1e-12), name
            assert torch.allclose(mine[name], parameter, rtol=1e-9, atol=1e-12), name


@pytest.mark.parametrize("kind", ["differential", "feat_scale", "biased to_out", "biased to_kv"])
def test_unusual_attention_stays_as_it_is(
    network: Network, given: Callable[..., dict[str, Any]], kind: str, generator: torch.Generator
) -> None:
    """A bias on the context's path, for one, gives a null prompt a result that is not zero."""
    dit = network(**({kind: True} if kind in ("differential", "feat_scale") else {}))
    if kind.startswith("biased"):
        name = kind.split()[1]
        for block in dit.transformer.layers:
            old = getattr(block.cross_attn, name)
            new = nn.Linear(old.in_features, old.out_features, dtype=torch.float64).requires_grad_(False)
            new.bias.copy_(torch.randn(len(new.bias), generator=generator))
            setattr(block.cross_attn, name, new)
    ours = copy.deepcopy(dit)
    save_work_(ours)
    assert not any(isinstance(module, CrossAttention) for module in ours.modules())
    inputs = given(2)
    assert torch.equal(ours(**inputs), dit(**inputs))


def test_parameters_keep_their_names(network: Network) -> None:
    dit = network(qk_norm="ln")
    mine, theirs = saving(dit).state_dict(), dit.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def test_context_is_compared_by_value() -> None:
    current = CurrentContext()
    context = torch.zeros(3, 2, 2)
    context[1, 0, 1] = 1e-30
    current.set(context)
    assert (current.version, current.active) == (1, 2)
    current.set(context.clone())
    assert current.version == 1
    context[2, 1, 1] = -1
    current.set(context)
    assert (current.version, current.active) == (2, 3)
    current.set(context[:2])
    assert (current.version, current.active) == (3, 2)
    current.set(context[:2].double())
    assert current.version == 4
    current.reset()
    current.set(context[:2].double())
    assert current.version == 5
    current.set(torch.full((1, 1, 1), torch.nan))
    assert (current.version, current.active) == (6, 1)


@pytest.mark.parametrize("objective", ["v", "rf_denoiser"])
def test_loaded_model_predicts_what_the_library_alone_does(
    at_home: Path, loaded: dict[str, AudioModel], objective: str
) -> None:
    """A whole model, built by the library without us, at every step of a clip."""
    ours = loaded[objective]
    with contextlib.redirect_stdout(None):
        theirs = upstream.stable_audio_tools("models.factory").create_model_from_config(model_config(objective))
    theirs.load_state_dict(ours.wrapper.state_dict())
    theirs.eval().requires_grad_(False)
    assert not any(isinstance(module, CrossAttention) for module in theirs.modules())
    with inputs_of(ours) as steps:
        sample(ours, "rain on a roof", 0, replace(QUICK, sampler=SAMPLER_OF[objective]))
    assert len(steps) == QUICK.steps
    conditioning = ours.condition(["rain on a roof"], QUICK.seconds)
    for x, t in steps:
        found, expected = (
            model.model(x, t, cfg_scale=4.0, use_checkpointing=False, **conditioning)
            for model in (ours.wrapper, theirs)
        )
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
