"""The data of the paper's figures 1 to 3, against hooks of our own and the equations in numpy."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import OUTLIERS, QUICK, fresh
from torch import Tensor

from quant.engine.reference import linear_layers
from quant.errors import CalibrationError
from quant.inspect.activations import (
    activation_map,
    activation_ranges,
    analysed_layers,
    imbalance,
    median_bits,
    smoothing_magnitudes,
    telling_layer,
)
from quant.inspect.teacher import record_teacher
from quant.method.calibration import Calibration, read_calibration
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample


@pytest.fixture
def calibration(calibration_file: Path) -> Calibration:
    return read_calibration(calibration_file)


@pytest.mark.parametrize("kind", ["ff.ff.2", "self_attn.to_qkv", "cross_attn.to_kv"])
def test_map_is_what_the_layer_gets_along_the_run(
    folders: dict[str, Path], generator: torch.Generator, kind: str
) -> None:
    """Without guidance there is but the half with the prompt, and it is the first half of the guided call."""
    model, name = fresh(folders["v"]), f"transformer.layers.1.{kind}"
    step = int(torch.randint(1, QUICK.steps, (), generator=generator))
    teacher = record_teacher(model, ["rain on a roof"], QUICK, seed=5)
    found = activation_map(model.dit, teacher, name, step)
    assert (found.layer, found.step, found.steps) == (name, step, QUICK.steps)
    assert found.sigma == float(teacher.sigmas[step])

    seen: list[Tensor] = []
    model.dit.get_submodule(name).register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    sample(model, "a dog barks", 5, QUICK)  # another prompt, so that its keys are made anew afterwards
    seen.clear()
    sample(model, "rain on a roof", 5, QUICK)
    along = seen[0 if kind == "cross_attn.to_kv" else step]
    assert torch.equal(found.magnitudes, along[0].abs())

    seen.clear()
    call = teacher.runs[0][step]
    model.dit.transformer.current_context.reset()
    with torch.no_grad():
        model.dit(*call.inputs, **call.options | {"cfg_scale": 1.0})
    assert seen[0].shape[0] == 1
    assert found.magnitudes.numpy() == pytest.approx(seen[0][0].abs().numpy(), rel=1e-3, abs=1e-4)


def test_ranges_are_those_of_the_calibration(calibration: Calibration) -> None:
    names = list(calibration.low)[3:6]
    found = activation_ranges(calibration, names)
    assert [one.layer for one in found] == names
    for one in found:
        low, high = calibration.low[one.layer].numpy(), calibration.high[one.layer].numpy()
        assert one.sigmas.numpy() == pytest.approx(calibration.sigmas.numpy())
        assert np.array_equal(one.low.numpy(), low.min(1))
        assert np.array_equal(one.high.numpy(), high.max(1))
        # Of an even number of channels torch takes the lower of the two in the middle.
        assert np.array_equal(one.median_low.numpy(), np.sort(low, 1)[:, (low.shape[1] - 1) // 2])
        assert np.array_equal(one.median_high.numpy(), np.sort(high, 1)[:, (high.shape[1] - 1) // 2])


@pytest.mark.parametrize("alpha", [0.5, 0.8])
def test_smoothing_is_equations_1_to_5(
    loaded: dict[str, AudioModel], calibration: Calibration, generator: torch.Generator, alpha: float
) -> None:
    dit = loaded["v"].dit
    names = list(linear_layers(dit))
    name = names[int(torch.randint(len(names), (), generator=generator))]
    step = int(torch.randint(QUICK.steps, (), generator=generator))
    found = smoothing_magnitudes(dit, calibration, name, step, alpha)
    weight = linear_layers(dit)[name].weight.numpy().astype(np.float64)
    x_max = np.maximum(-calibration.low[name][step].numpy(), calibration.high[name][step].numpy()).astype(np.float64)
    w_max = np.abs(weight).max(0)
    s = x_max**alpha / w_max ** (1 - alpha)
    for got, expected in (
        (found.activation, x_max),
        (found.weight, w_max),
        (found.smoothed_activation, x_max / s),
        (found.smoothed_weight, w_max * s),
    ):
        assert got.numpy() == pytest.approx(expected, rel=1e-4)
    assert (found.layer, found.step, found.alpha) == (name, step, alpha)
    assert found.sigma == float(calibration.sigmas[step])


def test_smoothing_evens_out_what_stands_out(loaded: dict[str, AudioModel], calibration: Calibration) -> None:
    """The random models have two channels fifty times as large as the rest, which meet weights as much smaller."""
    found = smoothing_magnitudes(loaded["v"].dit, calibration, "transformer.layers.0.ff.ff.0.proj", 1, 0.5)
    assert set(found.activation.topk(2).indices.tolist()) == set(OUTLIERS)
    assert imbalance(found.activation) > 20
    assert imbalance(found.smoothed_activation) < 4


def test_bits_of_the_median_channel(generator: torch.Generator) -> None:
    values = torch.rand(101, generator=generator) + 1
    values[17] = 16 * values.median()
    assert imbalance(values) == pytest.approx(float(values[17]) / float(np.median(values.numpy())))
    assert median_bits(values) == pytest.approx(8 - np.log2(imbalance(values)))
    assert 3.9 < median_bits(values) < 4.1
    assert median_bits(torch.ones(5)) == 8
    assert median_bits(torch.tensor([1e9, 1e-9, 1e-9])) == median_bits(torch.tensor([1.0, 0, 0])) == 0
    assert median_bits(torch.zeros(4)) == 8


def test_the_telling_layer_is_the_one_that_stands_out(calibration: Calibration, generator: torch.Generator) -> None:
    names = [name for layers in analysed_layers(calibration).values() for name in layers]
    chosen = names[int(torch.randint(len(names), (), generator=generator))]
    high = copy.deepcopy(calibration.high)
    high[chosen][1, 7] = 1e6
    wrong = replace(calibration, high=high)
    assert telling_layer(wrong, names, 1) == chosen
    assert telling_layer(wrong, names, 0) == telling_layer(calibration, names, 0)


def test_the_layers_of_the_paper_by_block(calibration: Calibration) -> None:
    kinds = ("self_attn.to_qkv", "ff.ff.0.proj", "ff.ff.2")
    expected = {block: sorted(f"transformer.layers.{block}.{kind}" for kind in kinds) for block in (0, 1)}
    assert {block: sorted(names) for block, names in analysed_layers(calibration).items()} == expected
    with pytest.raises(CalibrationError, match="earmark calibrate"):
        analysed_layers(replace(calibration, low={}))
