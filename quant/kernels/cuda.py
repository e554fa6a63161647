"""Kernels of the integer engine on NVIDIA GPUs, in Triton: int8 tensor cores, and one kernel around each product.

One kernel makes tokens out of what comes before a product (normalization, the gated activation, joined heads), a row a
program; one multiplies them with the first half of the low-rank branch; another multiplies, fetching its tiles with the
tensor memory accelerator where the GPU has one, and has scales, the branch's second half, bias and residual in its
epilogue. What attention needs between its products is compiled from the reference. Without a GPU the same kernels run
in Triton's interpreter (``TRITON_INTERPRET=1``), which is how they are tested anywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from quant.kernels import compiled, reference
from quant.kernels.gpu import products
from quant.kernels.gpu.products import multiply
from quant.kernels.gpu.tokens import HEADS, NORM, PLAIN, SWIGLU, tokens_of
from quant.kernels.interface import CARRIED, LIMIT, Entry, HeadNorms, Tokens
from quant.kernels.tiles import plain

RESIDENT = True
"""A step is short, and making codes anew would lengthen it."""


def multiplies() -> str:
    """See :meth:`Kernels.multiplies`."""
    return "Triton int8, branch in bfloat16"


def activation_dtype() -> torch.dtype:
    """See :meth:`Kernels.activation_dtype`."""
    return torch.bfloat16


pack_branch, pack_back = reference.pack_half_branch, reference.pack_half_back


def _carried(entry: Entry | None) -> dict[str, Any]:
    """What an entry has to say to the kernel of tokens."""
    found = None if entry is None or entry.channels is None else (entry.channels, entry.slots)
    return {"carried": found, "least": CARRIED}


def _unless_rotated(function: Callable[..., Tokens]) -> Callable[..., Tokens]:
    """Leave what is rotated to the reference's function of the same name: no kernel here does it."""

    @functools.wraps(function)
    def call(*given: Any, entry: Entry | None = None, **named: Any) -> Tokens:
        if entry is None or entry.block == 1:
            return function(*given, entry=entry, **named)
        tokens: Tokens = getattr(reference, function.__name__)(*given, entry=entry, **named)
        return tokens._replace(down=None if tokens.down is None else tokens.down.bfloat16())

    return call


@_unless_rotated
def quantize(
    x: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.quantize`."""
    return Tokens(*tokens_of(x, x.shape, PLAIN, static, b, limit=limit, **_carried(entry)))


@_unless_rotated
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
    return Tokens(*tokens_of(x, x.shape, NORM, static, b, gamma, beta, eps=eps, limit=limit, **_carried(entry)))


@_unless_rotated
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
    return Tokens(
        *tokens_of(
            y,
            (*y.shape[:-1], y.shape[-1] // 2),
            SWIGLU,
            static,
            b,
            bias,
            fold,
            scale,
            limit=limit,
            **_carried(entry),
        )
    )


@_unless_rotated
def merge_quantize(
    attended: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.merge_quantize`."""
    batch, heads, tokens, width = attended.shape
    return Tokens(
        *tokens_of(
            attended,
            (batch, tokens, heads * width),
            HEADS,
            static,
            b,
            limit=limit,
            **_carried(entry),
        )
    )


def product(tokens: Tokens, packed: Tensor, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """See :meth:`Kernels.product`."""
    shape = (*tokens.codes.shape[:-1], len(packed))
    return multiply(tokens, packed, scale, a, torch.empty(shape, dtype=dtype, device=packed.device))


def add(
    x: Tensor,
    tokens: Tokens,
    packed: Tensor,
    scale: Tensor,
    a: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    over: bool = False,
) -> Tensor:
    """See :meth:`Kernels.add`."""
    return multiply(tokens, packed, scale, a, torch.empty_like(x), x, bias)


@functools.cache
def _compiled(name: str) -> Any:
    return compiled.compiled(getattr(reference, name))


def _fastest(name: str, tensor: Tensor) -> Any:
    return _compiled(name) if tensor.is_cuda else getattr(reference, name)


def split_heads(y: Tensor, scale: Tensor, heads: int, dtype: torch.dtype) -> Tensor:
    """See :meth:`Kernels.split_heads`."""
    found: Tensor = _fastest("split_heads", y)(y, scale, heads, dtype)
    return found


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor]:
    """See :meth:`Kernels.attention_inputs`."""
    found: tuple[Tensor, Tensor, Tensor] = _fastest("attention_inputs", y)(y, scale, heads, cos, sin, norms)
    return found


class GroupPacker(reference.GroupPacker):
    """See :meth:`Kernels.GroupPacker`."""

    def pack(self, factor: Tensor, scale: Tensor, once: bool = False) -> Tensor:
        """See :meth:`Packer.pack`."""
        return products.pack(super().pack(factor, scale, once))


attention, weight_codes = reference.attention, reference.weight_codes


def pack(codes: Tensor) -> Tensor:
    """See :meth:`Kernels.pack`."""
    return products.pack(plain(codes))
