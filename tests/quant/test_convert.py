"""A whole model converted in place: what a user hears of it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import LAYERS, QUICK, fresh, inputs_of, one_line
from torch import Tensor

from quant.calibration import Calibration, read_calibration
from quant.convert import Engine, quantize_
from quant.errors import CalibrationError, VariantError
from quant.integer import IntegerLinear
from quant.linear import DynamicLinear, StaticLinear, linear_layers
from quant.models import AudioModel
from quant.sampling import sample
from quant.variants import VARIANTS, Variant

FOUR_BITS = {
    "static": VARIANTS["sqs-w4a8"],
    "dynamic": VARIANTS["sqd-w4a8"],
    "lora": Variant("sqd-lora-w4a8", "dynamic", 4, 8, rank=32),
}
EIGHT_BITS = {"static": VARIANTS["sqs-w8a8"], "dynamic": VARIANTS["sqd-w8a8"], "lora": VARIANTS["sqd-lora-w8a8"]}


@pytest.fixture
def calibration(calibration_file: Path) -> Calibration:
    return read_calibration(calibration_file)


@pytest.fixture(params=["integer", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both engines owe a user the same."""
    found: Engine = request.param
    return found


@pytest.fixture
def quantized(folders: dict[str, Path], calibration: Calibration, engine: Engine) -> Callable[[Variant], AudioModel]:
    def make(variant: Variant) -> AudioModel:
        model = fresh(folders["v"])
        quantize_(model, variant, calibration, engine=engine)
        return model

    return make


@pytest.fixture
def network_error(loaded: dict[str, AudioModel], calibration: Calibration) -> Callable[[AudioModel], float]:
    """Relative error of a model's prediction at every step that full precision walks through."""
    baseline = loaded["v"]
    with inputs_of(baseline) as steps:
        sample(baseline, "rain on a roof", 0, QUICK)
    conditioning = baseline.condition(["rain on a roof"], QUICK.seconds)

    @torch.no_grad()
    def measure(model: AudioModel) -> float:
        wrong, right = 0.0, 0.0
        for x, t in steps:
            exact, found = (m.wrapper.model(x, t, use_checkpointing=False, **conditioning) for m in (baseline, model))
            wrong += float((found - exact).square().sum())
            right += float(exact.square().sum())
        return (wrong / right) ** 0.5

    return measure


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
    quantized: Callable[[Variant], AudioModel], loaded: dict[str, AudioModel], name: str, kind: type, engine: Engine
) -> None:
    model = quantized(VARIANTS[name])
    assert not linear_layers(model.dit)
    kind = IntegerLinear if engine == "integer" else kind
    names = {path for path, module in model.dit.named_modules() if isinstance(module, kind)}
    assert names == set(linear_layers(loaded["v"].dit))
    mine, theirs = model.wrapper.state_dict(), loaded["v"].wrapper.state_dict()
    others = [key for key in theirs if not any(key.startswith(f"model.model.{path}.") for path in names)]
    assert len(others) > 50
    for key in others:
        exact = engine == "reference" or key.endswith("inv_freq")
        assert torch.equal(mine[key], theirs[key] if exact else theirs[key].half().float()), key


def test_progress_counts_layers(folders: dict[str, Path], calibration: Calibration, engine: Engine) -> None:
    calls: list[tuple[int, int]] = []
    model = fresh(folders["v"])
    quantize_(model, VARIANTS["sqs-w8a8"], calibration, engine=engine, progress=lambda *call: calls.append(call))
    assert calls == [(i, LAYERS) for i in range(1, LAYERS + 1)]


@pytest.mark.parametrize("scheme", ["static", "dynamic", "lora"])
def test_eight_bits_are_close_and_much_better_than_four(
    quantized: Callable[[Variant], AudioModel], network_error: Callable[[AudioModel], float], scheme: str
) -> None:
    eight, four = (network_error(quantized(bits[scheme])) for bits in (EIGHT_BITS, FOUR_BITS))
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
    exact = sample(loaded["v"], "rain on a roof", 0, QUICK)
    found = sample(quantized(VARIANTS[name]), "rain on a roof", 0, QUICK)
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
    for block in model.dit.transformer.layers:  # type: ignore[union-attr]
        block.cross_attn.register_forward_hook(lambda _, args, out: outputs.append(out))
    sample(model, "rain on a roof", 0, QUICK)
    assert outputs
    for out in outputs:
        assert out[0].any()
        assert not out[1].any()


def test_calibration_of_another_model_is_refused(folders: dict[str, Path], calibration: Calibration) -> None:
    model = fresh(folders["rf_denoiser"])
    with pytest.raises(CalibrationError) as caught:
        quantize_(model, VARIANTS["sqs-w8a8"], calibration)
    message = one_line(caught.value)
    assert model.sha256[:12] in message
    assert calibration.model_sha256[:12] in message
    assert "earmark calibrate" in message
    assert len(linear_layers(model.dit)) == LAYERS


def test_calibration_that_lacks_a_layer_is_refused(folders: dict[str, Path], calibration: Calibration) -> None:
    name = "transformer.layers.1.ff.ff.2"
    low = {key: value for key, value in calibration.low.items() if key != name}
    model = fresh(folders["v"])
    with pytest.raises(CalibrationError, match=rf"lacks 1 layers, the first is {name}"):
        quantize_(model, VARIANTS["sqs-w8a8"], replace(calibration, low=low))
    assert len(linear_layers(model.dit)) == LAYERS


def test_a_quantized_model_is_not_quantized_again(
    quantized: Callable[[Variant], AudioModel], calibration: Calibration
) -> None:
    model = quantized(VARIANTS["sqs-w8a8"])
    with pytest.raises(VariantError, match="quantized already"):
        quantize_(model, VARIANTS["sqd-w8a8"], calibration)
