"""NaN and infinity stop a rendering at the first, with prompt, seed, step and layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import PROMPTS, QUICK, SAMPLER_OF, fresh, one_line
from torch import Tensor

from quant.engine.convert import quantize_
from quant.errors import CalibrationError, NumberError
from quant.method.calibration import read_calibration
from quant.method.variants import VARIANTS, EngineName
from quant.model.loading import AudioModel
from quant.rendering.calibrate import calibrate
from quant.rendering.clips import render
from quant.rendering.numbers import Watch, origin
from quant.rendering.sampling import sample, sample_batch

BAD = [math.nan, math.inf, -math.inf]
FEED = "transformer.layers.1.ff.ff.0.proj"


@pytest.fixture
def model(at_home: Path, folders: dict[str, Path]) -> AudioModel:
    return fresh(folders["v"])


def refusal(run: Callable[[], Any]) -> str:
    with pytest.raises(NumberError) as caught:
        run()
    return one_line(caught.value)


def from_step(model: AudioModel, step: int, spoil: Callable[[], object]) -> Callable[[int, int], None]:
    """Progress that spoils a model such that ``step``, the first being 1, is the first to go wrong."""

    def progress(done: int, total: int) -> None:
        if done == step - 1:
            spoil()

    if step == 1:
        spoil()
    return progress


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_weight_that_is_none_stops_the_clip_at_its_first_step(model: AudioModel, value: float, step: int) -> None:
    layer = model.dit.get_submodule(FEED)
    steps: list[int] = []
    spoil = from_step(model, step, lambda: layer.weight.data[3, 7].fill_(value))

    def progress(done: int, total: int) -> None:
        steps.append(done)
        spoil(done, total)

    message = refusal(lambda: render(model, "rain\n on  a roof", 1000, QUICK, progress))
    assert message == (
        f"'rain on a roof', seed 1000: NaN or infinity at step {step} of 3, first from {FEED} "
        "(its weight is not finite); check the model's weights"
    )
    assert steps == list(range(1, step))
    assert not any(module._forward_hooks for name, module in model.dit.named_modules() if name.endswith("proj"))


@pytest.mark.parametrize("objective", ["rectified_flow", "rf_denoiser"])
def test_in_every_family_of_samplers(at_home: Path, folders: dict[str, Path], objective: str) -> None:
    model = fresh(folders[objective])
    settings = replace(QUICK, sampler=SAMPLER_OF[objective])
    layer = model.dit.get_submodule(FEED)
    spoil = from_step(model, 2, lambda: layer.bias.data[3].fill_(math.nan))
    message = refusal(lambda: render(model, "rain", 1000, settings, spoil))
    assert f"at step 2 of 3, first from {FEED} (its bias is not finite)" in message


def test_the_first_of_several_layers_is_named_and_what_arises_between_two(model: AudioModel) -> None:
    for name in ("transformer.layers.1.ff.ff.2", "transformer.layers.0.self_attn.to_qkv"):
        model.dit.get_submodule(name).weight.data[0, 0] = math.inf
    assert "first from transformer.layers.0.self_attn.to_qkv (" in refusal(lambda: sample(model, "rain", 5, QUICK))


def test_numbers_that_grow_too_large_between_layers(model: AudioModel) -> None:
    """All weights are finite: queries and keys are too large for their product."""
    layer = model.dit.get_submodule("transformer.layers.0.self_attn.to_qkv")
    layer.weight.data.mul_(1e25)
    message = refusal(lambda: sample(model, "rain", 5, QUICK))
    assert "first in what goes into transformer.layers.0.self_attn.to_out;" in message


def test_keys_and_values_are_looked_at_though_they_are_computed_once(model: AudioModel) -> None:
    name = "transformer.layers.0.cross_attn.to_kv"
    sample(model, "rain", 5, QUICK)
    model.dit.get_submodule(name).weight.data[-1, 0] = math.nan
    assert f"at step 1 of 3, first from {name} (" in refusal(lambda: sample(model, "hail", 5, QUICK))


def test_of_several_clips_the_one_is_named(model: AudioModel) -> None:
    """One prompt's conditioning alone is spoilt."""
    states = model.wrapper.conditioner.conditioners["prompt"]
    states.register_forward_hook(lambda _, given, out: (out[0] + _nan_for("wind", given[0]), out[1]))
    message = refusal(lambda: sample_batch(model, ["rain", "wind", "surf"], [5, 6, 7], QUICK))
    assert message.startswith("'wind', seed 6: NaN or infinity at step 1 of 3, in the conditioning, ")
    assert "conditioners.prompt;" in message


def _nan_for(prompt: str, prompts: list[str]) -> Tensor:
    return torch.tensor([[[math.nan if text == prompt else 0.0]] for text in prompts])


def test_the_autoencoder_is_named_with_its_layer(model: AudioModel) -> None:
    decoder = model.wrapper.pretransform.model.decoder
    name, layer = [(n, m) for n, m in decoder.named_modules() if isinstance(m, torch.nn.ConvTranspose1d)][-1]
    layer.bias.data[0] = math.nan
    message = refusal(lambda: render(model, "rain", 1000, QUICK))
    assert message == (
        f"'rain', seed 1000: NaN or infinity in the autoencoder, first from model.decoder.{name} "
        "(its bias is not finite); check the model's weights"
    )


@pytest.mark.parametrize("variant", ["sqs-w8a8", "sqd-lora-w8a8"])
@pytest.mark.parametrize("engine", ["integer", "reference"])
def test_a_quantized_layer_is_named_with_its_tensor(
    model: AudioModel, calibration_file: Path, variant: str, engine: EngineName
) -> None:
    quantize_(model, VARIANTS[variant], read_calibration(calibration_file), engine=engine)
    bias: Any = model.dit.get_submodule("transformer.layers.1.ff.ff.2").bias
    bias[3] = math.nan
    message = refusal(lambda: render(model, "rain", 1000, QUICK))
    # A fused block computes its layers itself.
    where = (
        "transformer.layers.1 (its ff.ff.2.bias" if engine == "integer" else "transformer.layers.1.ff.ff.2 (its bias"
    )
    assert f"at step 1 of 3, first from {where} is not finite); " in message
    assert "quantization.keep" in message


def test_the_samplers_own_arithmetic_may_be_too_large(model: AudioModel) -> None:
    """Every answer is finite, and their combination is not."""

    def network(x: Tensor, t: Tensor, time: Tensor, **conditioning: Any) -> Tensor:
        return torch.full_like(x, 3e38)

    assert ", from the sampler; " in refusal(lambda: sample(model, "rain", 5, QUICK, network=network))


def test_where_nothing_waits_for_the_device_the_first_is_found_afterwards(model: AudioModel) -> None:
    """As on a GPU: answers are of another device, here one without values; their looks are read at the end."""
    watch = Watch(model, ["rain"], [5], 3)
    x, out = torch.zeros(1, 8, 63), torch.zeros(1, 8, 63, device="meta")
    for step in (1, 2, 3):
        watch.answer(step, x, torch.ones(1), {}, out)
    assert [call.step for call in watch._calls] == [1, 2, 3]
    for call, finite in zip(watch._calls, (True, False, False), strict=True):
        call.finite = torch.tensor([finite])
    model.dit.get_submodule(FEED).bias.data[0] = math.nan
    watch._calls[1].conditioning = {"cross_attn_cond": torch.zeros(1, 3, 32), "global_cond": torch.zeros(1, 64)}
    message = refusal(lambda: watch.latents(torch.zeros(1, 8, 63)))
    assert f"at step 2 of 3, first from {FEED} (its bias is not finite)" in message


def test_ranges_that_are_none_are_never_kept(model: AudioModel, tmp_path: Path) -> None:
    """Infinity in the token of the timestep, which is cut off after the last block, reaches no answer."""
    last = model.dit.transformer.layers[-1]
    glu = last.ff.ff[0]
    spoilt = glu.register_forward_hook(lambda _, given, out: torch.cat((out[:, :1] * math.inf, out[:, 1:]), 1))
    path = tmp_path / "c.safetensors"
    assert bool(sample(model, "rain", 5, QUICK).isfinite().all())
    with pytest.raises(CalibrationError, match=r"at step 1 of 3, in what goes into transformer\.layers\.1\.ff\.ff\.2;"):
        calibrate(model, PROMPTS, QUICK, path)
    assert not path.exists()
    spoilt.remove()


def test_a_run_without_fault_comes_from_nowhere() -> None:
    assert origin(layer := torch.nn.Sequential(torch.nn.Linear(2, 2)), lambda: layer(torch.ones(2))) == (
        "from its own arithmetic"
    )
