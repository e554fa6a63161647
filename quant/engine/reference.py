"""Quantized linear layers of the reference engine: the paper's equations to the letter, on any device, slow.

Integers are kept in floating point while they are multiplied, so that the arithmetic is the paper's and only
its cost is not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quant.engine.layer import QuantizedLinear, Scheme, Site
from quant.errors import VariantError
from quant.method.lowrank import corrected_weight, low_rank_factors, quantization_error
from quant.method.primitives import dequantize, quantize, symmetric_scale
from quant.method.samples import Samples, least_error_scale
from quant.method.smoothing import smooth_activation, smooth_weight, smoothing_factor, weight_absmax
from quant.method.timesteps import CurrentStep
from quant.method.variants import SEARCHED, Variant, lowrank_of, range_of


def linear_layers(dit: nn.Module) -> dict[str, nn.Linear]:
    """All linear layers of a DiT's blocks by name: attention projections and both feed-forward layers.

    Examples
    --------
    >>> dit = nn.Module()
    >>> dit.transformer = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(2, 2)]), "project_in": nn.Linear(2, 2)})
    >>> list(linear_layers(dit))
    ['transformer.layers.0']
    """
    return {
        name: module
        for name, module in dit.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("transformer.layers.")
    }


def weight_scale(weight: Tensor, bits: int) -> Tensor:
    """Per-output-channel symmetric scale (out, 1) of a weight (out, in).

    Examples
    --------
    >>> (weight_scale(torch.tensor([[1.0, -3.0], [0.5, 0.25]]), 8) * 127).tolist()
    [[3.0], [0.5]]
    """
    return symmetric_scale(weight.abs().amax(1, keepdim=True), bits)


class StaticLinear(QuantizedLinear):
    """SmoothQuant Static (SQS): smoothing folded into int8 codes, one activation scale for all channels and steps.

    Buffers: ``codes`` int8 (out, in), ``scale`` (out, 1), ``smoothing`` (in,), ``activation_scale`` (),
    ``bias`` (out,).

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> layer, x = nn.Linear(2, 1, bias=False), torch.tensor([[0.5, -1.0]])
    >>> quantized = StaticLinear.of(layer, torch.ones(3, 2), 0.5, Variant("mine", "static"))
    >>> bool((quantized(x) - layer(x)).abs().max() < 0.02)
    True
    """

    codes: Tensor
    scale: Tensor
    smoothing: Tensor
    activation_scale: Tensor
    bias: Tensor | None

    def __init__(self, in_features: int, out_features: int, bias: bool, activation_bits: int = 8) -> None:
        super().__init__()
        self.activation_bits = activation_bits
        self.register_buffer("codes", torch.zeros(out_features, in_features, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(out_features, 1))
        self.register_buffer("smoothing", torch.ones(in_features))
        self.register_buffer("activation_scale", torch.ones(()))
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)

    @classmethod
    def of(
        cls, layer: nn.Linear, absmax: Tensor, alpha: float, variant: Variant, samples: Samples | None = None
    ) -> StaticLinear:
        """Quantize ``layer``; of the calibrated (steps, in) table ``absmax`` the maximum over steps counts.

        ``samples`` are of its inputs; a range of least squared error is chosen on them.
        """
        bits = variant.weight_bits
        out = cls(layer.in_features, layer.out_features, layer.bias is not None, variant.activation_bits)
        weight, x_absmax = layer.weight.detach().float(), absmax.float().amax(0).to(layer.weight.device)
        out.smoothing = smoothing_factor(x_absmax, weight_absmax(weight), alpha)
        smoothed = smooth_weight(weight, out.smoothing)
        out.scale = weight_scale(smoothed, bits)
        out.codes = quantize(smoothed, out.scale, bits)
        largest = (x_absmax / out.smoothing).amax()
        out.activation_scale = symmetric_scale(largest, variant.activation_bits)
        if samples is not None and range_of(variant, "reference") == "mse":
            rows = samples.rows.to(weight).div_(out.smoothing)
            out.activation_scale = least_error_scale(rows, largest, smoothed.square().sum(0), variant.activation_bits)
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in) by the quantized weight: (..., out)."""
        codes = quantize(smooth_activation(x, self.smoothing), self.activation_scale, self.activation_bits)
        return F.linear(dequantize(codes, self.activation_scale), dequantize(self.codes, self.scale), self.bias)


class DynamicLinear(QuantizedLinear):
    """SmoothQuant Dynamic (SQD): smoothing, weight codes and activation scales change with the denoising step.

    The full-precision ``weight`` (out, in) and the calibrated ``absmax`` (steps, in) are kept, and each step's codes
    are made anew. ``a`` (out, rank) and ``b`` (in, rank) are the fp16 low-rank branch, empty at rank 0. It acts on
    unsmoothed channels, so that one branch serves all steps: the error it models is the mean over steps of
    ``W - W_hat(t)``, with ``W_hat(t)`` the codes of step t divided by its smoothing factors again.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> layer, step = nn.Linear(2, 1, bias=False), CurrentStep(torch.tensor([2.0, 1.0]).log(), "v")
    >>> quantized = DynamicLinear.of(layer, torch.ones(2, 2), step, 0.5, Variant("mine", "dynamic"))
    >>> x = torch.tensor([[0.5, -1.0]])
    >>> bool((quantized(x) - layer(x)).abs().max() < 0.02)
    True
    """

    weight: Tensor
    absmax: Tensor
    a: Tensor
    b: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool,
        step: CurrentStep,
        *,
        alpha: float,
        weight_bits: int = 8,
        activation_bits: int = 8,
        rank: int = 0,
    ) -> None:
        super().__init__()
        # Held in a tuple, so that the one CurrentStep of the model is not registered again in every layer.
        self._step = (step,)
        self.alpha, self.weight_bits, self.activation_bits = alpha, weight_bits, activation_bits
        rank = min(rank, in_features, out_features)
        self.register_buffer("weight", torch.zeros(out_features, in_features))
        self.register_buffer("absmax", torch.zeros(len(step.log_sigmas), in_features))
        self.register_buffer("a", torch.zeros(out_features, rank, dtype=torch.float16))
        self.register_buffer("b", torch.zeros(in_features, rank, dtype=torch.float16))
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)

    @classmethod
    def of(cls, layer: nn.Linear, absmax: Tensor, step: CurrentStep, alpha: float, variant: Variant) -> DynamicLinear:
        """Quantize ``layer``; ``absmax`` is the calibrated (steps, in) table."""
        out = cls(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            step,
            alpha=alpha,
            weight_bits=variant.weight_bits,
            activation_bits=variant.activation_bits,
            rank=variant.rank,
        )
        out.weight = layer.weight.detach().float()
        rank = out.a.shape[1]
        kind = lowrank_of(variant, "reference")
        if rank and kind == "weight":
            out.a, out.b = low_rank_factors(out.weight, rank)
            out.weight = out.weight - corrected_weight(torch.zeros_like(out.weight), out.a, out.b)
        out.absmax = absmax.float().to(out.weight.device)
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        if rank and kind == "error":
            mean = torch.zeros_like(out.weight)
            for index in range(len(absmax)):
                codes, scale, factor = out.quantized_weight(index)
                mean += dequantize(codes, scale) / factor
            out.a, out.b = low_rank_factors(quantization_error(out.weight, mean / len(absmax)), rank)
        return out

    def quantized_weight(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Codes int8 (out, in), their scale (out, 1) and the smoothing factors (in,) of calibrated step ``index``."""
        factor = smoothing_factor(self.absmax[index], weight_absmax(self.weight), self.alpha)
        smoothed = smooth_weight(self.weight, factor)
        scale = weight_scale(smoothed, self.weight_bits)
        return quantize(smoothed, scale, self.weight_bits), scale, factor

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in) by the weight as quantized for the current step: (..., out)."""
        index = self._step[0].index
        codes, scale, factor = self.quantized_weight(index)
        x_scale = symmetric_scale(self.absmax[index] / factor, self.activation_bits)
        x_hat = dequantize(quantize(smooth_activation(x, factor), x_scale, self.activation_bits), x_scale)
        out = F.linear(x_hat, dequantize(codes, scale), self.bias)
        if self.a.shape[1]:
            # Equation (9) with the branch applied factor by factor: x (W_hat + A B^T)^T = x W_hat^T + (x B) A^T.
            out = out + (x_hat * factor) @ self.b.to(x.dtype) @ self.a.to(x.dtype).mT
        return out


def _alpha(site: Site) -> float:
    if site.alpha is None:
        raise VariantError(SEARCHED)
    return site.alpha


def _empty_dynamic(site: Site) -> DynamicLinear:
    variant = site.variant
    return DynamicLinear(
        *site.shape,
        site.step,
        alpha=_alpha(site),
        weight_bits=variant.weight_bits,
        activation_bits=variant.activation_bits,
        rank=variant.rank,
    )


STATIC = Scheme(
    lambda site, absmax, samples: StaticLinear.of(site.layer, absmax, _alpha(site), site.variant, samples),
    lambda site: StaticLinear(*site.shape, site.variant.activation_bits),
)
DYNAMIC = Scheme(
    lambda site, absmax, _: DynamicLinear.of(site.layer, absmax, site.step, _alpha(site), site.variant), _empty_dynamic
)
