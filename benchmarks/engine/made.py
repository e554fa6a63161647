"""What takes part: the library's transformer, bf16, and quantized ones, over the weights of one model."""

import contextlib
import copy
import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle

import torch
from torch import nn

from benchmarks.common.stable_audio import BLOCKS, Step, calibrated, random_model, times
from quant.engine.convert import quantize_
from quant.method.calibration import Calibration
from quant.method.variants import VARIANTS, Variant
from quant.model import upstream
from quant.model.loading import AudioModel

GROUPS = 8


@contextlib.contextmanager
def quantized(model: AudioModel, variant: Variant, calibration: Calibration) -> Iterator[AudioModel]:
    """Have ``model`` with a quantized transformer for a while; the full-precision one comes back afterwards."""
    original = model.dit
    try:
        model.wrapper.model.model = sharing(original)
        quantize_(model, variant, calibration)
        yield model
    finally:
        model.wrapper.model.model = original
        gc.collect()


def sharing(dit: nn.Module) -> nn.Module:
    """Copy a transformer, without its tensors."""
    return copy.deepcopy(dit, {id(value): value for value in [*dit.parameters(), *dit.buffers()]})


def quantized_dit(model: AudioModel, variant: Variant, calibration: Calibration) -> nn.Module:
    """Quantize the transformer of ``model``, which stays as it is."""
    with quantized(model, variant, calibration) as made:
        return made.dit


def library_dit(model: AudioModel) -> nn.Module:
    """Build the library's own transformer, without the savings, over the same weights."""
    with torch.device("meta"):
        dit = upstream.stable_audio_tools("models.dit").DiffusionTransformer(
            **model.config["model"]["diffusion"]["config"], diffusion_objective=model.objective
        )
    dit.load_state_dict(model.dit.state_dict(), assign=True)
    return dit.eval().requires_grad_(False)


def own(kind: str, blocks: int = BLOCKS) -> Callable[[], object]:
    """One step of ours: ``fp32``, ``bf16``, ``sqd`` within a group of timesteps, ``switching`` with a new one each."""
    model, step = random_model(blocks, alone=True), Step()
    if kind == "fp32":
        dit = library_dit(model)
        return lambda: step.run(dit)
    if kind == "bf16":
        narrow = model.dit.to(torch.bfloat16)
        return lambda: step.run(narrow)
    calibration = calibrated(model, step)
    made = quantized_dit(model, replace(VARIANTS["sqd-w8a8"], groups=GROUPS), calibration)
    ends = times(calibration.sigmas)
    turns = cycle((ends[-1], ends[0]) if kind == "switching" else (ends[0],))
    return lambda: step.run(made, next(turns))


def with_switches(within: float, switching: float, steps: int) -> float:
    """Seconds a step over a clip of ``steps``: a group's first step takes ``switching``, the others ``within``."""
    return within + (switching - within) * GROUPS / steps
