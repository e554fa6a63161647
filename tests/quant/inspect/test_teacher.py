"""Teacher forcing: what was asked and answered along a run, and the error of other answers against sums in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import PROMPTS, QUICK, one_line
from torch import Tensor

from quant.errors import SamplingError
from quant.inspect.teacher import Teacher, overall, record_teacher, sqnr, velocity_sqnr
from quant.model.loading import AudioModel
from quant.rendering.sampling import sample


def test_sqnr_is_that_of_float64_sums(generator: torch.Generator) -> None:
    exact = 10 * torch.randn(2, 5, 7, generator=generator)
    found = exact + 0.1 * torch.randn(2, 5, 7, generator=generator)
    r, f = exact.numpy().astype(np.float64), found.numpy().astype(np.float64)
    assert sqnr(exact, found) == pytest.approx(10 * np.log10((r**2).sum() / ((f - r) ** 2).sum()), abs=1e-9)
    assert 30 < sqnr(exact, found) < 50


def test_sqnr_at_its_ends(generator: torch.Generator) -> None:
    exact = torch.randn(9, generator=generator)
    assert sqnr(exact, exact.clone()) == float("inf")
    assert sqnr(exact, 0 * exact) == pytest.approx(0)
    assert sqnr(exact, exact / 0 * 0) == -float("inf")


def test_overall_is_the_mean_of_noise_over_signal(generator: torch.Generator) -> None:
    values = 50 * torch.rand(11, generator=generator, dtype=torch.float64)
    assert overall(values) == pytest.approx(-10 * np.log10(np.mean(10 ** (-values.numpy() / 10))))
    # One level without any signal left is not made up for by ten perfect ones.
    assert overall(torch.tensor([0.0] + 10 * [float("inf")])) == pytest.approx(10 * np.log10(11))


def test_teacher_keeps_what_the_sampler_asked_and_got(loaded: dict[str, AudioModel], teacher: Teacher) -> None:
    asked: list[tuple[Tensor, Tensor]] = []
    network = loaded["v"].wrapper.model
    original, got = network.forward, []

    def forward(x: Tensor, t: Tensor, **options: Any) -> Tensor:
        asked.append((x.clone(), t.clone()))
        got.append(original(x, t, **options).clone())
        return got[-1]

    network.forward = forward
    try:
        for prompt in PROMPTS:
            sample(loaded["v"], prompt, 3, QUICK)
    finally:
        del network.forward
    calls = [call for run in teacher.runs for call in run]
    assert len(calls) == len(asked) == teacher.calls == 2 * QUICK.steps
    for number, (call, (x, t), velocity) in enumerate(zip(calls, asked, got, strict=True)):
        assert call.row == number % QUICK.steps
        assert torch.equal(call.inputs[0], x)
        assert torch.equal(call.velocity, velocity)
        assert float(teacher.sigmas[call.row]) == pytest.approx(float(torch.tan(t[0].double() * torch.pi / 2)))
    assert not any(module._forward_hooks for module in loaded["v"].dit.modules())


def test_spread_keeps_the_ends_and_the_order(teacher: Teacher) -> None:
    two = teacher.spread(2)
    assert two.sigmas.tolist() == [teacher.sigmas[0], teacher.sigmas[-1]]
    assert [[call.row for call in run] for run in two.runs] == [[0, 1], [0, 1]]
    assert two.runs[1][1].velocity is teacher.runs[1][-1].velocity
    assert teacher.spread(50).calls == teacher.calls
    assert teacher.first_run().runs == teacher.runs[:1]


def test_a_teacher_without_prompts_is_refused(loaded: dict[str, AudioModel]) -> None:
    with pytest.raises(SamplingError) as caught:
        record_teacher(loaded["v"], [], QUICK)
    assert "prompt" in one_line(caught.value)


def test_full_precision_has_no_error(model: AudioModel, teacher: Teacher) -> None:
    seen: list[int] = []
    assert velocity_sqnr(model.dit, teacher, seen.append).tolist() == QUICK.steps * [float("inf")]
    assert sum(seen) == teacher.calls


def test_velocity_sqnr_pools_prompts_at_each_noise_level(
    model: AudioModel, teacher: Teacher, generator: torch.Generator
) -> None:
    """A dit that adds known noise, more for later calls."""
    noises = [2.0**n * torch.randn(teacher.runs[0][0].velocity.shape, generator=generator) for n in range(6)]
    left = list(noises)
    model.dit.register_forward_hook(lambda _, args, out: out + left.pop(0))
    found = velocity_sqnr(model.dit, teacher)
    for row in range(QUICK.steps):
        exact = np.stack([run[row].velocity.numpy() for run in teacher.runs]).astype(np.float64)
        noise = np.stack([noises[row].numpy(), noises[row + QUICK.steps].numpy()]).astype(np.float64)
        assert float(found[row]) == pytest.approx(10 * np.log10((exact**2).sum() / (noise**2).sum()), abs=0.01)
