"""Alpha by layer: the smoothing strength whose quantized layer errs least on calibration's samples.

As in DiTAS (Dong et al. 2024), which searches it by the error of the layer's output: how much of a layer's outliers
its weight can take over differs from layer to layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from quant.engine.layer import QuantizedLinear
from quant.method.samples import Samples
from quant.method.timesteps import CurrentStep

ALPHAS = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)
"""Smoothing strengths that are tried; the first is kept where none is better, or nothing was sampled."""


def output_error(layer: nn.Linear, quantized: QuantizedLinear, samples: Samples, step: CurrentStep) -> float:
    """Squared error of ``quantized`` on the samples of ``layer``, each computed in the group of its own step.

    Examples
    --------
    >>> import torch
    >>> layer, step = nn.Linear(2, 2), CurrentStep(torch.zeros(1), "v")
    >>> from quant.engine.layer import KeptLinear
    >>> samples = Samples.drawn(torch.ones(4, 2), 0, torch.Generator().manual_seed(0))
    >>> output_error(layer, KeptLinear.of(layer), samples, step) < 1e-4
    True
    """
    before, groups, total = step.index, step.groups[samples.steps], 0.0
    try:
        for group in groups.unique().tolist():
            step.index = int((step.groups == group).nonzero()[0])
            rows: Tensor = samples.rows[groups == group].to(layer.weight)
            total += float((quantized(rows) - F.linear(rows, layer.weight, layer.bias)).double().square().sum())
    finally:
        step.index = before
    return total


def least_error_alpha(
    layer: nn.Linear,
    make: Callable[[float], QuantizedLinear],
    samples: Samples | None,
    step: CurrentStep,
    alphas: Sequence[float] = ALPHAS,
) -> float:
    """Choose among ``alphas`` the one whose layer, which ``make`` quantizes, has the least :func:`output_error`.

    Examples
    --------
    >>> import torch
    >>> from quant.engine.integer import IntegerLinear
    >>> from quant.method.variants import Variant
    >>> _ = torch.manual_seed(0)
    >>> x, layer, step = torch.randn(99, 8), nn.Linear(8, 4), CurrentStep(torch.zeros(1), "v")
    >>> x[:, 3] *= 100  # an outlier, which the weight can take over
    >>> samples, variant = Samples.drawn(x, 0, torch.Generator().manual_seed(0)), Variant("mine", "dynamic")
    >>> table = x.abs().amax(0, keepdim=True)
    >>> least_error_alpha(layer, lambda a: IntegerLinear.of(layer, table, step, variant, a), samples, step) > 0.2
    True
    """
    if samples is None or not len(samples.rows):
        return alphas[0]
    return min(alphas, key=lambda alpha: output_error(layer, make(alpha), samples, step))
