"""The low-rank branch that corrects a quantized weight: equations (6)-(9) of the paper."""

from __future__ import annotations

import torch
from torch import Tensor

from quant.method.primitives import narrowed


def quantization_error(weight: Tensor, quantized: Tensor) -> Tensor:
    """Equation (6): ``E = W - W_hat``, the weight minus what its codes stand for.

    Examples
    --------
    >>> quantization_error(torch.tensor([1.25, 2.0]), torch.tensor([1.0, 2.0])).tolist()
    [0.25, 0.0]
    """
    return weight - quantized


EXACT_UP_TO = 1024
"""Smallest dimension up to which singular triplets are computed exactly."""


def truncated_svd(error: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Equation (7): the ``rank`` leading singular triplets ``U_r (k, r), sigma_r (r,), V_r (m, r)``.

    Large matrices, whose exact decomposition takes most of a minute, get a randomized one (Halko et al. 2011, with
    power iterations), always with the same random numbers.

    Examples
    --------
    >>> _, sigma, _ = truncated_svd(torch.diag(torch.tensor([3.0, 2.0, 1.0])), rank=2)
    >>> [round(value, 4) for value in sigma.tolist()]
    [3.0, 2.0]
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
    """Equation (8): ``A = U_r sqrt(sigma_r)`` and ``B = V_r sqrt(sigma_r)``, :func:`narrowed`, with ``E ~ A B^T``.

    Examples
    --------
    >>> a, b = low_rank_factors(torch.tensor([[4.0, 8.0], [2.0, 4.0]]), rank=1)  # of rank 1: exact but for fp16
    >>> (a.float() @ b.float().T).round().tolist()
    [[4.0, 8.0], [2.0, 4.0]]
    """
    u, sigma, v = truncated_svd(error, rank)
    root = sigma.sqrt()
    return narrowed(u * root), narrowed(v * root)


def outlier_channels(magnitudes: Tensor, count: int) -> Tensor:
    """Pick the ``count`` channels with the largest activations: int64 (count,), ascending.

    A token's scale is that of its largest channel, so these cost all others their precision. ``magnitudes`` (steps,
    channels) are those that are quantized, smoothed, of each step; their mean square decides.

    Examples
    --------
    >>> outlier_channels(torch.tensor([[1.0, 9.0, 2.0, 0.0], [1.0, 9.0, 0.0, 3.0]]), 2).tolist()
    [1, 3]
    """
    return magnitudes.square().mean(0).topk(count).indices.sort().values


def corrected_weight(quantized: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Equation (9): ``W_tilde = W_hat + A B^T``, accumulated in the dtype of ``quantized``.

    Examples
    --------
    >>> corrected_weight(torch.zeros(1, 2), torch.tensor([[2.0]]).half(), torch.tensor([[1.0], [3.0]]).half()).tolist()
    [[2.0, 6.0]]
    """
    return quantized + a.to(quantized.dtype) @ b.to(quantized.dtype).mT
