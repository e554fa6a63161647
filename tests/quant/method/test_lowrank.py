"""Equations (6)-(9): the low-rank branch is the best there is, up to the rounding of fp16."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from quant.method.lowrank import corrected_weight, low_rank_factors, quantization_error, truncated_svd
from quant.method.primitives import dequantize, quantize, symmetric_scale

ROWS, COLUMNS = 24, 17


@pytest.fixture
def weight(generator: torch.Generator) -> Tensor:
    return torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64)


@pytest.fixture
def quantized(weight: Tensor) -> Tensor:
    """The weight as 4-bit codes with a scale per output channel stand for it."""
    scale = symmetric_scale(weight.abs().amax(1, keepdim=True), 4)
    return dequantize(quantize(weight, scale, 4), scale)


def test_equation_6(weight: Tensor, quantized: Tensor) -> None:
    error = quantization_error(weight, quantized)
    for i in range(ROWS):
        for j in range(COLUMNS):
            assert float(error[i, j]) == float(weight[i, j]) - float(quantized[i, j])


@pytest.mark.parametrize("rank", [1, 2, 5, 16, COLUMNS])
def test_equation_7_is_the_best_approximation_of_its_rank(weight: Tensor, quantized: Tensor, rank: int) -> None:
    """Eckart-Young: the error's Frobenius norm is the root of the squared singular values left out."""
    error = (weight - quantized).numpy()
    u, sigma, v = truncated_svd(weight - quantized, rank)
    assert (u.shape, sigma.shape, v.shape) == ((ROWS, rank), (rank,), (COLUMNS, rank))
    # Singular values by another road: the eigenvalues of the Gram matrix.
    squares = np.sort(np.linalg.eigvalsh(error.T @ error))[::-1].clip(0)
    assert np.allclose(sigma.numpy() ** 2, squares[:rank], rtol=1e-9, atol=1e-12)
    product = (u * sigma) @ v.mT
    left = np.linalg.norm(error - product.numpy())
    assert left == pytest.approx(float(np.sqrt(squares[rank:].sum())), rel=1e-7, abs=1e-7)
    eye = torch.eye(rank, dtype=torch.float64)
    assert torch.allclose(u.mT @ u, eye, atol=1e-12)
    assert torch.allclose(v.mT @ v, eye, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 4, COLUMNS])
def test_equation_8_splits_the_singular_values_evenly(weight: Tensor, quantized: Tensor, rank: int) -> None:
    error = quantization_error(weight, quantized)
    a, b = low_rank_factors(error, rank)
    assert (a.dtype, b.dtype) == (torch.float16, torch.float16)
    assert (a.shape, b.shape) == ((ROWS, rank), (COLUMNS, rank))
    sigma = np.linalg.svd(error.numpy(), compute_uv=False)[:rank]
    # Columns of U and V have norm 1, so those of A and B have the root of sigma, up to half a unit of fp16 each.
    assert np.allclose(np.linalg.norm(a.double().numpy(), axis=0), np.sqrt(sigma), rtol=2**-11)
    assert np.allclose(np.linalg.norm(b.double().numpy(), axis=0), np.sqrt(sigma), rtol=2**-11)


@pytest.mark.parametrize("rank", [1, 4, 8, COLUMNS])
def test_product_is_the_best_approximation_up_to_fp16(weight: Tensor, quantized: Tensor, rank: int) -> None:
    error = (weight - quantized).numpy()
    u, sigma, vh = np.linalg.svd(error)
    best = (u[:, :rank] * sigma[:rank]) @ vh[:rank]
    a, b = (factor.double().numpy() for factor in low_rank_factors(torch.from_numpy(error), rank))
    # Each factor is rounded to 11 bits: a relative error of at most 2^-11 an entry, and 2^-24 of subnormals.
    root = np.sqrt(sigma[:rank])
    left, right = np.abs(u[:, :rank] * root), np.abs(vh[:rank].T * root)
    bound = (left * (1 + 2**-11) + 2**-24) @ (right * (1 + 2**-11) + 2**-24).T - left @ right.T
    assert bool((np.abs(a @ b.T - best) <= bound + 1e-12).all())
    tail = float(np.sqrt((sigma[rank:] ** 2).sum()))
    assert np.linalg.norm(error - a @ b.T) <= tail + float(np.linalg.norm(bound))


def test_equation_9(weight: Tensor, quantized: Tensor) -> None:
    a, b = low_rank_factors(quantization_error(weight, quantized), 3)
    corrected = corrected_weight(quantized, a, b)
    assert corrected.dtype == quantized.dtype
    for i in range(ROWS):
        for j in range(COLUMNS):
            expected = float(quantized[i, j]) + sum(float(a[i, r]) * float(b[j, r]) for r in range(3))
            assert float(corrected[i, j]) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_each_rank_lowers_the_error_and_full_rank_all_but_removes_it(weight: Tensor, quantized: Tensor) -> None:
    error = quantization_error(weight, quantized)
    norms = [float(error.norm())]
    for rank in range(1, COLUMNS + 1):
        norms.append(float((weight - corrected_weight(quantized, *low_rank_factors(error, rank))).norm()))
    assert all(later < earlier for earlier, later in itertools.pairwise(norms[:-1]))
    assert norms[-1] < norms[0] * 2e-3


def test_rank_beyond_the_matrix_is_the_full_rank(weight: Tensor, quantized: Tensor) -> None:
    a, b = low_rank_factors(quantization_error(weight, quantized), 1000)
    assert (a.shape, b.shape) == ((ROWS, COLUMNS), (COLUMNS, COLUMNS))


def test_error_of_zero_has_factors_of_zero() -> None:
    a, b = low_rank_factors(torch.zeros(5, 4), 2)
    assert not (a @ b.mT).any()
