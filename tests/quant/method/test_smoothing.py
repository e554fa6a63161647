"""Equations (2)-(5), each against a loop in float64 over single numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from quant.method.smoothing import smooth_activation, smooth_weight, smoothing_factor, weight_absmax

TOKENS, CHANNELS, OUT = 9, 11, 6


@pytest.fixture
def x(generator: torch.Generator) -> Tensor:
    """Activations (batch, tokens, channels) with an outlier channel of a thousand times the others' size."""
    x = torch.randn(2, TOKENS, CHANNELS, generator=generator, dtype=torch.float64)
    x[..., 4] *= 1000
    return x


@pytest.fixture
def weight(generator: torch.Generator) -> Tensor:
    return torch.randn(OUT, CHANNELS, generator=generator, dtype=torch.float64)


def loop_absmax(values: Tensor) -> list[float]:
    """Largest absolute value by last index, one number after the other."""
    rows = values.reshape(-1, values.shape[-1]).tolist()
    return [max(abs(row[j]) for row in rows) for j in range(values.shape[-1])]


def absmax_of(x: Tensor) -> Tensor:
    """Equation (1), which tests/quant/method/test_calibration.py holds calibration to."""
    return torch.tensor(loop_absmax(x), dtype=x.dtype)


def test_equation_2(weight: Tensor) -> None:
    assert weight_absmax(weight).tolist() == loop_absmax(weight)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_equation_3(x: Tensor, weight: Tensor, alpha: float) -> None:
    factor = smoothing_factor(absmax_of(x), weight_absmax(weight), alpha)
    expected = [a**alpha / w ** (1 - alpha) for a, w in zip(loop_absmax(x), loop_absmax(weight), strict=True)]
    assert factor.tolist() == pytest.approx(expected, rel=1e-14)


def test_equation_4(x: Tensor, weight: Tensor) -> None:
    factor = smoothing_factor(absmax_of(x), weight_absmax(weight), 0.5)
    smooth_x, smooth_w = smooth_activation(x, factor), smooth_weight(weight, factor)
    for j in range(CHANNELS):
        for i in range(OUT):
            assert float(smooth_w[i, j]) == pytest.approx(float(weight[i, j]) * float(factor[j]), rel=1e-15)
        for token in range(TOKENS):
            assert float(smooth_x[1, token, j]) == pytest.approx(float(x[1, token, j]) / float(factor[j]), rel=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
def test_equation_5_leaves_the_product_alone(x: Tensor, weight: Tensor, alpha: float) -> None:
    factor = smoothing_factor(absmax_of(x), weight_absmax(weight), alpha)
    product = smooth_activation(x, factor) @ smooth_weight(weight, factor).mT
    flat = x.reshape(-1, CHANNELS).tolist()
    expected = [[sum(row[j] * w[j] for j in range(CHANNELS)) for w in weight.tolist()] for row in flat]
    difference = product.reshape(-1, OUT) - torch.tensor(expected, dtype=torch.float64)
    assert float(difference.abs().max()) <= 1e-12 * float(product.abs().max())


def test_half_balances_both_sides(x: Tensor, weight: Tensor) -> None:
    """At alpha 1/2 the smoothed activation and the smoothed weight have the same range in every channel."""
    factor = smoothing_factor(absmax_of(x), weight_absmax(weight), 0.5)
    left = absmax_of(smooth_activation(x, factor))
    right = weight_absmax(smooth_weight(weight, factor))
    assert left.tolist() == pytest.approx(right.tolist(), rel=1e-14)


def test_channels_of_zeros_keep_the_product_and_stay_finite(x: Tensor, weight: Tensor) -> None:
    x[..., 0], weight[:, 1] = 0, 0
    x[..., 2], weight[:, 2] = 0, 0
    factor = smoothing_factor(absmax_of(x), weight_absmax(weight), 0.5)
    assert factor[:3].tolist() == [1, 1, 1]
    assert bool((factor > 0).all())
    product = smooth_activation(x, factor) @ smooth_weight(weight, factor).mT
    assert torch.allclose(product, x @ weight.mT, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_extreme_ranges_give_finite_positive_factors(dtype: torch.dtype, alpha: float) -> None:
    info = torch.finfo(dtype)
    sizes = torch.tensor([0.0, info.tiny, 1e-20, 1.0, 1e20, info.max], dtype=dtype)
    grid_x, grid_w = torch.meshgrid(sizes, sizes, indexing="ij")
    factor = smoothing_factor(grid_x.flatten(), grid_w.flatten(), alpha)
    assert bool(factor.isfinite().all())
    assert bool((factor > 0).all())
