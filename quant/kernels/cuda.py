"""Kernels of the integer engine on NVIDIA GPUs, in Triton: int8 tensor cores, and one kernel around each product.

One kernel makes tokens out of what comes before a product (normalization, the gated activation, joined heads) and
multiplies them with the first half of the low-rank branch; another multiplies and has scales, the branch's
second half, bias and residual in its epilogue. What attention needs between its products is compiled from the
reference. Without a GPU the same kernels run in Triton's interpreter (``TRITON_INTERPRET=1``), which is how they are
tested anywhere.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from quant.kernels import compiled, reference
from quant.kernels.interface import LIMIT, HeadNorms, Tokens

RESIDENT = True
"""A step is short, and making codes anew would lengthen it."""

# The interpreter multiplies the bits of bfloat16 as if they were integers: there it is widened first.
_INTERPRETED = tl.constexpr(bool(triton.knobs.runtime.interpret))

_PLAIN, _NORM, _SWIGLU, _HEADS = (tl.constexpr(kind) for kind in range(4))

ROWS_WITH_BRANCH = 16
"""Tokens a program quantizes when it also multiplies them: the fewest that a tensor core takes."""


def multiplies() -> str:
    """See :meth:`Kernels.multiplies`."""
    return "Triton int8"


def activation_dtype() -> torch.dtype:
    """See :meth:`Kernels.activation_dtype`."""
    return torch.bfloat16


branch_dtype = activation_dtype


# --- tokens ---------------------------------------------------------------------------------------


@triton.jit
def _round(x):  # type: ignore[no-untyped-def]
    # Adding 1.5 * 2^23 leaves no bits for a fraction: rounds to the nearest integer, ties to even, as torch does.
    return (x + 12582912.0) - 12582912.0


@triton.jit
def _load(  # type: ignore[no-untyped-def]
    x, first, second, token_scale, row, column, width, mean, rstd, tokens, head, per_batch, per_head, per_token, alive,
    KIND: tl.constexpr, SCALES: tl.constexpr,
):  # fmt: skip
    """The values to quantize, float32 (rows, columns), of one block."""
    mask = alive[:, None] & (column < width)[None, :]
    if KIND == _HEADS:
        at = (row // tokens * per_batch + row % tokens * per_token)[:, None]
        value = tl.load(x + at + (column // head * per_head + column % head)[None, :], mask, 0.0).to(tl.float32)
    elif KIND == _SWIGLU:
        at = x + row[:, None] * (2 * width) + column[None, :]
        up = tl.load(at, mask, 0.0).to(tl.float32)
        gate = tl.load(at + width, mask, 0.0).to(tl.float32)
        scale = tl.load(token_scale + row * SCALES, alive, 0.0)[:, None]
        up = up * scale + tl.load(first + column, column < width, 0.0)[None, :]
        gate = gate * scale + tl.load(first + width + column, column < width, 0.0)[None, :]
        fold = tl.load(second + column, column < width, 0.0)[None, :]
        value = up * fold * tl.div_rn(gate, 1.0 + tl.exp(-gate))
    else:
        value = tl.load(x + row[:, None] * width + column[None, :], mask, 0.0).to(tl.float32)
        if KIND == _NORM:
            gamma = tl.load(first + column, column < width, 0.0)[None, :]
            beta = tl.load(second + column, column < width, 0.0)[None, :]
            value = (value - mean[:, None]) * rstd[:, None] * gamma + beta
    return value


@triton.jit
def _tokens_kernel(  # type: ignore[no-untyped-def]
    x, first, second, token_scale, static, codes, scale, b, down,
    rows, width, eps, tokens, head, per_batch, per_head, per_token,
    KIND: tl.constexpr, SCALES: tl.constexpr, STATIC: tl.constexpr, RANK: tl.constexpr, LARGEST: tl.constexpr,
    BLOCK_R: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """Quantize ``BLOCK_M`` rows: codes int8 (rows, width), a scale a row, and the codes times ``b`` (width, RANK)."""
    row = (tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    alive = row < rows
    mean = tl.zeros((BLOCK_M,), tl.float32)
    rstd = mean
    if KIND == _NORM:
        for start in range(0, width, BLOCK_K):
            column = start + tl.arange(0, BLOCK_K)
            value = _load(x, first, second, token_scale, row, column, width, mean, rstd, tokens, head,
                          per_batch, per_head, per_token, alive, _PLAIN, SCALES)  # fmt: skip
            mean += tl.sum(value, 1)
        mean = tl.div_rn(mean, width.to(tl.float32))
        for start in range(0, width, BLOCK_K):
            column = start + tl.arange(0, BLOCK_K)
            value = _load(x, first, second, token_scale, row, column, width, mean, rstd, tokens, head,
                          per_batch, per_head, per_token, alive, _PLAIN, SCALES)  # fmt: skip
            off = tl.where((column < width)[None, :], value - mean[:, None], 0.0)
            rstd += tl.sum(off * off, 1)
        rstd = tl.div_rn(tl.full((BLOCK_M,), 1.0, tl.float32), tl.sqrt_rn(tl.div_rn(rstd, width.to(tl.float32)) + eps))
    if STATIC:
        step = tl.load(static)
    else:
        largest = tl.zeros((BLOCK_M,), tl.float32)
        for start in range(0, width, BLOCK_K):
            column = start + tl.arange(0, BLOCK_K)
            value = _load(x, first, second, token_scale, row, column, width, mean, rstd, tokens, head,
                          per_batch, per_head, per_token, alive, KIND, SCALES)  # fmt: skip
            value = tl.where((column < width)[None, :], value, 0.0)
            largest = tl.maximum(largest, tl.max(tl.abs(value), 1))
        # By way of the reciprocal, which is how torch divides a number by a tensor.
        one = tl.full((BLOCK_M,), 1.0, tl.float32)
        factor = tl.div_rn(one, tl.where(largest > 0, largest, LARGEST)) * LARGEST
        tl.store(scale + row, tl.div_rn(largest, one * LARGEST), alive)
    if RANK:
        rank = tl.arange(0, BLOCK_R)
        branch = tl.zeros((BLOCK_M, BLOCK_R), tl.float32)
    for start in range(0, width, BLOCK_K):
        column = start + tl.arange(0, BLOCK_K)
        value = _load(x, first, second, token_scale, row, column, width, mean, rstd, tokens, head,
                      per_batch, per_head, per_token, alive, KIND, SCALES)  # fmt: skip
        if STATIC:
            scaled = tl.div_rn(value, tl.full((BLOCK_M, BLOCK_K), 0.0, tl.float32) + step)
        else:
            scaled = value * factor[:, None]
        code = tl.minimum(tl.maximum(_round(tl.minimum(tl.maximum(scaled, -128.0), 128.0)), -LARGEST), LARGEST)
        inside = alive[:, None] & (column < width)[None, :]
        tl.store(codes + row[:, None] * width + column[None, :], code.to(tl.int8), inside)
        if RANK:
            wanted = (column < width)[:, None] & (rank < RANK)[None, :]
            half = tl.load(b + column[:, None] * RANK + rank[None, :], wanted, 0.0)
            if _INTERPRETED:
                half = half.to(tl.float32)
            branch = tl.dot(tl.where(inside, code, 0.0).to(half.dtype), half, branch)
    if RANK:
        tl.store(down + row[:, None] * RANK + rank[None, :], branch.to(down.dtype.element_ty),
                 alive[:, None] & (rank < RANK)[None, :])  # fmt: skip


def _tokens(
    x: Tensor,
    shape: tuple[int, ...],
    kind: Any,
    static: Tensor | None,
    b: Tensor | None,
    first: Tensor | None = None,
    second: Tensor | None = None,
    token_scale: Tensor | None = None,
    eps: float = 0.0,
    limit: float = LIMIT,
) -> Tokens:
    """Quantize what ``kind`` makes of ``x`` to tokens of ``shape`` (..., k)."""
    width = shape[-1]
    rows = math.prod(shape[:-1])
    codes = torch.empty(shape, dtype=torch.int8, device=x.device)
    scale = torch.empty(*shape[:-1], 1, dtype=torch.float32, device=x.device) if static is None else static
    rank = 0 if b is None else b.shape[1]
    down = None if b is None else torch.empty(*shape[:-1], rank, dtype=b.dtype, device=x.device)
    heads = (1, 1, 0, 0, 0)
    if kind == _HEADS:
        if x.stride(3) != 1:
            x = x.contiguous()
        heads = (x.shape[2], x.shape[3], x.stride(0), x.stride(1), x.stride(2))
    else:
        x = x.contiguous()
    # One row a program keeps all of it in registers; with the branch, tiles that a tensor core takes go by.
    block_m, block_k = (ROWS_WITH_BRANCH, 256) if rank else (1, min(8192, triton.next_power_of_2(width)))
    _tokens_kernel[(triton.cdiv(rows, block_m),)](
        x, first, second, token_scale, static, codes, scale, b, down,
        rows, width, eps, *heads,
        KIND=kind.value,
        SCALES=0 if token_scale is None or token_scale.numel() == 1 else 1,
        STATIC=static is not None,
        RANK=rank,
        LARGEST=limit,
        BLOCK_R=max(16, triton.next_power_of_2(rank)),
        BLOCK_M=block_m,
        BLOCK_K=block_k,
        num_warps=8 if block_k >= 2048 else 4,
        enable_fp_fusion=False,
    )  # fmt: skip
    return Tokens(codes, scale, down)


def quantize(x: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """See :meth:`Kernels.quantize`."""
    return _tokens(x, x.shape, _PLAIN, static, b, limit=limit)


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
    return _tokens(x, x.shape, _NORM, static, b, gamma, beta, eps=eps, limit=limit)


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
    return _tokens(y, (*y.shape[:-1], y.shape[-1] // 2), _SWIGLU, static, b, bias, fold, scale, limit=limit)


def merge_quantize(attended: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """See :meth:`Kernels.merge_quantize`."""
    batch, heads, tokens, width = attended.shape
    return _tokens(attended, (batch, tokens, heads * width), _HEADS, static, b, limit=limit)


# --- products -------------------------------------------------------------------------------------

# Tiles for 216 to 3,456 tokens: small ones fill the processors of a large GPU, large ones save traffic.
_CONFIGS = [
    triton.Config({"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k}, num_warps=warps, num_stages=stages)
    for m, n, k, warps, stages in (
        (64, 64, 128, 4, 4),
        (64, 128, 128, 4, 4),
        (64, 256, 128, 8, 3),
        (128, 64, 128, 4, 4),
        (128, 128, 128, 4, 4),
        (128, 128, 128, 8, 3),
        (128, 256, 128, 8, 3),
        (256, 128, 128, 8, 3),
        (64, 64, 256, 4, 3),
        (128, 128, 64, 4, 5),
    )
]


@triton.autotune(_CONFIGS[:1] if _INTERPRETED.value else _CONFIGS, key=["rows", "outputs", "width", "RANK", "ADD"])
@triton.jit
def _product_kernel(  # type: ignore[no-untyped-def]
    codes, weight, scale, token_scale, down, a, bias, x, out, rows, outputs, width,
    SCALES: tl.constexpr, RANK: tl.constexpr, BLOCK_R: tl.constexpr, ADD: tl.constexpr, BIAS: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """One tile of ``codes @ weight.T``, exact in int32; then scales, low-rank branch, bias and residual."""
    # Programs that run at the same time share columns: a weight is read once, the tokens stay in the cache.
    tiles = tl.cdiv(rows, BLOCK_M)
    row = (tl.program_id(0) % tiles * BLOCK_M + tl.arange(0, BLOCK_M)).to(tl.int64)
    column = (tl.program_id(0) // tiles * BLOCK_N + tl.arange(0, BLOCK_N)).to(tl.int64)
    alive, wanted = row < rows, column < outputs
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.int32)
    for start in range(0, width, BLOCK_K):
        depth = start + tl.arange(0, BLOCK_K)
        inside = depth < width
        left = tl.load(codes + row[:, None] * width + depth[None, :], alive[:, None] & inside[None, :], 0)
        right = tl.load(weight + column[None, :] * width + depth[:, None], wanted[None, :] & inside[:, None], 0)
        total = tl.dot(left, right, total, out_dtype=tl.int32)
    result = total.to(tl.float32) * tl.load(scale + column, wanted, 0.0)[None, :]
    if RANK:
        rank = tl.arange(0, BLOCK_R)
        one = tl.load(down + row[:, None] * RANK + rank[None, :], alive[:, None] & (rank < RANK)[None, :], 0.0)
        # Laid out by rank, as integer.py prepares it.
        other = tl.load(a + rank[:, None] * outputs + column[None, :], (rank < RANK)[:, None] & wanted[None, :], 0.0)
        if _INTERPRETED:
            one, other = one.to(tl.float32), other.to(tl.float32)
        result += tl.dot(one, other)
    at, inside = row[:, None] * outputs + column[None, :], alive[:, None] & wanted[None, :]
    if ADD:
        result = tl.load(x + at, inside, 0.0) + result * tl.load(token_scale + row * SCALES, alive, 0.0)[:, None]
        if BIAS:
            result += tl.load(bias + column, wanted, 0.0)[None, :]
    tl.store(out + at, result.to(out.dtype.element_ty), inside)


def _multiply(
    tokens: Tokens, packed: Tensor, scale: Tensor, a: Tensor | None, out: Tensor, x: Tensor | None, bias: Tensor | None
) -> Tensor:
    outputs, width = packed.shape
    rows = tokens.codes.numel() // width
    rank = 0 if a is None or tokens.down is None else a.shape[1]

    def grid(block: dict[str, int]) -> tuple[int]:
        return (triton.cdiv(rows, block["BLOCK_M"]) * triton.cdiv(outputs, block["BLOCK_N"]),)

    _product_kernel[grid](
        tokens.codes, packed, scale, tokens.scale, tokens.down, None if a is None else a.mT.contiguous(), bias,
        None if x is None else x.contiguous(), out, rows, outputs, width,
        SCALES=0 if tokens.scale.numel() == 1 else 1,
        RANK=rank,
        BLOCK_R=max(16, triton.next_power_of_2(rank)),
        ADD=x is not None,
        BIAS=bias is not None,
    )  # fmt: skip
    return out


def product(tokens: Tokens, packed: Tensor, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """See :meth:`Kernels.product`."""
    shape = (*tokens.codes.shape[:-1], len(packed))
    return _multiply(tokens, packed, scale, a, torch.empty(shape, dtype=dtype, device=packed.device), None, None)


def add(
    x: Tensor, tokens: Tokens, packed: Tensor, scale: Tensor, a: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """See :meth:`Kernels.add`."""
    return _multiply(tokens, packed, scale, a, torch.empty_like(x), x, bias)


@functools.cache
def _compiled(name: str) -> Any:
    return compiled.compiled(getattr(reference, name))


def _fastest(name: str, tensor: Tensor) -> Any:
    return _compiled(name) if tensor.is_cuda else getattr(reference, name)


def split_heads(y: Tensor, scale: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """See :meth:`Kernels.split_heads`."""
    found: tuple[Tensor, ...] = _fastest("split_heads", y)(y, scale, parts, heads)
    return found


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor]:
    """See :meth:`Kernels.attention_inputs`."""
    found: tuple[Tensor, Tensor, Tensor] = _fastest("attention_inputs", y)(y, scale, heads, cos, sin, norms)
    return found


attention, weight_codes = reference.attention, reference.weight_codes
pack = reference.pack
GroupPacker = reference.GroupPacker
