"""Variants: what can be compared in a study, by name. Importing this file does not import torch.

The names are the conditions of a listening test; those in :data:`PAPER` are the rows of the paper's Table 1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from quant.errors import VariantError

EngineName = Literal["integer", "reference"]
RangeName = Literal["auto", "minmax", "mse"]
RoundingName = Literal["auto", "nearest", "feedback"]

SEARCHED = "alpha: the reference engine has one for all layers, as the paper; give a number, or take the integer engine"
"""Why an alpha that is searched layer by layer is refused there."""

SCHEMES = ("static", "dynamic")
BITS = range(2, 9)
LOWRANK = ("auto", "outliers", "error", "weight")


@dataclass(frozen=True)
class Variant:
    """How the linear layers of a DiT's blocks are quantized.

    ``scheme`` is None for full precision, ``static`` for SmoothQuant Static (one activation range for all channels and
    steps) or ``dynamic`` for SmoothQuant Dynamic (ranges that follow the denoising step). ``rank`` is the rank of
    the fp16 low-rank branch, 0 for none; ``lowrank`` says what it carries: ``error``, the error of the quantized
    weight (equations 6-9), ``weight``, the weight itself, whose residual is then quantized, or ``outliers``, the
    products of the input channels with the largest activations, which are then zero in the codes; ``auto`` is what
    :func:`lowrank_of` says. ``groups`` counts the
    groups of timesteps that the integer engine gives smoothing factors of their own; the reference engine has one a
    step. Layers in ``keep`` stay in 16 bits. Codes of weights and activations have 2 to 8 bits. ``range`` says how far
    the one scale of a static variant reaches: ``minmax``, to the largest magnitude of calibration, as in the paper;
    ``mse``, to where the squared error on calibration's samples is least; ``auto`` as :func:`range_of` says.
    ``rounding`` says how weights become codes: each to the ``nearest``, as in the paper, or with ``feedback``
    (:mod:`quant.method.feedback`), where calibration kept second moments; ``auto`` as :func:`rounding_of` says.
    ``rotate`` has activations and weights rotated after smoothing (``quant/kernels/entry.py``), which takes the place
    of factors for groups of timesteps. ``cache``, if not 0, is the relative change up to which a branch's output is
    taken again at a later step (:mod:`quant.engine.caching`).

    Every setting changes what is computed; one that cannot is refused.

    Raises
    ------
    VariantError
        If a value is impossible, or would change nothing.

    Examples
    --------
    >>> Variant("mine", "dynamic", weight_bits=4, rank=64).activation_bits
    8
    """

    name: str
    scheme: Literal["static", "dynamic"] | None = None
    weight_bits: int = 8
    activation_bits: int = 8
    rank: int = 0
    lowrank: Literal["auto", "outliers", "error", "weight"] = "auto"
    groups: int = 1
    keep: tuple[str, ...] = ()
    range: RangeName = "auto"
    rounding: RoundingName = "auto"
    rotate: bool = False
    cache: float = 0.0

    def __post_init__(self) -> None:
        for key, value, allowed in (
            ("scheme", self.scheme, (None, *SCHEMES)),
            ("lowrank", self.lowrank, LOWRANK),
            ("range", self.range, get_args(RangeName)),
            ("rounding", self.rounding, get_args(RoundingName)),
            ("weight_bits", self.weight_bits, BITS),
            ("activation_bits", self.activation_bits, BITS),
        ):
            if value not in allowed:
                raise VariantError(
                    f"{self.name}: {key}: {value} is impossible; choose from {', '.join(map(str, allowed))}"
                )
        if self.rank < 0:
            raise VariantError(f"{self.name}: rank: {self.rank} is below 0; 0 is no low-rank branch")
        if self.groups < 1:
            raise VariantError(f"{self.name}: groups: {self.groups} is below 1, the least there is")
        if not self.cache >= 0:
            raise VariantError(f"{self.name}: cache: {self.cache} is below 0; 0 computes every branch at every step")
        idle = [entry.name for entry in fields(self)[2:] if getattr(self, entry.name) != entry.default]
        if self.scheme is None and idle:
            raise VariantError(f"{self.name}: {idle[0]}: changes nothing in full precision; leave it out")
        if self.scheme == "static" and self.groups > 1:
            raise VariantError(
                f"{self.name}: groups: a static variant has one group of timesteps, not {self.groups}; leave them out"
            )
        if self.scheme == "dynamic" and self.range != "auto":
            raise VariantError(
                f"{self.name}: range: a dynamic variant's ranges are those of each token or step, not {self.range}; "
                "leave it out"
            )
        if self.rounding == "feedback" and self.groups > 1:
            raise VariantError(
                f"{self.name}: rounding: feedback needs one group of timesteps, not {self.groups}, whose codes are "
                "made anew at every change; leave one of them out"
            )
        if self.rotate and (self.range == "minmax" or self.groups > 1):
            raise VariantError(
                f"{self.name}: rotate: needs one group of timesteps, and of a static variant range mse, as calibration "
                "sees no largest magnitude of rotated channels; leave it out"
            )
        if self.lowrank != "auto" and not self.rank:
            raise VariantError(f"{self.name}: lowrank: changes nothing at rank 0; give a rank or leave it out")


def lowrank_of(variant: Variant, engine: str) -> str:
    """What the low-rank branch of ``variant`` carries: ``outliers``, ``error`` or ``weight``.

    ``auto`` is the paper's ``error`` in the reference engine and ``outliers`` in the integer engine, where rounding
    activations loses more than rounding weights.

    Examples
    --------
    >>> [lowrank_of(Variant("mine", "dynamic", rank=32), engine) for engine in ("integer", "reference")]
    ['outliers', 'error']
    """
    if variant.lowrank != "auto":
        return variant.lowrank
    return "outliers" if engine == "integer" else "error"


def range_of(variant: Variant, engine: str) -> str:
    """Resolve ``auto`` of a variant's range: ``mse``, but ``minmax`` in the reference engine, which is the paper's.

    Examples
    --------
    >>> variant = Variant("mine", "static")
    >>> range_of(variant, "integer"), range_of(variant, "reference")
    ('mse', 'minmax')
    """
    if variant.range != "auto":
        return variant.range
    return "minmax" if engine == "reference" else "mse"


def rounding_of(variant: Variant, engine: str) -> str:
    """Resolve ``auto`` of a variant's rounding: ``feedback`` in the integer engine below 8 bits, with one group.

    At 8 bits the weights' error lies far below that of the activations.

    Examples
    --------
    >>> [rounding_of(Variant("mine", "static", bits), "integer") for bits in (4, 8)]
    ['feedback', 'nearest']
    >>> rounding_of(Variant("mine", "static", 4), "reference")
    'nearest'
    """
    if variant.rounding != "auto":
        return variant.rounding
    return "feedback" if engine == "integer" and variant.weight_bits < 8 and variant.groups == 1 else "nearest"


def check_engine(variant: Variant, engine: str, alpha: float | None = 0.5) -> None:
    """Refuse a setting that an engine would leave aside; ``alpha`` None is searched layer by layer.

    Raises
    ------
    VariantError
        With the engine that honours it.

    Examples
    --------
    >>> check_engine(Variant("mine", "dynamic", groups=4), "integer")  # honoured: nothing happens
    """
    if engine != "reference" or variant.scheme is None:
        return
    if alpha is None:
        raise VariantError(f"{variant.name}: {SEARCHED}")
    if variant.groups > 1:
        raise VariantError(
            f"{variant.name}: groups: the reference engine has factors for every step, not {variant.groups} groups; "
            "leave them out, or take the integer engine"
        )
    if variant.rotate:
        raise VariantError(
            f"{variant.name}: rotate: the reference engine computes the paper's equations, which rotate nothing; "
            "leave it out, or take the integer engine"
        )
    if variant.rounding == "feedback":
        raise VariantError(
            f"{variant.name}: rounding: the reference engine rounds each weight to the nearest code, as the paper; "
            "leave it out, or take the integer engine"
        )
    if variant.lowrank == "outliers":
        raise VariantError(
            f"{variant.name}: lowrank: the reference engine has a scale for each input channel, so that outliers cost "
            "the others nothing; take error or weight, or the integer engine"
        )
    if variant.scheme == "static" and variant.rank:
        raise VariantError(
            f"{variant.name}: rank: the reference engine has no low-rank branch for static variants; "
            "take the integer engine"
        )


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
        Variant("sqd-w8a8-cache", "dynamic", cache=0.2),
    )
}

PAPER = tuple(name for name, variant in VARIANTS.items() if not variant.cache)
"""The rows of the paper's Table 1: what is made and shown where no variant is named."""


def variant_named(name: str) -> Variant:
    """Look up a variant.

    Raises
    ------
    VariantError
        If there is none of this name.

    Examples
    --------
    >>> variant_named("sqd-lora-w8a8").rank
    32
    """
    if name not in VARIANTS:
        raise VariantError(f"{name}: no such variant; choose from {', '.join(VARIANTS)}")
    return VARIANTS[name]
