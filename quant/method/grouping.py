"""Groups of timesteps: which contiguous runs of denoising steps share smoothing factors and weight codes.

The boundaries minimize the calibrated output error, summed over layers and steps, by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from quant.errors import VariantError
from quant.method.calibration import Calibration
from quant.method.primitives import largest_code
from quant.method.smoothing import smoothing_factor, weight_absmax
from quant.method.variants import Variant

ROWS = 32
"""Output channels of a layer that stand for all of them in the error estimate."""

CELLS = 32
"""Runs of steps between which a boundary may lie, where that leaves enough of them for the groups."""


def segment_errors(weight: Tensor, absmax: Tensor, alpha: float, variant: Variant) -> Tensor:
    """Expected output error of one layer for every run of steps that shares its factors.

    Rounding an operand to a grid of step d adds noise of variance d^2/12. With the factors of the run a..b, the
    weight's noise meets an input of at most ``absmax`` at each step, and the input's meets the smoothed weight:
    ``sum_t [ D_w^2 sum_j (x_tj/s_j)^2 + (max_j x_tj/s_j / q)^2 sum_ij (W_ij s_j)^2 ] / 12``
    with D_w the step of the weight's grid and q the largest code of an activation, 127 at 8 bits.

    Parameters
    ----------
    weight
        (out, in), full precision.
    absmax
        Calibrated input magnitudes (steps, in).

    Returns
    -------
    Tensor
        Float64 (steps, steps): the error of run a..b at [a, b], infinite below the diagonal; relative to the energy
        of the layer's output bound, so that layers can be added up.

    Examples
    --------
    >>> weight, absmax = torch.eye(2), torch.tensor([[8.0, 1.0], [1.0, 8.0]])
    >>> errors = segment_errors(weight, absmax, 0.5, Variant("mine", "dynamic", groups=2))
    >>> bool(errors[0, 1] > errors[0, 0] + errors[1, 1])  # the two steps had better stand apart
    True
    """
    steps = len(absmax)
    every = max(1, len(weight) // ROWS)
    rows, w_absmax = weight[::every].abs(), weight_absmax(weight)
    power = (weight**2).sum(0)
    bound = ((absmax**2) @ power).clamp_min(torch.finfo(torch.float32).tiny)
    largest, largest_input = largest_code(variant.weight_bits), largest_code(variant.activation_bits)
    out = torch.full((steps, steps), torch.inf, dtype=torch.float64)
    for first in range(steps):
        # Row b - first of `running` is the largest magnitude over the run first..b.
        running = absmax[first:].cummax(0).values
        for last in range(first, steps):
            factor = smoothing_factor(running[last - first], w_absmax, alpha)
            inputs = absmax[first : last + 1] / factor
            grid = (rows * factor).amax(1) / largest
            weight_noise = (grid**2).mean() * len(weight) * (inputs**2).sum(1)
            input_noise = (inputs.amax(1) / largest_input) ** 2 * (power * factor**2).sum()
            out[first, last] = ((weight_noise + input_noise) / bound[first : last + 1]).double().sum() / 12
    return out


def best_runs(errors: Tensor, groups: int) -> Tensor:
    """Split the steps into ``groups`` contiguous runs of least total error: the group (steps,) of each step.

    ``errors`` (steps, steps) holds the error of the run a..b at [a, b].

    Examples
    --------
    >>> errors = torch.tensor([[0.0, 1.0, 9.0], [0.0, 0.0, 9.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    >>> best_runs(errors, 2).tolist()
    [0, 0, 1]
    """
    steps = len(errors)
    # best[b]: least error of steps 0..b in the current number of runs; start[g][b]: where its last run begins.
    best, start = errors[0].clone(), [torch.zeros(steps, dtype=torch.int64)]
    for _ in range(1, groups):
        before = torch.cat((torch.tensor([torch.inf], dtype=errors.dtype), best[:-1]))
        total, first = (before[:, None] + errors).min(0)
        best = total
        start.append(first)
    out, last = torch.zeros(steps, dtype=torch.int64), steps - 1
    for group in reversed(range(groups)):
        first_step = int(start[group][last])
        out[first_step : last + 1] = group
        last = first_step - 1
    return out


def total_errors(
    layers: Mapping[str, nn.Linear], calibration: Calibration, variant: Variant, alpha: float, cells: Tensor
) -> Tensor:
    """Sum :func:`segment_errors` over all layers, with the steps joined to ``cells`` (steps,): (cells, cells).

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> layers = {"ff.0": nn.Linear(2, 2)}
    >>> absmax = torch.tensor([[8.0, 1.0], [8.0, 1.0], [1.0, 8.0]])
    >>> calibration = Calibration("sha", {}, torch.tensor([9.0, 3.0, 1.0]), {"ff.0": -absmax}, {"ff.0": absmax})
    >>> total_errors(layers, calibration, Variant("mine", "dynamic"), 0.5, torch.tensor([0, 0, 1])).shape
    torch.Size([2, 2])
    """
    count = int(cells.max()) + 1
    total = torch.zeros(count, count, dtype=torch.float64)
    for name, layer in layers.items():
        weight, absmax = layer.weight.detach().float(), calibration.absmax(name)
        joined = torch.stack([absmax[cells == cell].amax(0) for cell in range(count)]).to(weight.device)
        total += segment_errors(weight, joined, alpha, variant)
    return total


def group_steps(
    layers: Mapping[str, nn.Linear], calibration: Calibration, variant: Variant, alpha: float | None
) -> Tensor:
    """Choose the group of every calibrated step: int64 (steps,), contiguous in sigma.

    Where ``alpha`` is yet to be searched layer by layer, None, the paper's 0.5 stands for it.

    Raises
    ------
    VariantError
        If there are fewer steps than groups.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> weight, absmax = nn.Linear(2, 2), torch.tensor([[8.0, 1.0], [8.0, 1.0], [1.0, 8.0]])
    >>> calibration = Calibration("sha", {}, torch.tensor([9.0, 3.0, 1.0]), {"ff.0": -absmax}, {"ff.0": absmax})
    >>> group_steps({"ff.0": weight}, calibration, Variant("mine", "dynamic", groups=2), 0.5).tolist()
    [0, 0, 1]
    """
    steps, groups = len(calibration.sigmas), variant.groups
    if groups == 1:
        return torch.zeros(steps, dtype=torch.int64)
    if groups > steps:
        raise VariantError(f"groups: {groups} is more than the {steps} calibrated steps; ask for fewer")
    if groups == steps:
        return torch.arange(steps)
    # Cells of equal numbers of steps; samplers space their steps about evenly in log sigma.
    cells = torch.arange(steps) * min(steps, max(CELLS, groups)) // steps
    varying = {name: layer for name, layer in layers.items() if not name.endswith("cross_attn.to_kv")}
    strength = 0.5 if alpha is None else alpha
    return best_runs(total_errors(varying, calibration, variant, strength, cells), groups)[cells]
