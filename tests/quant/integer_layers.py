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


KINDS = [
    *(replace(VARIANTS[name], groups=groups) for name in NAMES for groups in (1, 3) if groups == 1 or "sqd" in name),
    *(
        replace(VARIANTS[f"sqd-lora-{bits}"], rank=24, lowrank="weight", groups=g)
        for bits in ("w8a8", "w4a8")
        for g in (1, 3)
    ),
    *(Variant("sqd-w8a6", "dynamic", 8, 6, groups=g) for g in (1, 3)),
    Variant("sqs-w6a5", "static", 6, 5),
    Variant("sqd-lora-w5a4", "dynamic", 5, 4, rank=24, groups=3),
]


def kind_name(variant: Variant) -> str:
    return f"{variant.name}-{variant.groups}-{variant.lowrank}" if variant.rank else f"{variant.name}-{variant.groups}"


each_kind = pytest.mark.parametrize("variant", KINDS, ids=kind_name)


def shared_scale(layer: nn.Linear) -> int:
    """Input channels that share an integer group scale: 64, or what of that divides them."""
    return {96: 32, 64: 64}[layer.in_features]


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
    return double(quantized.a) @ double(quantized.b).T


def weight_of(quantized: IntegerLinear, group: int) -> Matrix:
    """What the codes stand for (out, in), with the smoothing factors divided out again."""
    return (
        double(quantized.codes_of(group)) * double(quantized.scale[group])[:, None] / double(quantized.smoothing[group])
    )


def fused(model: AudioModel) -> list[bool]:
    return [isinstance(block, IntegerBlock) for block in model.dit.transformer.layers]
