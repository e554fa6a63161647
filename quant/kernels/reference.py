"""What the integer engine's kernels compute, in plain torch, on any device.

Every other set of kernels is tested against this one. Activations are quantized to :class:`Tokens`; a product of
codes is scaled per output channel at once and per token by whatever consumes it, so that no pass over the result
is made for the scale alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LIMIT = 127.0

RESIDENT = False
"""Whether what is made for a group of timesteps stays in memory when another group is computed."""


class Tokens(NamedTuple):
    """Quantized activations: int8 ``codes`` (..., k), and float32 ``scale`` (..., 1), or () for one static range.

    Codes of dtype uint8 are shifted by 128; some processors multiply only those fast. ``down`` (..., r) is what the
    low-rank branch makes of the codes, for layers that have one.
    """

    codes: Tensor
    scale: Tensor
    down: Tensor | None = None


def to_codes(scaled: Tensor, limit: float = LIMIT) -> Tensor:
    """Round values that are within or near the range of codes, ``-limit`` to ``limit``, to codes; ties to even."""
    return scaled.round().clamp(-limit, limit).to(torch.int8)


def quantize(x: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """Quantize (..., k) per token by its largest magnitude, or by the given ``static`` scale ().

    ``b`` (k, r), in whose dtype it is multiplied, is the half of the low-rank branch that the codes meet first.
    ``limit`` is the largest code: 127, or less where activations have fewer bits than 8.
    """
    x = x.float()
    if static is not None:
        codes, scale = to_codes(x / static, limit), static
    else:
        absmax = x.abs().amax(-1, keepdim=True)
        # A token of zeros keeps codes of zero.
        codes, scale = to_codes(x * (limit / torch.where(absmax > 0, absmax, limit)), limit), absmax / limit
    return Tokens(codes, scale, None if b is None else codes.to(b.dtype) @ b)


def norm_quantize(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
) -> Tokens:
    """Layer normalization of (..., k), then :func:`quantize`."""
    return quantize(F.layer_norm(x, x.shape[-1:], gamma, beta, eps), static, b, limit)


def swiglu_quantize(
    y: Tensor,
    scale: Tensor,
    bias: Tensor,
    fold: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
) -> Tokens:
    """``up * silu(gate) * fold`` of (..., 2k) up and gate halves, then :func:`quantize`.

    ``scale`` is that of the tokens ``y`` was made of, ``bias`` (2k,) is added after it, ``fold`` (k,) divides the
    next layer's smoothing factors out.
    """
    up, gate = (y.float() * scale + bias).chunk(2, -1)
    return quantize(up * fold * F.silu(gate), static, b, limit)


def merge_quantize(attended: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT) -> Tokens:
    """Join heads, (batch, heads, tokens, d) to (batch, tokens, heads * d), then :func:`quantize`."""
    return quantize(attended.transpose(1, 2).flatten(2), static, b, limit)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of the first ``cos.shape[-1]`` channels of each head (..., tokens, d)."""
    width = cos.shape[-1]
    if not width:
        return x
    turned, rest = x[..., :width], x[..., width:]
    first, second = turned.chunk(2, -1)
    return torch.cat((turned * cos + torch.cat((-second, first), -1) * sin, rest), -1)


def split_heads(y: Tensor, scale: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """Scale (batch, tokens, parts * heads * d) and split it into ``parts`` of (batch, heads, tokens, d)."""
    batch, tokens, width = y.shape
    scaled = (y.float() * scale).view(batch, tokens, parts, heads, width // (parts * heads))
    return tuple(scaled[:, :, part].transpose(1, 2) for part in range(parts))


HeadNorms = tuple[Tensor, Tensor, Tensor, Tensor, float]


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (batch, heads, tokens, d) in the dtype of ``y``.

    ``norms`` are gamma and beta of the layer normalization of queries, those of keys, and its epsilon, where the model
    has them; then queries and keys are rotated.
    """
    q, k, v = split_heads(y, scale, 3, heads)
    if norms is not None:
        q_gamma, q_beta, k_gamma, k_beta, eps = norms
        q = F.layer_norm(q, q.shape[-1:], q_gamma, q_beta, eps)
        k = F.layer_norm(k, k.shape[-1:], k_gamma, k_beta, eps)
    return rotate(q, cos, sin).to(y.dtype), rotate(k, cos, sin).to(y.dtype), v.to(y.dtype)


def residual(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """``x + (y * scale + bias)``: the scaled product of a layer back into the float32 stream."""
    out = x + y.float() * scale
    return out if bias is None else out + bias


def activation_dtype() -> torch.dtype:
    """Dtype of products that are consumed at once: queries, keys, values, up and gate."""
    return torch.float32


def pack(codes: Tensor) -> Tensor:
    """Bring int8 weight codes (out, in) into the form that :func:`product` multiplies fastest."""
    return codes


def product(tokens: Tokens, packed: Tensor, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """``codes @ weight.T`` in exact integers, times the weight's ``scale`` (out,): (..., out), unscaled per token.

    ``a`` (out, r) brings the low-rank branch back: ``down @ a.T`` is added.
    """
    # float64 holds these integers exactly; torch has no int8 product that all devices share.
    out = (tokens.codes.double() @ packed.double().mT).float() * scale
    if a is not None and tokens.down is not None:
        out += (tokens.down @ a.mT).float()
    return out.to(dtype)


def add(
    x: Tensor, tokens: Tokens, packed: Tensor, scale: Tensor, a: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """``x`` plus the scaled :func:`product` and ``bias`` (out,): a layer's result back into the float32 stream."""
    return residual(x, product(tokens, packed, scale, torch.float32, a), tokens.scale, bias)


def weight_codes(weight: Tensor, factor: Tensor, scale: Tensor) -> Tensor:
    """Int8 codes of a weight (out, in) smoothed by ``factor`` (in,) under a scale (out, 1)."""
    # Times the reciprocal, so that a kernel divides once a channel and not once a weight.
    return to_codes(weight.float() * factor * (1 / scale))


class GroupPacker:
    """Makes and packs the codes of one group of timesteps after another from a 16-bit weight (out, in)."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight

    def pack(self, factor: Tensor, scale: Tensor) -> Tensor:
        """Pack the weight smoothed by ``factor`` (in,) under ``scale`` (out, 1)."""
        return pack(weight_codes(self._weight, factor, scale))
