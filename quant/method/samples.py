"""Samples: what a layer was given, in a few rows drawn evenly from all of it and in second moments, and choices on it.

A table of largest magnitudes says how far a range must reach, not how much of it is used; that is what these tell. The
largest magnitude that was ever seen grows with the number of prompts, and every step of the grid with it, while almost
no value is that large. A range that cuts the largest off loses these and rounds all others less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quant.method.primitives import dequantize, narrowed, quantize, symmetric_scale

KEPT = 256
"""Rows that are kept of each layer, and at most that of one call are counted in its second moments."""

WHOLE, PART = 2048, 256
"""Inputs up to which a layer's second moments are those of all pairs; in wider ones, of pairs in the same part."""

FACTORS = tuple(0.96**step for step in range(61))
"""Parts of the largest magnitude that are tried, the whole of it first: down to a twelfth."""


@dataclass(frozen=True)
class Samples:
    """Some of a layer's inputs: ``rows`` (n, channels), :func:`narrowed`, each with the calibrated step it is of.

    ``steps`` is int64 (n,). ``keys`` float64 (n,) are random numbers, largest first: of all rows that were seen, those
    with the largest keys are kept, so that each was as likely as every other, however many there were. ``moments`` are
    float32 sums of products of channels with each other, (parts, k, k), of rows that lie evenly in each call; None
    where nothing counted them.

    Examples
    --------
    >>> Samples.drawn(torch.ones(1000, 4), 2, torch.Generator().manual_seed(0)).rows.shape
    torch.Size([256, 4])
    """

    rows: Tensor
    steps: Tensor
    keys: Tensor
    moments: Tensor | None = None

    @classmethod
    def drawn(cls, inputs: Tensor, step: int, generator: torch.Generator, above: float = 0.0) -> Samples:
        """Draw from ``inputs`` (n, channels) of calibrated step ``step``; keys of ``above`` and less lose anyway."""
        keys, order = torch.rand(len(inputs), dtype=torch.float64, generator=generator).topk(min(KEPT, len(inputs)))
        won = keys > above
        keys, order = keys[won], order[won]
        rows = narrowed(inputs[order.to(inputs.device)].detach().cpu())
        return cls(rows, torch.full((len(keys),), step, dtype=torch.int64), keys, second_moments(inputs))

    @property
    def least(self) -> float:
        """What a key must be larger than to be kept."""
        return float(self.keys[-1]) if len(self.keys) == KEPT else 0.0


def merged(parts: Sequence[Samples]) -> Samples:
    """Draw from what all ``parts`` were drawn from, in whatever order they are given.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> parts = [Samples.drawn(torch.full((1000, 1), float(i)), i, generator) for i in range(2)]
    >>> both = merged(parts)
    >>> len(both.rows), both.steps.unique().tolist()
    (256, [0, 1])
    """
    keys = torch.cat([part.keys for part in parts])
    keys, order = keys.topk(min(KEPT, len(keys)))
    rows = torch.cat([part.rows.float() for part in parts])[order]
    moments = parts[0].moments
    for part in parts[1:]:
        moments = None if moments is None or part.moments is None else moments + part.moments
    return Samples(narrowed(rows), torch.cat([part.steps for part in parts])[order], keys, moments)


def second_moments(inputs: Tensor) -> Tensor:
    """``X^T X`` of up to :data:`KEPT` rows of ``inputs`` (n, channels), evenly apart: (parts, k, k) on the CPU.

    One part has all channels, up to :data:`WHOLE` of them; parts of wider inputs are as large as a power of two can be.

    Examples
    --------
    >>> second_moments(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[[10.0, 14.0], [14.0, 20.0]]]
    >>> second_moments(torch.ones(2, 6144)).shape
    torch.Size([24, 256, 256])
    """
    channels = inputs.shape[1]
    part = channels if channels <= WHOLE else min(PART, channels & -channels)
    rows = inputs[:: max(1, -(-len(inputs) // KEPT))].detach().float().unflatten(1, (-1, part)).transpose(0, 1)
    # Calibration may have its products in 16 bits, which would leave of sums what their last terms are.
    with torch.autocast(inputs.device.type, enabled=False):
        return (rows.mT @ rows).cpu()


def least_error_scale(rows: Tensor, absmax: Tensor, power: Tensor, bits: int) -> Tensor:
    """Scale () of least squared error of what a layer makes of quantized ``rows``; never worse there than ``absmax``.

    The error of a channel counts by its weights: ``sum_tj (x_tj - x_hat_tj)^2 sum_i W_ij^2``, which is the expected
    squared error of the layer's output where errors of different channels are independent.

    Parameters
    ----------
    rows
        What is quantized, (n, channels).
    absmax
        The largest magnitude () that calibration saw, whose scale is used if there are no rows.
    power
        Of the weight that the rows are multiplied by, the sum of squares of each input channel, (channels,).

    Examples
    --------
    >>> rows = torch.cat((torch.linspace(-1, 1, 999), torch.tensor([4.0])))[:, None]  # one value in a thousand is large
    >>> scale = least_error_scale(rows, torch.tensor(4.0), torch.ones(1), bits=4)
    >>> bool(scale < symmetric_scale(torch.tensor(4.0), 4))
    True
    """
    best, least = symmetric_scale(absmax, bits), torch.inf
    for factor in FACTORS if len(rows) else ():
        scale = symmetric_scale(absmax * factor, bits)
        error = float(((rows - dequantize(quantize(rows, scale, bits), scale)).square().sum(0) @ power).double())
        if error < least:
            best, least = scale, error
    return best
