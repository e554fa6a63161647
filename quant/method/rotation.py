"""Rotation of input channels by Hadamard matrices, which spreads outliers over all of them (QuaRot).

``(x H) (W H)^T = x W^T``: the matrix is orthogonal and symmetric, and its own inverse.
"""

from __future__ import annotations

import torch
from torch import Tensor

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
