"""The decoder's compiled layers are those of torch in float64, to the rounding that its points cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from quant.kernels import convolutions
from quant.kernels.convolutions import Snake, pack_mix, pack_taps, residual_unit, transforms

ROOT = Path(__file__).parents[3]
LEAST_DB = 110.0
STRETCH = 288


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def decibels(found: Tensor, exact: Tensor) -> float:
    return float(10 * torch.log10(exact.square().mean() / (found.double() - exact).square().mean()))


def snake(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x + beta * torch.sin(alpha * x) ** 2


def drawn(channels: int, samples: int, generator: torch.Generator) -> dict[str, Tensor]:
    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def positive() -> Tensor:
        return torch.rand(channels, generator=generator) + 0.5

    return {
        "x": normal(samples, channels),
        "alpha": positive(),
        "beta": positive(),
        "taps": normal(channels, channels, 7) / (7 * channels) ** 0.5,
        "bias": normal(channels),
        "next_alpha": positive(),
        "next_beta": positive(),
        "mix": normal(channels, channels) / channels**0.5,
        "mix_bias": normal(channels),
    }


def packed(given: dict[str, Tensor]) -> dict[str, Tensor]:
    return given | {"taps": pack_taps(given["taps"]), "mix": pack_mix(given["mix"])}


def compiled(given: dict[str, Tensor], dilation: int) -> Tensor:
    x, alpha, beta, taps, bias, next_alpha, next_beta, mix, mix_bias = given.values()
    return residual_unit(x, Snake(alpha, beta), taps, bias, Snake(next_alpha, next_beta), mix, mix_bias, dilation)


def exactly(given: dict[str, Tensor], dilation: int) -> Tensor:
    x, alpha, beta, taps, bias, next_alpha, next_beta, mix, mix_bias = (value.double() for value in given.values())
    y = functional.conv1d(snake(x, alpha, beta).T, taps, bias, padding=3 * dilation, dilation=dilation).T
    return x + snake(y, next_alpha, next_beta) @ mix.T + mix_bias


def test_the_points_give_the_convolution(generator: torch.Generator) -> None:
    into, taps, back = transforms()
    w, x = (torch.randn(count, generator=generator, dtype=torch.float64) for count in (7, 10))
    direct = torch.tensor([float(w @ x[i : i + 7]) for i in range(4)], dtype=torch.float64)
    assert torch.allclose(back @ ((taps @ w) * (into @ x)), direct, rtol=0, atol=1e-11)


def test_a_point_and_its_negative_share_their_halves() -> None:
    """The kernel reads the row of the positive one alone, and of the first and the last input one value."""
    into, _, back = transforms()
    signs = torch.tensor([(-1.0) ** k for k in range(10)], dtype=torch.float64)
    for p in range(1, 9, 2):
        assert torch.allclose(into[p], into[p + 1] * signs, rtol=0, atol=1e-10)
        assert torch.allclose(back[:, p], back[:, p + 1] * signs[:4], rtol=0, atol=1e-10)
    unread = torch.cat([into[0, 1::2], into[-1, ::2], into[1:-1, 0], into[1:-1, -1], back[1:, 0], back[:-1, -1]])
    assert unread.abs().max() < 1e-10


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize("samples", [1, 5, STRETCH - 1, STRETCH, 2 * STRETCH + 37])
def test_a_residual_unit(samples: int, dilation: int, generator: torch.Generator) -> None:
    channels = 64 if samples > STRETCH else 128
    given = drawn(channels, samples, generator)
    if not convolutions.usable(given["x"], channels):
        return  # torch computes here
    assert decibels(compiled(packed(given), dilation), exactly(given, dilation)) > LEAST_DB


HELD = """
import sys, torch
from quant.kernels.convolutions import Snake, residual_unit
x, alpha, beta, taps, bias, next_alpha, next_beta, mix, mix_bias = torch.load(sys.argv[1])
torch.set_num_threads(2)
given = taps, bias, Snake(next_alpha, next_beta), mix, mix_bias, 3
torch.save(residual_unit(x, Snake(alpha, beta), *given), sys.argv[2])
"""


def test_half_the_vectors_and_another_number_of_threads_change_no_bit(
    generator: torch.Generator, tmp_path: Path
) -> None:
    given, inputs, out = packed(drawn(64, 700, generator)), tmp_path / "inputs.pt", tmp_path / "out.pt"
    if not convolutions.usable(given["x"], 64):
        return
    torch.save(list(given.values()), inputs)
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "avx2"}
    subprocess.run([sys.executable, "-c", HELD, inputs, out], cwd=ROOT, env=environment, check=True)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = compiled(given, 3)
    torch.set_num_threads(before)
    assert torch.equal(found, torch.load(out))


def test_the_activation_at_any_angle(generator: torch.Generator) -> None:
    x = torch.randn(500, 64, generator=generator) * 10 ** torch.empty(500, 1).uniform_(-3, 3, generator=generator)
    alpha, beta = (torch.randn(64, generator=generator).exp() for _ in range(2))
    if not convolutions.usable(x, 64):
        return
    angle = (x * alpha).double()  # float32 has no other
    exact = x.double() + beta.double() * torch.sin(angle) ** 2
    assert (((Snake(alpha, beta)(x).double() - exact) / (beta + exact.abs())).abs() < 5e-7).all()


def test_no_number_stays_none_and_infinity_becomes_none() -> None:
    x, one = torch.zeros(3, 64), torch.ones(64)
    x[0, 0], x[1, 1], x[2, 2] = torch.nan, torch.inf, 1e30
    if convolutions.usable(x, 64):
        found = Snake(one, one)(x)
        assert not found[0, 0].isfinite()
        assert not found[1, 1].isfinite()
        assert found[2, 2] == 1e30


def test_what_needs_gradients_or_another_type_is_for_torch() -> None:
    assert not convolutions.usable(torch.ones(4, 64, dtype=torch.float64), 64)
    assert not convolutions.usable(torch.ones(4, 64), 96)
    with torch.enable_grad():
        assert not convolutions.usable(torch.ones(4, 64), 64)
