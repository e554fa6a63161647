"""int8 products in the tensor cores, with scales, low-rank branch, bias and residual in their last pass."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl
from torch import Tensor
from triton.testing import do_bench_cudagraph
from triton.tools.tensor_descriptor import TensorDescriptor

from quant.kernels.gpu.tokens import INTERPRETED, rows_of


def _tile(arguments: dict[str, Any]) -> None:
    """Have the tensors' descriptors fetch tiles of the size that is tried."""
    arguments["codes"].block_shape = [arguments["BLOCK_M"], arguments["BLOCK_K"]]
    arguments["weight"].block_shape = [arguments["BLOCK_N"], arguments["BLOCK_K"]]


# Tiles for 216 to 3,456 tokens: small ones fill the processors of a large GPU, large ones save traffic.
_CONFIGS = [
    triton.Config({"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k}, num_warps=warps, num_stages=stages, pre_hook=_tile)
    for m, n, k, warps, stages in (
        (64, 64, 128, 4, 4),
        (64, 128, 128, 4, 4),
        (64, 128, 128, 8, 4),
        (64, 128, 256, 4, 3),
        (64, 256, 128, 4, 4),
        (128, 64, 128, 4, 4),
        (128, 128, 128, 4, 4),
        (128, 128, 128, 8, 4),
        (128, 128, 256, 8, 3),
        (128, 256, 128, 8, 3),
    )
]


def _bench(call: Any, quantiles: Any) -> Any:
    """Time in a graph: a launch takes longer than a kernel."""
    return do_bench_cudagraph(call, rep=5, quantiles=quantiles)


@triton.autotune(
    _CONFIGS[:1] if INTERPRETED.value else _CONFIGS,
    key=["rows", "outputs", "width", "RANK", "ADD"],
    do_bench=_bench,
)
@triton.jit
def _product_kernel(  # type: ignore[no-untyped-def]
    codes, weight, scale, token_scale, down, a, bias, x, out, rows, outputs, width,
    SCALES: tl.constexpr, RANK: tl.constexpr, BLOCK_R: tl.constexpr, ADD: tl.constexpr, BIAS: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """One tile of ``codes @ weight.T``, exact in int32; then scales, low-rank branch, bias and residual."""
    # Programs that run at the same time share columns: a weight is read once, the tokens stay in the cache.
    tiles = tl.cdiv(rows, BLOCK_M)
    above, left = tl.program_id(0) % tiles * BLOCK_M, tl.program_id(0) // tiles * BLOCK_N
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.int32)
    for start in range(0, width, BLOCK_K):
        # What lies outside is zero.
        total = tl.dot(codes.load([above, start]), weight.load([left, start]).T, total, out_dtype=tl.int32)
    row, column = (above + tl.arange(0, BLOCK_M)).to(tl.int64), (left + tl.arange(0, BLOCK_N)).to(tl.int64)
    alive, wanted = row < rows, column < outputs
    result = total.to(tl.float32) * tl.load(scale + column, wanted, 0.0)[None, :]
    if RANK:
        rank = tl.arange(0, BLOCK_R)
        one = tl.load(down + row[:, None] * RANK + rank[None, :], alive[:, None] & (rank < RANK)[None, :], 0.0)
        # Laid out by rank, as integer.py prepares it.
        other = tl.load(a + rank[:, None] * outputs + column[None, :], (rank < RANK)[:, None] & wanted[None, :], 0.0)
        if INTERPRETED:
            one, other = one.to(tl.float32), other.to(tl.float32)
        result += tl.dot(one, other)
    at, inside = row[:, None] * outputs + column[None, :], alive[:, None] & wanted[None, :]
    if ADD:
        result = tl.load(x + at, inside, 0.0) + result * tl.load(token_scale + row * SCALES, alive, 0.0)[:, None]
        if BIAS:
            result += tl.load(bias + column, wanted, 0.0)[None, :]
    tl.store(out + at, result.to(out.dtype.element_ty), inside)


def _tiled(codes: Tensor) -> TensorDescriptor:
    """Codes (rows, k) as the tensor memory accelerator fetches them; the size of a tile is set later."""
    if codes.stride(0) % 16 or codes.stride(1) != 1 or codes.data_ptr() % 16:
        codes = pack(codes)
    return TensorDescriptor(codes, list(codes.shape), [codes.stride(0), 1], [1, 16])


def multiply(
    tokens: tuple[Tensor, Tensor, Tensor | None],
    packed: Tensor,
    scale: Tensor,
    a: Tensor | None,
    out: Tensor,
    x: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Fill ``out`` with the product and its branch; with a stream ``x``, with both scaled and added to it."""
    codes, token_scale, down = tokens
    outputs, width = packed.shape
    rows = codes.numel() // width
    rank = 0 if a is None or down is None else a.shape[1]

    def grid(block: dict[str, int]) -> tuple[int]:
        return (triton.cdiv(rows, block["BLOCK_M"]) * triton.cdiv(outputs, block["BLOCK_N"]),)

    _product_kernel[grid](
        _tiled(codes.flatten(0, -2)), _tiled(packed), scale, token_scale, down,
        None if a is None else a.mT.contiguous(), bias, None if x is None else x.contiguous(), out,
        rows, outputs, width,
        SCALES=0 if token_scale.numel() == 1 else 1,
        RANK=rank,
        BLOCK_R=max(16, triton.next_power_of_2(rank)),
        ADD=x is not None,
        BIAS=bias is not None,

    )  # fmt: skip
    return out


def pack(codes: Tensor) -> Tensor:
    """Codes (out, in) whose rows begin at multiples of 16 bytes, as tiles are fetched."""
    return rows_of(tuple(codes.shape), codes.device).copy_(codes)
