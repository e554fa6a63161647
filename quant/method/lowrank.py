"""The low-rank branch that corrects a quantized weight: equations (6)-(9) of the paper."""

from __future__ import annotations

import torch
from torch import Tensor


def quantization_error(weight: Tensor, quantized: Tensor) -> Tensor:
    """Equation (6): ``E = W - W_hat``, the weight minus what its codes stand for."""
    return weight - quantized


EXACT_UP_TO = 1024
"""Smallest dimension up to which singular triplets are computed exactly."""


def truncated_svd(error: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Equation (7): the ``rank`` leading singular triplets ``U_r (k, r), sigma_r (r,), V_r (m, r)``.

    Large matrices, whose exact decomposition takes most of a minute, get a randomized one (Halko et al. 2011, with
    power iterations), always with the same random numbers.
    """
    if min(error.shape) > EXACT_UP_TO:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            u, sigma, v = torch.svd_lowrank(error, q=rank + 16, niter=4)
        return u[:, :rank], sigma[:rank], v[:, :rank]
    u, sigma, vh = torch.linalg.svd(error, full_matrices=False)
    rank = min(rank, len(sigma))
    return u[:, :rank], sigma[:rank], vh[:rank].mT


def low_rank_factors(error: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Equation (8): ``A = U_r sqrt(sigma_r)`` and ``B = V_r sqrt(sigma_r)``, both in fp16, with ``E ~ A B^T``."""
    u, sigma, v = truncated_svd(error, rank)
    root = sigma.sqrt()
    return (u * root).half(), (v * root).half()


def corrected_weight(quantized: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Equation (9): ``W_tilde = W_hat + A B^T``, accumulated in the dtype of ``quantized``."""
    return quantized + a.to(quantized.dtype) @ b.to(quantized.dtype).mT
