"""Groups of timesteps in a converted model: each has the factors and codes of its own steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from integer_layers import fused
from tiny_models import LAYERS, PROMPTS, QUICK, fresh, inputs_of

from quant.engine.convert import quantize_
from quant.engine.integer import IntegerLinear
from quant.engine.reference import linear_layers
from quant.errors import VariantError
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample_batch


def integer_layers(model: AudioModel) -> dict[str, IntegerLinear]:
    return {name: layer for name, layer in model.dit.named_modules() if isinstance(layer, IntegerLinear)}


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("bits", [8, 4])
def test_layers_are_smoothed_by_the_ranges_of_their_group(
    folders: dict[str, Path], calibration: Calibration, loaded: dict[str, AudioModel], groups: int, bits: int
) -> None:
    """Equations (1) to (3) in float64, with the largest magnitudes over the steps of a group."""
    model = fresh(folders["v"])
    variant = Variant("sqd", "dynamic", weight_bits=bits, groups=groups)
    quantize_(model, variant, calibration, alpha=0.3)
    of_step = model.dit.current_step.groups.tolist()
    assert of_step == sorted(of_step)
    assert sorted(set(of_step)) == list(range(groups))
    assert fused(model) == [True, True]
    originals = linear_layers(loaded["v"].dit)
    for name, layer in integer_layers(model).items():
        weight, table = originals[name].weight.double(), calibration.absmax(name).double()
        weight = weight.half().double() if layer.weight is not None else weight
        assert layer.groups == (1 if name.endswith("cross_attn.to_kv") else groups)
        assert (layer.weight is None) == (layer.groups == 1)
        for group in range(layer.groups):
            steps = [step for step, found in enumerate(of_step) if found == group or layer.groups == 1]
            x_absmax, w_absmax = table[steps].amax(0), weight.abs().amax(0)
            if name.endswith("cross_attn.to_out"):  # both heads, 32 wide, share keys and values
                x_absmax, w_absmax = (x.view(2, 32).amax(0).repeat(2) for x in (x_absmax, w_absmax))
            factor = x_absmax**0.3 / w_absmax**0.7
            assert torch.allclose(layer.smoothing[group].double(), factor, rtol=1e-5), name


def test_each_step_computes_with_its_groups_codes(
    folders: dict[str, Path], calibration: Calibration, loaded: dict[str, AudioModel]
) -> None:
    """With a group for every step, a step's result is that of a model that was calibrated for this step alone."""
    everything = fresh(folders["v"])
    quantize_(everything, replace(VARIANTS["sqd-w4a8"], groups=QUICK.steps), calibration)
    with inputs_of(loaded["v"]) as steps:
        sample_batch(loaded["v"], PROMPTS, [0, 1], QUICK)
    conditioning = loaded["v"].condition(PROMPTS, QUICK.seconds)
    outputs = []
    for index, (x, t) in enumerate(steps):
        low, high = ({k: v[[index] * 3] for k, v in side.items()} for side in (calibration.low, calibration.high))
        alone = fresh(folders["v"])
        # Two groups, though they are alike: one would have its codes made from weights that are not rounded to fp16.
        quantize_(alone, replace(VARIANTS["sqd-w4a8"], groups=2), replace(calibration, low=low, high=high))
        with torch.no_grad():
            found, expected = (
                model.wrapper.model(x, t, cfg_scale=4.0, use_checkpointing=False, **conditioning)
                for model in (everything, alone)
            )
        # Keys and values, which one has for the prompt's whole range: here it is the same at every step.
        assert torch.equal(found, expected)
        outputs.append(found)
    assert not torch.equal(outputs[0], outputs[1])


@pytest.mark.parametrize("groups", [QUICK.steps + 1, 1000])
def test_impossible_groups_are_refused_before_anything_changes(
    folders: dict[str, Path], calibration: Calibration, groups: int
) -> None:
    model = fresh(folders["v"])
    with pytest.raises(VariantError, match=rf"^groups: {groups} is more than the {QUICK.steps} calibrated"):
        quantize_(model, replace(VARIANTS["sqd-w8a8"], groups=groups), calibration)
    with pytest.raises(VariantError, match=f"^sqs-w8a8: groups: a static .* one group of timesteps, not {groups}"):
        quantize_(model, replace(VARIANTS["sqs-w8a8"], groups=groups), calibration)
    assert len(linear_layers(model.dit)) == LAYERS
    quantize_(model, VARIANTS["sqd-w8a8"], calibration)
    assert not linear_layers(model.dit)
