"""Conversion of a full-precision model: every linear layer of its blocks becomes a quantized one, in place.

Two engines: ``integer`` multiplies int8 codes, ``reference`` computes the paper's equations to the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from quant.engine.block import fuse_
from quant.engine.integer import IntegerLinear, KeptLinear
from quant.engine.reference import DynamicLinear, StaticLinear, linear_layers
from quant.errors import CalibrationError, ModelError, VariantError
from quant.method.calibration import Calibration
from quant.method.grouping import group_steps
from quant.method.timesteps import STEP_NAME, CurrentStep
from quant.method.variants import Variant, check_engine
from quant.model.autoencoder import plain_weights_
from quant.model.loading import AudioModel

Engine = Literal["integer", "reference"]

EXACT = ("smoothing", "scale", "activation_scale", "inv_freq", "log_sigmas")
"""Last parts of the names of the tensors that the integer engine does not round to 16 bits."""


def replace(dit: nn.Module, name: str, layer: nn.Module) -> None:
    """Put ``layer`` where ``dit`` has its submodule ``name``."""
    parent, _, child = name.rpartition(".")
    setattr(dit.get_submodule(parent), child, layer)


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


def quantized_layer(
    dit: Any,
    name: str,
    calibration: Calibration,
    step: CurrentStep,
    variant: Variant,
    alpha: float,
    engine: Engine = "integer",
) -> nn.Module:
    """Quantize the linear layer ``name`` of ``dit``, which stays as it is; :func:`replace` puts the result in place.

    It computes with the groups of timesteps of ``step``, which something must :meth:`~CurrentStep.set` at each call.
    """
    layer, absmax = dit.get_submodule(name), calibration.absmax(name)
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


def checked_layers(model: AudioModel, calibration: Calibration, variant: Variant) -> dict[str, nn.Linear]:
    """Take the layers to quantize by name, if ``calibration`` is of this model and it is in full precision.

    Raises
    ------
    CalibrationError, ModelError, VariantError
        As :func:`quantize_`.
    """
    if calibration.model_sha256 != model.sha256:
        raise CalibrationError(
            f"the calibration is of a model with sha256 {calibration.model_sha256[:12]}, "
            f"but {model.name} has {model.sha256[:12]}; run earmark calibrate again"
        )
    if hasattr(model.dit, STEP_NAME):
        raise VariantError(f"{model.name} is quantized already; load it again to quantize it as {variant.name}")
    layers = linear_layers(model.dit)
    if not layers:
        raise ModelError(f"{model.name}: its transformer has no linear layers to quantize")
    lacking = sorted(set(layers) - set(calibration.low))
    if lacking:
        raise CalibrationError(
            f"the calibration lacks {len(lacking)} of {len(layers)} layers, the first is {lacking[0]}; "
            "run earmark calibrate again"
        )
    return layers


def in_16_bits(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round to fp16 what the integer engine rounds of a state dict, the autoencoder among it."""
    return {
        name: value.half()
        for name, value in state.items()
        if value.dtype == torch.float32 and name.rpartition(".")[2] not in EXACT
    }


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

    The integer engine rounds what it does not quantize to 16 bits, as its checkpoint will.

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
        If the model is quantized already, ``variant.keep`` names no layer, or the engine does not honour a setting.
    """
    if variant.scheme is None:
        return
    check_engine(variant, engine)
    layers = checked_layers(model, calibration, variant)
    kept = kept_layers(layers, variant.keep)
    groups: Tensor | None = None
    if engine == "integer":
        groups = group_steps(layers, calibration, variant, alpha)
    elif variant.scheme == "dynamic":
        groups = torch.arange(len(calibration.sigmas))  # each step is quantized by itself
    step = CurrentStep(calibration.sigmas.log(), model.objective, groups)
    for done, (name, layer) in enumerate(layers.items(), start=1):
        new: nn.Module
        if name in kept:
            new = KeptLinear.of(layer)
        else:
            new = quantized_layer(model.dit, name, calibration, step, variant, alpha, engine)
        replace(model.dit, name, new)
        progress(done, len(layers))
    step.attach(model.dit)
    if engine == "integer":
        plain_weights_(model.wrapper)
        rounded = {key: value.float() for key, value in in_16_bits(model.wrapper.state_dict()).items()}
        model.wrapper.load_state_dict(rounded, strict=False, assign=True)
    finish_(model.dit, engine)
    model.graphs.reset()


def finish_(dit: Any, engine: str) -> None:
    """What conversion and loading end with: fuse the blocks and forget what the old layers computed."""
    if engine == "integer":
        fuse_(dit)
    dit.transformer.current_context.reset()
