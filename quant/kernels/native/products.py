"""Products of int8 codes by the compiled kernels: weights in strips of outputs, exact sums on every processor."""

from __future__ import annotations

import ctypes
import functools
from typing import NamedTuple

import torch
from torch import Tensor

from quant.kernels.native.library import library


class Layout(NamedTuple):
    """How a packed weight lies: ``strip`` outputs side by side, zeros up to so many ``outputs`` and ``inputs``."""

    strip: int
    outputs: int
    inputs: int

    def strips(self, outputs: int) -> int:
        """Strips that so many outputs fill."""
        return -(-outputs // self.outputs) * (self.outputs // self.strip)


PLAIN, TILES = Layout(64, 64, 4), Layout(16, 32, 64)


def layout(level: str) -> Layout:
    """Of an instruction set: AMX multiplies tiles."""
    return TILES if level == "amx" else PLAIN


RANKS = 32
"""Ranks of a low-rank branch are filled up to a multiple of this."""

HIGH = 256
"""What the first of two digits counts."""

LARGEST = 8191
"""Codes of the branch's second half: 32 products of two of these stay below 2^31."""

_Library = ctypes.CDLL


class _Product(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("codes", "packed", "weight", "factor", "inverse")),
        *((name, ctypes.c_void_p) for name in ("scale", "out", "stream", "token_scale", "bias")),
        *((name, ctypes.c_void_p) for name in ("down", "back")),
        *((name, ctypes.c_int64) for name in ("rows", "inputs", "outputs", "rank", "per_token", "halves")),
    ]


@functools.cache
def _functions(level: str) -> _Library:
    found = library(level)
    assert found is not None
    whole, at = ctypes.c_int64, ctypes.c_void_p
    found.earmark_product.argtypes, found.earmark_product.restype = [at, whole], None
    found.earmark_pack.argtypes, found.earmark_pack.restype = [at, at, whole, whole, whole], None
    found.earmark_pack_group.argtypes = [at, at, at, at, whole, whole, whole]
    found.earmark_pack_group.restype = None
    return found


def pack(level: str, codes: Tensor) -> Tensor:
    """Bring int8 codes (out, in) into strips."""
    kind, (outputs, inputs) = layout(level), codes.shape
    groups = -(-inputs // kind.inputs) * kind.inputs // 4
    codes, packed = codes.contiguous(), torch.empty((kind.strips(outputs), groups, kind.strip, 4), dtype=torch.uint8)
    _functions(level).earmark_pack(codes.data_ptr(), packed.data_ptr(), *codes.shape, torch.get_num_threads())
    return packed


def in_strips(level: str, weight: Tensor, together: int = 4) -> Tensor:
    """Reorder a weight (out, in) as :func:`pack` does codes, with zeros up to whole strips.

    (strips, in/together, strip, together): ``together`` inputs lie side by side.
    """
    kind, (outputs, inputs) = layout(level), weight.shape
    deep = kind.inputs if together == 4 else together
    padded = torch.nn.functional.pad(weight, (0, -inputs % deep, 0, -outputs % kind.outputs))
    return padded.view(kind.strips(outputs), kind.strip, -1, together).transpose(1, 2).contiguous()


def pack_branch(level: str, b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Bring the halves of a low-rank branch, ``b`` (in, r) and ``a`` (out, r), into integers of 16 and 14 bits.

    ``b`` becomes two int8 digits of each rank, 256 times the first plus the second, in strips, which
    :func:`down_product` multiplies exactly; the scale of each rank goes into ``a``, of which :func:`pack_back` tells.
    """
    b, a = (torch.nn.functional.pad(half.float(), (0, -half.shape[1] % RANKS)) for half in (b, a))
    step = b.abs().amax(0) / (127 * HIGH)
    whole = (b / torch.where(step > 0, step, 1)).round().int()
    high = (whole + HIGH // 2) >> 8
    digits = torch.cat((high, whole - HIGH * high), 1).to(torch.int8)
    return pack(level, digits.mT), pack_back(level, a * step)


def pack_back(level: str, back: Tensor) -> Tensor:
    """Bring the second half (out, r) of a branch, r a multiple of 32, into strips, as bytes.

    It becomes int16 codes with a scale for each output behind each strip; for tiles, of every 32 ranks the nearest
    numbers in bfloat16, and then what is left of each.
    """
    if layout(level) is TILES:
        near = back.bfloat16()
        parts = near, (back - near.float()).bfloat16()
        tiles = [in_strips(level, part, 2).unflatten(1, (-1, RANKS // 2)) for part in parts]
        return torch.stack(tiles, 2).view(torch.uint8)
    scale = back.abs().amax(1, keepdim=True) / LARGEST
    codes = in_strips(level, (back / torch.where(scale > 0, scale, 1)).round().short(), 2)
    scales = in_strips(level, scale, 1)
    strips = [x.view(len(x), -1).view(torch.uint8) for x in (codes, scales)]
    return torch.cat(strips, 1)


@functools.cache
def _digits(outputs: int) -> Tensor:
    """What the outputs of a packed ``b`` count."""
    return torch.tensor([float(HIGH), 1.0]).repeat_interleave(outputs // 2)


def down_product(level: str, codes: Tensor, b: Tensor) -> Tensor:
    """Multiply codes (rows, in) by a packed ``b``: (rows, r), float32, r a multiple of 32."""
    scale = _digits(len(b) * b.shape[2])
    found = product(level, codes, b, scale, torch.empty(len(codes), len(scale)))
    high, low = found.chunk(2, 1)
    return high + low


class Group(NamedTuple):
    """What the codes of a group of timesteps are made of.

    ``halves`` are fp16 :func:`in_strips`; ``factor`` smooths the inputs, ``inverse`` is one over the scale of the
    outputs, float32, zeros behind both.
    """

    halves: Tensor
    factor: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, strips: Tensor, factor: Tensor, scale: Tensor) -> Group:
        """Of ``factor`` (in,) and ``scale`` (out, 1)."""
        outputs, inputs = len(strips) * strips.shape[2], strips.shape[1] * 4
        wide = torch.nn.functional.pad(factor.float(), (0, inputs - len(factor)))
        tall = torch.nn.functional.pad(1 / scale.flatten().float(), (0, outputs - len(scale)))
        return cls(strips, wide, tall)

    @property
    def nbytes(self) -> int:
        """Bytes beside the weight's own."""
        return int(self.factor.nbytes + self.inverse.nbytes)


def pack_group(level: str, group: Group, packed: Tensor | None) -> Tensor:
    """Codes of a group, over ``packed``."""
    if packed is None:
        packed = torch.empty(group.halves.shape, dtype=torch.uint8)
    _functions(level).earmark_pack_group(
        group.halves.data_ptr(),
        group.factor.data_ptr(),
        group.inverse.data_ptr(),
        packed.data_ptr(),
        len(group.inverse),
        len(group.factor),
        torch.get_num_threads(),
    )
    return packed


def product(
    level: str,
    codes: Tensor,
    packed: Tensor | Group,
    scale: Tensor,
    out: Tensor,
    down: Tensor | None = None,
    back: Tensor | None = None,
    stream: Tensor | None = None,
    token_scale: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Fill ``out`` (rows, out), float32 or bfloat16, with the scaled product of codes (rows, in) and packed ones.

    Those of a :class:`Group`, which only AMX multiplies, are made in passing.

    The float32 result (rows, r) of :func:`down_product`, by ``back``, the packed ``a``, is
    added; then, with a float32 ``stream`` (rows, out), all is scaled per token and added to it, and ``bias`` last.
    """
    rows, inputs = codes.shape
    weight = (None, *(x.data_ptr() for x in packed)) if isinstance(packed, Group) else (packed.data_ptr(), *[None] * 3)
    given = _Product(
        codes.data_ptr(),
        *weight,
        scale.data_ptr(),
        out.data_ptr(),
        None if stream is None else stream.data_ptr(),
        None if token_scale is None else token_scale.data_ptr(),
        None if bias is None else bias.data_ptr(),
        None if down is None else down.data_ptr(),
        None if back is None else back.data_ptr(),
        rows,
        inputs,
        out.shape[1],
        0 if down is None else down.shape[1],
        int(token_scale is not None and token_scale.numel() > 1),
        int(out.dtype == torch.bfloat16),
    )
    if rows:
        _functions(level).earmark_product(ctypes.byref(given), torch.get_num_threads())
    return out
