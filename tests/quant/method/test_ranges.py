"""The range of least squared error, against a search in float64 and against the largest magnitude."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from quant.method.primitives import symmetric_scale
from quant.method.samples import FACTORS, least_error_scale


def error_of(rows: Tensor, scale: float, power: Tensor, bits: int) -> float:
    """Squared error of rounding to a grid, in float64: what the output of a layer loses, channel by channel."""
    x, limit = rows.double().numpy(), 2 ** (bits - 1) - 1
    rounded = np.clip(np.round(x / scale), -limit, limit) * scale
    return float((((x - rounded) ** 2) * power.double().numpy()).sum())


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("tail", [1.0, 3.0])
def test_no_range_that_is_tried_errs_less(generator: torch.Generator, bits: int, tail: float) -> None:
    rows = torch.randn(256, 24, generator=generator).sinh() ** tail
    power = torch.rand(24, generator=generator) + 0.1
    largest = rows.abs().max() * 1.5  # calibration saw more than the samples
    found = float(least_error_scale(rows, largest, power, bits))
    scales = [float(symmetric_scale(largest * factor, bits)) for factor in FACTORS]
    errors = [error_of(rows, scale, power, bits) for scale in scales]
    assert found in scales
    assert error_of(rows, found, power, bits) == pytest.approx(min(errors), rel=1e-4)
    assert error_of(rows, found, power, bits) <= errors[0] * (1 + 1e-6)
    if tail > 1 and bits == 4:
        assert min(errors) < 0.95 * errors[0], "rare large values make the whole range a bad one"


def test_channels_count_by_their_weights(generator: torch.Generator) -> None:
    """A large value in a channel that no weight reads is no reason for a wide range."""
    rows = torch.rand(256, 8, generator=generator)
    rows[:, 3] *= 8
    power = torch.ones(8)
    seen = least_error_scale(rows, rows.max(), power, 8)
    power[3] = 0
    unseen = least_error_scale(rows, rows.max(), power, 8)
    assert float(unseen) < 0.3 * float(seen)


@pytest.mark.parametrize("largest", [0.0, 3.0])
def test_without_samples_the_largest_magnitude_stands(largest: float) -> None:
    absmax = torch.tensor(largest)
    assert torch.equal(least_error_scale(torch.zeros(0, 4), absmax, torch.ones(4), 8), symmetric_scale(absmax, 8))
    assert torch.equal(least_error_scale(torch.zeros(5, 4), absmax, torch.ones(4), 8), symmetric_scale(absmax, 8))
