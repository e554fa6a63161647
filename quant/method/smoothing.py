"""SmoothQuant's factors, per denoising step and input channel: equations (2)-(5) of the paper.

Equation (1), the largest activations, is what calibration records (:mod:`quant.method.calibration`).

Here an activation is ``(..., channels)`` and a weight ``(out, channels)``, as in torch; the paper's X and W are
transposed.
"""

from __future__ import annotations

import torch
from torch import Tensor


def weight_absmax(weight: Tensor) -> Tensor:
    """Equation (2): the largest absolute weight of each input channel, ``(out, k) -> (k,)``.

    Examples
    --------
    >>> weight_absmax(torch.tensor([[1.0, -3.0], [-2.0, 0.5]])).tolist()
    [2.0, 3.0]
    """
    return weight.abs().amax(0)


def smoothing_factor(x_absmax: Tensor, w_absmax: Tensor, alpha: float) -> Tensor:
    """Equation (3): ``s_j = x_absmax_j**alpha / w_absmax_j**(1 - alpha)``.

    A channel that is zero in either has nothing to balance; its factor is 1, since equations (4) divide by it.

    Examples
    --------
    >>> smoothing_factor(torch.tensor([16.0, 0.0]), torch.tensor([4.0, 1.0]), alpha=0.5).tolist()  # sqrt(16 / 4)
    [2.0, 1.0]
    """
    factor = x_absmax**alpha / w_absmax.clamp_min(torch.finfo(w_absmax.dtype).tiny) ** (1 - alpha)
    return torch.where((x_absmax > 0) & (w_absmax > 0) & factor.isfinite(), factor, torch.ones_like(factor))


def smooth_activation(x: Tensor, factor: Tensor) -> Tensor:
    """Equation (4), left: ``X_j / s_j``.

    Examples
    --------
    >>> smooth_activation(torch.tensor([8.0, 1.0]), torch.tensor([4.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    return x / factor


def smooth_weight(weight: Tensor, factor: Tensor) -> Tensor:
    """Equation (4), right: ``W_j * s_j``. Equation (5): the product of both sides is the unsmoothed one.

    Examples
    --------
    >>> x, weight, factor = torch.tensor([8.0, 1.0]), torch.tensor([[0.5, 1.0]]), torch.tensor([4.0, 1.0])
    >>> torch.equal(smooth_activation(x, factor) @ smooth_weight(weight, factor).T, x @ weight.T)
    True
    """
    return weight * factor
