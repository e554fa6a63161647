"""Engines by name, and what each does: the one place that tells them apart.

``integer`` multiplies int8 codes; ``reference`` computes the paper's equations to the letter and rounds nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine import integer, reference
from quant.engine.block import fuse_
from quant.engine.layer import Scheme
from quant.errors import VariantError
from quant.method.calibration import Calibration
from quant.method.grouping import group_steps
from quant.method.variants import Variant


@dataclass(frozen=True)
class Engine:
    """What an engine does for a model.

    ``schemes``: its layers, by the variant's scheme. ``groups``: the group of each calibrated step, int64 (steps,), of
    the layers by name, their calibration, the variant and alpha; None is one group. ``narrow``: whether what is not
    quantized is in 16 bits. ``fuse``: what is done with a DiT whose layers are all in place. ``multiplies``: names what
    multiplies on a device.

    Examples
    --------
    >>> sorted(name for name, engine in ENGINES.items() if engine.narrow)
    ['integer']
    """

    schemes: Mapping[str | None, Scheme]
    groups: Callable[[Mapping[str, nn.Linear], Calibration, Variant, float | None], Tensor | None]
    narrow: bool
    fuse: Callable[[Any], object]
    multiplies: Callable[[torch.device], str]


def _every_step(_: object, calibration: Calibration, variant: Variant, __: object) -> Tensor | None:
    """A dynamic variant's steps are each quantized by itself."""
    return torch.arange(len(calibration.sigmas)) if variant.scheme == "dynamic" else None


ENGINES = {
    "integer": Engine(
        schemes={"static": integer.SCHEME, "dynamic": integer.SCHEME},
        groups=group_steps,
        narrow=True,
        fuse=fuse_,
        multiplies=integer.multiplies,
    ),
    "reference": Engine(
        schemes={"static": reference.STATIC, "dynamic": reference.DYNAMIC},
        groups=_every_step,
        narrow=False,
        fuse=lambda _: None,
        multiplies=lambda _: "torch float32, simulated integers",
    ),
}


def engine_named(name: str) -> Engine:
    """Look up an engine.

    Raises
    ------
    VariantError
        If there is none of this name.

    Examples
    --------
    >>> engine_named("reference").multiplies(torch.device("cpu"))
    'torch float32, simulated integers'
    """
    if name not in ENGINES:
        raise VariantError(f"{name}: no such engine; choose from {', '.join(ENGINES)}")
    return ENGINES[name]
