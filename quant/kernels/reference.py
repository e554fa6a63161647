"""What :class:`~quant.kernels.interface.Kernels` compute, in plain torch, on any device.

Every other set of kernels is tested against this one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from quant.kernels.entry import absmax_of, entered, fixed_scale, inverse_of, unscaled
from quant.kernels.interface import LIMIT, Entry, HeadNorms, Tokens
from quant.kernels.tiles import plain

RESIDENT = False
"""See :class:`Kernels`."""


def multiplies() -> str:
    """See :meth:`Kernels.multiplies`.

    Examples
    --------
    >>> multiplies()
    'float64 products of codes, branch in float32'
    """
    return "float64 products of codes, branch in float32"


def to_codes(scaled: Tensor, limit: float = LIMIT) -> Tensor:
    """Round values that are within or near the range of codes, ``-limit`` to ``limit``, to codes; ties to even.

    Examples
    --------
    >>> to_codes(torch.tensor([0.5, 1.5, 200.0])).tolist()
    [0, 2, 127]
    """
    return scaled.round().clamp(-limit, limit).to(torch.int8)


def quantize(
    x: Tensor, static: Tensor | None, b: Tensor | None = None, limit: float = LIMIT, *, entry: Entry | None = None
) -> Tokens:
    """See :meth:`Kernels.quantize`.

    Examples
    --------
    >>> tokens = quantize(torch.tensor([[1.0, -2.0], [10.0, 5.0]]), None)
    >>> tokens.codes.tolist(), (tokens.scale * 127).flatten().tolist()
    ([[64, -127], [127, 64]], [2.0, 10.0])
    """
    x, taken = entered(x.float(), entry)
    if static is not None:
        codes, scale = to_codes(x / static, limit), fixed_scale(x, static)
    else:
        absmax = absmax_of(x, taken)
        codes, scale = to_codes(x * inverse_of(absmax, limit), limit), absmax / limit
    if taken is not None:
        return Tokens(codes, scale, unscaled(taken, scale))
    return Tokens(codes, scale, None if b is None else codes.to(b.dtype) @ b)


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
    """See :meth:`Kernels.norm_quantize`.

    Examples
    --------
    >>> tokens = norm_quantize(torch.tensor([[1.0, 3.0]]), torch.ones(2), torch.zeros(2), 1e-5, None)
    >>> tokens.codes.tolist()  # minus and plus one standard deviation
    [[-127, 127]]
    """
    return quantize(F.layer_norm(x, x.shape[-1:], gamma, beta, eps), static, b, limit, entry=entry)


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
    """See :meth:`Kernels.swiglu_quantize`.

    Examples
    --------
    >>> y = torch.tensor([[2.0, 4.0, 0.0, 0.0]])  # up, then gate, whose silu is 0 at 0
    >>> swiglu_quantize(y, torch.ones(1, 1), torch.zeros(4), torch.ones(2), None).codes.tolist()
    [[0, 0]]
    """
    up, gate = (y.float() * scale + bias).chunk(2, -1)
    return quantize(up * fold * F.silu(gate), static, b, limit, entry=entry)


def merge_quantize(
    attended: Tensor,
    static: Tensor | None,
    b: Tensor | None = None,
    limit: float = LIMIT,
    *,
    entry: Entry | None = None,
) -> Tokens:
    """See :meth:`Kernels.merge_quantize`.

    Examples
    --------
    >>> heads = torch.tensor([[[[1.0]], [[-2.0]]]])  # one item, two heads, one token
    >>> merge_quantize(heads, torch.tensor(0.5)).codes.tolist()
    [[[2, -4]]]
    """
    return quantize(attended.transpose(1, 2).flatten(2), static, b, limit, entry=entry)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of the first ``cos.shape[-1]`` channels of each head (..., tokens, d).

    Examples
    --------
    >>> quarter = torch.zeros(1, 2), torch.ones(1, 2)  # cosine and sine of a right angle
    >>> rotate(torch.tensor([[1.0, 0.0, 7.0]]), *quarter).tolist()
    [[0.0, 1.0, 7.0]]
    """
    width = cos.shape[-1]
    if not width:
        return x
    turned, rest = x[..., :width], x[..., width:]
    first, second = turned.chunk(2, -1)
    return torch.cat((turned * cos + torch.cat((-second, first), -1) * sin, rest), -1)


def split_heads(y: Tensor, scale: Tensor, heads: int, dtype: torch.dtype) -> Tensor:
    """See :meth:`Kernels.split_heads`.

    Examples
    --------
    >>> split_heads(torch.arange(4.0).view(1, 1, 4), torch.tensor(2.0), 2, torch.float32).tolist()
    [[[[0.0, 2.0]], [[4.0, 6.0]]]]
    """
    return (y.float() * scale).unflatten(-1, (heads, -1)).transpose(1, 2).to(dtype)


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor]:
    """See :meth:`Kernels.attention_inputs`.

    Examples
    --------
    >>> none = torch.zeros(1, 0)  # no rotary embedding
    >>> q, k, v = attention_inputs(torch.arange(6.0).view(1, 1, 6), torch.tensor(1.0), 1, none, none, None)
    >>> q.shape, v.flatten().tolist()
    (torch.Size([1, 1, 1, 2]), [4.0, 5.0])
    """
    q, k, v = split_heads(y, scale, 3 * heads, torch.float32).chunk(3, 1)
    if norms is not None:
        q_gamma, q_beta, k_gamma, k_beta, eps = norms
        q = F.layer_norm(q, q.shape[-1:], q_gamma, q_beta, eps)
        k = F.layer_norm(k, k.shape[-1:], k_gamma, k_beta, eps)
    return rotate(q, cos, sin).to(y.dtype), rotate(k, cos, sin).to(y.dtype), v.to(y.dtype)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """See :meth:`Kernels.attention`.

    Examples
    --------
    >>> v = torch.tensor([1.0, 3.0]).view(1, 1, 2, 1)
    >>> attention(torch.zeros_like(v), v, v).flatten().tolist()  # every key weighs the same
    [2.0, 2.0]
    """
    return F.scaled_dot_product_attention(q, k, v)


def residual(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """``x + (y * scale + bias)``: the scaled product of a layer back into the float32 stream.

    Examples
    --------
    >>> residual(torch.tensor([1.0]), torch.tensor([4.0]), torch.tensor([0.5]), torch.tensor([10.0])).item()
    13.0
    """
    out = x + y.float() * scale
    return out if bias is None else out + bias


def activation_dtype() -> torch.dtype:
    """See :meth:`Kernels.activation_dtype`.

    Examples
    --------
    >>> activation_dtype()
    torch.float32
    """
    return torch.float32


def pack(codes: Tensor) -> Tensor:
    """See :meth:`Kernels.pack`.

    Examples
    --------
    >>> pack(torch.tensor([[1, -1]], dtype=torch.int8)).tolist()
    [[1, -1]]
    """
    return plain(codes)


def pack_branch(b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """See :meth:`Kernels.pack_branch`: as they are, ``a`` laid out by rank.

    Examples
    --------
    >>> b, a = pack_branch(torch.ones(4, 2), torch.ones(3, 2))
    >>> b.shape, a.shape, a.stride()
    (torch.Size([4, 2]), torch.Size([3, 2]), (1, 3))
    """
    return b, pack_back(a)


def pack_back(a: Tensor) -> Tensor:
    """See :meth:`Kernels.pack_back`: laid out by rank.

    Examples
    --------
    >>> pack_back(torch.ones(3, 2)).stride()
    (1, 3)
    """
    return a.mT.contiguous().mT


def pack_half_back(a: Tensor) -> Tensor:
    """:func:`pack_back` in bfloat16, for what multiplies only that fast.

    Examples
    --------
    >>> pack_half_back(torch.ones(3, 2)).dtype
    torch.bfloat16
    """
    return pack_back(a.bfloat16())


def pack_half_branch(b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`pack_branch` in bfloat16, for what multiplies only that fast.

    Examples
    --------
    >>> pack_half_branch(torch.ones(4, 2), torch.ones(3, 2))[0].dtype
    torch.bfloat16
    """
    return pack_branch(b.bfloat16(), a.bfloat16())


def product(tokens: Tokens, packed: Tensor, scale: Tensor, dtype: torch.dtype, a: Tensor | None = None) -> Tensor:
    """See :meth:`Kernels.product`.

    Examples
    --------
    >>> tokens, weight = quantize(torch.tensor([[1.0, -2.0]]), None), torch.tensor([[2, 1]], dtype=torch.int8)
    >>> product(tokens, weight, torch.tensor([1.0]), torch.float32).tolist()  # 64 * 2 - 127
    [[1.0]]
    """
    # float64 holds these integers exactly; torch has no int8 product that all devices share.
    out = (tokens.codes.double() @ packed.double().mT).float() * scale
    if a is not None and tokens.down is not None:
        out += (tokens.down @ a.mT).float()
    return out.to(dtype)


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
    """See :meth:`Kernels.add`.

    Examples
    --------
    >>> tokens, weight = quantize(torch.tensor([[127.0, -127.0]]), None), torch.tensor([[2, 1]], dtype=torch.int8)
    >>> add(torch.tensor([[0.5]]), tokens, weight, torch.tensor([1.0])).tolist()
    [[127.5]]
    """
    return residual(x, product(tokens, packed, scale, torch.float32, a), tokens.scale, bias)


def weight_codes(weight: Tensor, factor: Tensor, scale: Tensor) -> Tensor:
    """See :meth:`Kernels.weight_codes`.

    Examples
    --------
    >>> weight_codes(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0, 1.0]), torch.tensor([[0.5]])).tolist()
    [[6, 4]]
    """
    # Times the reciprocal, so that a kernel divides once a channel and not once a weight.
    return to_codes(weight.float() * factor * (1 / scale))


class GroupPacker:
    """See :meth:`Kernels.GroupPacker`.

    Examples
    --------
    >>> GroupPacker(torch.tensor([[1.0, 2.0]])).pack(torch.tensor([3.0, 1.0]), torch.tensor([[0.5]])).tolist()
    [[6, 4]]
    """

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight

    def pack(self, factor: Tensor, scale: Tensor, once: bool = False) -> Tensor:
        """See :meth:`Packer.pack`."""
        return pack(weight_codes(self._weight, factor, scale))
