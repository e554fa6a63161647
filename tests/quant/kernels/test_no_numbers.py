"""What is no number, and what is too small for one: no finite row comes of the first, and no overflow of the second."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from quant.kernels import cpu, passes, reference
from quant.kernels.interface import Tokens
from quant.method.primitives import SMALLEST, quantize, symmetric_scale

WIDTH = 70


@pytest.fixture(params=["reference", "cpu", "uncompiled"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "uncompiled":
        monkeypatch.setattr(passes.paths, "compiled", lambda: None)
    return reference if request.param == "reference" else cpu


def answer(kernels: Any, tokens: Tokens, weight: Tensor) -> Tensor:
    out: Tensor = kernels.product(tokens, kernels.pack(weight), torch.ones(len(weight)), torch.float32)
    return out * tokens.scale


@pytest.mark.parametrize("static", [None, 0.05])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_row_with_no_number_has_no_finite_answer(
    kernels: Any, generator: torch.Generator, value: float, static: float | None
) -> None:
    x, weight = torch.randn(6, WIDTH, generator=generator), torch.randint(-127, 128, (64, WIDTH), dtype=torch.int8)
    fixed = None if static is None else torch.tensor(static)
    before = answer(kernels, kernels.quantize(x, fixed), weight)
    spoilt = x.clone()
    spoilt[2, int(torch.randint(WIDTH, (), generator=generator))] = value
    after = answer(kernels, kernels.quantize(spoilt, fixed), weight)
    assert not after[2].isfinite().any()
    others = [0, 1, 3, 4, 5]
    assert torch.equal(after[others], before[others])
    assert bool(before.isfinite().all())


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-38, SMALLEST / 1.001, SMALLEST, 1e-30])
def test_tokens_that_are_small_do_not_overflow(kernels: Any, generator: torch.Generator, size: float) -> None:
    x = torch.rand(3, WIDTH, generator=generator).sub_(0.5).mul_(2 * size)
    x[:, 0], x[0] = size, 0
    tokens = kernels.quantize(x, None)
    shift = 128 if tokens.codes.dtype == torch.uint8 else 0
    codes = tokens.codes.int() - shift
    expected = torch.zeros_like(x) if size < SMALLEST else (x.double() / size * 127).round()
    assert bool(((codes - expected).abs() <= (size >= SMALLEST)).all())
    assert bool(tokens.scale.isfinite().all())


def test_weights_that_are_small_do_not_overflow() -> None:
    for size in (1e-45, 1e-38, SMALLEST / 1.001):
        scale = symmetric_scale(torch.tensor(size), 8)
        assert quantize(torch.tensor([size, 0.0]), scale, 8).tolist() == [0, 0]
        assert math.isfinite(1 / float(scale))
    assert quantize(torch.tensor(SMALLEST), symmetric_scale(torch.tensor(SMALLEST), 8), 8).item() == 127
    assert math.isfinite(float(127 / torch.tensor(SMALLEST)))
