"""The time of a step is that of all blocks though few are run, and what is timed leaves the model as it was."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from tiny_models import QUICK, SAMPLER_OF
from torch import nn

from quant.inspect import pace
from quant.inspect.pace import kinds_of_block, paces
from quant.inspect.sensitivity import layer_kind
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel, build, load_model
from quant.rendering.sampling import Sampling, sample

SETTINGS = Sampling(seconds=1.0)


@pytest.fixture(scope="module")
def mini() -> AudioModel:
    return load_model("mini")


@pytest.mark.parametrize("name", ["baseline", "sqd-lora-w8a8"])
def test_every_block_counts(name: str, mini: AudioModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which each block takes a second, and what is not a block a quarter."""
    clock = [0.0]

    def pass_time(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("quant.inspect.pace.time.perf_counter", lambda: clock[0])
    hooks = [block.register_forward_hook(lambda *_: pass_time(1.0)) for block in mini.dit.transformer.layers]
    hooks.append(mini.dit.transformer.project_out.register_forward_hook(lambda *_: pass_time(0.25)))
    # Fused blocks are others, without these hooks; with a kept layer the library's stay.
    keep = ("ff.ff.2",) if VARIANTS[name].scheme else ()
    try:
        found = paces(mini, SETTINGS, [replace(VARIANTS[name], keep=keep)])[name]
    finally:
        for hook in hooks:
            hook.remove()
    assert (found.low, found.middle, found.high) == (6.25, 6.25, 6.25)


def test_variants_take_turns_and_those_of_other_bits_take_the_same_time(mini: AudioModel) -> None:
    done: list[tuple[int, int]] = []
    finite: list[bool] = []
    hook = mini.dit.register_forward_hook(lambda _, given, out: finite.append(bool(out.isfinite().all())))
    found = paces(mini, SETTINGS, list(VARIANTS.values()), lambda *counts: done.append(counts))
    hook.remove()
    assert list(found) == list(VARIANTS)
    assert found["sqs-w8a8"] == found["sqs-w4a8"]
    assert found["sqd-w8a8"] == found["sqd-w4a8"]
    assert all(0 < one.low <= one.middle <= one.high for one in found.values())
    assert len({one.middle for one in found.values()}) == 5
    assert done[-1] == (5 * pace.ROUNDS, 5 * pace.ROUNDS)
    # Nothing that looks for NaN or infinity along a run is set off by random codes.
    assert len(finite) == 5 * pace.ROUNDS * pace.STEPS
    assert all(finite)


@pytest.mark.parametrize(("objective", "guidance"), [("v", 4.0), ("rectified_flow", 1.0)])
def test_rows_are_those_of_a_run_with_all_blocks(
    objective: str, guidance: float, loaded: dict[str, AudioModel]
) -> None:
    model = loaded[objective]
    settings = replace(QUICK, sampler=SAMPLER_OF[objective], cfg_scale=guidance)
    model.dit.transformer.current_context.reset()
    found = paces(model, settings, [VARIANTS["baseline"]])["baseline"].rows
    model.dit.transformer.current_context.reset()
    seen: dict[str, list[int]] = {}

    def count(name: str, _: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        seen.setdefault(name, []).append(given[0].flatten(0, -2).shape[0])

    layers = {name: part for name, part in model.dit.named_modules() if isinstance(part, nn.Linear)}
    hooks = [
        part.register_forward_pre_hook(partial(count, name)) for name, part in layers.items() if ".layers." in name
    ]
    sample(model, pace.PROMPT, 0, settings)
    for hook in hooks:
        hook.remove()
    assert {layer_kind(name) for name in seen} == set(found)
    for name, counts in seen.items():
        assert found[layer_kind(name)] == (counts[1] if len(counts) > 1 else 0, counts[0])


def test_the_model_is_as_before(loaded: dict[str, AudioModel]) -> None:
    model = loaded["v"]
    before = {name: value.clone() for name, value in model.wrapper.state_dict().items()}
    parts, clip = dict(model.wrapper.named_modules()), sample(model, "rain", 3, QUICK)
    paces(model, QUICK, [VARIANTS["baseline"], VARIANTS["sqd-lora-w4a8"]])
    assert dict(model.wrapper.named_modules()) == parts
    assert all(torch.equal(value, before[name]) for name, value in model.wrapper.state_dict().items())
    assert torch.equal(sample(model, "rain", 3, QUICK), clip)


def test_blocks_are_told_apart_by_their_tensors_and_what_is_kept(mini: AudioModel) -> None:
    config = {**mini.config, "model": {**mini.config["model"]}}
    diffusion = config["model"]["diffusion"]
    config["model"]["diffusion"] = {**diffusion, "config": {**diffusion["config"], "final_cross_attn_ix": 2}}
    dit = build(config, values=False).model.model
    assert kinds_of_block(dit) == [[0, 1, 2], [3, 4, 5]]
    assert kinds_of_block(dit, ["transformer.layers.4.ff.ff.2"]) == [[0, 1, 2], [3, 5], [4]]
