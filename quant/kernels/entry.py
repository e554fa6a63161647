"""What rows go through before they become codes (:class:`~quant.kernels.interface.Entry`), in plain torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from quant.kernels.interface import CARRIED, Entry, Tokens


def entered(x: Tensor, entry: Entry | None) -> tuple[Tensor, Tensor | None]:
    """Rows (..., k) as they become codes, and of them the channels (..., r) that are carried, if any are.

    Examples
    --------
    >>> rest, taken = entered(torch.tensor([[3.0, 1.0]]), Entry(torch.tensor([0])))
    >>> rest.tolist(), taken.tolist()
    ([[0.0, 1.0]], [[3.0]])
    """
    if entry is None or entry.channels is None:
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


def or_by(plain: Callable[..., Tokens]) -> Callable[[Callable[..., Tokens]], Callable[..., Tokens]]:
    """Leave calls with an entry to ``plain``, for kernels that know none; the function has the parameters of that.

    Examples
    --------
    >>> from quant.kernels import reference
    >>> same = or_by(reference.quantize)(lambda *given, **named: Tokens(torch.ones(1), torch.ones(1)))
    >>> x = torch.tensor([[3.0, 1.0]])
    >>> same(x, None).codes.tolist(), same(x, None, entry=Entry(torch.tensor([0]))).codes.tolist()
    ([1.0], [[0, 127]])
    """

    def decorate(function: Callable[..., Tokens]) -> Callable[..., Tokens]:
        @functools.wraps(plain)
        def call(*given: Any, entry: Entry | None = None, **named: Any) -> Tokens:
            return function(*given, **named) if entry is None else plain(*given, entry=entry, **named)

        return call

    return decorate
