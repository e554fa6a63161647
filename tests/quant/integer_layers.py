"""Integer layers to be tested: every kind of variant, and what their codes stand for in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quant.engine.block import IntegerBlock
from quant.engine.integer import IntegerLinear
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, Variant
from quant.model.loading import AudioModel

Matrix = NDArray[np.float64]


ALPHA = 0.4


OUTLIERS = [3, 50]


NAMES = [name for name, variant in VARIANTS.items() if variant.scheme]


RANK = 24
"""Less than the inputs of any layer here, so that a branch that carries channels leaves some to the codes."""


KINDS = [
    *(
        replace(VARIANTS[name], groups=groups, rank=RANK if VARIANTS[name].rank else 0)
        for name in NAMES
        for groups in (1, 3)
        if groups == 1 or "sqd" in name
    ),
    *(
        replace(VARIANTS[f"sqd-lora-{bits}"], rank=RANK, lowrank=lowrank, groups=g)
        for bits in ("w8a8", "w4a8")
        for lowrank in ("error", "weight")
        for g in (1, 3)
    ),
    Variant("sqs-lora-w8a8", "static", rank=RANK),
    *(Variant("sqd-w8a6", "dynamic", 8, 6, groups=g) for g in (1, 3)),
    Variant("sqs-w6a5", "static", 6, 5),
    Variant("sqd-lora-w5a4", "dynamic", 5, 4, rank=RANK, groups=3),
]


def kind_name(variant: Variant) -> str:
    return f"{variant.name}-{variant.groups}-{variant.lowrank}" if variant.rank else f"{variant.name}-{variant.groups}"


each_kind = pytest.mark.parametrize("variant", KINDS, ids=kind_name)


def shared_scale(layer: nn.Linear) -> int:
    """Input channels that share an integer group scale: 64, or what of that divides them."""
    return {96: 32, 64: 64}[layer.in_features]


def least_int4_error(wide: Matrix) -> Matrix:
    """Least squared error (out, groups) of int4 codes for weights (out, groups, group) of up to 126, in numpy.

    Of the integer scale that reaches the largest of a group, and of the five below it.
    """
    most = np.ceil(np.abs(wide).max(2) / 7 - 1e-5).clip(1, 18)
    errors = []
    for shared in range(1, 19):
        error = ((np.rint(wide / shared).clip(-7, 7) * shared - wide) ** 2).sum(2)
        errors.append(np.where((shared <= most) & (shared > most - 6), error, np.inf))
    return np.min(errors, 0)


def made(layer: nn.Linear, rows: list[Tensor], variant: Variant) -> tuple[IntegerLinear, CurrentStep, Tensor]:
    """The layer, the step that it follows, and the table (groups, in) that it was calibrated with."""
    table = torch.stack([x.abs().flatten(0, -2).amax(0) for x in rows])
    if variant.groups == 1:
        table = table.amax(0, keepdim=True)
    step = CurrentStep(torch.zeros(3), "v", torch.arange(3) if variant.groups > 1 else None)
    return IntegerLinear.of(layer, table, step, variant, ALPHA), step, table


def double(x: Tensor) -> Matrix:
    return x.detach().double().numpy()


def branch_of(quantized: IntegerLinear) -> Matrix:
    """A B^T (out, in), which stands for unsmoothed weights."""
    if quantized.channels is None:
        return double(quantized.a) @ double(quantized.b).T
    out = np.zeros((quantized.out_features, quantized.in_features))
    out[:, quantized.channels.numpy()] = double(quantized.a)
    return out


def weight_of(quantized: IntegerLinear, group: int) -> Matrix:
    """What the codes stand for (out, in), with the smoothing factors divided out again."""
    return (
        double(quantized.codes_of(group)) * double(quantized.scale[group])[:, None] / double(quantized.smoothing[group])
    )


def fused(model: AudioModel) -> list[bool]:
    return [isinstance(block, IntegerBlock) for block in model.dit.transformer.layers]
