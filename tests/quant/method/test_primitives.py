"""Symmetric quantization against loops in Python's own arithmetic."""

from __future__ import annotations

import pytest
import torch

from quant.errors import QuantError
from quant.method.primitives import dequantize, largest_code, quantize, symmetric_scale


@pytest.mark.parametrize(("bits", "limit"), [(2, 1), (3, 3), (4, 7), (5, 15), (6, 31), (7, 63), (8, 127)])
def test_largest_code(bits: int, limit: int) -> None:
    assert largest_code(bits) == limit


@pytest.mark.parametrize("bits", [1, 0, -8, 9, 16])
def test_widths_that_int8_cannot_hold_are_refused(bits: int) -> None:
    with pytest.raises(QuantError, match=f"^{bits} bits: .* 2 to 8 bits"):
        largest_code(bits)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_codes_and_values_equal_a_loop(bits: int, generator: torch.Generator) -> None:
    x = torch.randn(13, 7, generator=generator, dtype=torch.float64) * 3
    scale = symmetric_scale(x.abs().amax(1, keepdim=True), bits)
    codes = quantize(x, scale, bits)
    values = dequantize(codes, scale)
    limit = 2 ** (bits - 1) - 1
    assert codes.dtype == torch.int8
    for i in range(13):
        step = max(abs(float(v)) for v in x[i]) / limit
        for j in range(7):
            code = max(-limit, min(limit, round(float(x[i, j]) / step)))
            assert int(codes[i, j]) == code
            assert float(values[i, j]) == pytest.approx(code * step, rel=1e-15)


@pytest.mark.parametrize("bits", [4, 8])
def test_error_is_at_most_half_a_step_and_the_largest_value_is_exact(bits: int, generator: torch.Generator) -> None:
    x = torch.randn(4096, generator=generator, dtype=torch.float64)
    scale = symmetric_scale(x.abs().amax(), bits)
    back = dequantize(quantize(x, scale, bits), scale)
    assert float((back - x).abs().max()) <= float(scale) / 2 * (1 + 1e-12)
    largest = int(x.abs().argmax())
    assert float(back[largest]) == pytest.approx(float(x[largest]), rel=1e-15)


def test_grid_is_symmetric(generator: torch.Generator) -> None:
    x = torch.randn(4096, generator=generator)
    scale = symmetric_scale(x.abs().amax(), 8)
    assert torch.equal(quantize(-x, scale, 8), -quantize(x, scale, 8))


def test_ties_round_to_even() -> None:
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5])
    assert quantize(x, torch.tensor(1.0), 8).tolist() == [0, 2, 2, 0, -2, -2]


def test_values_beyond_the_range_saturate_instead_of_wrapping() -> None:
    x = torch.tensor([1000.0, -1000.0, torch.inf, -torch.inf, 127.6, -128.4])
    assert quantize(x, torch.tensor(1.0), 8).tolist() == [127, -127, 127, -127, 127, -127]
    assert quantize(x, torch.tensor(1.0), 4).tolist() == [7, -7, 7, -7, 7, -7]


def test_zero_range_gives_zero_codes() -> None:
    x = torch.zeros(3, 5)
    scale = symmetric_scale(x.abs().amax(1, keepdim=True), 8)
    assert bool(scale.isfinite().all())
    assert int(quantize(x, scale, 8).abs().sum()) == 0
    assert not dequantize(quantize(x, scale, 8), scale).any()


def test_extreme_outlier_takes_the_range_and_the_rest_vanishes() -> None:
    x = torch.tensor([1e30, 1.0, -1.0, 0.0])
    scale = symmetric_scale(x.abs().amax(), 8)
    assert quantize(x, scale, 8).tolist() == [127, 0, 0, 0]


def test_smallest_positive_range_stays_finite() -> None:
    tiny = torch.tensor([1e-45, 0.0])
    scale = symmetric_scale(tiny.amax(), 8)
    assert bool(dequantize(quantize(tiny, scale, 8), scale).isfinite().all())


def test_input_is_left_alone(generator: torch.Generator) -> None:
    x = torch.randn(32, generator=generator)
    before = x.clone()
    quantize(x, torch.tensor(0.1), 8)
    assert torch.equal(x, before)
