"""Sensitivity and groups of timesteps, against quantization by hand and the file itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tiny_models import LAYERS, OUTLIERS, QUICK, fresh, one_line
from torch import Tensor, nn

from quant.engine.checkpoint import DIT, save_checkpoint
from quant.engine.convert import quantize_
from quant.engine.reference import linear_layers
from quant.errors import CalibrationError, VariantError
from quant.inspect import sensitivity
from quant.inspect.sensitivity import (
    Sensitivity,
    baseline_frontier,
    group_counts,
    group_frontier,
    kind_sensitivity,
    layer_block,
    layer_kind,
    layer_sensitivity,
    measured,
    share_of_noise,
)
from quant.inspect.teacher import Call, Teacher, decibels, overall, velocity_sqnr
from quant.kernels import cpu
from quant.method.calibration import Calibration, read_calibration
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel


@pytest.fixture
def calibration(calibration_file: Path) -> Calibration:
    return read_calibration(calibration_file)


def random_sensitivities(generator: torch.Generator, names: list[str], rows: int = 4) -> list[Sensitivity]:
    table = 60 * torch.rand(len(names), rows, generator=generator, dtype=torch.float64)
    return [Sensitivity(name, 1, 7 + i, row) for i, (name, row) in enumerate(zip(names, table, strict=True))]


# --- layers ---------------------------------------------------------------------------------------


class ByHand(nn.Module):
    """SmoothQuant Static of one layer in floating point, written out; ``heads`` that share keys share factors."""

    def __init__(self, layer: nn.Linear, absmax: Tensor, heads: int) -> None:
        super().__init__()
        x_max, weight = absmax.amax(0).double(), layer.weight.double()
        x_wide, w_wide = (table.view(heads, -1).amax(0).repeat(heads) for table in (x_max, weight.abs().amax(0)))
        self.s = (x_wide / w_wide).sqrt()
        smoothed = weight * self.s
        unit = smoothed.abs().amax(1, keepdim=True) / 127
        self.weight = (smoothed / unit).round() * unit
        self.unit = (x_max / self.s).amax() / 127
        self.bias = None if layer.bias is None else layer.bias.double()

    def forward(self, x: Tensor) -> Tensor:
        codes = (x.double() / self.s / self.unit).round().clamp(-127, 127)
        return nn.functional.linear(codes * self.unit, self.weight, self.bias).to(x.dtype)


def test_each_layer_alone_does_what_it_does_by_hand(
    model: AudioModel, calibration: Calibration, teacher: Teacher
) -> None:
    """Over one prompt, whose keys and values must be made anew all the same when their layer changes."""
    teacher = teacher.first_run()
    variant = replace(VARIANTS["sqs-w8a8"], range="minmax")
    found = {one.name: one for one in layer_sensitivity(model, calibration, variant, teacher)}
    layers = linear_layers(model.dit)
    assert set(found) == set(layers)
    assert len(found) == LAYERS
    for name, layer in layers.items():
        parent, _, child = name.rpartition(".")
        block: Any = model.dit.get_submodule(parent)
        if name.endswith("cross_attn.to_kv"):
            model.dit.transformer.current_context.reset()
        shared = block.num_heads // block.kv_heads if name.endswith("cross_attn.to_out") else 1
        assert shared in (1, 2)
        setattr(block, child, ByHand(layer, calibration.absmax(name), shared))
        by_hand = velocity_sqnr(model.dit, teacher)
        setattr(block, child, layer)
        model.dit.transformer.current_context.reset()
        assert found[name].sqnr.tolist() == pytest.approx(by_hand.tolist(), abs=0.5), name
        assert found[name].weights == layer.weight.numel()


def test_a_layer_made_worse_ranks_first_and_its_kind_too(
    model: AudioModel, calibration: Calibration, teacher: Teacher, generator: torch.Generator
) -> None:
    """Its range is said to be far wider than it is, so that most of its codes are zero."""
    names = [name for name in calibration.low if ".ff." in name]
    worst = names[int(torch.randint(len(names), (), generator=generator))]
    high = calibration.high | {worst: calibration.high[worst].abs() * 300}
    high[worst][:, OUTLIERS] *= 1e4
    calls: list[int] = []
    found = layer_sensitivity(
        model, replace(calibration, high=high), VARIANTS["sqs-w8a8"], teacher, progress=calls.append
    )
    assert found[0].name == worst
    assert [one.noise for one in found] == sorted((one.noise for one in found), reverse=True)
    assert found[0].noise > 3 * found[1].noise
    assert kind_sensitivity(found)[0].name == layer_kind(worst)
    assert share_of_noise(found)[0] > 0.3
    assert sum(calls) == LAYERS * teacher.calls


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-lora-w4a8"])
def test_the_model_is_left_as_it_was(model: AudioModel, calibration: Calibration, teacher: Teacher, name: str) -> None:
    before, layers = copy.deepcopy(model.wrapper.state_dict()), linear_layers(model.dit)
    variant = replace(VARIANTS[name], groups=2 if VARIANTS[name].scheme == "dynamic" else 1)
    layer_sensitivity(model, calibration, variant, teacher)
    after = model.wrapper.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(mine is theirs for mine, theirs in zip(linear_layers(model.dit).values(), layers.values(), strict=True))
    assert velocity_sqnr(model.dit, teacher).tolist() == QUICK.steps * [float("inf")]
    assert not model.dit._forward_pre_hooks


def test_a_stopped_sweep_leaves_the_model_as_it_was(
    model: AudioModel, calibration: Calibration, teacher: Teacher
) -> None:
    def stop(calls: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layer_sensitivity(model, calibration, VARIANTS["sqs-w8a8"], teacher, progress=stop)
    assert len(linear_layers(model.dit)) == LAYERS
    assert velocity_sqnr(model.dit, teacher).tolist() == QUICK.steps * [float("inf")]
    assert not model.dit._forward_pre_hooks


def test_groups_follow_the_step_in_a_layer_alone(model: AudioModel, calibration: Calibration, teacher: Teacher) -> None:
    """With a range that is a thousandth at the last step, only factors of that step's own serve it."""
    name = "transformer.layers.1.ff.ff.2"
    scale = torch.ones(QUICK.steps, 1)
    channels = torch.arange(calibration.high[name].shape[1]) % 2
    table = calibration.absmax(name) * torch.where(channels == 1, scale, scale * 1e-3)
    table[-1] = calibration.absmax(name)[-1]
    wrong = replace(calibration, high=calibration.high | {name: table}, low=calibration.low | {name: -table})
    one, each = (
        {s.name: s for s in layer_sensitivity(model, wrong, replace(VARIANTS["sqd-w4a8"], groups=g), teacher)}[name]
        for g in (1, QUICK.steps)
    )
    assert not torch.equal(one.sqnr, each.sqnr)
    exact = {s.name: s for s in layer_sensitivity(model, calibration, replace(VARIANTS["sqd-w4a8"], groups=3), teacher)}
    assert float(each.sqnr[-1]) == pytest.approx(float(exact[name].sqnr[-1]), abs=1e-9)


def test_full_precision_and_foreign_calibrations_are_refused(
    loaded: dict[str, AudioModel], calibration: Calibration, teacher: Teacher
) -> None:
    with pytest.raises(VariantError, match="quantizes no layer"):
        layer_sensitivity(loaded["v"], calibration, VARIANTS["baseline"], teacher)
    with pytest.raises(CalibrationError) as caught:
        layer_sensitivity(loaded["rf_denoiser"], calibration, VARIANTS["sqs-w8a8"], teacher)
    assert "earmark calibrate" in one_line(caught.value)


def test_kinds_add_up_the_noise_of_their_layers(generator: torch.Generator) -> None:
    kinds = ["ff.ff.2", "self_attn.to_out", "cross_attn.to_out"]
    layers = random_sensitivities(generator, [f"transformer.layers.{b}.{kind}" for b in range(12) for kind in kinds])
    found = {one.name: one for one in kind_sensitivity(layers)}
    assert set(found) == set(kinds)
    for number, kind in enumerate(kinds):
        noise = sum(10 ** (-one.sqnr.numpy() / 10) for one in layers[number::3])
        assert found[kind].sqnr.numpy() == pytest.approx(-10 * np.log10(noise))
        assert (found[kind].layers, found[kind].weights) == (12, sum(one.weights for one in layers[number::3]))
    noises = np.array([one.noise for one in found.values()])
    assert share_of_noise(list(found.values())) == pytest.approx(noises / noises.sum())
    assert noises.tolist() == sorted(noises, reverse=True)


def test_names_of_layers() -> None:
    name = "transformer.layers.11.ff.ff.0.proj"
    assert (layer_block(name), layer_kind(name)) == (11, "ff.ff.0.proj")


# --- groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "counts"), [(1, [1]), (2, [1, 2]), (8, [1, 8]), (20, [1, 2, 4, 20]), (100, [1, 2, 4, 8, 16, 100])]
)
def test_counts_of_groups(steps: int, counts: list[int]) -> None:
    assert group_counts(steps) == counts


def filled(out: int, into: int) -> tuple[int, int]:
    """Outputs and inputs of a packed weight: whole tiles or strips where the products are our own."""
    multiples = {"amx": (32, 64), "signed": (1, 1), "unsigned": (1, 1), "float": (1, 1)}
    wide, deep = multiples.get(cpu.method(), (64, 4))
    return -(-out // wide) * wide, -(-into // deep) * deep


@pytest.mark.parametrize("name", ["sqd-w8a8", "sqd-lora-w4a8"])
def test_frontier_counts_the_bytes_of_file_and_memory(
    folders: dict[str, Path], calibration: Calibration, teacher: Teacher, tmp_path: Path, name: str
) -> None:
    variant = VARIANTS[name]
    found = group_frontier(lambda: fresh(folders["v"]), calibration, variant, teacher, (1, QUICK.steps))
    assert [(point.variant, point.groups) for point in found] == [(name, 1), (name, QUICK.steps)]
    plain = fresh(folders["v"])
    layers = linear_layers(plain.dit)
    for point in found:
        model, path = fresh(folders["v"]), tmp_path / "c.safetensors"
        quantize_(model, replace(variant, groups=point.groups), calibration)
        assert point.sqnr.tolist() == pytest.approx(velocity_sqnr(model.dit, teacher).tolist(), abs=1e-6)
        save_checkpoint(path, model, variant, alpha=0.5, calibration_sha256="", made_by="")
        with safe_open(path, framework="pt") as file:
            disk = sum(
                file.get_tensor(key).nbytes
                for key in file.keys()  # noqa: SIM118
                if key.startswith(DIT) and key.removeprefix(DIT).rpartition(".")[0] in layers
            )
        assert point.disk == disk
        memory = 0
        for layer_name, layer in layers.items():
            out, into = layer.weight.shape
            groups = 1 if layer_name.endswith("to_kv") else point.groups
            rank = min(variant.rank, out, into)
            wide, deep = filled(out, into)
            # With AMX codes of a single step are made while they are multiplied, of one factor and scale each.
            passing = cpu.method() == "amx" and groups == QUICK.steps and variant.weight_bits == 8
            # An int8 copy that is multiplied, the fp16 copy it is remade from, factors and scales, bias; and of the
            # branch the columns of the channels that it carries, and their numbers.
            memory += 4 * (wide + deep) if passing else wide * deep
            memory += 2 * out * into * (groups > 1) + 4 * groups * (into + out) + rank * (2 * out + 8)
            memory += 4 * out if layer.bias is not None else 0
        assert point.memory == memory
        assert point.milliseconds > 0
    base = baseline_frontier(plain, teacher)
    assert base.memory == base.disk == sum(p.numel() * 4 for layer in layers.values() for p in layer.parameters())
    assert base.groups == 0
    assert overall(base.sqnr) == float("inf")


def test_layers_kept_in_16_bits_count_too(folders: dict[str, Path], calibration: Calibration, teacher: Teacher) -> None:
    load = partial(fresh, folders["v"])
    variant = VARIANTS["sqd-w8a8"]
    (all_of_them,) = group_frontier(load, calibration, variant, teacher, [1])
    (kept,) = group_frontier(load, calibration, replace(variant, keep=("ff.2",)), teacher, [1])
    held = [layer for name, layer in linear_layers(load().dit).items() if name.endswith("ff.2")]
    added = sum(layer.weight.numel() - 4 * sum(layer.weight.shape) for layer in held)
    assert kept.memory - all_of_them.memory == added
    assert overall(kept.sqnr) > overall(all_of_them.sqnr)


def test_time_is_that_of_a_run_with_its_changes_of_group(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, seconds = torch.tensor([0, 0, 0, 1, 1, 2]), rng.uniform(0.01, 1, 6).tolist()
    dit, step = nn.Module(), CurrentStep(torch.arange(6.0), "v", groups)
    step.attach(dit)
    answer = torch.ones(1, 2, 3)
    run = tuple(Call(row, (), {}, answer) for row in range(6))

    def replayed(_: nn.Module, teacher: Teacher) -> Iterator[tuple[Call, Tensor, float]]:
        for call in teacher.runs[0]:
            step.index = call.row
            yield call, 1.5 * answer, 99.0 if teacher.calls == 1 else seconds[call.row]

    monkeypatch.setattr(sensitivity, "replay", replayed)
    sqnrs, milliseconds = measured(dit, Teacher(torch.ones(6), (run,)), lambda calls: None)
    # The clip before ended in group 2, so calls 0, 3 and 5 begin a group; 1, 2 and 4 go on with one.
    begun, others = (min(seconds[i] for i in rows) for rows in ((0, 3, 5), (1, 2, 4)))
    assert milliseconds == pytest.approx(1000 * (3 * begun + 3 * others) / 6)
    assert sqnrs.tolist() == pytest.approx(6 * [float(decibels(torch.tensor(4.0), torch.tensor(1.0)))])
