"""Variants: what can be compared in a study, by name. Importing this file does not import torch.

The names are the conditions of a listening test and the rows of the paper's Table 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quant.errors import VariantError


@dataclass(frozen=True)
class Variant:
    """How the linear layers of a DiT's blocks are quantized.

    ``scheme`` is None for full precision, ``static`` for SmoothQuant Static (one activation range for all channels and
    steps) or ``dynamic`` for SmoothQuant Dynamic (ranges that follow the denoising step). ``rank`` is the rank of
    the fp16 low-rank branch, 0 for none; ``lowrank`` says of what it is made: ``error``, the error of the quantized
    weight (equations 6-9), or ``weight``, the weight itself, whose residual is then quantized. ``groups`` counts the
    groups of timesteps that the integer engine gives smoothing factors of their own; the reference engine has one a
    step. Layers in ``keep`` stay in 16 bits.
    """

    name: str
    scheme: Literal["static", "dynamic"] | None = None
    weight_bits: int = 8
    activation_bits: int = 8
    rank: int = 0
    lowrank: Literal["error", "weight"] = "error"
    groups: int = 1
    keep: tuple[str, ...] = ()


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("baseline"),
        Variant("sqs-w8a8", "static"),
        Variant("sqd-w8a8", "dynamic"),
        Variant("sqd-lora-w8a8", "dynamic", rank=32),
        Variant("sqs-w4a8", "static", weight_bits=4),
        Variant("sqd-w4a8", "dynamic", weight_bits=4),
        Variant("sqd-lora-w4a8", "dynamic", weight_bits=4, rank=64),
    )
}


def variant_named(name: str) -> Variant:
    """Look up a variant.

    Raises
    ------
    VariantError
        If there is none of this name.
    """
    if name not in VARIANTS:
        raise VariantError(f"{name}: no such variant; choose from {', '.join(VARIANTS)}")
    return VARIANTS[name]
