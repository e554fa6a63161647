"""Ranges and alphas that are chosen on samples: never worse on them than the paper's, in layers and in a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from integer_layers import double, rotated, weight_of
from tiny_models import fresh
from torch import Tensor, nn
from torch.nn import functional as F

from quant.engine.alpha import ALPHAS, least_error_alpha, output_error
from quant.engine.convert import quantize_
from quant.engine.integer import IntegerLinear
from quant.engine.reference import StaticLinear
from quant.errors import QuantError, VariantError
from quant.method.calibration import Calibration
from quant.method.samples import Samples
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, EngineName, Variant, check_engine, range_of
from quant.model.loading import AudioModel

STATIC = Variant("mine", "static", 8, 8)
Make = Callable[[nn.Linear, Tensor, Samples, Variant], nn.Module]


def integer(layer: nn.Linear, x: Tensor, samples: Samples, variant: Variant) -> nn.Module:
    step = CurrentStep(torch.zeros(1), "v")
    return IntegerLinear.of(layer, x.abs().amax(0, keepdim=True), step, variant, 0.5, samples=samples)


def reference(layer: nn.Linear, x: Tensor, samples: Samples, variant: Variant) -> nn.Module:
    return StaticLinear.of(layer, x.abs().amax(0, keepdim=True), 0.5, variant, samples)


@pytest.fixture
def layer(generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(64, 48).requires_grad_(False)
    layer.weight.copy_(torch.randn(48, 64, generator=generator) * 0.2)
    return layer


@pytest.fixture
def inputs(generator: torch.Generator) -> Tensor:
    """Thousands of tokens, of which few are very large, as calibration on many prompts meets them."""
    x = torch.randn(4000, 64, generator=generator)
    x[torch.randperm(4000, generator=generator)[:4]] *= 40
    return x


@pytest.mark.parametrize("make", [integer, reference])
@pytest.mark.parametrize("bits", [6, 8])
def test_chosen_range_errs_less_on_inputs_it_was_not_chosen_on(
    layer: nn.Linear, inputs: Tensor, generator: torch.Generator, make: Make, bits: int
) -> None:
    variant, samples = (
        replace(STATIC, activation_bits=bits),
        Samples.drawn(inputs[inputs.abs().amax(1) < 20], 0, generator),
    )
    unseen = torch.randn(500, 64, generator=generator)
    exact = layer(unseen)
    errors = {
        reach: float((make(layer, inputs, samples, replace(variant, range=reach))(unseen) - exact).square().mean())
        for reach in ("minmax", "mse", "auto")
    }
    assert errors["mse"] < 0.75 * errors["minmax"], errors
    assert errors["auto"] == errors["mse" if make is integer else "minmax"], "the reference engine is the paper's"


def test_rotated_rows_have_a_range_of_their_own(layer: nn.Linear, generator: torch.Generator) -> None:
    """Spikes that come anywhere are spread over their row; codes and range are those of the rotated row."""

    def tokens(count: int) -> Tensor:
        x = torch.randn(count, 64, generator=generator)
        return torch.where(torch.rand(count, 64, generator=generator) < 0.01, 30 * x, x)

    x, unseen = tokens(4000), tokens(500)
    samples = Samples.drawn(x, 0, generator)
    errors = {}
    for rotate in (False, True):
        quantized = integer(layer, x, samples, replace(STATIC, rotate=rotate))
        assert isinstance(quantized, IntegerLinear)
        found, scale = quantized(unseen), double(quantized.static(0))
        # Of one token in the middle: what lies beyond the range by far, in one of 500, can outweigh all others.
        errors[rotate] = float((found - layer(unseen)).square().mean(1).median())
        rows = rotated(double(unseen / quantized.smoothing[0]), quantized.block)
        rounded = rotated(np.rint(rows / scale).clip(-127, 127) * scale, quantized.block)
        expected = rounded * double(quantized.smoothing[0]) @ weight_of(quantized, 0).T + double(layer.bias)
        # A value in a tie may become either code.
        assert np.mean(np.abs(double(found) - expected) > 1e-4) < 0.01
    assert errors[True] < 0.4 * errors[False], errors
    step, table = CurrentStep(torch.zeros(1), "v"), x.abs().amax(0, keepdim=True)
    with pytest.raises(QuantError, match="calibrate again"):
        IntegerLinear.of(layer, table, step, replace(STATIC, rotate=True), 0.5)


def test_smallest_error_counts_only_what_is_quantized(
    layer: nn.Linear, inputs: Tensor, generator: torch.Generator
) -> None:
    """A channel whose calibrated range is 0 is carried elsewhere; what it holds does not widen the range."""
    samples, table = Samples.drawn(inputs, 0, generator), inputs.abs().amax(0, keepdim=True)
    step = CurrentStep(torch.zeros(1), "v")
    table[:, 5] = 0
    spoilt = replace(samples, rows=samples.rows.float().index_fill(1, torch.tensor([5]), 1e6))
    scales = [
        float(IntegerLinear.of(layer, table, step, STATIC, 0.5, samples=drawn).static(0)) for drawn in (samples, spoilt)
    ]
    assert scales[0] == scales[1]


@pytest.mark.parametrize("variant", [STATIC, Variant("mine", "dynamic", 4, 8), Variant("mine", "dynamic", groups=2)])
def test_alpha_of_least_error_is_found(layer: nn.Linear, generator: torch.Generator, variant: Variant) -> None:
    """Each tried by hand, in the group of the sample's own step; channels are outliers at one step or the other."""
    step = CurrentStep(torch.tensor([1.0, 0.0]), "v", torch.tensor([0, 1]) if variant.groups == 2 else None)
    parts, tables = [], []
    for index in range(2):
        x = torch.randn(1000, 64, generator=generator)
        x[:, 7 + index] *= 50
        parts.append(x)
        tables.append(x.abs().amax(0))
    table = torch.stack(tables) if variant.groups == 2 else torch.stack(tables).amax(0, keepdim=True)
    samples = Samples(torch.cat([x[:100] for x in parts]), torch.arange(2).repeat_interleave(100), torch.rand(200))

    def make(alpha: float) -> IntegerLinear:
        return IntegerLinear.of(layer, table, step, variant, alpha, samples=samples)

    errors = {}
    for alpha in ALPHAS:
        made, error = make(alpha), 0.0
        for index in range(2):
            step.index = index
            error += float(
                (made(parts[index][:100]) - F.linear(parts[index][:100], layer.weight, layer.bias)).square().sum()
            )
        errors[alpha] = error
    step.index = 1
    found = least_error_alpha(layer, make, samples, step)
    assert step.index == 1, "the search leaves the step as it was"
    assert errors[found] == pytest.approx(min(errors.values()), rel=1e-3)
    assert output_error(layer, make(found), samples, step) <= output_error(layer, make(0.5), samples, step)
    assert least_error_alpha(layer, make, None, step) == 0.5


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-w8a8", "sqs-w4a8"])
def test_a_model_takes_alphas_of_its_own_for_each_layer(
    folders: dict[str, Path], calibration: Calibration, loaded: dict[str, AudioModel], name: str
) -> None:
    def smoothing(alpha: float | None) -> dict[str, Tensor]:
        model = fresh(folders["v"])
        quantize_(model, VARIANTS[name], calibration, alpha)
        return {key: value for key, value in model.dit.state_dict().items() if key.endswith(".smoothing")}

    searched, fixed = smoothing(None), {alpha: smoothing(alpha) for alpha in ALPHAS}
    chosen = {
        key: [alpha for alpha in ALPHAS if torch.equal(value, fixed[alpha][key])] for key, value in searched.items()
    }
    assert all(chosen.values()), "each layer's is one of those that are tried"
    assert len({tuple(alphas) for alphas in chosen.values()}) > 1


def test_searched_alpha_is_refused_by_the_reference_engine(folders: dict[str, Path], calibration: Calibration) -> None:
    model = fresh(folders["v"])
    for name in ("sqs-w8a8", "sqd-w8a8"):
        with pytest.raises(VariantError, match="the reference engine has one for all layers"):
            quantize_(model, VARIANTS[name], calibration, None, "reference")
    check_engine(VARIANTS["baseline"], "reference", None)


@pytest.mark.parametrize(("engine", "expected"), [("integer", "mse"), ("reference", "minmax")])
def test_range_that_is_asked_for_is_taken(
    folders: dict[str, Path], calibration: Calibration, engine: EngineName, expected: str
) -> None:
    scales: dict[str, list[Tensor]] = {}
    for reach in ("auto", "minmax", "mse"):
        model, variant = fresh(folders["v"]), replace(VARIANTS["sqs-w8a8"], range=reach)
        quantize_(model, variant, calibration, engine=engine)
        state = model.dit.state_dict()
        scales[reach] = [value for key, value in state.items() if key.endswith("activation_scale")]
    assert all(torch.equal(a, b) for a, b in zip(scales["auto"], scales[expected], strict=True))
    assert range_of(VARIANTS["sqs-w8a8"], engine) == expected
    smaller = [bool(mse < minmax) for mse, minmax in zip(scales["mse"], scales["minmax"], strict=True)]
    assert any(smaller)


def test_reference_engine_warns_of_few_prompts(
    folders: dict[str, Path], calibration: Calibration, caplog: pytest.LogCaptureFixture
) -> None:
    quantize_(fresh(folders["v"]), VARIANTS["sqd-w8a8"], calibration)
    quantize_(fresh(folders["v"]), VARIANTS["sqs-w8a8"], calibration, engine="reference")
    quantize_(fresh(folders["v"]), VARIANTS["sqd-w8a8"], replace(calibration, done=50), engine="reference")
    assert not caplog.records
    quantize_(fresh(folders["v"]), VARIANTS["sqd-w8a8"], calibration, engine="reference")
    assert "calibrated on 2 prompts: the reference engine cuts off" in caplog.text


@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize(
    "variant",
    [
        Variant("mine", "static", 4),
        Variant("mine", "dynamic", 4),
        Variant("mine", "dynamic", 4, rank=4),
        Variant("mine", "dynamic", 4, rank=4, lowrank="error"),
        Variant("mine", "dynamic", 4, rank=4, lowrank="weight"),
        Variant("mine", "dynamic", 3),
    ],
    ids=lambda variant: f"{variant.scheme}-{variant.weight_bits}-{variant.rank}-{variant.lowrank}",
)
def test_feedback_errs_less_on_inputs_it_was_not_made_for(
    layer: nn.Linear, generator: torch.Generator, variant: Variant, rotate: bool
) -> None:
    """Whatever is smoothed, carried by the branch or rotated: second moments are of what is quantized."""
    mixed = torch.randn(12, 64, generator=generator)

    def tokens(count: int) -> Tensor:
        x = torch.randn(count, 12, generator=generator) @ mixed + 0.3 * torch.randn(count, 64, generator=generator)
        x[:, [3, 50]] *= 20
        return x

    x, unseen = tokens(2000), tokens(500)
    samples, errors = Samples.drawn(x, 0, generator), {}
    for rounding in ("nearest", "feedback", "auto"):
        asked = replace(variant, rotate=rotate, rounding=rounding)
        errors[rounding] = float((integer(layer, x, samples, asked)(unseen) - layer(unseen)).square().mean())
    assert errors["feedback"] < 0.8 * errors["nearest"], errors
    assert errors["auto"] == errors["feedback"]
