"""The compiled passes between products, and attention, on tensors of the CPU; None where there is no library.

Each reads and writes memory once, a token at a time. Sums are made sixteen side by side whatever the width of the
processor's vectors, so that results are the same on each and on any number of threads.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import torch
from torch import Tensor

from quant.kernels import paths
from quant.kernels.interface import CARRIED, Entry, HeadNorms
from quant.kernels.native.library import library

SERIAL = 1 << 15
"""Elements up to which a second thread costs more than it saves."""

Coded = tuple[Tensor, Tensor, Tensor | None]
"""Codes (..., k), the scale of each token (..., 1), and the channels (..., r) that are carried past the codes, over the
scale, where there are such."""


def _function(name: str) -> Any:
    level = paths.compiled()
    assert level is not None
    return _typed(level, name)


@functools.cache
def _typed(level: str, name: str) -> Any:
    kinds = {"p": ctypes.c_void_p, "i": ctypes.c_int, "l": ctypes.c_int64, "f": ctypes.c_float}
    signatures = {
        "norm": "pllppfpi",
        "gate": "pillplpppi",
        "merge": "pipppi",
        "inputs": "pillllplpplpfpppi",
        "heads": "pllllplipi",
        "residual": "ppllplppi",
        "attention": "pppilllllfpi",
        "halves": "",
        "snake": "pppplli",
        "residual_unit": "pi",
    }
    function = getattr(library(level), f"earmark_{name}")
    function.argtypes = [kinds[letter] for letter in signatures[name]]
    function.restype = ctypes.c_int if name == "halves" else None
    return function


def _threads(elements: int) -> int:
    return torch.get_num_threads() if elements > SERIAL else 1


def _usable(*tensors: Tensor | None) -> bool:
    kinds = (torch.float32, torch.bfloat16)
    return paths.compiled() is not None and all(x is None or (x.dtype in kinds and x.numel() > 0) for x in tensors)


def _floats(x: Tensor) -> Tensor:
    return x.float().contiguous()


class _Out(ctypes.Structure):
    """What a row of floats becomes: ``Out`` in ``native/source/passes.cpp``."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("fixed", "channels", "codes", "scale", "taken")),
        *((name, ctypes.c_int64) for name in ("count", "block")),
        *(("limit", ctypes.c_float), ("least", ctypes.c_float), ("flip", ctypes.c_int)),
    ]


def _outputs(
    shape: tuple[int, ...], static: Tensor | None, unsigned: bool, limit: float, entry: Entry | None
) -> tuple[Coded, _Out]:
    """Memory for the codes of ``shape``, and how the library is told of it."""
    codes = torch.empty(shape, dtype=torch.uint8 if unsigned else torch.int8)
    scale = torch.empty(*shape[:-1], 1)
    static = None if static is None else static.float()
    channels = None if entry is None or entry.channels is None else entry.channels.contiguous()
    taken = None if channels is None else torch.empty(*shape[:-1], len(channels))
    pointers = (None if x is None else x.data_ptr() for x in (static, channels, codes, scale, taken))
    count, block = 0 if channels is None else len(channels), 1 if entry is None else entry.block
    out = _Out(*pointers, count, block, limit, CARRIED, 128 * unsigned)
    out.kept = static, channels  # they must live as long as the pointers
    return (codes, scale, taken), out


def quantize(
    x: Tensor, static: Tensor | None, unsigned: bool, limit: float, entry: Entry | None = None
) -> Coded | None:
    """Codes of (..., k).

    Examples
    --------
    >>> found = quantize(torch.tensor([[127.0, -254.0]]), None, unsigned=False, limit=127.0)
    >>> found is None or (found[0].tolist(), found[1].tolist()) == ([[64, -127]], [[2.0]])
    True
    """
    if not _usable(x):
        return None
    return merge(x.reshape(1, 1, -1, x.shape[-1]), static, unsigned, limit, entry, tuple(x.shape))


def norm(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    eps: float,
    static: Tensor | None,
    unsigned: bool,
    limit: float,
    entry: Entry | None = None,
) -> Coded | None:
    """Codes of the layer normalization of (..., k).

    Examples
    --------
    >>> one, none = torch.ones(2), torch.zeros(2)
    >>> found = norm(torch.tensor([[1.0, 3.0]]), one, none, 1e-5, None, unsigned=False, limit=127.0)
    >>> found is None or found[0].tolist() == [[-127, 127]]  # minus and plus one standard deviation
    True
    """
    if not _usable(x):
        return None
    x, gamma, beta = _floats(x), _floats(gamma), _floats(beta)
    k = x.shape[-1]
    coded, out = _outputs(tuple(x.shape), static, unsigned, limit, entry)
    given = x.data_ptr(), x.numel() // k, k, gamma.data_ptr(), beta.data_ptr(), eps
    _function("norm")(*given, ctypes.byref(out), _threads(x.numel()))
    return coded


def _per_token(scale: Tensor) -> tuple[Tensor, int]:
    return _floats(scale), int(scale.ndim > 0)


def gate(
    y: Tensor,
    scale: Tensor,
    bias: Tensor,
    fold: Tensor,
    static: Tensor | None,
    unsigned: bool,
    limit: float,
    entry: Entry | None = None,
) -> Coded | None:
    """Codes of the gated up half of (..., 2k).

    Examples
    --------
    >>> y = torch.tensor([[2.0, 4.0, 0.0, 0.0]])  # up, then gate, whose silu is 0 at 0
    >>> found = gate(y, torch.tensor(1.0), torch.zeros(4), torch.ones(2), None, unsigned=False, limit=127.0)
    >>> found is None or found[0].tolist() == [[0, 0]]
    True
    """
    if not _usable(y):
        return None
    y, bias, fold, (scale, step) = y.contiguous(), _floats(bias), _floats(fold), _per_token(scale)
    k = y.shape[-1] // 2
    coded, out = _outputs((*y.shape[:-1], k), static, unsigned, limit, entry)
    given = y.data_ptr(), y.dtype == torch.bfloat16, y.numel() // (2 * k), k, scale.data_ptr(), step
    _function("gate")(*given, bias.data_ptr(), fold.data_ptr(), ctypes.byref(out), _threads(y.numel() // 2))
    return coded


def merge(
    x: Tensor,
    static: Tensor | None,
    unsigned: bool,
    limit: float,
    entry: Entry | None = None,
    shape: tuple[int, ...] | None = None,
) -> Coded | None:
    """Codes of (batch, heads, tokens, d), heads side by side.

    Examples
    --------
    >>> heads = torch.tensor([[[[1.0]], [[-2.0]]]])  # one item, two heads, one token
    >>> found = merge(heads, torch.tensor(0.5), unsigned=False, limit=127.0)
    >>> found is None or found[0].tolist() == [[[2, -4]]]
    True
    """
    if not _usable(x):
        return None
    x = x if x.stride(-1) == 1 else x.contiguous()
    batch, heads, tokens, d = x.shape
    coded, out = _outputs(shape or (batch, tokens, heads * d), static, unsigned, limit, entry)
    sizes, steps = (ctypes.c_int64 * 4)(*x.shape), (ctypes.c_int64 * 4)(*x.stride())
    half = x.dtype == torch.bfloat16
    _function("merge")(x.data_ptr(), half, sizes, steps, ctypes.byref(out), _threads(x.numel()))
    return coded


def attention_inputs(
    y: Tensor, scale: Tensor, heads: int, cos: Tensor, sin: Tensor, norms: HeadNorms | None
) -> tuple[Tensor, Tensor, Tensor] | None:
    """See :meth:`Kernels.attention_inputs`."""
    if not _usable(y):
        return None
    batch, tokens, width = y.shape
    d = width // (3 * heads)
    y, cos, sin, (scale, step) = y.contiguous(), _floats(cos), _floats(sin), _per_token(scale)
    kept = [_floats(x) for x in norms[:4]] if norms else []
    pointers = (ctypes.c_void_p * 4)(*(x.data_ptr() for x in kept))
    q, k, v = (torch.empty(batch, heads, tokens, d, dtype=y.dtype) for _ in range(3))
    _function("inputs")(
        *(y.data_ptr(), y.dtype == torch.bfloat16, batch, tokens, heads, d, scale.data_ptr(), step, cos.data_ptr()),
        *(sin.data_ptr(), cos.shape[-1], pointers, norms[4] if norms else 0.0),
        *(q.data_ptr(), k.data_ptr(), v.data_ptr(), _threads(y.numel())),
    )
    return q, k, v


def split_heads(y: Tensor, scale: Tensor, heads: int, dtype: torch.dtype) -> Tensor | None:
    """See :meth:`Kernels.split_heads`."""
    if not _usable(y) or y.dtype != torch.float32 or dtype not in (torch.float32, torch.bfloat16):
        return None
    batch, tokens, width = y.shape
    y, (scale, step) = y.contiguous(), _per_token(scale)
    out = torch.empty(batch, heads, tokens, width // heads, dtype=dtype)
    _function("heads")(
        *(y.data_ptr(), batch, tokens, heads, width // heads, scale.data_ptr(), step),
        *(dtype == torch.bfloat16, out.data_ptr(), _threads(y.numel())),
    )
    return out


def residual(x: Tensor, y: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor | None:
    """See :func:`quant.kernels.reference.residual`."""
    if not _usable(x, y) or x.shape != y.shape:
        return None
    x, y, (scale, step) = _floats(x), _floats(y), _per_token(scale)
    bias = None if bias is None else _floats(bias)
    out, k = torch.empty_like(x), x.shape[-1]
    _function("residual")(
        *(x.data_ptr(), y.data_ptr(), x.numel() // k, k, scale.data_ptr(), step),
        *(None if bias is None else bias.data_ptr(), out.data_ptr(), _threads(x.numel())),
    )
    return out


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor | None:
    """See :meth:`Kernels.attention`."""
    batch, heads, queries, d = q.shape
    alike = q.dtype == k.dtype == v.dtype and k.shape == v.shape and k.shape[:2] == q.shape[:2] and k.shape[3] == d
    if not alike or d % 8 or d > 128 or not _usable(q, k, v):
        return None
    half = q.dtype == torch.bfloat16
    if half and not _function("halves")():
        return None
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out = torch.empty(batch, queries, heads, d, dtype=q.dtype)
    _function("attention")(
        *(q.data_ptr(), k.data_ptr(), v.data_ptr(), half, batch, heads, queries, k.shape[2], d, d**-0.5),
        *(out.data_ptr(), _threads(batch * heads * queries * k.shape[2])),
    )
    return out.transpose(1, 2)
