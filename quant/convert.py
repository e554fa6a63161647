"""Conversion of a full-precision model: every linear layer of its blocks becomes a quantized one, in place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from quant.calibration import Calibration
from quant.errors import CalibrationError, VariantError
from quant.linear import DynamicLinear, StaticLinear, linear_layers
from quant.models import AudioModel
from quant.timesteps import CurrentStep
from quant.variants import Variant

STEP_NAME = "current_step"


def replace(dit: nn.Module, name: str, layer: nn.Module) -> None:
    """Put ``layer`` where ``dit`` has its submodule ``name``."""
    parent, _, child = name.rpartition(".")
    setattr(dit.get_submodule(parent), child, layer)


def add_step(dit: nn.Module, step: CurrentStep) -> None:
    """Make ``step`` part of ``dit`` and have its forward pass set it."""
    dit.add_module(STEP_NAME, step)
    step.attach(dit)


@torch.no_grad()
def quantize_(
    model: AudioModel,
    variant: Variant,
    calibration: Calibration,
    alpha: float = 0.5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Quantize ``model`` in place as ``variant`` says; ``baseline`` leaves it as it is.

    Parameters
    ----------
    alpha
        Smoothing strength of equation (3).
    progress
        Called with (layers done, of how many).

    Raises
    ------
    CalibrationError
        If the calibration was made for another model.
    VariantError
        If the model is quantized already.
    """
    if variant.scheme is None:
        return
    if calibration.model_sha256 != model.sha256:
        raise CalibrationError(
            f"the calibration is of a model with sha256 {calibration.model_sha256[:12]}, "
            f"{model.name} has {model.sha256[:12]}; run earmark calibrate again"
        )
    if hasattr(model.dit, STEP_NAME):
        raise VariantError(f"{model.name} is quantized already; load it again to quantize it as {variant.name}")
    layers = linear_layers(model.dit)
    lacking = sorted(set(layers) - set(calibration.low))
    if lacking:
        raise CalibrationError(
            f"the calibration lacks {len(lacking)} layers, the first is {lacking[0]}; run earmark calibrate again"
        )
    step = CurrentStep(calibration.sigmas.log(), model.objective)
    for done, (name, layer) in enumerate(layers.items(), start=1):
        absmax = calibration.absmax(name)
        new: nn.Module
        if variant.scheme == "static":
            new = StaticLinear.of(layer, absmax, alpha, variant.weight_bits, variant.activation_bits)
        else:
            new = DynamicLinear.of(
                layer, absmax, step, alpha, variant.weight_bits, variant.activation_bits, variant.rank
            )
        replace(model.dit, name, new)
        progress(done, len(layers))
    add_step(model.dit, step)
