"""Integer layers against float64 arithmetic on their own codes, and their codes against the equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from integer_layers import (
    ALPHA,
    KINDS,
    NAMES,
    branch_of,
    double,
    each_kind,
    kind_name,
    least_int4_error,
    made,
    rotated,
    shared_scale,
    weight_of,
)
from tiny_models import one_line
from torch import Tensor, nn

from quant.engine.integer import IntegerLinear
from quant.engine.layer import KeptLinear
from quant.engine.reference import StaticLinear
from quant.errors import QuantError
from quant.kernels import cpu
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, Variant


@each_kind
def test_layer_multiplies_its_codes(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> None:
    quantized, step, table = made(layer, rows, variant)
    for index, x in enumerate(rows):
        step.index = index
        group = min(index, len(table) - 1)
        smoothed = x / quantized.smoothing[group]
        limit = 2 ** (variant.activation_bits - 1) - 1
        tokens = cpu.quantize(smoothed, quantized.static(group), limit=limit, entry=quantized.prepared().entry)
        codes = double(tokens.codes) - (128 if tokens.codes.dtype == torch.uint8 else 0)
        # All levels of that many bits, and no more.
        assert np.abs(codes).max() <= limit
        assert variant.scheme == "static" or (np.abs(codes).max(-1) == limit).all()
        x_hat = codes * double(tokens.scale)
        # Codes are the nearest grid points: none of the inputs leaves its calibrated range.
        coded = double(smoothed)
        if quantized.channels is not None:
            coded[..., quantized.channels.numpy()] = 0
        coded = rotated(coded, quantized.block)
        assert bool((np.abs(x_hat - coded) <= double(tokens.scale) * 0.50001).all())

        plain = rotated(x_hat, quantized.block) * double(quantized.smoothing[group])
        expected = plain @ weight_of(quantized, group).T + double(layer.bias)
        size = np.abs(plain) @ np.abs(weight_of(quantized, group)).T + np.abs(double(layer.bias))
        bound = 2.0**-21 * size
        if variant.rank:
            # What the branch carries past the codes is not rounded.
            given = plain if quantized.channels is None else double(x)
            expected += given @ branch_of(quantized).T
            # The branch is computed in the activation's dtype; b, a and what lies between them are rounded to it.
            unit = 2.0**-9 if cpu.activation_dtype() == torch.bfloat16 else 2.0**-22
            size = np.abs(branch_of(quantized))
            if quantized.b is not None:
                size = np.abs(double(quantized.a)) @ np.abs(double(quantized.b)).T
            bound += 4 * unit * (np.abs(given) @ size.T)
        found = quantized(x)
        assert found.dtype == torch.float32
        assert found.shape == (2, 11, layer.out_features)
        assert bool((np.abs(double(found) - expected) <= bound).all()), index


@each_kind
def test_factors_scales_and_codes_follow_the_equations(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> None:
    quantized, _, table = made(layer, rows, variant)
    weight, table = double(layer.weight), table.clone()
    if variant.lowrank == "weight":
        weight = weight - branch_of(quantized)
    if quantized.channels is not None:
        # As if what the branch carries were not there: neither the weights' nor the activations' range has it.
        carried = quantized.channels.numpy()
        assert np.allclose(double(quantized.a), weight[:, carried], rtol=2.0**-11, atol=2.0**-24)
        weight[:, carried], table[:, carried] = 0, 0
    if quantized.weight is not None:
        # With groups the weight is held in fp16, less a branch summed in float32; the codes are those of what is held.
        lost = 2.0**-21 * np.abs(double(layer.weight)).max()
        assert np.allclose(double(quantized.weight), weight, rtol=2.0**-11, atol=lost)
        weight = double(quantized.weight)
    assert len(table) == variant.groups
    for group, row in enumerate(double(table)):
        largest = np.abs(weight).max(0)
        factor = np.where(largest > 0, row**ALPHA / np.maximum(largest, 1e-30) ** (1 - ALPHA), 1)
        assert np.allclose(double(quantized.smoothing[group]), factor, rtol=1e-5)
        smoothed = rotated(weight * factor, quantized.block)
        largest_code = 2 ** (variant.weight_bits - 1) - 1 if variant.weight_bits != 4 else 126
        step = np.abs(smoothed).max(1, keepdims=True) / largest_code
        assert np.allclose(double(quantized.scale[group])[:, None], step, rtol=1e-5)
        codes = double(quantized.codes_of(group))
        if variant.weight_bits != 4:
            assert (np.abs(codes).max(1) == largest_code).all()
            assert bool((np.abs(codes * double(quantized.scale[group])[:, None] - smoothed) <= step * 0.501).all())
        else:
            # Of the channels of a group, codes are -7 to 7 times one integer: the one of least squared error.
            wide = smoothed / double(quantized.scale[group])[:, None]
            wide, found = (x.reshape(len(codes), -1, shared_scale(layer)) for x in (wide, codes))
            assert np.allclose(((found - wide) ** 2).sum(2), least_int4_error(wide), rtol=1e-3, atol=1e-3)
        if variant.scheme == "static":
            limit = 2 ** (variant.activation_bits - 1) - 1
            assert float(quantized.static(group)) == pytest.approx((row / factor).max() / limit, rel=1e-5)
        else:
            assert quantized.static(group) is None


@pytest.mark.parametrize("name", ["sqd-w8a8", "sqd-w4a8"])
@pytest.mark.parametrize(("groups", "activation_bits"), [(1, 8), (3, 8), (1, 6)])
def test_error_is_no_larger_than_rounding_makes_it(
    layer: nn.Linear, rows: list[Tensor], name: str, groups: int, activation_bits: int
) -> None:
    """Against the full-precision layer: half a step of the weight and half of the input, element by element."""
    variant = replace(VARIANTS[name], groups=groups, activation_bits=activation_bits)
    limit = 2 ** (activation_bits - 1) - 1
    quantized, step, _ = made(layer, rows, variant)
    weight = double(layer.weight)
    for index, x in enumerate(rows):
        step.index = index
        group = quantized.group
        assert group == (index if groups > 1 else 0)
        factor = double(quantized.smoothing[group])
        weight_step = double(quantized.scale[group])[:, None] * np.ones((1, layer.in_features))
        weight_off = weight_step / factor / 2 + (np.abs(weight) * 2.0**-10 if groups > 1 else 0)
        if variant.weight_bits == 4:
            weight_off = np.abs(weight_of(quantized, group) - weight)  # some weights are cut off
        x_off = (np.abs(double(x) / factor).max(-1, keepdims=True) / limit / 2) * factor
        bound = np.abs(double(x)) @ weight_off.T + x_off @ np.abs(weight).T + x_off @ weight_off.T
        exact = double(x) @ weight.T + double(layer.bias)
        found = np.abs(double(quantized(x)) - exact)
        assert bool((found <= bound * 1.001).all())
        assert found.max() > 0


@pytest.mark.parametrize("bits", [(8, 8), (8, 6), (6, 8), (7, 3)])
def test_static_layer_has_the_reference_engines_codes(
    layer: nn.Linear, rows: list[Tensor], bits: tuple[int, int]
) -> None:
    variant = Variant("x", "static", *bits)
    quantized, _, table = made(layer, rows, variant)
    reference = StaticLinear.of(layer, table, ALPHA, variant)
    assert torch.equal(quantized.scale[0], reference.scale[:, 0])
    codes = quantized.codes_of(0)
    halfway = double(layer.weight) * double(reference.smoothing) / double(reference.scale)
    nearly = np.abs(halfway - np.floor(halfway) - 0.5) < 1e-4
    differ = double(codes - reference.codes)
    assert not differ[~nearly].any(), "but for weights halfway between two codes, which either may round up"
    assert np.abs(differ).max() <= 1
    reference.codes = codes.clone()
    for x in rows:
        assert torch.allclose(quantized(x), reference(x), rtol=1e-4, atol=1e-4)
    # Beyond the calibrated range both saturate.
    assert torch.allclose(quantized(rows[0] * 5), reference(rows[0] * 5), rtol=1e-4, atol=1e-3)


@each_kind
def test_codes_and_results_are_the_same_at_every_call(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> None:
    """Whatever group was computed in between."""
    quantized, step, table = made(layer, rows, variant)
    again, other_step, _ = made(layer, rows, variant)
    codes = [quantized.codes_of(group).clone() for group in range(len(table))]
    outputs = []
    for index, x in enumerate(rows):
        step.index = index
        outputs.append(quantized(x))
    if variant.groups > 1:
        assert not torch.equal(codes[0], codes[1])
        assert not torch.equal(codes[1], codes[2])
    for index in (2, 0, 1, 1, 0, 2):
        step.index = other_step.index = index
        assert torch.equal(quantized(rows[index]), outputs[index])
        assert torch.equal(again(rows[index]), outputs[index])
        group = min(index, len(table) - 1)
        assert torch.equal(quantized.codes_of(group), codes[group])
    assert quantized.state_dict().keys() == again.state_dict().keys()
    for key, value in quantized.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_layer_that_does_not_see_the_step_has_one_group(layer: nn.Linear, rows: list[Tensor]) -> None:
    variant = replace(VARIANTS["sqd-w8a8"], groups=3)
    step = CurrentStep(torch.zeros(3), "v", torch.arange(3))
    table = torch.stack([x.abs().flatten(0, -2).amax(0) for x in rows]).amax(0, keepdim=True)
    quantized = IntegerLinear.of(layer, table, step, variant, ALPHA)
    outputs = []
    for step.index in range(3):
        assert quantized.group == 0
        outputs.append(quantized(rows[0]))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize(("heads", "width"), [(1, 8), (2, 16), (2, 8)])
def test_heads_that_share_values_share_factors(layer: nn.Linear, rows: list[Tensor], heads: int, width: int) -> None:
    """The factor of a channel comes from the larger of each side's magnitudes over the heads that share it."""
    table = rows[0].abs().flatten(0, -2).amax(0)[None]
    step = CurrentStep(torch.zeros(1), "v")
    quantized = IntegerLinear.of(layer, table, step, VARIANTS["sqd-w8a8"], ALPHA, (heads, width))
    inputs, weights = double(table[0]), np.abs(double(layer.weight)).max(0)
    factor = np.empty(len(inputs))
    for channel in range(len(inputs)):
        group, within = channel // (heads * width), channel % width
        sharing = [group * heads * width + head * width + within for head in range(heads)]
        factor[channel] = inputs[sharing].max() ** ALPHA / weights[sharing].max() ** (1 - ALPHA)
    assert np.allclose(double(quantized.smoothing[0]), factor, rtol=1e-5)


@each_kind
def test_released_codes_live_on_in_the_packed_ones(
    layer: nn.Linear, rows: list[Tensor], variant: Variant, generator: torch.Generator
) -> None:
    """Released before the first use, as loading does it, nothing changes: neither results nor what a fold does."""
    fold = torch.rand(layer.out_features, generator=generator) + 0.5
    whole, step, _ = made(layer, rows, variant)
    released, other_step, _ = made(layer, rows, variant)
    released.release_codes()
    for index in (0, 2, 1, 0):
        step.index = other_step.index = index
        assert torch.equal(released(rows[index]), whole(rows[index]))
        mine, theirs = released.prepared(fold), whole.prepared(fold)
        assert torch.equal(mine.scale, theirs.scale)
        assert torch.equal(mine.scale, released.scale[released.group] * fold)
    if variant.groups == 1:
        assert not {"codes", "packed", "steps"} & set(released.state_dict())
        with pytest.raises(QuantError) as caught:
            released.codes_of(0)
        assert "load the checkpoint again" in one_line(caught.value)


@pytest.mark.parametrize("lowrank", ["outliers", "error"])
def test_fold_scales_the_result(layer: nn.Linear, rows: list[Tensor], lowrank: str) -> None:
    """Of the codes and of the branch alike, output channel by output channel."""
    quantized, _, _ = made(layer, rows, replace(VARIANTS["sqd-lora-w8a8"], lowrank=lowrank))
    plain, fold = quantized.prepared(), 2.0 ** (torch.arange(layer.out_features) % 40 - 20)
    folded = quantized.prepared(fold)
    assert torch.equal(folded.scale, plain.scale * fold)
    tokens = cpu.quantize(rows[0] / quantized.smoothing[0], None, plain.b, entry=plain.entry)
    expected = plain.product(cpu, tokens, torch.float32) * fold
    assert torch.equal(folded.product(cpu, tokens, torch.float32), expected)
    assert not torch.equal(cpu.product(tokens, plain.packed, folded.scale, torch.float32), expected)
    assert folded.packed is plain.packed


@pytest.mark.parametrize("variant", [VARIANTS[name] for name in NAMES], ids=kind_name)
def test_input_of_zeros_gives_the_bias(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> None:
    """Guidance's null context is zero: no layer may add to it."""
    bare = nn.Linear(layer.in_features, layer.out_features, bias=False).requires_grad_(False)
    bare.weight.copy_(layer.weight)
    zeros = torch.zeros(1, 3, layer.in_features)
    assert torch.equal(made(layer, rows, variant)[0](zeros), layer.bias.expand(1, 3, -1))
    without = made(bare, rows, variant)[0]
    assert without.bias is None
    assert torch.equal(without(zeros), torch.zeros(1, 3, layer.out_features))
    assert not torch.equal(without(rows[0]), without(rows[1]))


@each_kind
def test_dead_channels_and_rows_stay_finite(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> None:
    layer.weight[7] = 0
    layer.weight[:, 5] = 0
    for x in rows:
        x[..., 9] = 0
    quantized, _, _ = made(layer, rows, variant)
    out = quantized(rows[0])
    assert bool(out.isfinite().all())
    assert bool(quantized.smoothing.isfinite().all())
    # A row of zeros has codes of zero; of the branch only what fp16 leaves of zero.
    assert torch.allclose(out[..., 7], layer.bias[7].expand_as(out[..., 7]), atol=1e-2)
    assert torch.equal(quantized.smoothing[:, 9], torch.ones(len(quantized.smoothing)))


def test_original_layer_is_left_alone(layer: nn.Linear, rows: list[Tensor]) -> None:
    before = layer.weight.clone(), layer.bias.clone()
    for variant in KINDS:
        made(layer, rows, variant)[0](rows[0])
    assert torch.equal(layer.weight, before[0])
    assert torch.equal(layer.bias, before[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_result_has_the_inputs_dtype(layer: nn.Linear, rows: list[Tensor], dtype: torch.dtype) -> None:
    found = made(layer, rows, VARIANTS["sqd-w8a8"])[0](rows[0].to(dtype))
    assert found.dtype == dtype
    exact = layer(rows[0])
    assert float((found.float() - exact).norm() / exact.norm()) < 0.03


def test_kept_layer_is_the_original_in_16_bits(layer: nn.Linear, rows: list[Tensor]) -> None:
    kept = KeptLinear.of(layer)
    assert kept.weight.dtype == torch.float16
    exact = double(rows[0]) @ double(layer.weight.half()).T + double(layer.bias)
    assert np.allclose(double(kept(rows[0])), exact, rtol=1e-5, atol=1e-4)
    bare = nn.Linear(3, 2, bias=False)
    assert KeptLinear.of(bare).bias is None
    assert set(KeptLinear.of(bare).state_dict()) == {"weight"}
