"""Quantized linear layers of the integer engine: int8 codes times int8 codes, summed in int32.

A scale per input channel cannot leave an integer product, so the smoothing factors go into the weight, and the
activation, divided by them, gets one scale per tensor (static) or per token (dynamic). The weight's codes
differ between groups of timesteps: with one group they are stored, with more they are made anew from the 16-bit
weight whenever the group changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from quant.engine.alpha import least_error_alpha
from quant.engine.inputs import chosen_scale, entered_moments, shared_factor
from quant.engine.layer import QuantizedLinear, Scheme, Site
from quant.errors import QuantError
from quant.kernels.choice import kernels_for
from quant.kernels.entry import hadamard, rotation_block
from quant.kernels.interface import Entry, Kernels, Packed, Packer, Tokens
from quant.kernels.tiles import in_tiles, plain
from quant.method.feedback import fed_back
from quant.method.int4 import int4_group, pack_int4, unpack_int4
from quant.method.lowrank import low_rank_factors, outlier_channels, quantization_error
from quant.method.per_group import PerGroup
from quant.method.primitives import dequantize, largest_code, narrowed, symmetric_scale
from quant.method.samples import Samples
from quant.method.smoothing import smooth_weight, weight_absmax
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant, lowrank_of, range_of, rounding_of


@dataclass
class Prepared:
    """A layer made ready for one group of timesteps.

    ``packed`` holds the codes as the kernels want them, ``scale`` (out,) their scale; ``b`` and ``a`` are, packed as
    well, the low-rank branch for activations that are smoothed and not yet scaled per token, None at rank 0; ``limit``
    is the largest code of an activation; ``entry`` takes out the channels that ``a`` is for, where there is no ``b``,
    and rotates the rest.

    Examples
    --------
    >>> from quant.kernels import reference
    >>> codes = torch.tensor([[2, 0], [0, 1]], dtype=torch.int8)
    >>> layer = Prepared(reference.pack(codes), torch.tensor([0.5, 1.0]), None, None, limit=127.0)
    >>> tokens = reference.quantize(torch.tensor([[1.0, 0.5]]), None, limit=layer.limit)  # codes 127 and 64
    >>> layer.product(reference, tokens, torch.float32).tolist()
    [[127.0, 64.0]]
    """

    packed: Packed
    scale: Tensor
    b: Tensor | None
    a: Tensor | None
    limit: float
    entry: Entry | None = None

    def product(self, kernels: Kernels, tokens: Tokens, dtype: torch.dtype) -> Tensor:
        """The layer's result (..., out), unscaled per token."""
        return kernels.product(tokens, self.packed, self.scale, dtype, self.a)

    def add(
        self, kernels: Kernels, x: Tensor, tokens: Tokens, bias: Tensor | None = None, *, over: bool = False
    ) -> Tensor:
        """The layer's result, scaled, added to the stream ``x`` (..., out), and perhaps written ``over`` it."""
        return kernels.add(x, tokens, self.packed, self.scale, self.a, bias, over=over)


class IntegerLinear(QuantizedLinear):
    """A linear layer in integers.

    Buffers, with G groups: ``smoothing`` (G, in), ``scale`` (G, out), ``activation_scale`` (G,) if static, ``bias``
    (out,), ``a`` (out, r) and ``b`` (in, r) in fp16, or in the place of ``b`` the ``channels`` int64 (r,) that the
    branch carries; and of the weight one of ``codes`` int8 (out, in), or :func:`in_tiles` of a file; ``packed`` and
    ``steps`` of :func:`pack_int4`; or, with more groups than one, ``weight`` fp16 (out, in). What 16 bits cannot hold
    is in float32 instead.

    Examples
    --------
    >>> step = CurrentStep(torch.zeros(1), "v", torch.zeros(1, dtype=torch.long))
    >>> layer = IntegerLinear.of(nn.Linear(8, 4), torch.ones(1, 8), step, Variant("mine", "dynamic"), alpha=0.5)
    >>> layer.codes.dtype, layer(torch.ones(2, 8)).shape
    (torch.int8, torch.Size([2, 4]))
    """

    smoothing: Tensor
    scale: Tensor
    activation_scale: Tensor | None
    bias: Tensor | None
    a: Tensor
    b: Tensor | None
    channels: Tensor | None
    codes: Tensor | None
    packed: Tensor | None
    steps: Tensor | None
    weight: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool, step: CurrentStep, variant: Variant, groups: int
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.groups = in_features, out_features, groups
        self.block = rotation_block(in_features) if variant.rotate else 1
        self.weight_bits, self.limit = variant.weight_bits, float(largest_code(variant.activation_bits))
        # Held in a tuple, so that the one CurrentStep of the model is not registered again in every layer.
        self._step = (step,)
        self._packed: PerGroup[Packed] = PerGroup()
        self._packer: Packer | None = None
        self._prepared: PerGroup[Prepared] = PerGroup()
        rank = min(variant.rank, in_features, out_features)
        shape, int4 = (out_features, in_features), self.weight_bits == 4
        one = groups == 1
        self.register_buffer("smoothing", torch.ones(groups, in_features))
        self.register_buffer("scale", torch.ones(groups, out_features))
        self.register_buffer("activation_scale", torch.ones(groups) if variant.scheme == "static" else None)
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)
        self.register_buffer("a", torch.zeros(out_features, rank, dtype=torch.float16))
        outliers = rank > 0 and lowrank_of(variant, "integer") == "outliers"
        b = None if outliers else torch.zeros(in_features, rank, dtype=torch.float16)
        self.register_buffer("b", b)
        self.register_buffer("channels", torch.zeros(rank, dtype=torch.int64) if outliers else None)
        self.register_buffer("codes", torch.zeros(shape, dtype=torch.int8) if one and not int4 else None)
        even = in_features + in_features % 2
        half, per_row = (out_features, even // 2), (out_features, even // int4_group(even))
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
        samples: Samples | None = None,
    ) -> IntegerLinear:
        """Quantize ``layer``.

        Parameters
        ----------
        absmax
            Largest input magnitudes (G, in) of each group of timesteps, equation (1).
        sharing
            How many heads share one head of keys and values, and the channels of a head; those heads get the same
            smoothing factors, so that these can be divided out of the values.
        samples
            Of the layer's inputs; a static range of least squared error is chosen on them, and feedback needs them.
        """
        weight = layer.weight.detach().float()
        out = cls(layer.in_features, layer.out_features, layer.bias is not None, step, variant, len(absmax))
        out.to(weight.device)
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        absmax, rank, kind = absmax.float().to(weight.device), out.a.shape[1], lowrank_of(variant, "integer")

        def factors_of(weight: Tensor) -> Tensor:
            return torch.stack([shared_factor(row, weight_absmax(weight), alpha, sharing) for row in absmax])

        if rank and kind == "weight":
            out.a, out.b = low_rank_factors(weight, rank)
            weight = weight - out.a.float() @ out.b.float().mT
        elif out.channels is not None:
            out.channels = outlier_channels(absmax / factors_of(weight), rank)
            out.a = narrowed(weight[:, out.channels])
            weight, absmax = weight.index_fill(1, out.channels, 0), absmax.index_fill(1, out.channels, 0)
        if out.groups > 1:
            out.weight = narrowed(weight)
            weight = out.weight.float()
        out.smoothing = factors_of(weight)
        if out.activation_scale is not None:
            out.activation_scale = symmetric_scale((absmax / out.smoothing).amax(1), variant.activation_bits)
            if samples is not None and range_of(variant, "integer") == "mse":
                bits = variant.activation_bits
                out.activation_scale = chosen_scale(samples, absmax, weight, out.smoothing, bits, out.block)
            elif out.block > 1:
                raise QuantError("rotate: a static range of rotated channels is chosen on samples; calibrate again")
        mean = torch.zeros_like(weight) if rank and kind == "error" else None
        coded, factors = weight, out.smoothing
        if out.block > 1:  # rotated behind smoothing, of which there is one group then
            coded, factors = hadamard(smooth_weight(weight, factors[0]), out.block), torch.ones_like(factors)
        sizes, moments = coded.abs(), None
        if samples is not None and samples.moments is not None and rounding_of(variant, "integer") == "feedback":
            moments = entered_moments(samples.moments.to(weight), absmax[0], out.smoothing[0], out.block)
        for group, factor in enumerate(factors):
            if out.weight_bits == 4:
                packed, steps, out.scale[group] = pack_int4(smooth_weight(coded, factor), moments)
                if out.groups == 1:
                    out.packed, out.steps = packed, steps
            else:
                out.scale[group] = symmetric_scale(smooth_weight(sizes, factor).amax(1), out.weight_bits)
                if moments is not None:
                    wide = smooth_weight(coded, factor) / out.scale[group][:, None]
                    out.codes = fed_back(wide, moments, largest_code(out.weight_bits))[0].to(torch.int8)
                elif out.groups == 1:
                    out.codes = kernels_for(weight.device).weight_codes(coded, factor, out.scale[group][:, None])
            if mean is not None:
                found = hadamard(dequantize(out.codes_of(group), out.scale[group][:, None]), out.block)
                mean += found / out.smoothing[group] / out.groups
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
                return plain(self.codes)
            if self.packed is None or self.steps is None:
                raise QuantError("the codes of this layer were released; load the checkpoint again")
            return unpack_int4(self.packed, self.steps)[:, : self.in_features].contiguous()
        if self.weight is None:
            raise QuantError("the weight of this layer was released; load the checkpoint again")
        if self.weight_bits == 4:
            packed, steps, _ = pack_int4(smooth_weight(self.weight.float(), self.smoothing[group]))
            return unpack_int4(packed, steps)[:, : self.in_features].contiguous()
        kernels = kernels_for(self.weight.device)
        return kernels.weight_codes(self.weight, self.smoothing[group], self.scale[group][:, None])

    def static(self, group: int) -> Tensor | None:
        """The one activation scale () of a static variant."""
        return None if self.activation_scale is None else self.activation_scale[group]

    def packed_codes(self) -> Packed:
        """The current group's codes as the kernels want them."""
        kernels, group = kernels_for(self.smoothing.device), self.group
        return self._packed.of(group, partial(self._pack, group), resident=kernels.RESIDENT)

    def _pack(self, group: int, _: Packed | None) -> Packed:
        kernels = kernels_for(self.smoothing.device)
        if self._packer is None and self.groups > 1 and self.weight_bits == 8 and self.weight is not None:
            self._packer = kernels.GroupPacker(self.weight)
        if self._packer is None:
            return kernels.pack(self.codes_of(group) if self.codes is None else self.codes)
        once = len(self._step[0].groups) < 2 * self.groups  # a step a group, or little more
        return self._packer.pack(self.smoothing[group], self.scale[group][:, None], once)

    def prepared(self, fold: Tensor | None = None) -> Prepared:
        """Make the layer ready for the current group; ``fold`` (out,) scales its result."""
        group = self.group
        fold = torch.ones_like(self.scale[group]) if fold is None else fold
        a = b = None
        back, kernels = self.a.float() * fold[:, None], kernels_for(self.smoothing.device)
        entry = Entry.of(self.channels, self.in_features, self.block)
        if self.channels is not None:
            a = kernels.pack_back(back * self.smoothing[group][self.channels])
        elif self.b is not None and self.a.shape[1]:
            down = hadamard((self.b.float() * self.smoothing[group][:, None]).mT, self.block).mT
            b, a = kernels.pack_branch(down, back)
        return Prepared(self.packed_codes(), self.scale[group] * fold, b, a, self.limit, entry)

    def mapped(self) -> list[Tensor]:
        """What may lie in a file, and need not be in memory while no step is computed."""
        return [packed for packed in self._packed if isinstance(packed, Tensor)]

    def release_codes(self) -> None:
        """Pack the codes and let go of their plain copy: halves the memory of a layer. It cannot be saved any more."""
        if kernels_for(self.smoothing.device).RESIDENT:
            for group in range(self.groups):
                self._packed.of(group, partial(self._pack, group))
            self.weight = self._packer = None
        else:
            self.packed_codes()
        if self.groups == 1:
            self.codes = self.packed = self.steps = None
        elif self._packer is not None:
            self.weight = None

    def ready_bytes(self) -> int:
        """Bytes it takes ready to compute: with its codes packed for the current group and their plain copy let go."""
        weight = self.weight
        self.release_codes()
        # A 16-bit weight is let go of for a copy in another order, of which codes are made anew.
        copied = weight.nbytes if weight is not None and self.weight is None else 0
        return self.packed_codes().nbytes + copied + super().ready_bytes()

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in) by the quantized weight: (..., out), in the dtype of ``x``."""
        kernels, group = kernels_for(x.device), self.group
        ready = self._prepared.of(group, lambda _: self.prepared(), resident=kernels.RESIDENT)
        smoothed = x / self.smoothing[group].to(x.dtype)
        tokens = kernels.quantize(smoothed, self.static(group), ready.b, ready.limit, entry=ready.entry)
        out = ready.product(kernels, tokens, torch.float32) * tokens.scale
        return (out if self.bias is None else out + self.bias).to(x.dtype)


def _quantized(site: Site, absmax: Tensor, samples: Samples | None) -> IntegerLinear:
    layer, groups = site.layer, site.step.groups
    if site.sees_step:
        table = torch.stack([absmax[groups == group].amax(0) for group in range(int(groups.max()) + 1)])
    else:
        table = absmax.amax(0, keepdim=True)
    sharing = (1, 1)
    if site.name.endswith("cross_attn.to_out"):
        attention = site.dit.get_submodule(site.name.rpartition(".")[0])
        sharing = (attention.num_heads // attention.kv_heads, layer.in_features // attention.num_heads)

    def make(alpha: float, samples: Samples | None = samples) -> IntegerLinear:
        return IntegerLinear.of(layer, table, site.step, site.variant, alpha, sharing, samples)

    if site.alpha is not None:
        return make(site.alpha)
    # Rounded to nearest while alphas are tried: feedback takes far longer, and gains as much with each.
    plain = None if samples is None else replace(samples, moments=None)
    return make(least_error_alpha(layer, lambda alpha: make(alpha, plain), samples, site.step))


def _empty(site: Site) -> IntegerLinear:
    groups = int(site.step.groups.max()) + 1 if site.sees_step else 1
    with torch.device("meta"):  # values come from a file
        empty = IntegerLinear(*site.shape, site.step, site.variant, groups)
        empty.codes = None if empty.codes is None else in_tiles(empty.codes)
        return empty


SCHEME = Scheme(_quantized, _empty)


def multiplies(device: torch.device) -> str:
    """Name what multiplies in the blocks of a model on ``device``.

    Examples
    --------
    >>> "branch in" in multiplies(torch.device("cpu"))
    True
    """
    return kernels_for(device).multiplies()
