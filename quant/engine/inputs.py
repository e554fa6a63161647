"""What an integer layer multiplies, as calibration saw it: its smoothing factors, static range and second moments."""

from __future__ import annotations

import torch
from torch import Tensor

from quant.kernels.entry import hadamard
from quant.method.samples import Samples, least_error_scale
from quant.method.smoothing import smooth_weight, smoothing_factor


def shared_factor(absmax: Tensor, w_absmax: Tensor, alpha: float, sharing: tuple[int, int]) -> Tensor:
    """Equation (3) for one group; channels of heads that share keys and values, so many of a width, get one factor.

    Examples
    --------
    >>> absmax, weight = torch.tensor([4.0, 1.0, 16.0, 9.0]), torch.ones(4)
    >>> shared_factor(absmax, weight, 0.5, (2, 2)).tolist()
    [4.0, 3.0, 4.0, 3.0]
    """
    if sharing[0] > 1:
        absmax, w_absmax = (_shared_max(table, *sharing) for table in (absmax, w_absmax))
    return smoothing_factor(absmax, w_absmax, alpha)


def chosen_scale(samples: Samples, absmax: Tensor, weight: Tensor, smoothing: Tensor, bits: int, block: int) -> Tensor:
    """The scale (1,) of least squared error of a static variant, on what is quantized there and nothing else.

    ``absmax`` and ``smoothing`` are (1, in), ``weight`` (out, in); ``block`` channels are rotated with each other.

    Examples
    --------
    >>> samples = Samples.drawn(torch.tensor([[0.5, 1.0]]), 0, torch.Generator().manual_seed(0))
    >>> one = torch.ones(1, 2)
    >>> bool(chosen_scale(samples, one, one, one, 8, 1) <= 1 / 127)
    True
    """
    factor, largest = smoothing[0], absmax[0].float().to(weight.device)
    # No sample is larger than the largest, which is 0 in channels that are not quantized here.
    rows = torch.minimum(torch.maximum(samples.rows.to(weight), -largest), largest) / factor
    smoothed, reach = smooth_weight(weight, factor), (largest / factor).amax()
    if block > 1:
        # Of rotated channels calibration saw no ranges: the samples' own.
        rows, smoothed = hadamard(rows, block), hadamard(smoothed, block)
        reach = rows.abs().amax()
    return least_error_scale(rows, reach, smoothed.square().sum(0), bits)[None]


def entered_moments(moments: Tensor, absmax: Tensor, smoothing: Tensor, block: int) -> Tensor:
    """Second moments (parts, k, k) of what is quantized: smoothed, and rotated ``block`` by block of channels.

    ``moments`` are of the layer's inputs. Channels whose ``absmax`` (in,) is 0 are not quantized here.

    Examples
    --------
    >>> x = torch.tensor([[4.0, 6.0]])
    >>> entered_moments((x.mT @ x)[None], torch.tensor([4.0, 6.0]), torch.tensor([2.0, 1.0]), 1).tolist()
    [[[4.0, 12.0], [12.0, 36.0]]]
    """
    inverse = torch.where(absmax > 0, 1 / smoothing, 0).view(len(moments), -1)
    smoothed = moments * inverse[:, :, None] * inverse[:, None]
    return hadamard(hadamard(smoothed, block).mT, block)


def _shared_max(table: Tensor, heads: int, width: int) -> Tensor:
    groups = table.unflatten(0, (-1, heads, width))
    return groups.amax(1, keepdim=True).expand_as(groups).flatten()
