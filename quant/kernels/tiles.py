"""The order of int8 codes in a checkpoint: that of AMX's tiles, so that they are multiplied where they are mapped."""

from __future__ import annotations

import torch
from torch import Tensor

from quant.kernels.native.products import TILES, in_strips


def in_tiles(codes: Tensor) -> Tensor:
    """Bring int8 codes (out, in) into strips of 16 outputs, four inputs side by side: (out/16, in/4, 16, 4).

    Those that do not fill pairs of strips and steps of 64 inputs stay as they are.

    Examples
    --------
    >>> codes = torch.arange(64, dtype=torch.int8).repeat(32, 1)
    >>> in_tiles(codes).shape, in_tiles(codes)[0, 1, 0].tolist()
    (torch.Size([2, 16, 16, 4]), [4, 5, 6, 7])
    """
    outputs, inputs = codes.shape
    return codes if outputs % TILES.outputs or inputs % TILES.inputs else in_strips("amx", codes)


def plain(codes: Tensor) -> Tensor:
    """Int8 codes (out, in), of themselves or :func:`in_tiles`.

    Examples
    --------
    >>> codes = torch.randint(-127, 128, (64, 128), dtype=torch.int8)
    >>> torch.equal(plain(in_tiles(codes)), codes), plain(codes) is codes
    (True, True)
    """
    if codes.ndim == 2:
        return codes
    strips, groups, strip, _ = codes.shape
    # Four codes are moved as one number.
    lines = codes.reshape(strips, groups, -1).view(torch.int32)
    return lines.transpose(1, 2).reshape(strips * strip, groups).view(torch.int8)
