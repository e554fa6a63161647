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
    steps) or ``dynamic`` for SmoothQuant Dynamic (a range per step and input channel). ``rank`` is the rank of
    the fp16 low-rank branch, 0 for none.
    """

    name: str
    scheme: Literal["static", "dynamic"] | None = None
    weight_bits: int = 8
    activation_bits: int = 8
    rank: int = 0


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("baseline"),
        Variant("sqs-w8a8", "static"),
        Variant("sqd-w8a8", "dynamic"),
        Variant("sqd-lora-w8a8", "dynamic", rank=32),
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
