"""Ranges: how far the one scale of a static variant reaches, chosen by the error it makes on samples.

The largest magnitude that was ever seen grows with the number of prompts, and every step of the grid with it, while
almost no value is that large. A range that cuts the largest off loses these and rounds all others less.
"""

from __future__ import annotations

import torch
from torch import Tensor

from quant.method.primitives import dequantize, quantize, symmetric_scale

FACTORS = tuple(0.96**step for step in range(61))
"""Parts of the largest magnitude that are tried, the whole of it first: down to a twelfth."""


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
