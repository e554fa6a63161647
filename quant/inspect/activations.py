"""What activations and weights look like to a quantizer: the data of the paper's figures 1 to 3 (section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quant.errors import CalibrationError
from quant.inspect.teacher import Call, Teacher
from quant.method.calibration import Calibration
from quant.method.smoothing import smooth_activation, smooth_weight, smoothing_factor, weight_absmax


@dataclass(frozen=True)
class ActivationMap:
    """Figure 1: magnitudes ``|X|`` (tokens, channels) of one layer's input at one step, of the conditional half.

    Examples
    --------
    >>> found = ActivationMap("transformer.layers.0.ff.ff.2", step=0, steps=1, sigma=3.0, magnitudes=torch.ones(4, 8))
    >>> found.magnitudes.shape  # tokens and channels
    torch.Size([4, 8])
    """

    layer: str
    step: int
    steps: int
    sigma: float
    magnitudes: Tensor


@dataclass(frozen=True)
class ActivationRange:
    """Figure 2: the range of one layer's input at each denoising step; all tensors are (steps,).

    ``low`` and ``high`` span all channels; ``median_low`` and ``median_high`` are the median over the channels of
    each channel's minimum and maximum.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> found = ActivationRange("transformer.layers.0.ff.ff.2", 3 * one, -4 * one, 8 * one, -2 * one, 2 * one)
    >>> (found.high - found.low).tolist()  # at each step
    [12.0]
    """

    layer: str
    sigmas: Tensor
    low: Tensor
    high: Tensor
    median_low: Tensor
    median_high: Tensor


@dataclass(frozen=True)
class Magnitudes:
    """Figure 3: the largest ``|X|`` and ``|W|`` of each input channel before and after smoothing, all (channels,).

    Examples
    --------
    >>> large, even = torch.tensor([16.0, 1.0]), torch.tensor([4.0, 2.0])
    >>> found = Magnitudes("transformer.layers.0.ff.ff.2", 0, 1, 3.0, 0.5, large, torch.tensor([1.0, 4.0]), even, even)
    >>> imbalance(found.activation), imbalance(found.smoothed_activation)
    (16.0, 2.0)
    """

    layer: str
    step: int
    steps: int
    sigma: float
    alpha: float
    activation: Tensor
    weight: Tensor
    smoothed_activation: Tensor
    smoothed_weight: Tensor


def analysed_layers(calibration: Calibration) -> dict[int, list[str]]:
    """Name, by block, the layers that the paper analyses: projections to queries, keys and values, and feed-forward.

    Raises
    ------
    CalibrationError
        If there is none.

    Examples
    --------
    >>> low, high = torch.tensor([[-1.0, -2.0, -4.0]]), torch.tensor([[1.0, 8.0, 2.0]])
    >>> name = "transformer.layers.0.ff.ff.2"
    >>> calibration = Calibration("sha", {}, torch.tensor([3.0]), {name: low}, {name: high})
    >>> analysed_layers(calibration)
    {0: ['transformer.layers.0.ff.ff.2']}
    """
    found: dict[int, list[str]] = {}
    for name in calibration.low:
        _, _, block, kind = name.split(".", 3)
        if kind.endswith("self_attn.to_qkv") or kind.startswith("ff."):
            found.setdefault(int(block), []).append(name)
    if not found:
        raise CalibrationError("the calibration knows no feed-forward layer; run earmark calibrate again")
    return found


def imbalance(magnitudes: Tensor) -> float:
    """How far the largest channel stands out: largest over median magnitude of (channels,); 1 if all are zero.

    Examples
    --------
    >>> imbalance(torch.tensor([1.0, 2.0, 64.0]))
    32.0
    """
    tiny = torch.finfo(torch.float32).tiny
    return float(magnitudes.amax().clamp_min(tiny) / magnitudes.median().clamp_min(tiny))


def median_bits(magnitudes: Tensor, bits: int = 8) -> float:
    """Bits that a channel of median magnitude has to itself, its sign among them, where one range serves all channels.

    ``bits - log2(imbalance)``, and 0 at least: the paper's "effective bits" of figure 3.

    Examples
    --------
    >>> median_bits(torch.tensor([1.0, 2.0, 64.0]))  # 8 - log2(32)
    3.0
    """
    share = torch.tensor(imbalance(magnitudes), dtype=torch.float64)
    return max(0.0, float(bits - share.log2()))


def telling_layer(calibration: Calibration, names: Sequence[str], step: int) -> str:
    """Choose the layer whose input is hardest to quantize at calibrated step ``step``: of the greatest imbalance.

    Examples
    --------
    >>> low, high = torch.tensor([[-1.0, -2.0, -4.0]]), torch.tensor([[1.0, 8.0, 2.0]])
    >>> name = "transformer.layers.0.ff.ff.2"
    >>> calibration = Calibration("sha", {}, torch.tensor([3.0]), {name: low}, {name: high})
    >>> telling_layer(calibration, [name], step=0) == name
    True
    """
    return max(names, key=lambda name: imbalance(calibration.absmax(name)[step]))


@torch.no_grad()
def activation_map(dit: nn.Module, teacher: Teacher, layer: str, step: int) -> ActivationMap:
    """Repeat the teacher's call at its noise level number ``step`` and record the input of ``layer``.

    Of the two halves of classifier-free guidance the first, which has the prompt, is kept.

    Examples
    --------
    >>> from quant.inspect.teacher import record_teacher
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling
    >>> model = load_model("mini")
    >>> teacher = record_teacher(model, ["rain"], Sampling(steps=2, seconds=1.0))
    >>> found = activation_map(model.dit, teacher, "transformer.layers.0.ff.ff.2", step=1)
    >>> found.step, found.steps, found.magnitudes.ndim  # tokens and channels
    (1, 2, 2)
    """
    call: Call = next(call for call in teacher.runs[0] if call.row == step)
    seen: list[Tensor] = []
    # Keys and values seen before would not be computed again, and the layer that makes them not be called.
    dit.transformer.current_context.reset()  # type: ignore[union-attr, operator]
    handle = dit.get_submodule(layer).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        dit(*call.inputs, **call.options)
    finally:
        handle.remove()
    magnitudes = seen[0][0].abs().float().cpu()
    return ActivationMap(layer, step, len(teacher.sigmas), float(teacher.sigmas[step]), magnitudes)


def activation_ranges(calibration: Calibration, names: Sequence[str]) -> list[ActivationRange]:
    """Take the ranges over the denoising steps from a calibration.

    Examples
    --------
    >>> low, high = torch.tensor([[-1.0, -2.0, -4.0]]), torch.tensor([[1.0, 8.0, 2.0]])
    >>> name = "transformer.layers.0.ff.ff.2"
    >>> calibration = Calibration("sha", {}, torch.tensor([3.0]), {name: low}, {name: high})
    >>> (found,) = activation_ranges(calibration, [name])
    >>> found.low.item(), found.high.item(), found.median_high.item()
    (-4.0, 8.0, 2.0)
    """
    return [
        ActivationRange(
            name,
            calibration.sigmas,
            calibration.low[name].amin(1),
            calibration.high[name].amax(1),
            calibration.low[name].median(1).values,
            calibration.high[name].median(1).values,
        )
        for name in names
    ]


def smoothing_magnitudes(dit: nn.Module, calibration: Calibration, name: str, step: int, alpha: float) -> Magnitudes:
    """Equations (1) to (5) for one layer of a full-precision ``dit`` at calibrated step ``step``.

    Examples
    --------
    >>> dit = nn.Sequential(nn.Linear(2, 1, bias=False))
    >>> dit[0].weight = nn.Parameter(torch.tensor([[1.0, 4.0]]))
    >>> calibration = Calibration("sha", {}, torch.tensor([3.0]), {"0": torch.tensor([[-16.0, -1.0]])},
    ...                           {"0": torch.tensor([[9.0, 1.0]])})
    >>> found = smoothing_magnitudes(dit, calibration, "0", step=0, alpha=0.5)
    >>> found.smoothed_activation.tolist(), found.smoothed_weight.tolist()  # shared evenly
    ([4.0, 2.0], [4.0, 2.0])
    """
    weight = dit.get_submodule(name).weight.detach().float().cpu()  # type: ignore[operator]
    activation = calibration.absmax(name)[step]
    factor = smoothing_factor(activation, weight_absmax(weight), alpha)
    return Magnitudes(
        name,
        step,
        len(calibration.sigmas),
        float(calibration.sigmas[step]),
        alpha,
        activation,
        weight_absmax(weight),
        smooth_activation(activation, factor),
        weight_absmax(smooth_weight(weight, factor)),
    )
