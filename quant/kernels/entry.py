"""What rows go through before they become codes (:class:`~quant.kernels.interface.Entry`), in plain torch.

Rotation by Hadamard matrices spreads outliers over all channels (QuaRot): ``(x H) (W H)^T = x W^T``, for the matrix is
orthogonal and symmetric, and its own inverse.
"""

from __future__ import annotations

import torch
from torch import Tensor

from quant.kernels.interface import CARRIED, Entry
from quant.method.primitives import SMALLEST

LARGEST_BLOCK = 256
"""Channels that are rotated with each other at most; more gains nothing that could be measured."""


def rotation_block(channels: int) -> int:
    """Channels that are rotated with each other: the largest power of two up to 256 that divides ``channels``.

    Examples
    --------
    >>> rotation_block(1536), rotation_block(1024), rotation_block(24), rotation_block(7)
    (256, 256, 8, 1)
    """
    return min(LARGEST_BLOCK, channels & -channels)


def hadamard(x: Tensor, block: int) -> Tensor:
    """Rotate each ``block`` of channels of (..., k) by the normalized Hadamard matrix; ``block`` is a power of two.

    Examples
    --------
    >>> hadamard(torch.tensor([[8.0, 0.0, 0.0, 0.0]]), 4).tolist()
    [[4.0, 4.0, 4.0, 4.0]]
    >>> hadamard(hadamard(torch.tensor([[8.0, 1.0, 0.0, 3.0]]), 4), 4).tolist()
    [[8.0, 1.0, 0.0, 3.0]]
    """
    if block == 1:
        return x
    out, half = x, 1
    while half < block:
        first, second = out.unflatten(-1, (-1, 2, half)).unbind(-2)
        out = torch.stack((first + second, first - second), -2).flatten(-3)
        half *= 2
    return out * block**-0.5


def entered(x: Tensor, entry: Entry | None) -> tuple[Tensor, Tensor | None]:
    """Rows (..., k) as they become codes, and of them the channels (..., r) that are carried, if any are.

    Examples
    --------
    >>> rest, taken = entered(torch.tensor([[3.0, 1.0]]), Entry.of(torch.tensor([0]), 2, 1))
    >>> rest.tolist(), taken.tolist()
    ([[0.0, 1.0]], [[3.0]])
    """
    if entry is None:
        return x, None
    if entry.channels is None:
        return hadamard(x, entry.block), None
    return hadamard(x.index_fill(-1, entry.channels, 0), entry.block), x[..., entry.channels]


def unscaled(taken: Tensor, scale: Tensor) -> Tensor:
    """What is carried (..., r) over the scale of its token, by which it is multiplied again behind the product.

    Examples
    --------
    >>> unscaled(torch.tensor([[3.0], [0.0]]), torch.tensor([[0.5], [0.0]])).tolist()
    [[6.0], [0.0]]
    """
    return taken / torch.where(scale > 0, scale, 1)


def absmax_of(x: Tensor, taken: Tensor | None) -> Tensor:
    """The magnitude (..., 1) that a token's scale stands for: the largest, and no less than what is carried allows.

    Examples
    --------
    >>> absmax_of(torch.zeros(1, 2), torch.tensor([[1024.0]])).tolist()
    [[0.0009765625]]
    """
    absmax = x.abs().amax(-1, keepdim=True)
    return absmax if taken is None else torch.maximum(absmax, taken.abs().amax(-1, keepdim=True) * CARRIED)


def inverse_of(absmax: Tensor, limit: float) -> Tensor:
    """What a token (..., 1) of this magnitude is multiplied by; one that is too small for it keeps codes of zero.

    Examples
    --------
    >>> inverse_of(torch.tensor([2.0, 1e-38]), 127.0).tolist()
    [63.5, 1.0]
    """
    return limit / torch.where(absmax >= SMALLEST, absmax, limit)


def fixed_scale(x: Tensor, static: Tensor) -> Tensor:
    """The scale (..., 1) of each token under one static range (): NaN for one that holds NaN or infinity.

    Codes cannot pass these on, and without it the row would be finite.

    Examples
    --------
    >>> fixed_scale(torch.tensor([[1.0, 2.0], [1.0, torch.inf]]), torch.tensor(0.5)).tolist()
    [[0.5], [nan]]
    """
    return static + (x * 0).sum(-1, keepdim=True)
