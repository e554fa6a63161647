"""What comes before a product, as int8 tokens: a row a program; and their product with half of the low-rank branch."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from quant.method import primitives

# The interpreter multiplies the bits of bfloat16 as if they were integers: there it is widened first.
INTERPRETED = tl.constexpr(bool(triton.knobs.runtime.interpret))

SMALLEST = tl.constexpr(primitives.SMALLEST)
PLAIN, NORM, SWIGLU, HEADS = (tl.constexpr(kind) for kind in range(4))
"""What a row is made of: itself, its normalization, up and gate, heads."""


@triton.jit
def _round(x):  # type: ignore[no-untyped-def]
    # Adding 1.5 * 2^23 leaves no bits for a fraction: rounds to the nearest integer, ties to even, as torch does.
    return (x + 12582912.0) - 12582912.0


@triton.jit
def _tokens_kernel(  # type: ignore[no-untyped-def]
    x, first, second, token_scale, static, codes, scale, slots, carried, width, stride, eps,
    tokens, head, per_batch, per_head, per_token,
    KIND: tl.constexpr, SCALES: tl.constexpr, STATIC: tl.constexpr, LARGEST: tl.constexpr, BLOCK: tl.constexpr,
    RANK: tl.constexpr, LEAST: tl.constexpr,
):  # fmt: skip
    """Quantize one row, all of it in registers: codes int8 (rows, width) every ``stride``, and its scale.

    Channels with a slot go into that of ``carried`` (rows, RANK), over the scale, and are zero in the codes.
    """
    row, column = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    inside = column < width
    if KIND == HEADS:
        at = row // tokens * per_batch + row % tokens * per_token
        value = tl.load(x + at + column // head * per_head + column % head, inside, 0.0).to(tl.float32)
    elif KIND == SWIGLU:
        up = tl.load(x + row * (2 * width) + column, inside, 0.0).to(tl.float32)
        gate = tl.load(x + row * (2 * width) + width + column, inside, 0.0).to(tl.float32)
        step = tl.load(token_scale + row * SCALES)
        up = up * step + tl.load(first + column, inside, 0.0)
        gate = gate * step + tl.load(first + width + column, inside, 0.0)
        value = up * tl.load(second + column, inside, 0.0) * (gate / (1.0 + tl.exp(-gate)))
    else:
        value = tl.load(x + row * width + column, inside, 0.0).to(tl.float32)
        if KIND == NORM:
            off = tl.where(inside, value - tl.div_rn(tl.sum(value, 0), width.to(tl.float32)), 0.0)
            rstd = tl.div_rn(1.0, tl.sqrt_rn(tl.div_rn(tl.sum(off * off, 0), width.to(tl.float32)) + eps))
            value = off * rstd * tl.load(first + column, inside, 0.0) + tl.load(second + column, inside, 0.0)
    least = 0.0
    if RANK:
        slot, whole = tl.load(slots + column, inside, -1), value
        value = tl.where(slot < 0, whole, 0.0)
        least = tl.max(tl.where(slot < 0, 0.0, tl.abs(whole)), 0) * LEAST
    # Zero times NaN or infinity is NaN: the row's scale then is, and all that is made of its codes.
    spoilt = tl.sum(value * 0.0, 0)
    if STATIC:
        step = tl.load(static)
        scaled = tl.div_rn(value, tl.zeros((BLOCK,), tl.float32) + step)
        scaled = tl.minimum(tl.maximum(scaled, -LARGEST), LARGEST)
        tl.store(scale + row, step + spoilt)
    else:
        largest = tl.maximum(tl.max(tl.abs(value), 0), least)
        # By way of the reciprocal, which is how torch divides a number by a tensor; none is larger than the largest.
        scaled = value * (tl.div_rn(1.0, tl.where(largest >= SMALLEST, largest, LARGEST)) * LARGEST)
        step = tl.div_rn(largest, LARGEST)
        # A GPU's largest of some values passes NaN over.
        tl.store(scale + row, step + spoilt)
    tl.store(codes + row * stride + column, _round(scaled).to(tl.int8), inside)
    if RANK:
        over = tl.div_rn(whole, tl.zeros((BLOCK,), tl.float32) + tl.where(step > 0, step, 1.0))
        tl.store(carried + row * RANK + slot, over.to(carried.dtype.element_ty), slot >= 0)


@triton.jit
def _branch_kernel(  # type: ignore[no-untyped-def]
    codes, b, parts, arrived, down, rows, width, stride,
    RANK: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
    PARTS: tl.constexpr, LENGTH: tl.constexpr,
):  # fmt: skip
    """Multiply ``LENGTH`` channels of ``BLOCK_M`` tokens by ``b`` (width, RANK); the last to finish sums the parts."""
    row, rank, part = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M), tl.arange(0, BLOCK_R), tl.program_id(1)
    alive, of_rank = (row < rows)[:, None], (rank < RANK)[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_R), tl.float32)
    for start in range(0, LENGTH, BLOCK_K):
        column = part * LENGTH + start + tl.arange(0, BLOCK_K)
        inside = column < width
        left = tl.load(codes + row.to(tl.int64)[:, None] * stride + column[None, :], alive & inside[None, :], 0)
        right = tl.load(b + column[:, None] * RANK + rank[None, :], inside[:, None] & of_rank, 0.0)
        if INTERPRETED:
            right = right.to(tl.float32)
        total = tl.dot(left.to(right.dtype), right, total)
    last = PARTS == 1
    if PARTS > 1:
        at = row[:, None] * BLOCK_R + rank[None, :]
        tl.store(parts + part * rows * BLOCK_R + at, total, alive)
        tl.debug_barrier()
        last = tl.atomic_add(arrived + tl.program_id(0), 1) == PARTS - 1
        if last:
            # In one order whoever is last, so that the sum is the same at every run.
            total = tl.zeros((BLOCK_M, BLOCK_R), tl.float32)
            for one in tl.static_range(PARTS):
                total += tl.load(parts + one * rows * BLOCK_R + at, alive, 0.0, cache_modifier=".cg")
            tl.store(arrived + tl.program_id(0), 0)
    if last:
        tl.store(down + row[:, None] * RANK + rank[None, :], total.to(down.dtype.element_ty), alive & of_rank)


def rows_of(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Int8 codes of ``shape`` (..., k), uninitialized, whose rows begin at multiples of 16 bytes."""
    return torch.empty(*shape[:-1], -(-shape[-1] // 16) * 16, dtype=torch.int8, device=device)[..., : shape[-1]]


@functools.cache
def _counters(device: torch.device, count: int) -> Tensor:
    """Zeros, which every kernel leaves zeros."""
    return torch.zeros(count, dtype=torch.int32, device=device)


def branch_of(codes: Tensor, b: Tensor) -> Tensor:
    """Codes (..., k) times ``b`` (k, r), summed in float32."""
    width, rank = b.shape
    rows, block_m, block_k = math.prod(codes.shape[:-1]), 16, 256
    block_r, tiles = max(16, triton.next_power_of_2(rank)), triton.cdiv(rows, block_m)
    # As many programs as a large GPU runs at once, twice.
    length = triton.cdiv(triton.cdiv(width, triton.cdiv(264, tiles)), block_k) * block_k
    parts = triton.cdiv(width, length)
    down = torch.empty(*codes.shape[:-1], rank, dtype=b.dtype, device=b.device)
    _branch_kernel[tiles, parts](
        codes, b, torch.empty(parts, rows, block_r, device=b.device), _counters(b.device, tiles), down,
        rows, width, codes.stride(-2),
        RANK=rank, BLOCK_R=block_r, BLOCK_M=block_m, BLOCK_K=block_k, PARTS=parts, LENGTH=length,
    )  # fmt: skip
    return down


def tokens_of(
    x: Tensor,
    shape: tuple[int, ...],
    kind: Any,
    static: Tensor | None,
    b: Tensor | None,
    first: Tensor | None = None,
    second: Tensor | None = None,
    token_scale: Tensor | None = None,
    eps: float = 0.0,
    *,
    limit: float,
    carried: tuple[Tensor, Tensor] | None,
    least: float,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Codes of ``shape`` (..., k) of what ``kind`` makes of ``x``, their scale, and their product with ``b``.

    In the place of that product, with ``carried`` channels and their slots, these over the scale, in bfloat16.
    """
    width = shape[-1]
    codes = rows_of(shape, x.device)
    scale = torch.empty(*shape[:-1], 1, dtype=torch.float32, device=x.device)
    heads = (1, 1, 0, 0, 0)
    if kind == HEADS:
        if x.stride(3) != 1:
            x = x.contiguous()
        heads = (x.shape[2], x.shape[3], x.stride(0), x.stride(1), x.stride(2))
    else:
        x = x.contiguous()
    block, rank, whole = triton.next_power_of_2(width), 0 if carried is None else len(carried[0]), None
    if rank:
        whole = torch.empty(*shape[:-1], rank, dtype=torch.bfloat16, device=x.device)
    _tokens_kernel[(math.prod(shape[:-1]),)](
        x, first, second, token_scale, static, codes, scale, None if carried is None else carried[1], whole,
        width, codes.stride(-2), eps, *heads,
        KIND=kind.value,
        SCALES=0 if token_scale is None or token_scale.numel() == 1 else 1,
        STATIC=static is not None,
        LARGEST=limit,
        BLOCK=block,
        RANK=rank,
        LEAST=least,
        num_warps=min(32, max(1, block // 1024)),
        enable_fp_fusion=False,

    )  # fmt: skip
    return codes, scale, whole if b is None else branch_of(codes, b)
