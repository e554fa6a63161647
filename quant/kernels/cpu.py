"""Kernels of the integer engine on the CPU: int8 products, and one pass over memory for all around them.

On x86 the products are our own, compiled for AMX (``native/source/tiles.cpp``), AVX512-VNNI, AVX-VNNI or AVX2
(``native/source/products.cpp``) when first needed. Without a compiler oneDNN multiplies signed codes with AMX, and
unsigned ones (shifted by 128, corrected by column sums made when packing) under AVX512-VNNI; what remains, Arm among
it, multiplies the same codes in float32: correct, with the memory of int8 and the speed of full precision. The sums are
the same integers on every path.

The passes between the products, and attention, are those of ``passes`` where they can be compiled, and torch's own
elsewhere.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from quant.kernels import passes, paths, reference
from quant.kernels.compiled import compiled as compiled_by_torch
from quant.kernels.entry import absmax_of, entered, fixed_scale, inverse_of, unscaled
from quant.kernels.interface import LIMIT, Entry, HeadNorms, Packed, Tokens
from quant.kernels.native import products
from quant.kernels.native.library import LEVELS, compiles
from quant.kernels.tiles import plain

log = logging.getLogger(__name__)

RESIDENT = False
"""A full-size model would take a gigabyte a group."""

COMPILE_FROM = 1 << 18
"""Weights from which torch's compiler makes codes faster by more than its compilation costs over one clip."""


method = paths.method
activation_dtype = paths.activation_dtype
multiplies = paths.multiplies


def _codes(
    x: Tensor, static: Tensor | None, unsigned: bool, limit: float, entry: Entry | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Codes, the scale of each token, and the channels that are carried, over it, as the compiled passes have them."""
    x, taken = entered(x.float(), entry)
    if static is None:
        absmax = absmax_of(x, taken)
        scale, scaled = absmax / limit, x * inverse_of(absmax, limit)
    else:
        scale, scaled = fixed_scale(x, static), x / static
    rounded = scaled.round().clamp(-limit, limit)
    if taken is not None:
        taken = unscaled(taken, scale if static is None else static)
    return (rounded + 128).to(torch.uint8) if unsigned else rounded.to(torch.int8), scale, taken


def _as_tokens(found: tuple[Tensor, Tensor, Tensor | None], b: Tensor | None) -> Tokens:
    """Let codes meet the first half of the low-rank branch."""
    codes, scale, taken = found
    down = taken
    if taken is not None and method() in LEVELS and taken.shape[-1] % products.RANKS:
        down = F.pad(taken, (0, -taken.shape[-1] % products.RANKS))
    if b is not None and method() in LEVELS:
        flat = products.down_product(method(), codes.flatten(0, -2), b)
        down = flat.view(*codes.shape[:-1], flat.shape[1])
    elif b is not None:
        signed = codes.view(torch.int8) ^ -128 if codes.dtype == torch.uint8 else codes
        down = signed.to(b.dtype) @ b
    return Tokens(codes, scale, down)


def quantize(
    x: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT, *, entry: Entry | None = None
) -> Tokens:
    """See :meth:`Kernels.quantize`."""
    unsigned = method() == "unsigned"
    found = passes.quantize(x, static, unsigned, limit, entry)
    if found is None:
        found = _codes(x, static, unsigned, limit, entry)
    return _as_tokens(found, b)


def norm_quantize(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.norm_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.norm(x, gamma, beta, eps, static, unsigned, limit, entry)
    if found is None:
        found = _codes(F.layer_norm(x, x.shape[-1:], gamma, beta, eps), static, unsigned, limit, entry)
    return _as_tokens(found, b)


def swiglu_quantize(
    y: Tensor,
    scale: Tensor,
    bias: Tensor,
    fold: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.swiglu_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.gate(y, scale, bias, fold, static, unsigned, limit, entry)
    if found is None:
        up, opened = (y.float() * scale + bias).chunk(2, -1)
        found = _codes(up * fold * F.silu(opened), static, unsigned, limit, entry)
    return _as_tokens(found, b)


def merge_quantize(
    attended: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.merge_quantize`."""
    unsigned = method() == "unsigned"
    found = passes.merge(attended, static, unsigned, limit, entry)
    if found is None:
        found = _codes(attended.transpose(1, 2).flatten(2), static, unsigned, limit, entry)
    return _as_tokens(found, b)


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


def split_heads(y: Tensor, scale: Tensor, heads: int, dtype: torch.dtype) -> Tensor:
    """See :meth:`Kernels.split_heads`."""
    found = passes.split_heads(y, scale, heads, dtype)
    return reference.split_heads(y, scale, heads, dtype) if found is None else found


def _residual(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    found = passes.residual(x, y, scale, bias)
    return reference.residual(x, y, scale, bias) if found is None else found


def _compiled_by_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` when it is first called with a weight that is large enough to repay it."""
    compiled: Callable[..., Any] | None = None
    broken = False

    @functools.wraps(function)
    def call(first: Tensor, *rest: Any) -> Any:
        nonlocal compiled, broken
        if broken or first.numel() < COMPILE_FROM or not compiles():
            return function(first, *rest)
        if compiled is None:
            compiled = compiled_by_torch(function)
        try:
            return compiled(first, *rest)
        except Exception as error:
            # A compiler that is there but does not work must not stop a rendering.
            log.warning("compilation failed (%s); running uncompiled", str(error).splitlines()[0][:120])
            broken = True
            return function(first, *rest)

    return call


weight_codes = _compiled_by_torch(reference.weight_codes)


def pack(codes: Tensor) -> Tensor:
    """See :meth:`Kernels.pack`: into strips of our own, or oneDNN's blocks, with a correction for unsigned codes."""
    if codes.ndim > 2 and method() == "amx":
        return codes.view(torch.uint8)
    codes = plain(codes)
    if method() == "float":
        return codes
    if method() in LEVELS:
        return products.pack(method(), codes)
    template = _template(*codes.shape)
    if template is None:
        return cast(Tensor, torch.ops.onednn.qlinear_prepack(codes, None))
    packed = template.clone()
    _memory(packed, codes.numel()).copy_(_in_blocks(codes).flatten())
    return packed


def pack_branch(b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """See :meth:`Kernels.pack_branch`: digits for our own products, bfloat16 where only that is fast (AMX)."""
    if method() in LEVELS:
        return products.pack_branch(method(), b, a)
    return (reference.pack_half_branch if paths.branch() == "bfloat16" else reference.pack_branch)(b, a)


def pack_back(a: Tensor) -> Tensor:
    """See :meth:`Kernels.pack_back`."""
    if method() in LEVELS:
        return products.pack_back(method(), F.pad(a.float(), (0, -a.shape[1] % products.RANKS)))
    return (reference.pack_half_back if paths.branch() == "bfloat16" else reference.pack_back)(a)


class GroupPacker:
    """See :meth:`Kernels.GroupPacker`."""

    def __init__(self, weight: Tensor) -> None:
        self._own = method() in LEVELS and weight.dtype == torch.float16
        template = _template(*weight.shape) if method() == "signed" else None
        self._packed = None if template is None else template.clone()
        if self._own:
            self._weight = products.in_strips(method(), weight)
        else:
            self._weight = weight if template is None else _in_blocks(weight)

    def pack(self, factor: Tensor, scale: Tensor, once: bool = False) -> Packed:
        """See :meth:`Packer.pack`: the last result is overwritten."""
        if self._own:
            group = products.Group.of(self._weight, factor, scale)
            if once and method() == "amx":
                return group
            self._packed = products.pack_group(method(), group, self._packed)
            return self._packed
        if self._packed is None:
            return pack(weight_codes(self._weight, factor, scale))
        rows, columns = self._weight.shape[:2]
        wide = factor.view(1, columns, 16, 1, 4).expand(1, columns, 16, 64, 4).reshape(1, columns, 16, 256)
        tall = scale.view(rows, 1, 1, 64, 1).expand(rows, 1, 1, 64, 4).reshape(rows, 1, 1, 256)
        out = _memory(self._packed, self._weight.numel()).view(self._weight.shape)
        _weight_codes_into(self._weight, wide, 1 / tall, out)
        return self._packed


@_compiled_by_torch
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


def _own_product(
    tokens: Tokens, packed: Packed, scale: Tensor, out: Tensor, a: Tensor | None, *residual: Tensor | None
) -> Tensor:
    """By our own kernels, into ``out`` (..., out); ``residual`` is the stream, the tokens' scale and the bias."""
    down = None if a is None or tokens.down is None else tokens.down.flatten(0, -2)
    codes = tokens.codes.flatten(0, -2).contiguous()
    rest = [None if x is None else x.float().contiguous() for x in residual]
    products.product(method(), codes, packed, scale.float().contiguous(), out.flatten(0, -2), down, a, *rest)
    return out


def product(tokens: Tokens, packed: Packed, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """See :meth:`Kernels.product`."""
    codes = tokens.codes
    if method() in LEVELS:
        narrow = dtype if dtype == torch.bfloat16 else torch.float32
        out = torch.empty(*codes.shape[:-1], len(scale), dtype=narrow)
        return _own_product(tokens, packed, scale, out, a).to(dtype)
    # The branch is added before the sum is rounded.
    wide = dtype if a is None or tokens.down is None else torch.float32
    if method() == "float":
        flat = codes.flatten(0, -2).float() @ packed.float().mT * scale
    else:
        flat = paths.by_onednn(codes.flatten(0, -2), packed, scale, wide)
    if a is not None and tokens.down is not None:
        flat += tokens.down.flatten(0, -2).to(a.dtype) @ a.mT
    return flat.to(dtype).view(*codes.shape[:-1], len(scale))


def add(
    x: Tensor,
    tokens: Tokens,
    packed: Packed,
    scale: Tensor,
    a: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    over: bool = False,
) -> Tensor:
    """See :meth:`Kernels.add`: what is written over what was read stays in the caches."""
    if method() in LEVELS:
        x = x.float().contiguous()
        out = x if over else torch.empty_like(x)
        return _own_product(tokens, packed, scale, out, a, x.flatten(0, -2), tokens.scale.flatten(), bias)
    return _residual(x, product(tokens, packed, scale, torch.float32, a), tokens.scale, bias)
