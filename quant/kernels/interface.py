"""What every set of kernels computes: the functions and constants of a module, as the integer engine calls them.

Activations are quantized to :class:`Tokens`; a product of codes is scaled per output channel at once and per token by
whatever consumes it, so that no pass over the result is made for the scale alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

LIMIT = 127.0
"""The largest code of eight bits."""

HeadNorms = tuple[Tensor, Tensor, Tensor, Tensor, float]
"""Gamma and beta of the layer normalization of queries, those of keys, and its epsilon."""


class Tokens(NamedTuple):
    """Quantized activations: int8 ``codes`` (..., k), and float32 ``scale`` (..., 1), not finite if a token is not.

    Codes of dtype uint8 are shifted by 128; some processors multiply only those fast. ``down`` (..., r), with zeros
    behind it where kernels want more ranks, is what the low-rank branch makes of the codes, or the channels that it
    carries divided by ``scale``, for layers that have one.

    Examples
    --------
    >>> tokens = Tokens(torch.tensor([[127, -64]], dtype=torch.int8), torch.tensor([[0.5]]))
    >>> (tokens.codes * tokens.scale).tolist()
    [[63.5, -32.0]]
    """

    codes: Tensor
    scale: Tensor
    down: Tensor | None = None


class Entry(NamedTuple):
    """What a row (..., k) goes through before it becomes codes.

    ``channels`` int64 (r,) are taken out as they are: they are what the low-rank branch carries, and zero in the codes,
    so that the token's scale is that of the rest. ``slots`` int32 (k,) is the place among them of each channel of the
    row, or -1; both are None where there is no such branch. Then the rest is rotated, ``block`` channels with each
    other (:func:`quant.kernels.entry.hadamard`), 1 for not at all.

    Examples
    --------
    >>> from quant.kernels import reference
    >>> entry = Entry.of(torch.tensor([0]), width=2, block=1)
    >>> tokens = reference.quantize(torch.tensor([[100.0, 1.0]]), None, entry=entry)
    >>> tokens.codes.tolist(), (tokens.down * tokens.scale).round().tolist()
    ([[0, 127]], [[100.0]])
    """

    channels: Tensor | None
    slots: Tensor | None
    block: int

    @classmethod
    def of(cls, channels: Tensor | None, width: int, block: int) -> Entry | None:
        """Carry ``channels`` of rows of ``width`` and rotate the rest; None where neither is done."""
        if channels is None:
            return cls(None, None, block) if block > 1 else None
        slots = torch.full((width,), -1, dtype=torch.int32, device=channels.device)
        slots[channels] = torch.arange(len(channels), dtype=torch.int32, device=channels.device)
        return cls(channels, slots, block)


CARRIED = 2.0**-20
"""Of the largest magnitude among the channels that are carried, the least range of the rest: a scale of 0, or one so
small that what is carried overflows when it is divided by it, would lose them."""


Packed: TypeAlias = Any
"""A weight as its kernels want it: a tensor, or what they make one of. Nobody else looks into it."""


class Packer(Protocol):
    """Makes and packs the codes of one group of timesteps after another from a 16-bit weight (out, in).

    Examples
    --------
    >>> from quant.kernels.reference import GroupPacker
    >>> packer: Packer = GroupPacker(torch.tensor([[1.0, 2.0]]))
    >>> packer.pack(torch.ones(2), torch.tensor([[1.0]])).tolist()
    [[1, 2]]
    """

    def pack(self, factor: Tensor, scale: Tensor, once: bool = False) -> Packed:
        """Pack the weight smoothed by ``factor`` (in,) under ``scale`` (out, 1); the last result may be overwritten.

        What is wanted ``once``, for a single step, may be left to be made while it is multiplied.
        """


class Kernels(Protocol):
    """A module of kernels for one kind of device.

    ``b`` and ``a`` are what :meth:`pack_branch` made of the low-rank branch: codes meet ``b`` first, and ``a`` brings
    that back behind the product. ``limit`` is the largest code: 127, or less where activations have fewer
    bits than 8. ``static`` is the one scale () of a static variant; None is one for each token, by its largest
    magnitude. ``entry`` comes before all this, in the last pass over a row.

    Examples
    --------
    >>> from quant.kernels import reference
    >>> tokens = reference.quantize(torch.tensor([[1.0, 0.5]]), None)  # any module of kernels does the same
    >>> tokens.codes.tolist()
    [[127, 64]]
    """

    RESIDENT: bool
    """Whether what is made for a group of timesteps stays in memory when another group is computed."""

    def multiplies(self) -> str:
        """Name what multiplies the codes, and in what the low-rank branch is multiplied."""

    def activation_dtype(self) -> torch.dtype:
        """Dtype of products that are consumed at once: queries, keys, values, up and gate."""

    def quantize(
        self,
        x: Tensor,
        static: Tensor | None,
        b: Tensor | None = None,
        limit: float = LIMIT,
        *,
        entry: Entry | None = None,
    ) -> Tokens:
        """Quantize (..., k)."""

    def norm_quantize(
        self,
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
        """Layer normalization of (..., k), then :meth:`quantize`."""

    def swiglu_quantize(
        self,
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
        """``up * silu(gate) * fold`` of (..., 2k) up and gate halves, then :meth:`quantize`.

        ``scale`` is that of the tokens ``y`` was made of, ``bias`` (2k,) is added after it, ``fold`` (k,) divides the
        next layer's smoothing factors out.
        """

    def merge_quantize(
        self,
        attended: Tensor,
        static: Tensor | None,
        b: Tensor | None = None,
        limit: float = LIMIT,
        *,
        entry: Entry | None = None,
    ) -> Tokens:
        """Join heads, (batch, heads, tokens, d) to (batch, tokens, heads * d), then :meth:`quantize`."""

    def split_heads(self, y: Tensor, scale: Tensor, heads: int, dtype: torch.dtype) -> Tensor:
        """Scale (batch, tokens, heads * d) and split it: (batch, heads, tokens, d)."""

    def attention_inputs(
        self, y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (batch, heads, tokens, d) in the dtype of ``y``.

        Queries and keys are normalized by ``norms`` where the model has them, then rotated.
        """

    def attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """``softmax(q @ k.mT / sqrt(d)) @ v`` of (batch, heads, tokens, d), as :meth:`merge_quantize` takes it."""

    def product(
        self, tokens: Tokens, packed: Packed, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None
    ) -> Tensor:
        """``codes @ weight.T`` in exact integers, times the weight's ``scale`` (out,): (..., out), unscaled per token.

        ``down @ a.T`` is added.
        """

    def add(
        self,
        x: Tensor,
        tokens: Tokens,
        packed: Packed,
        scale: Tensor,
        a: Tensor | None = None,
        bias: Tensor | None = None,
        *,
        over: bool = False,
    ) -> Tensor:
        """``x`` plus the scaled :meth:`product` and ``bias`` (out,): a layer's result back into the float32 stream.

        It may be written over ``x`` if ``over`` says so.
        """

    def weight_codes(self, weight: Tensor, factor: Tensor, scale: Tensor) -> Tensor:
        """Int8 codes of a weight (out, in) smoothed by ``factor`` (in,) under a scale (out, 1)."""

    def pack(self, codes: Tensor) -> Packed:
        """Bring int8 weight codes (out, in), or in tiles, into the form that :meth:`product` multiplies fastest.

        What is in that form already is taken as it lies (:mod:`quant.kernels.tiles`).
        """

    def pack_branch(self, b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """Bring float32 halves of a low-rank branch, ``b`` (in, r) and ``a`` (out, r), into the form to multiply."""

    def pack_back(self, a: Tensor) -> Tensor:
        """Bring ``a`` (out, r) alone into the form to multiply: what an :class:`Entry` carries meets no ``b``."""

    def GroupPacker(self, weight: Tensor) -> Packer:
        """Take a 16-bit weight (out, in) of which the codes of one group after another will be packed."""
