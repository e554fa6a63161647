"""Conversion of a full-precision model: every linear layer of its blocks becomes a quantized one, in place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.caching import KINDS, reused, schedule
from quant.engine.layer import KeptLinear, QuantizedLinear, Site
from quant.engine.reference import linear_layers
from quant.engine.registry import engine_named
from quant.engine.reuse import reuse_
from quant.errors import CalibrationError, ModelError, VariantError
from quant.method.calibration import Calibration
from quant.method.primitives import narrowed
from quant.method.timesteps import STEP_NAME, CurrentStep
from quant.method.variants import EngineName, Variant, check_engine
from quant.model.autoencoder import plain_weights_
from quant.model.loading import AudioModel
from quant.model.memory import give_back, let_go

log = logging.getLogger(__name__)

FEW = 50
"""Prompts below which the fixed ranges of single channels and steps are exceeded by much of what was not calibrated."""

EXACT = ("smoothing", "scale", "activation_scale", "inv_freq", "log_sigmas")
"""Last parts of the names of the tensors that the integer engine does not round to 16 bits."""


def replace(dit: nn.Module, name: str, layer: nn.Module) -> None:
    """Put ``layer`` where ``dit`` has its submodule ``name``.

    Examples
    --------
    >>> model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    >>> replace(model, "0.0", nn.Identity())
    >>> model[0][0]
    Identity()
    """
    parent, _, child = name.rpartition(".")
    setattr(dit.get_submodule(parent), child, layer)


def kept_layers(layers: Iterable[str], keep: Sequence[str]) -> set[str]:
    """Names of the layers that ``keep`` names: whole names, or their ends, such as ``ff.2`` for one in every block.

    Raises
    ------
    VariantError
        If an entry names no layer.

    Examples
    --------
    >>> kept_layers(["transformer.layers.0.ff.2", "transformer.layers.0.ff.0"], ["ff.2"])
    {'transformer.layers.0.ff.2'}
    """
    names, found = list(layers), set()
    for entry in keep:
        hits = {name for name in names if f".{name}".endswith(f".{entry}")}
        if not hits:
            ends = sorted({name.split(".", 3)[-1] for name in names})
            raise VariantError(f"keep: {entry} names no linear layer of the blocks; choose from {', '.join(ends)}")
        found |= hits
    return found


def quantized_layer(site: Site, calibration: Calibration, engine: EngineName = "integer") -> QuantizedLinear:
    """Quantize the linear layer at ``site``, which stays as it is; :func:`replace` puts the result in place.

    It computes with the groups of timesteps of its step, which something must :meth:`~CurrentStep.set` at each call.

    Examples
    --------
    >>> dit = nn.Sequential(nn.Linear(64, 64))
    >>> site = Site(dit, "0", CurrentStep(torch.zeros(1), "v"), Variant("mine", "static"), 0.5)
    >>> calibration = Calibration("sha", {}, torch.ones(1), {"0": -torch.ones(1, 64)}, {"0": torch.ones(1, 64)})
    >>> type(quantized_layer(site, calibration, "reference")).__name__, type(dit[0]).__name__
    ('StaticLinear', 'Linear')
    """
    scheme = engine_named(engine).schemes[site.variant.scheme]
    return scheme.quantized(site, calibration.absmax(site.name), calibration.samples.get(site.name))


def put_shells(
    wrapper: Any, variant: Variant, engine: str, alpha: float | None, groups: Tensor
) -> dict[str, QuantizedLinear]:
    """Put quantized layers without values in the place of the linear ones of the DiT; by name.

    ``groups`` int64 (steps,) is the group of timesteps of each calibrated step.

    Examples
    --------
    >>> from quant.method.variants import VARIANTS
    >>> from quant.model.loading import load_model
    >>> wrapper = load_model("mini").wrapper
    >>> shells = put_shells(wrapper, VARIANTS["sqs-w8a8"], "integer", 0.5, torch.zeros(1, dtype=torch.int64))
    >>> shells["transformer.layers.0.self_attn.to_out"].codes.dtype
    torch.int8
    """
    dit = wrapper.model.model
    reuse = torch.zeros(len(KINDS), len(groups), dtype=torch.int64) if variant.cache else None
    step = CurrentStep(torch.zeros_like(groups), wrapper.diffusion_objective, groups, reuse)
    scheme = engine_named(engine).schemes[variant.scheme]
    shells: dict[str, QuantizedLinear] = {}
    layers = linear_layers(dit)
    kept = kept_layers(layers, variant.keep)
    for name in layers:
        site = Site(dit, name, step, variant, alpha)
        shells[name] = KeptLinear(*site.shape) if name in kept else scheme.empty(site)
        replace(dit, name, shells[name])
    step.attach(dit)
    return shells


def checked_layers(model: AudioModel, calibration: Calibration, variant: Variant) -> dict[str, nn.Linear]:
    """Take the layers to quantize by name, if ``calibration`` is of this model and it is in full precision.

    Raises
    ------
    CalibrationError, ModelError, VariantError
        As :func:`quantize_`.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> names = linear_layers(model.dit)
    >>> calibration = Calibration(model.sha256, {}, torch.ones(1), dict.fromkeys(names, torch.zeros(1, 1)), {})
    >>> len(checked_layers(model, calibration, Variant("mine", "static"))) == len(names)
    True
    """
    if calibration.model_sha256 != model.sha256:
        raise CalibrationError(
            f"the calibration is of a model with sha256 {calibration.model_sha256[:12]}, "
            f"but {model.name} has {model.sha256[:12]}; run earmark calibrate again"
        )
    if calibration.config_sha256 not in ("", model.config_sha256):
        raise CalibrationError(
            f"the calibration is of another configuration than that of {model.name}; run earmark calibrate again"
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
    """Round to fp16 what the integer engine rounds of a state dict, the autoencoder among it.

    A tensor with a number that 16 bits cannot hold (:func:`~quant.method.primitives.narrowed`) is left out, as
    :func:`too_large` says.

    Examples
    --------
    >>> list(in_16_bits({"to_out.weight": torch.ones(1), "to_out.scale": torch.ones(1)}))  # scales stay in float32
    ['to_out.weight']
    """
    rounded = ((name, narrowed(state[name])) for name in too_large(state))
    return {name: value for name, value in rounded if value.dtype == torch.float16}


def too_large(state: dict[str, Tensor]) -> list[str]:
    """Name what is in float32 though it may be in 16 bits: after :func:`in_16_bits`, what these cannot hold.

    Examples
    --------
    >>> state = {"to_out.weight": torch.tensor([1e5]), "to_out.bias": torch.ones(1)}
    >>> too_large(state | in_16_bits(state))
    ['to_out.weight']
    """
    wide = (name for name, value in state.items() if value.dtype == torch.float32)
    return sorted(name for name in wide if name.rpartition(".")[2] not in EXACT)


@torch.no_grad()
def quantize_(
    model: AudioModel,
    variant: Variant,
    calibration: Calibration,
    alpha: float | None = 0.5,
    engine: EngineName = "integer",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Quantize ``model`` in place as ``variant`` says; ``baseline`` leaves it as it is.

    The integer engine rounds what it does not quantize to 16 bits, as its checkpoint will. Each layer's weight is let
    go as its codes are made, so that memory does not grow.

    Parameters
    ----------
    alpha
        Smoothing strength of equation (3); None has :mod:`quant.engine.alpha` choose one for every layer.
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

    Examples
    --------
    >>> from pathlib import Path
    >>> from quant.method.variants import VARIANTS
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.calibrate import calibrate
    >>> from quant.rendering.sampling import Sampling
    >>> model = load_model("mini")
    >>> calibration = calibrate(model, ["rain"], Sampling(steps=2, seconds=1.0), Path("calibration.safetensors"))
    >>> quantize_(model, VARIANTS["sqs-w8a8"], calibration)
    >>> hasattr(model.dit, STEP_NAME)
    True
    """
    if variant.scheme is None:
        return
    check_engine(variant, engine, alpha)
    if engine == "reference" and variant.scheme == "dynamic" and calibration.done < FEW:
        log.warning(
            "%s: calibrated on %d prompts: the reference engine cuts off what others exceed; calibrate on %d or more",
            variant.name,
            calibration.done,
            FEW,
        )
    layers = checked_layers(model, calibration, variant)
    kept = kept_layers(layers, variant.keep)
    groups = engine_named(engine).groups(layers, calibration, variant, alpha)
    step = CurrentStep(calibration.sigmas.log(), model.objective, groups, _reuse(calibration, variant))
    names = list(layers)
    del layers  # nothing but the model holds a layer: its weight is free when its codes take its place
    for done, name in enumerate(names, start=1):
        site = Site(model.dit, name, step, variant, alpha)
        weight = site.layer.weight
        made = KeptLinear.of(site.layer) if name in kept else quantized_layer(site, calibration, engine)
        replace(model.dit, name, made)
        # Pages of the files, and what quantizing took of the heap, would count as memory until the end.
        let_go([weight, *calibration.tensors(name)])
        del weight
        give_back()
        progress(done, len(names))
    step.attach(model.dit)
    if engine_named(engine).narrow:
        plain_weights_(model.wrapper)
        rounded = in_16_bits(model.wrapper.state_dict())
        wide = {key: rounded.pop(key).float() for key in list(rounded)}
        model.wrapper.load_state_dict(wide, strict=False, assign=True)
    finish_(model.dit, engine)


def _reuse(calibration: Calibration, variant: Variant) -> Tensor | None:
    """The schedule of a variant that takes outputs again."""
    if not variant.cache:
        return None
    sources = schedule(calibration.changes, len(calibration.sigmas), variant.cache)
    share = reused(sources)
    if share:
        log.info("%s: %.0f %% of branches are taken from an earlier step", variant.name, 100 * share)
    else:
        log.warning(
            "%s: every branch is computed at every step, as the output of none changes by %g %% or less from one step "
            "to the next; more steps change that",
            variant.name,
            100 * variant.cache,
        )
    return sources


def finish_(dit: Any, engine: str) -> None:
    """What conversion and loading end with: fuse the blocks, which may reuse outputs, and forget what was computed.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> dit = load_model("mini").dit
    >>> finish_(dit, "integer")
    >>> dit.transformer.current_context.values is None  # nothing is kept of what was computed before
    True
    """
    engine_named(engine).fuse(dit)
    reuse_(dit)
    dit.transformer.current_context.reset()
