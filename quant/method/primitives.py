"""Symmetric uniform quantization of tensors: scales, codes and back."""

from __future__ import annotations

import torch
from torch import Tensor

from quant.errors import QuantError

SMALLEST = 2.0**-121
"""Magnitude below which a token or a weight is rounded to zero, as 127 over it may be more than float32 holds."""


def largest_code(bits: int) -> int:
    """Largest code of a symmetric grid, ``2**(bits-1) - 1``: 127 for 8 bits, 7 for 4.

    Examples
    --------
    >>> largest_code(8), largest_code(4)
    (127, 7)
    """
    if not 2 <= bits <= 8:
        raise QuantError(f"{bits} bits: codes are stored as int8, so 2 to 8 bits are possible")
    return 2 ** (bits - 1) - 1


def symmetric_scale(absmax: Tensor, bits: int) -> Tensor:
    """Step of the grid whose largest code stands for ``absmax``; where that is below :data:`SMALLEST` codes are 0.

    Examples
    --------
    >>> symmetric_scale(torch.tensor([254.0, 0.0]), 8)[0].item()
    2.0
    """
    return torch.where(absmax >= SMALLEST, absmax, torch.ones_like(absmax)) / largest_code(bits)


def quantize(x: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Codes ``clamp(round(x / scale))`` as int8; ``scale`` broadcasts against ``x``. Ties round to even.

    Examples
    --------
    >>> quantize(torch.tensor([0.9, -2.6, 400.0]), torch.tensor(1.0), 8).tolist()
    [1, -3, 127]
    """
    limit = largest_code(bits)
    return (x / scale).round_().clamp_(-limit, limit).to(torch.int8)


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """Values ``codes * scale`` in the dtype of ``scale``.

    Examples
    --------
    >>> dequantize(torch.tensor([1, -3], dtype=torch.int8), torch.tensor(0.5)).tolist()
    [0.5, -1.5]
    """
    return codes.to(scale.dtype) * scale


def narrowed(value: Tensor) -> Tensor:
    """Round to fp16; float32 if a number of it is so large (from 65,520) that it would become infinite.

    Examples
    --------
    >>> narrowed(torch.tensor([1.0, 65519.0])).dtype, narrowed(torch.tensor([1.0, 65520.0])).dtype
    (torch.float16, torch.float32)
    """
    half = value.half()
    return half if bool(half.isfinite().all()) else value.float()
