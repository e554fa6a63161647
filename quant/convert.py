"""Conversion of a full-precision model: every linear layer of its blocks becomes a quantized one, in place.

Two engines: ``integer`` multiplies int8 codes, ``reference`` computes the paper's equations to the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from quant.block import fuse_
from quant.calibration import Calibration
from quant.errors import CalibrationError, ModelError, VariantError
from quant.grouping import group_steps
from quant.integer import IntegerLinear, KeptLinear
from quant.linear import DynamicLinear, StaticLinear, linear_layers
from quant.models import AudioModel
from quant.timesteps import CurrentStep
from quant.variants import Variant

STEP_NAME = "current_step"

Engine = Literal["integer", "reference"]


def replace(dit: nn.Module, name: str, layer: nn.Module) -> None:
    """Put ``layer`` where ``dit`` has its submodule ``name``."""
    parent, _, child = name.rpartition(".")
    setattr(dit.get_submodule(parent), child, layer)


def add_step(dit: nn.Module, step: CurrentStep) -> None:
    """Make ``step`` part of ``dit`` and have its forward pass set it."""
    dit.add_module(STEP_NAME, step)
    step.attach(dit)


def kept_layers(layers: Iterable[str], keep: Sequence[str]) -> set[str]:
    """Names of the layers that ``keep`` names: whole names, or their ends, such as ``ff.2`` for one in every block.

    Raises
    ------
    VariantError
        If an entry names no layer.
    """
    names, found = list(layers), set()
    for entry in keep:
        hits = {name for name in names if f".{name}".endswith(f".{entry}")}
        if not hits:
            ends = sorted({name.split(".", 3)[-1] for name in names})
            raise VariantError(f"keep: {entry} names no linear layer of the blocks; choose from {', '.join(ends)}")
        found |= hits
    return found


def sees_step(name: str) -> bool:
    """Whether a layer's input changes with the denoising step; keys and values of the prompt do not."""
    return not name.endswith("cross_attn.to_kv")


def empty_layer(
    name: str, shape: tuple[int, int, bool], step: CurrentStep, variant: Variant, alpha: float, engine: str
) -> nn.Module:
    """Build the quantized layer that takes the place of one of ``shape`` (in, out, bias), without values."""
    if engine == "integer":
        groups = int(step.groups.max()) + 1 if sees_step(name) else 1
        return IntegerLinear(*shape, step, variant, groups)
    if variant.scheme == "static":
        return StaticLinear(*shape, variant.activation_bits)
    return DynamicLinear(
        *shape,
        step,
        alpha=alpha,
        weight_bits=variant.weight_bits,
        activation_bits=variant.activation_bits,
        rank=variant.rank,
    )


def _quantized(
    layer: nn.Linear,
    name: str,
    absmax: Tensor,
    step: CurrentStep,
    variant: Variant,
    alpha: float,
    engine: str,
    dit: Any,
) -> nn.Module:
    if engine == "reference":
        if variant.scheme == "static":
            return StaticLinear.of(layer, absmax, alpha, variant)
        return DynamicLinear.of(layer, absmax, step, alpha, variant)
    if sees_step(name):
        table = torch.stack([absmax[step.groups == group].amax(0) for group in range(int(step.groups.max()) + 1)])
    else:
        table = absmax.amax(0, keepdim=True)
    sharing = (1, 1)
    if name.endswith("cross_attn.to_out"):
        attention = dit.get_submodule(name.rpartition(".")[0])
        sharing = (attention.num_heads // attention.kv_heads, layer.in_features // attention.num_heads)
    return IntegerLinear.of(layer, table, step, variant, alpha, sharing)


@torch.no_grad()
def quantize_(
    model: AudioModel,
    variant: Variant,
    calibration: Calibration,
    alpha: float = 0.5,
    engine: Engine = "integer",
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
    ModelError
        If the model has no linear layer in its blocks.
    VariantError
        If the model is quantized already, or ``variant.keep`` names no layer.
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
    if not layers:
        raise ModelError(f"{model.name}: its transformer has no linear layers to quantize")
    lacking = sorted(set(layers) - set(calibration.low))
    if lacking:
        raise CalibrationError(
            f"the calibration lacks {len(lacking)} layers, the first is {lacking[0]}; run earmark calibrate again"
        )
    kept = kept_layers(layers, variant.keep)
    groups = group_steps(layers, calibration, variant, alpha) if engine == "integer" else None
    step = CurrentStep(calibration.sigmas.log(), model.objective, groups)
    for done, (name, layer) in enumerate(layers.items(), start=1):
        new: nn.Module
        if name in kept:
            new = KeptLinear.of(layer)
        else:
            new = _quantized(layer, name, calibration.absmax(name), step, variant, alpha, engine, model.dit)
        replace(model.dit, name, new)
        progress(done, len(layers))
    add_step(model.dit, step)
    finish_(model.dit, engine)


def finish_(dit: Any, engine: str) -> None:
    """What conversion and loading end with: fuse the blocks and forget what the old layers computed."""
    if engine == "integer":
        fuse_(dit)
    dit.current_context.reset()
