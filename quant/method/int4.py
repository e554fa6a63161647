"""Int4 codes under integer group scales, whose products are int8 codes exactly (QServe's progressive quantization)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from quant.method.feedback import fed_back
from quant.method.primitives import symmetric_scale

INT4_GROUP = 64
"""Input channels that share an integer group scale, or the largest power of two below that divides them."""

INT4_LIMIT, INT4_SCALES = 7, 18
"""Largest int4 code, and largest group scale such that their product, 126, is an int8 code."""


NARROWER = 6
"""How many group scales are tried: the one that reaches the largest weight of the group, and those below it."""


def int4_group(in_features: int) -> int:
    """Input channels that share a group scale: the largest power of two up to 64 that divides ``in_features``.

    Examples
    --------
    >>> int4_group(1536), int4_group(24)
    (64, 8)
    """
    return min(INT4_GROUP, in_features & -in_features)


def pack_int4(weight: Tensor, moments: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Quantize (out, in) to int4 codes under integer group scales under a scale per output channel.

    A group's scale is that of the least squared error, which may cut off its largest weights. Returns the codes two a
    byte (out, in/2) uint8, the group scales (out, in/group) uint8 and the channel scales (out,). An odd number of
    inputs is filled up by a column of zeros. With second ``moments`` of the inputs (parts, k, k), whose parts are whole
    groups, weights are rounded as :func:`~quant.method.feedback.fed_back` does, else to nearest.

    Examples
    --------
    >>> packed, steps, scale = pack_int4(torch.tensor([[1.0, -1.0, 0.5, 0.0]]))
    >>> packed.shape, steps.tolist(), packed.nbytes  # four codes in two bytes
    (torch.Size([1, 2]), [[18]], 2)
    """
    weight = F.pad(weight, (0, weight.shape[1] % 2))
    group = int4_group(weight.shape[1])
    scale = symmetric_scale(weight.abs().amax(1), 8) * (127 / (INT4_LIMIT * INT4_SCALES))
    wide = weight / scale[:, None]
    if moments is not None and moments.shape[-1] % group == 0:
        found, steps = fed_back(wide, moments, INT4_LIMIT, lambda some: best_steps(some[:, None])[:, 0], group)
    else:
        groups = wide.unflatten(1, (-1, group))
        each = best_steps(groups)
        found, steps = (groups / each).round().clamp(-INT4_LIMIT, INT4_LIMIT).flatten(1), each.squeeze(2)
    nibbles = (found.to(torch.int8) & 15).to(torch.uint8)
    return nibbles[:, ::2] | (nibbles[:, 1::2] << 4), steps.to(torch.uint8), scale


def best_steps(wide: Tensor) -> Tensor:
    """Integer scales (out, groups, 1) of least squared error, of those tried, for weights (out, groups, group) to 126.

    Examples
    --------
    >>> wide = torch.tensor([[7.0, -14.0, 0.0, 0.0], [8.0, 1.0, 1.0, 1.0]])
    >>> best_steps(wide[:, None]).flatten().tolist()  # 8 is cut off to 7, as 1 would be rounded to 0
    [2.0, 1.0]
    """
    most = (wide.abs().amax(2, keepdim=True) / INT4_LIMIT).ceil().clamp(1, INT4_SCALES)
    least, steps = torch.full_like(most, torch.inf), most
    for less in range(NARROWER):
        step = (most - less).clamp_min(1)
        off = (wide / step).round_().clamp_(-INT4_LIMIT, INT4_LIMIT).mul_(step).sub_(wide)
        error = off.square_().sum(2, keepdim=True)
        steps = torch.where(error < least, step, steps)
        least = torch.minimum(error, least)
    return steps


def unpack_int4(packed: Tensor, steps: Tensor) -> Tensor:
    """The int8 codes (out, in) that :func:`pack_int4` packed, exactly.

    Examples
    --------
    >>> packed, steps, scale = pack_int4(torch.tensor([[1.0, -1.0, 0.0, 0.0]]))
    >>> unpack_int4(packed, steps).tolist()  # 7 * 18 stands for the largest
    [[126, -126, 0, 0]]
    """
    nibbles = torch.stack((packed & 15, packed >> 4), 2).flatten(1).to(torch.int8)
    codes = (nibbles ^ 8) - 8  # the sign of four bits
    return (codes.unflatten(1, (steps.shape[1], -1)) * steps.to(torch.int8)[:, :, None]).flatten(1)
