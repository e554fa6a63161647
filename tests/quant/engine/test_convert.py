"""A whole model converted in place: what a user hears of it, and what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from integer_layers import fused
from tiny_models import LAYERS, PROMPTS, QUICK, fresh, one_line
from torch import Tensor, nn

from quant.engine.convert import quantize_
from quant.engine.integer import IntegerLinear
from quant.engine.layer import KeptLinear
from quant.engine.reference import DynamicLinear, StaticLinear, linear_layers
from quant.errors import CalibrationError, ModelError, VariantError
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample, sample_batch

FOUR_BITS = {
    "static": VARIANTS["sqs-w4a8"],
    "dynamic": VARIANTS["sqd-w4a8"],
    "lora": Variant("sqd-lora-w4a8", "dynamic", 4, 8, rank=32),
}
EIGHT_BITS = {"static": VARIANTS["sqs-w8a8"], "dynamic": VARIANTS["sqd-w8a8"], "lora": VARIANTS["sqd-lora-w8a8"]}


def test_baseline_is_left_as_it_is(folders: dict[str, Path], calibration: Calibration) -> None:
    model = fresh(folders["v"])
    before = {key: value.clone() for key, value in model.wrapper.state_dict().items()}
    quantize_(model, VARIANTS["baseline"], calibration)
    after = model.wrapper.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize(
    ("name", "kind"), [("sqs-w8a8", StaticLinear), ("sqd-w8a8", DynamicLinear), ("sqd-lora-w8a8", DynamicLinear)]
)
def test_every_layer_of_the_blocks_is_quantized_and_nothing_else(
    quantized: Callable[[Variant], AudioModel], loaded: dict[str, AudioModel], name: str, kind: type, engine: EngineName
) -> None:
    model = quantized(VARIANTS[name])
    assert not linear_layers(model.dit)
    kind = IntegerLinear if engine == "integer" else kind
    names = {path for path, module in model.dit.named_modules() if isinstance(module, kind)}
    assert names == set(linear_layers(loaded["v"].dit))
    mine, theirs = model.wrapper.state_dict(), dict(loaded["v"].wrapper.state_dict())
    for key in [key for key in theirs if engine == "integer" and key.endswith("weight_g")]:
        # The integer engine keeps normalized weights as what they are.
        g, v = theirs.pop(key), theirs.pop(f"{key[:-1]}v")
        theirs[key[:-2]] = v * (g / v.flatten(1).norm(dim=1).view(g.shape))
    others = [key for key in theirs if not any(key.startswith(f"model.model.{path}.") for path in names)]
    assert len(others) > 50
    for key in others:
        exact = engine == "reference" or key.endswith("inv_freq")
        expected = theirs[key] if exact else theirs[key].half().float()
        if key.startswith("pretransform."):  # the norm may be summed in another order
            assert torch.allclose(mine[key], expected, rtol=2.0**-10, atol=1e-7), key
        else:
            assert torch.equal(mine[key], expected), key


def test_weight_is_free_when_its_codes_are_made(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName
) -> None:
    """A model of a billion parameters is never in memory in both forms."""
    model = fresh(folders["v"])
    weights = [weakref.ref(layer.weight) for layer in linear_layers(model.dit).values()]
    held: list[int] = []
    quantize_(
        model,
        VARIANTS["sqd-w8a8"],
        calibration,
        engine=engine,
        progress=lambda done, total: held.append(sum(weight() is not None for weight in weights)),
    )
    assert held == list(range(LAYERS - 1, -1, -1))


def test_progress_counts_layers(folders: dict[str, Path], calibration: Calibration, engine: EngineName) -> None:
    calls: list[tuple[int, int]] = []
    model = fresh(folders["v"])
    quantize_(model, VARIANTS["sqs-w8a8"], calibration, engine=engine, progress=lambda *call: calls.append(call))
    assert calls == [(i, LAYERS) for i in range(1, LAYERS + 1)]


@pytest.mark.parametrize("scheme", ["static", "dynamic", "lora"])
def test_eight_bits_are_close_and_much_better_than_four(
    quantized: Callable[[Variant], AudioModel], network_error: Callable[[AudioModel], float], scheme: str
) -> None:
    nearest = replace(FOUR_BITS[scheme], rounding="nearest")
    eight, four = (network_error(quantized(variant)) for variant in (EIGHT_BITS[scheme], nearest))
    assert 0 < eight < 0.05
    assert eight < four / 3


def test_scales_of_each_step_beat_static_ones_at_eight_bits(
    quantized: Callable[[Variant], AudioModel], network_error: Callable[[AudioModel], float]
) -> None:
    assert network_error(quantized(EIGHT_BITS["dynamic"])) < network_error(quantized(EIGHT_BITS["static"]))


def test_branch_helps_at_four_bits(
    quantized: Callable[[Variant], AudioModel], network_error: Callable[[AudioModel], float]
) -> None:
    assert network_error(quantized(FOUR_BITS["lora"])) < network_error(quantized(FOUR_BITS["dynamic"]))


def test_smoothing_helps_where_channels_have_outliers(
    folders: dict[str, Path],
    calibration: Calibration,
    quantized: Callable[[Variant], AudioModel],
    network_error: Callable[[AudioModel], float],
) -> None:
    """Against the same bits and scales without smoothing, written here."""
    plain = fresh(folders["v"])
    for name, layer in linear_layers(plain.dit).items():
        unit = layer.weight.abs().amax(1, keepdim=True) / 127
        layer.weight.copy_((layer.weight / unit).round() * unit)
        step = float(calibration.absmax(name).max()) / 127
        layer.register_forward_pre_hook(lambda _, args, s=step: ((args[0] / s).round().clamp(-127, 127) * s,))
    unsmoothed = network_error(plain)
    assert network_error(quantized(VARIANTS["sqs-w8a8"])) < unsmoothed / 5
    assert network_error(quantized(VARIANTS["sqd-w8a8"])) < unsmoothed / 5


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8"])
def test_latents_differ_from_the_baselines_but_not_by_much(
    quantized: Callable[[Variant], AudioModel], loaded: dict[str, AudioModel], name: str
) -> None:
    exact = sample_batch(loaded["v"], PROMPTS, [0, 1], QUICK)
    found = sample_batch(quantized(VARIANTS[name]), PROMPTS, [0, 1], QUICK)
    assert not torch.equal(found, exact)
    assert float((found - exact).norm() / exact.norm()) < 0.1


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-lora-w8a8"])
def test_conversion_is_repeatable(quantized: Callable[[Variant], AudioModel], name: str) -> None:
    first, second = (quantized(VARIANTS[name]).wrapper.state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("engine", ["reference"], indirect=True)
def test_unconditional_half_sees_no_prompt(quantized: Callable[[Variant], AudioModel]) -> None:
    """Guidance's null context is zero and passes quantized cross-attention as zero, whatever the prompt was."""
    model = quantized(VARIANTS["sqd-lora-w8a8"])
    outputs: list[Tensor] = []
    for block in model.dit.transformer.layers:
        block.cross_attn.register_forward_hook(lambda _, args, out: outputs.append(out))
    sample(model, "rain on a roof", 0, QUICK)
    assert outputs
    for out in outputs:
        assert out[0].any()
        assert not out[1].any()


@pytest.mark.parametrize(
    "keep", [("ff.2",), ("transformer.layers.1.ff.ff.2",), ("to_kv",), ("cross_attn.to_q", "ff.2")]
)
def test_kept_layers_stay_in_16_bits(
    folders: dict[str, Path],
    calibration: Calibration,
    loaded: dict[str, AudioModel],
    network_error: Callable[[AudioModel], float],
    engine: EngineName,
    keep: tuple[str, ...],
) -> None:
    model = fresh(folders["v"])
    quantize_(model, replace(VARIANTS["sqs-w4a8"], keep=keep), calibration, engine=engine)
    originals = linear_layers(loaded["v"].dit)
    expected = {name for name in originals if any(name.endswith(f".{end}") or name == end for end in keep)}
    assert len(expected) == (1 if keep[0].startswith("transformer") else 2 * len(keep))
    found = {name: layer for name, layer in model.dit.named_modules() if isinstance(layer, KeptLinear)}
    assert set(found) == expected
    for name, layer in found.items():
        assert layer.weight.dtype == torch.float16
        assert torch.equal(layer.weight, originals[name].weight.half())
    if engine == "integer":
        # A block with a layer kept runs as the library wrote it; keys and values are outside of what is fused.
        assert fused(model) == [
            not any(f"layers.{i}.{n}" in name for name in expected for n in ("ff", "cross_attn.to_q")) for i in (0, 1)
        ]
    whole = fresh(folders["v"])
    quantize_(whole, VARIANTS["sqs-w4a8"], calibration, engine=engine)
    assert 0 < network_error(model) < 0.2
    if "ff.2" in keep:
        assert network_error(model) < network_error(whole)


def test_model_with_every_layer_kept_is_full_precision_but_for_16_bits(
    folders: dict[str, Path], calibration: Calibration, network_error: Callable[[AudioModel], float], engine: EngineName
) -> None:
    model = fresh(folders["v"])
    every = ("to_qkv", "to_out", "to_q", "to_kv", "proj", "2")
    quantize_(model, replace(VARIANTS["sqd-w8a8"], keep=every), calibration, engine=engine)
    assert sum(isinstance(layer, KeptLinear) for layer in model.dit.modules()) == LAYERS
    assert network_error(model) < 1e-3


@pytest.mark.parametrize("entry", ["ff.3", "f.2", "to_", "", "layers.7.ff.ff.2", "ff.2 "])
def test_kept_layer_that_is_none_is_refused_with_the_choices(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName, entry: str
) -> None:
    model = fresh(folders["v"])
    with pytest.raises(VariantError) as caught:
        quantize_(model, replace(VARIANTS["sqs-w8a8"], keep=("ff.2", entry)), calibration, engine=engine)
    message = one_line(caught.value)
    assert message.startswith(f"keep: {entry} names no linear layer")
    choices = message.partition("choose from ")[2].split(", ")
    assert set(choices) == {
        *("self_attn.to_qkv", "self_attn.to_out", "cross_attn.to_q", "cross_attn.to_kv", "cross_attn.to_out"),
        *("ff.ff.0.proj", "ff.ff.2"),
    }
    assert len(linear_layers(model.dit)) == LAYERS
    # And each of the choices is one.
    quantize_(model, replace(VARIANTS["sqs-w8a8"], keep=tuple(choices)), calibration, engine=engine)


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-lora-w4a8"])
def test_a_clip_does_not_depend_on_the_one_before(quantized: Callable[[Variant], AudioModel], name: str) -> None:
    used = quantized(VARIANTS[name])
    sample(used, "rain on a roof", 0, QUICK)
    for prompt, settings in (("a dog barks", QUICK), ("a dog barks", replace(QUICK, cfg_scale=1.0))):
        found = sample(used, prompt, 3, settings)
        assert torch.equal(found, sample(quantized(VARIANTS[name]), prompt, 3, settings))


def test_model_without_layers_to_quantize_is_refused(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName
) -> None:
    model = fresh(folders["v"])
    model.dit.transformer.layers = nn.ModuleList()
    with pytest.raises(ModelError) as caught:
        quantize_(model, VARIANTS["sqs-w8a8"], calibration, engine=engine)
    message = one_line(caught.value)
    assert message.startswith(f"{model.name}: ")
    assert "no linear layers" in message


def test_calibration_of_another_model_is_refused(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName
) -> None:
    model = fresh(folders["rf_denoiser"])
    with pytest.raises(CalibrationError) as caught:
        quantize_(model, VARIANTS["sqs-w8a8"], calibration, engine=engine)
    message = one_line(caught.value)
    assert model.sha256[:12] in message
    assert calibration.model_sha256[:12] in message
    assert "earmark calibrate" in message
    assert len(linear_layers(model.dit)) == LAYERS


def test_calibration_of_another_configuration_is_refused(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName
) -> None:
    model = fresh(folders["v"])
    model.config["model"]["diffusion"]["config"]["causal"] = True
    with pytest.raises(CalibrationError, match=r"another configuration than that of .*run earmark calibrate again"):
        quantize_(model, VARIANTS["sqs-w8a8"], calibration, engine=engine)
    assert len(linear_layers(model.dit)) == LAYERS


def test_calibration_that_lacks_a_layer_is_refused(folders: dict[str, Path], calibration: Calibration) -> None:
    name = "transformer.layers.1.ff.ff.2"
    low = {key: value for key, value in calibration.low.items() if key != name}
    model = fresh(folders["v"])
    with pytest.raises(CalibrationError, match=rf"lacks 1 of 14 layers, the first is {name}"):
        quantize_(model, VARIANTS["sqs-w8a8"], replace(calibration, low=low))
    assert len(linear_layers(model.dit)) == LAYERS


def test_a_quantized_model_is_not_quantized_again(
    quantized: Callable[[Variant], AudioModel], calibration: Calibration
) -> None:
    model = quantized(VARIANTS["sqs-w8a8"])
    with pytest.raises(VariantError, match="quantized already"):
        quantize_(model, VARIANTS["sqd-w8a8"], calibration)
