"""What rows go through before they become codes (:class:`~quant.kernels.interface.Entry`), in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor

from quant.kernels.interface import CARRIED, Entry


def entered(x: Tensor, entry: Entry | None) -> tuple[Tensor, Tensor | None]:
    """Rows (..., k) as they become codes, and of them the channels (..., r) that are carried, if any are.

    Examples
    --------
    >>> rest, taken = entered(torch.tensor([[3.0, 1.0]]), Entry.of(torch.tensor([0]), 2))
    >>> rest.tolist(), taken.tolist()
    ([[0.0, 1.0]], [[3.0]])
    """
    if entry is None:
        return x, None
    return x.index_fill(-1, entry.channels, 0), x[..., entry.channels]


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
