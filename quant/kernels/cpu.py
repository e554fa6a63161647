"""Kernels of the integer engine on the CPU: oneDNN's int8 products, and one pass over memory for all around them.

oneDNN multiplies prepacked int8 weights with signed codes where the processor has AMX and with unsigned ones
(shifted by 128, corrected by column sums made when packing) where it has VNNI only: there, signed codes fall into a
path that takes seconds. Processors with neither, Arm among them, and AVX2, whose int8 instruction saturates,
multiply the same codes in float32: correct, with the memory of int8 and about the speed of full precision.

The passes between the products, and attention, are those of ``passes`` where they can be compiled, and torch's own
elsewhere.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from quant.kernels import passes, reference
from quant.kernels.interface import LIMIT, HeadNorms, Tokens

log = logging.getLogger(__name__)

RESIDENT = False
"""A full-size model would take a gigabyte a group."""


@functools.cache
def method() -> str:
    """How this processor multiplies int8 codes: ``signed``, ``unsigned`` or ``float``; said once in the log.

    Examples
    --------
    >>> method() in ("signed", "unsigned", "float")
    True
    """
    found = torch.cpu.get_capabilities()
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"  # less if the user restricts it by environment
    if torch.backends.mkldnn.is_available() and wide and found.get("amx_int8"):
        name = "signed"
    elif torch.backends.mkldnn.is_available() and wide and found.get("avx512_vnni"):
        name = "unsigned"
    else:
        name = "float"
    log.info("int8 products on this processor: %s", name)
    return name


def multiplies() -> str:
    """See :meth:`Kernels.multiplies`."""
    return {"signed": "oneDNN int8", "unsigned": "oneDNN uint8 by int8", "float": "float32 products of codes"}[method()]


@functools.cache
def activation_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it, float32 elsewhere.

    Examples
    --------
    >>> activation_dtype() in (torch.bfloat16, torch.float32)
    True
    """
    found = torch.cpu.get_capabilities()
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.bfloat16 if wide and (found.get("avx512_bf16") or found.get("amx_bf16")) else torch.float32


def _codes(x: Tensor, static: Tensor | None, unsigned: bool, limit: float) -> tuple[Tensor, Tensor | None]:
    """Codes, and unless they are static the largest magnitude of each token.

    The scale itself is left to :func:`_as_tokens`, as with the compiled passes.
    """
    x = x.float()
    absmax = None
    if static is None:
        absmax = x.abs().amax(-1, keepdim=True)
        scaled = x * (limit / torch.where(absmax > 0, absmax, limit))
    else:
        scaled = x / static
    rounded = scaled.round().clamp(-limit, limit)
    return (rounded + 128).to(torch.uint8) if unsigned else rounded.to(torch.int8), absmax


def _as_tokens(found: tuple[Tensor, Tensor | None], static: Tensor | None, b: Tensor | None, limit: float) -> Tokens:
    """Give codes their scale, and let them meet the first half of the low-rank branch."""
    codes, absmax = found
    scale = static if absmax is None else absmax / limit
    down = None
    if b is not None:
        signed = codes.view(torch.int8) ^ -128 if codes.dtype == torch.uint8 else codes
        down = signed.to(b.dtype) @ b
    return Tokens(codes, cast(Tensor, scale), down)


def quantize(x: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """See :meth:`Kernels.quantize`."""
    unsigned = method() == "unsigned"
    found = passes.quantize(x, static, unsigned, limit)
    if found is None:
        found = _codes(x, static, unsigned, limit)
    return _as_tokens(found, static, b, limit)


def norm_quantize(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
) -> Tokens:
    """See :meth:`Kernels.norm_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.norm(x, gamma, beta, eps, static, unsigned, limit)
    if found is None:
        found = _codes(F.layer_norm(x, x.shape[-1:], gamma, beta, eps), static, unsigned, limit)
    return _as_tokens(found, static, b, limit)


def swiglu_quantize(
    y: Tensor,
    scale: Tensor,
    bias: Tensor,
    fold: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
) -> Tokens:
    """See :meth:`Kernels.swiglu_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.gate(y, scale, bias, fold, static, unsigned, limit)
    if found is None:
        up, opened = (y.float() * scale + bias).chunk(2, -1)
        found = _codes(up * fold * F.silu(opened), static, unsigned, limit)
    return _as_tokens(found, static, b, limit)


def merge_quantize(attended: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """See :meth:`Kernels.merge_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.merge(attended, static, unsigned, limit)
    if found is None:
        found = _codes(attended.transpose(1, 2).flatten(2), static, unsigned, limit)
    return _as_tokens(found, static, b, limit)


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor]:
    """See :meth:`Kernels.attention_inputs`."""
    found = passes.attention_inputs(y, scale, heads, cos, sin, norms)
    return reference.attention_inputs(y, scale, heads, cos, sin, norms) if found is None else found


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """See :meth:`Kernels.attention`."""
    found = passes.attention(q, k, v)
    return reference.attention(q, k, v) if found is None else found


def _residual(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    found = passes.residual(x, y, scale, bias)
    return reference.residual(x, y, scale, bias) if found is None else found


split_heads = reference.split_heads
weight_codes = reference.weight_codes


def pack(codes: Tensor) -> Tensor:
    """See :meth:`Kernels.pack`: into oneDNN's blocks, with the correction for unsigned codes."""
    if method() == "float":
        return codes
    template = _template(*codes.shape)
    if template is None:
        return cast(Tensor, torch.ops.onednn.qlinear_prepack(codes, None))
    packed = template.clone()
    _memory(packed, codes.numel()).copy_(_in_blocks(codes).flatten())
    return packed


class GroupPacker:
    """See :meth:`Kernels.GroupPacker`."""

    def __init__(self, weight: Tensor) -> None:
        template = _template(*weight.shape) if method() != "float" else None
        self._packed = None if template is None else template.clone()
        self._weight = weight if template is None else _in_blocks(weight)

    def pack(self, factor: Tensor, scale: Tensor) -> Tensor:
        """See :meth:`Packer.pack`: the last result is overwritten."""
        if self._packed is None:
            return pack(weight_codes(self._weight, factor, scale))
        rows, columns = self._weight.shape[:2]
        wide = factor.view(1, columns, 16, 1, 4).expand(1, columns, 16, 64, 4).reshape(1, columns, 16, 256)
        tall = scale.view(rows, 1, 1, 64, 1).expand(rows, 1, 1, 64, 4).reshape(rows, 1, 1, 256)
        out = _memory(self._packed, self._weight.numel()).view(self._weight.shape)
        _weight_codes_into(self._weight, wide, 1 / tall, out)
        return self._packed


def _weight_codes_into(weight: Tensor, factor: Tensor, inverse: Tensor, out: Tensor) -> None:
    out.copy_(reference.to_codes(weight.float() * factor * inverse))


def _in_blocks(weight: Tensor) -> Tensor:
    """Reorder (out, in) to oneDNN's blocks of 64 by 64, four inputs side by side: (out/64, in/64, 16, 256)."""
    rows, columns = weight.shape
    blocks = weight.view(rows // 64, 64, columns // 64, 16, 4).permute(0, 2, 3, 1, 4)
    return blocks.reshape(rows // 64, columns // 64, 16, 256)


def _memory(packed: Tensor, count: int) -> Tensor:
    """The first ``count`` bytes of a packed weight as int8; valid while ``packed`` lives."""
    address = torch.ops.mkldnn.data_ptr(packed)
    return torch.from_numpy(np.ctypeslib.as_array((ctypes.c_int8 * count).from_address(address)))


@functools.cache
def _template(rows: int, columns: int) -> Tensor | None:
    """A packed weight of this shape to be copied and filled, or None where its memory is not as expected.

    oneDNN's own reordering takes longer than a whole denoising step. Where signed codes are multiplied, which need no
    correction, the codes can be written straight into blocks; whether oneDNN has laid out this shape in the blocks of
    :func:`_in_blocks` is looked up, not assumed.
    """
    if method() != "signed" or rows % 64 or columns % 64:
        return None
    codes = torch.randint(-127, 128, (rows, columns), dtype=torch.int8, generator=torch.Generator().manual_seed(0))
    try:
        packed = torch.ops.onednn.qlinear_prepack(codes, None)
        alike = torch.equal(_memory(packed, codes.numel()), _in_blocks(codes).flatten())
    except (AttributeError, RuntimeError, TypeError):
        return None
    return packed if alike else None


def product(tokens: Tokens, packed: Tensor, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """See :meth:`Kernels.product`."""
    codes = tokens.codes
    if method() == "float":
        flat = (codes.flatten(0, -2).float() @ packed.float().mT * scale).to(dtype)
    else:
        zero = 128 if codes.dtype == torch.uint8 else 0
        flat = torch.ops.onednn.qlinear_pointwise(
            codes.flatten(0, -2), 1.0, zero, packed, scale, _zeros(len(scale)), None, 1.0, 0, dtype, "none", [], ""
        )
    if a is not None and tokens.down is not None:
        flat.addmm_(tokens.down.flatten(0, -2).to(dtype), a.mT.to(dtype))
    return flat.view(*codes.shape[:-1], len(scale))


def add(
    x: Tensor, tokens: Tokens, packed: Tensor, scale: Tensor, a: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """See :meth:`Kernels.add`."""
    return _residual(x, product(tokens, packed, scale, torch.float32, a), tokens.scale, bias)


@functools.cache
def _zeros(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int64)
