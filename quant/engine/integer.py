"""Quantized linear layers of the integer engine: int8 codes times int8 codes, summed in int32.

A scale per input channel cannot leave an integer product, so the smoothing factors go into the weight, and the
activation, divided by them, gets one scale per tensor (static) or per token (dynamic). The weight's codes
differ between groups of timesteps: with one group they are stored, with more they are made anew from the 16-bit
weight whenever the group changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quant.errors import QuantError
from quant.kernels import kernels_for
from quant.method.lowrank import low_rank_factors, quantization_error
from quant.method.primitives import dequantize, largest_code, symmetric_scale
from quant.method.smoothing import smooth_weight, smoothing_factor, weight_absmax
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant

INT4_GROUP = 64
"""Input channels that share an integer group scale, or the largest power of two below that divides them."""

INT4_LIMIT, INT4_SCALES = 7, 18
"""Largest int4 code, and largest group scale such that their product, 126, is an int8 code."""


@dataclass
class Prepared:
    """A layer made ready for one group of timesteps.

    ``packed`` holds the codes as the kernels want them, ``scale`` (out,) their scale; ``b`` (in, r) and ``a`` (out, r)
    are the low-rank branch for activations that are smoothed and not yet scaled per token, None at rank 0; ``limit``
    is the largest code of an activation.
    """

    packed: Tensor
    scale: Tensor
    b: Tensor | None
    a: Tensor | None
    limit: float

    def product(self, kernels: Any, tokens: Any, dtype: torch.dtype) -> Tensor:
        """The layer's result (..., out), unscaled per token."""
        out: Tensor = kernels.product(tokens, self.packed, self.scale, dtype, self.a)
        return out

    def add(self, kernels: Any, x: Tensor, tokens: Any, bias: Tensor | None = None) -> Tensor:
        """The layer's result, scaled, added to the stream ``x`` (..., out)."""
        out: Tensor = kernels.add(x, tokens, self.packed, self.scale, self.a, bias)
        return out


_Made = TypeVar("_Made")


def of_group(made: dict[int, _Made], group: int, make: Callable[[], _Made], kernels: Any) -> _Made:
    """What was made for a group of timesteps; where memory is short (``kernels.RESIDENT``) only the last is kept."""
    if group not in made:
        if not kernels.RESIDENT:
            made.clear()
        made[group] = make()
    return made[group]


def int4_group(in_features: int) -> int:
    """Input channels that share a group scale: the largest power of two up to 64 that divides ``in_features``."""
    return min(INT4_GROUP, in_features & -in_features)


def pack_int4(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Quantize (out, in) to int4 codes under integer group scales under a scale per output channel.

    Returns the codes two a byte (out, in/2) uint8, the group scales (out, in/group) uint8 and the channel scales
    (out,). Their product, code times group scale, is an int8 code exactly (QServe's progressive quantization).
    """
    group = int4_group(weight.shape[1])
    scale = symmetric_scale(weight.abs().amax(1), 8) * (127 / (INT4_LIMIT * INT4_SCALES))
    wide = (weight / scale[:, None]).unflatten(1, (-1, group))
    steps = (wide.abs().amax(2, keepdim=True) / INT4_LIMIT).ceil().clamp(1, INT4_SCALES)
    codes = (wide / steps).round().clamp(-INT4_LIMIT, INT4_LIMIT).flatten(1).to(torch.int8)
    nibbles = (codes & 15).to(torch.uint8)
    return nibbles[:, ::2] | (nibbles[:, 1::2] << 4), steps.squeeze(2).to(torch.uint8), scale


def unpack_int4(packed: Tensor, steps: Tensor) -> Tensor:
    """The int8 codes (out, in) that :func:`pack_int4` packed, exactly."""
    nibbles = torch.stack((packed & 15, packed >> 4), 2).flatten(1).to(torch.int8)
    codes = (nibbles ^ 8) - 8  # the sign of four bits
    return (codes.unflatten(1, (steps.shape[1], -1)) * steps.to(torch.int8)[:, :, None]).flatten(1)


class IntegerLinear(nn.Module):
    """A linear layer in integers; takes the place of ``nn.Linear``.

    Buffers, with G groups: ``smoothing`` (G, in), ``scale`` (G, out), ``activation_scale`` (G,) if static, ``bias``
    (out,), ``a`` (out, r) and ``b`` (in, r) in fp16; and of the weight one of ``codes`` int8 (out, in); ``packed`` and
    ``steps`` of :func:`pack_int4`; or, with more groups than one, ``weight`` fp16 (out, in).
    """

    smoothing: Tensor
    scale: Tensor
    activation_scale: Tensor | None
    bias: Tensor | None
    a: Tensor
    b: Tensor
    codes: Tensor | None
    packed: Tensor | None
    steps: Tensor | None
    weight: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool, step: CurrentStep, variant: Variant, groups: int
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.groups = in_features, out_features, groups
        self.weight_bits, self.limit = variant.weight_bits, float(largest_code(variant.activation_bits))
        # Held in a tuple, so that the one CurrentStep of the model is not registered again in every layer.
        self._step = (step,)
        self._packed: dict[int, Tensor] = {}
        self._packer: Any = None
        self._prepared: dict[int, Prepared] = {}
        rank = min(variant.rank, in_features, out_features)
        shape, int4 = (out_features, in_features), self.weight_bits == 4
        one = groups == 1
        self.register_buffer("smoothing", torch.ones(groups, in_features))
        self.register_buffer("scale", torch.ones(groups, out_features))
        self.register_buffer("activation_scale", torch.ones(groups) if variant.scheme == "static" else None)
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)
        self.register_buffer("a", torch.zeros(out_features, rank, dtype=torch.float16))
        self.register_buffer("b", torch.zeros(in_features, rank, dtype=torch.float16))
        self.register_buffer("codes", torch.zeros(shape, dtype=torch.int8) if one and not int4 else None)
        half, per_row = (out_features, in_features // 2), (out_features, in_features // int4_group(in_features))
        self.register_buffer("packed", torch.zeros(half, dtype=torch.uint8) if one and int4 else None)
        self.register_buffer("steps", torch.zeros(per_row, dtype=torch.uint8) if one and int4 else None)
        self.register_buffer("weight", None if one else torch.zeros(shape, dtype=torch.float16))

    @classmethod
    def of(
        cls,
        layer: nn.Linear,
        absmax: Tensor,
        step: CurrentStep,
        variant: Variant,
        alpha: float,
        sharing: tuple[int, int] = (1, 1),
    ) -> IntegerLinear:
        """Quantize ``layer``.

        Parameters
        ----------
        absmax
            Largest input magnitudes (G, in) of each group of timesteps, equation (1).
        sharing
            How many heads share one head of keys and values, and the channels of a head; those heads get the same
            smoothing factors, so that these can be divided out of the values.
        """
        weight = layer.weight.detach().float()
        out = cls(layer.in_features, layer.out_features, layer.bias is not None, step, variant, len(absmax))
        out.to(weight.device)
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        rank = out.a.shape[1]
        if rank and variant.lowrank == "weight":
            out.a, out.b = low_rank_factors(weight, rank)
            weight = weight - out.a.float() @ out.b.float().mT
        if out.groups > 1:
            out.weight = weight.half()
            weight = out.weight.float()
        largest = weight_absmax(weight)
        factors = [_factor(row.float().to(weight.device), largest, alpha, sharing) for row in absmax]
        out.smoothing = torch.stack(factors)
        if out.activation_scale is not None:
            ranges = (absmax.float().to(weight.device) / out.smoothing).amax(1)
            out.activation_scale = symmetric_scale(ranges, variant.activation_bits)
        mean = torch.zeros_like(weight) if rank and variant.lowrank == "error" else None
        sizes = weight.abs()
        for group, factor in enumerate(factors):
            if out.weight_bits == 4:
                packed, steps, out.scale[group] = pack_int4(smooth_weight(weight, factor))
                if out.groups == 1:
                    out.packed, out.steps = packed, steps
            else:
                out.scale[group] = symmetric_scale(smooth_weight(sizes, factor).amax(1), out.weight_bits)
                if out.groups == 1:
                    out.codes = kernels_for(weight.device).weight_codes(weight, factor, out.scale[group][:, None])
            if mean is not None:
                mean += dequantize(out.codes_of(group), out.scale[group][:, None]) / factor / out.groups
        if mean is not None:
            out.a, out.b = low_rank_factors(quantization_error(weight, mean), rank)
        return out

    @property
    def group(self) -> int:
        """The group of the step that is being computed; layers that do not see the step have but one."""
        return min(self._step[0].group, self.groups - 1)

    def codes_of(self, group: int) -> Tensor:
        """Int8 codes (out, in) of a group of timesteps; the same at every call."""
        if self.groups == 1:
            if self.codes is not None:
                return self.codes
            if self.packed is None or self.steps is None:
                raise QuantError("the codes of this layer were released; load the checkpoint again")
            return unpack_int4(self.packed, self.steps)
        if self.weight is None:
            raise QuantError("the weight of this layer was released; load the checkpoint again")
        if self.weight_bits == 4:
            packed, steps, _ = pack_int4(smooth_weight(self.weight.float(), self.smoothing[group]))
            return unpack_int4(packed, steps)
        codes: Tensor = kernels_for(self.weight.device).weight_codes(
            self.weight, self.smoothing[group], self.scale[group][:, None]
        )
        return codes

    def static(self, group: int) -> Tensor | None:
        """The one activation scale () of a static variant."""
        return None if self.activation_scale is None else self.activation_scale[group]

    def packed_codes(self) -> Tensor:
        """The current group's codes as the kernels want them."""
        kernels, group = kernels_for(self.smoothing.device), self.group
        return of_group(self._packed, group, lambda: self._pack(group), kernels)

    def _pack(self, group: int) -> Tensor:
        kernels = kernels_for(self.smoothing.device)
        packed: Tensor
        if self.groups > 1 and self.weight_bits == 8:
            if self._packer is None:
                self._packer = kernels.GroupPacker(self.weight)
            packed = self._packer.pack(self.smoothing[group], self.scale[group][:, None])
        else:
            packed = kernels.pack(self.codes_of(group))
        return packed

    def prepared(self, fold: Tensor | None = None) -> Prepared:
        """Make the layer ready for the current group; ``fold`` (out,) scales its result."""
        group, dtype = self.group, kernels_for(self.smoothing.device).activation_dtype()
        fold = torch.ones_like(self.scale[group]) if fold is None else fold
        a = b = None
        if self.a.shape[1]:
            # Laid out by rank, as it is multiplied.
            a = (self.a.float() * fold[:, None]).to(dtype).mT.contiguous().mT
            b = (self.b.float() * self.smoothing[group][:, None]).to(dtype)
        return Prepared(self.packed_codes(), self.scale[group] * fold, b, a, self.limit)

    def release_codes(self) -> None:
        """Pack the codes and let go of their plain copy: halves the memory of a layer. It cannot be saved any more."""
        if kernels_for(self.smoothing.device).RESIDENT:
            self._packed = {group: self._pack(group) for group in range(self.groups)}
            self.weight = self._packer = None
        else:
            self.packed_codes()
        if self.groups == 1:
            self.codes = self.packed = self.steps = None
        elif self._packer is not None:
            self.weight = None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in) by the quantized weight: (..., out), in the dtype of ``x``."""
        kernels, group = kernels_for(x.device), self.group
        ready = of_group(self._prepared, group, self.prepared, kernels)
        tokens = kernels.quantize(x / self.smoothing[group].to(x.dtype), self.static(group), ready.b, ready.limit)
        out = ready.product(kernels, tokens, torch.float32) * tokens.scale
        return (out if self.bias is None else out + self.bias).to(x.dtype)


def _factor(absmax: Tensor, w_absmax: Tensor, alpha: float, sharing: tuple[int, int]) -> Tensor:
    """Equation (3) for one group; channels of heads that share keys and values get one factor."""
    if sharing[0] > 1:
        absmax, w_absmax = (_shared_max(table, *sharing) for table in (absmax, w_absmax))
    return smoothing_factor(absmax, w_absmax, alpha)


def _shared_max(table: Tensor, heads: int, width: int) -> Tensor:
    groups = table.unflatten(0, (-1, heads, width))
    return groups.amax(1, keepdim=True).expand_as(groups).flatten()


class KeptLinear(nn.Module):
    """A layer that is not quantized: its weight (out, in) in fp16, its arithmetic in that of its input."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, in_features: int, out_features: int, bias: bool) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(out_features, in_features, dtype=torch.float16))
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)

    @classmethod
    def of(cls, layer: nn.Linear) -> KeptLinear:
        """Keep ``layer`` in 16 bits."""
        out = cls(layer.in_features, layer.out_features, layer.bias is not None)
        out.weight = layer.weight.detach().half()
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in): (..., out)."""
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))
