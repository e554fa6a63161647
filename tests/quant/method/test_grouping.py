"""Groups of timesteps: the best boundaries there are, by trying all of them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_models import one_line
from torch import Tensor, nn

from quant.engine.integer import IntegerLinear
from quant.errors import VariantError
from quant.method.calibration import Calibration
from quant.method.grouping import CELLS, best_runs, group_steps, segment_errors, total_errors
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant

Matrix = NDArray[np.float64]

ALPHA = 0.5


def variant(groups: int, bits: int = 8) -> Variant:
    return Variant("sqd", "dynamic", weight_bits=bits, groups=groups)


def splits(steps: int, groups: int) -> list[list[int]]:
    """The group of each step, for every way to cut the steps into contiguous groups."""
    found = []
    for cuts in itertools.combinations(range(1, steps), groups - 1):
        found.append([sum(step >= cut for cut in cuts) for step in range(steps)])
    return found


def cost(errors: Tensor, groups: list[int]) -> float:
    runs = [[step for step, group in enumerate(groups) if group == wanted] for wanted in sorted(set(groups))]
    return sum(float(errors[run[0], run[-1]]) for run in runs)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 9])
def test_runs_are_the_best_of_all_splits(steps: int, generator: torch.Generator) -> None:
    for _ in range(5):
        errors = torch.rand(steps, steps, generator=generator, dtype=torch.float64)
        errors[torch.ones(steps, steps).tril(-1).bool()] = torch.inf
        for groups in range(1, steps + 1):
            found = best_runs(errors, groups).tolist()
            every = splits(steps, groups)
            assert found in every
            assert found == min(every, key=lambda split: cost(errors, split))


def test_cheap_run_is_found_wherever_it_lies() -> None:
    for first in range(6):
        errors = torch.full((6, 6), 100.0, dtype=torch.float64).triu()
        errors[torch.ones(6, 6).tril(-1).bool()] = torch.inf
        errors[first, first] = 0
        found = best_runs(errors, 2 if first in (0, 5) else 3)
        assert int((found == found[first]).sum()) == 1


def numpy_errors(weight: Matrix, absmax: Matrix, bits: int, activation_bits: int = 8) -> Matrix:
    """The formula of the docstring, term by term: rounding noise of both operands through the other."""
    steps = len(absmax)
    errors = np.full((steps, steps), np.inf)
    for a in range(steps):
        for b in range(a, steps):
            largest, w_absmax = absmax[a : b + 1].max(0), np.abs(weight).max(0)
            s = np.array(
                [
                    (x**ALPHA / w ** (1 - ALPHA)) if x > 0 and w > 0 else 1.0
                    for x, w in zip(largest, w_absmax, strict=True)
                ]
            )
            total = 0.0
            for t in range(a, b + 1):
                weight_noise = input_noise = energy = 0.0
                x_step = (absmax[t] / s).max() / (2 ** (activation_bits - 1) - 1)
                for i in range(len(weight)):
                    w_step = (np.abs(weight[i]) * s).max() / (2 ** (bits - 1) - 1)
                    weight_noise += w_step**2 / 12 * ((absmax[t] / s) ** 2).sum()
                    input_noise += x_step**2 / 12 * ((weight[i] * s) ** 2).sum()
                    energy += ((weight[i] * absmax[t]) ** 2).sum()
                total += (weight_noise + input_noise) / energy
            errors[a, b] = total
    return errors


@pytest.mark.parametrize(("bits", "activation_bits"), [(8, 8), (4, 8), (8, 5)])
@pytest.mark.parametrize("outputs", [1, 20, 32])
def test_errors_are_those_of_rounding_noise(
    bits: int, activation_bits: int, outputs: int, generator: torch.Generator
) -> None:
    weight = torch.randn(outputs, 13, generator=generator)
    absmax = torch.rand(5, 13, generator=generator) * 10 ** torch.randn(5, 1, generator=generator)
    absmax[:, 4] = 0
    weight[:, 6] = 0
    found = segment_errors(weight, absmax, ALPHA, Variant("x", "dynamic", bits, activation_bits))
    assert found.dtype == torch.float64
    exact = numpy_errors(weight.double().numpy(), absmax.double().numpy(), bits, activation_bits)
    assert np.allclose(found.numpy(), exact, rtol=1e-4)


def test_some_rows_stand_for_all(generator: torch.Generator) -> None:
    """Of a tall weight every so many rows are looked at, which is exact where those between are like them."""
    weight = torch.randn(32, 24, generator=generator).repeat_interleave(10, 0)
    absmax = torch.rand(4, 24, generator=generator) + 0.1
    found = segment_errors(weight, absmax, ALPHA, variant(1))
    exact = numpy_errors(weight.double().numpy(), absmax.double().numpy(), 8)
    assert np.allclose(found.numpy(), exact, rtol=1e-4)


def test_expected_error_is_that_of_real_layers(generator: torch.Generator) -> None:
    """Measured with integer layers of eight bits, on inputs near their bound, at each step alone and at both."""
    layer = nn.Linear(128, 32, bias=False).requires_grad_(False)
    layer.weight.copy_(torch.randn(32, 128, generator=generator) * torch.rand(128, generator=generator))
    sizes = torch.rand(2, 128, generator=generator) ** 3 * 10 + 0.1
    expected = segment_errors(layer.weight, sizes, ALPHA, variant(1))
    inputs = [
        (torch.randint(0, 2, (500, 128), generator=generator) * 2.0 - 1)
        * (1 - torch.rand(500, 128, generator=generator) * 0.1)
        * absmax
        for absmax in sizes
    ]
    for first, last in ((0, 0), (1, 1), (0, 1)):
        table = sizes[first : last + 1].amax(0, keepdim=True)
        quantized = IntegerLinear.of(layer, table, CurrentStep(torch.zeros(1), "v"), variant(1), ALPHA)
        measured = 0.0
        for x in inputs[first : last + 1]:
            exact = layer(x)
            measured += float((quantized(x) - exact).square().sum() / exact.square().sum())
        assert float(expected[first, last]) == pytest.approx(measured, rel=0.15)


def calibration(tables: dict[str, Tensor]) -> Calibration:
    steps = len(next(iter(tables.values())))
    sigmas = torch.logspace(2.7, -0.5, steps, dtype=torch.float64)
    return Calibration("", {}, sigmas, {name: -table for name, table in tables.items()}, dict(tables))


def layers_of(tables: dict[str, Tensor], generator: torch.Generator) -> dict[str, nn.Linear]:
    layers = {name: nn.Linear(table.shape[1], 24) for name, table in tables.items()}
    for layer in layers.values():
        layer.weight.data.copy_(torch.randn(layer.weight.shape, generator=generator))
    return layers


@pytest.fixture
def tables(generator: torch.Generator) -> dict[str, Tensor]:
    """Calibrated magnitudes of two layers at seven steps, without an order in them."""
    return {name: torch.rand(7, 16, generator=generator) ** 3 + 0.01 for name in ("one.to_qkv", "two.ff.ff.2")}


def test_one_group_holds_every_step(tables: dict[str, Tensor], generator: torch.Generator) -> None:
    layers = layers_of(tables, generator)
    found = group_steps(layers, calibration(tables), variant(1), ALPHA)
    assert found.dtype == torch.int64
    assert found.tolist() == [0] * 7
    assert group_steps(layers, calibration(tables), Variant("sqs", "static"), ALPHA).tolist() == [0] * 7


def test_as_many_groups_as_steps_are_one_each(tables: dict[str, Tensor], generator: torch.Generator) -> None:
    found = group_steps(layers_of(tables, generator), calibration(tables), variant(7), ALPHA)
    assert found.tolist() == list(range(7))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("groups", [2, 3, 4, 6])
def test_groups_have_the_least_error_over_all_layers(
    tables: dict[str, Tensor], generator: torch.Generator, groups: int, bits: int
) -> None:
    layers = layers_of(tables, generator)
    found = group_steps(layers, calibration(tables), variant(groups, bits), ALPHA).tolist()
    errors = sum(
        numpy_errors(layer.weight.detach().double().numpy(), tables[name].double().numpy(), bits)
        for name, layer in layers.items()
    )
    every = splits(7, groups)
    assert found in every
    best = min(cost(torch.from_numpy(errors), split) for split in every)
    assert cost(torch.from_numpy(errors), found) == pytest.approx(best, rel=1e-4)


def test_boundary_lies_where_the_ranges_change(generator: torch.Generator) -> None:
    """Three kinds of steps, alike among themselves: their borders are found, the number of cells permitting."""
    kinds = torch.rand(3, 16, generator=generator) ** 4 * 20 + 0.01
    lengths = (3, 5, 2)
    tables = {"x.to_qkv": kinds.repeat_interleave(torch.tensor(lengths), 0)}
    found = group_steps(layers_of(tables, generator), calibration(tables), variant(3), ALPHA)
    assert found.tolist() == [0] * 3 + [1] * 5 + [2] * 2


@pytest.mark.parametrize(("steps", "groups"), [(CELLS + 1, 2), (CELLS + 1, 32), (100, 5), (100, 40), (250, 33)])
def test_many_steps_are_cut_into_as_many_groups_as_asked(steps: int, groups: int, generator: torch.Generator) -> None:
    tables = {"x.to_qkv": torch.rand(steps, 4, generator=generator) + 0.01}
    found = group_steps(layers_of(tables, generator), calibration(tables), variant(groups), ALPHA)
    assert len(found) == steps
    assert found[0] == 0
    assert found[-1] == groups - 1
    assert set(found.diff().tolist()) <= {0, 1}


def test_many_steps_find_a_boundary_to_within_a_cell(generator: torch.Generator) -> None:
    kinds = torch.rand(2, 16, generator=generator) ** 4 * 20 + 0.01
    for border in (13, 50, 88):
        tables = {"x.to_qkv": kinds.repeat_interleave(torch.tensor([border, 100 - border]), 0)}
        found = group_steps(layers_of(tables, generator), calibration(tables), variant(2), ALPHA)
        assert abs(int((found == 0).sum()) - border) <= 100 / CELLS


def test_keys_and_values_have_no_say(tables: dict[str, Tensor], generator: torch.Generator) -> None:
    """They do not see the step, whatever a calibration says of them."""
    layers = layers_of(tables, generator)
    expected = group_steps(layers, calibration(tables), variant(3), ALPHA)
    name = "transformer.layers.0.cross_attn.to_kv"
    loud = torch.rand(7, 16, generator=generator) * 10 ** torch.arange(7.0)[:, None]
    more = tables | {name: loud}
    layers |= layers_of({name: loud}, generator)
    assert torch.equal(group_steps(layers, calibration(more), variant(3), ALPHA), expected)
    cells = torch.arange(7)
    assert not torch.equal(
        total_errors(layers, calibration(more), variant(3), ALPHA, cells),
        total_errors({key: layers[key] for key in tables}, calibration(tables), variant(3), ALPHA, cells),
    )


@pytest.mark.parametrize("groups", [8, 1000])
def test_impossible_number_of_groups_is_refused(
    tables: dict[str, Tensor], generator: torch.Generator, groups: int
) -> None:
    with pytest.raises(VariantError) as caught:
        group_steps(layers_of(tables, generator), calibration(tables), variant(groups), ALPHA)
    assert re.fullmatch(rf"groups: {groups} is more than the 7 calibrated steps; ask for fewer", one_line(caught.value))
