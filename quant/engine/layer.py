"""Layers in the place of a DiT's linear ones: what all kinds share, where they go, and how an engine makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quant.method.primitives import narrowed
from quant.method.samples import Samples
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant


class QuantizedLinear(nn.Module):
    """Takes the place of an ``nn.Linear``; its ``bias`` (out,) is in float32.

    Examples
    --------
    >>> isinstance(KeptLinear(2, 3, bias=False), QuantizedLinear)
    True
    """

    bias: Tensor | None

    def mapped(self) -> list[Tensor]:
        """What may lie in a file, and need not be in memory while no step is computed."""
        return []

    def release_codes(self) -> None:
        """Let go of what is only needed to save the layer, after which it cannot be saved; most have nothing such."""

    def ready_bytes(self) -> int:
        """Bytes it takes ready to compute."""
        return sum(value.nbytes for value in self.buffers())


class KeptLinear(QuantizedLinear):
    """A layer that is not quantized: its weight (out, in) :func:`narrowed` to fp16, its arithmetic that of its input.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> KeptLinear.of(layer).ready_bytes(), layer.weight.nbytes
    (4, 8)
    """

    weight: Tensor

    def __init__(self, in_features: int, out_features: int, bias: bool) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(out_features, in_features, dtype=torch.float16))
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)

    @classmethod
    def of(cls, layer: nn.Linear) -> KeptLinear:
        """Keep ``layer`` in 16 bits."""
        out = cls(layer.in_features, layer.out_features, layer.bias is not None)
        out.weight = narrowed(layer.weight.detach())
        out.bias = None if layer.bias is None else layer.bias.detach().float()
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (..., in): (..., out)."""
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


@dataclass(frozen=True)
class Site:
    """A linear layer of a DiT, by its ``name``, and how it is to be quantized; ``alpha`` None is searched for it.

    Examples
    --------
    >>> dit = nn.Sequential(nn.Linear(2, 3))
    >>> step = CurrentStep(torch.zeros(1), "v")
    >>> Site(dit, "0", step, Variant("mine", "dynamic"), alpha=0.5).shape
    (2, 3, True)
    """

    dit: Any
    name: str
    step: CurrentStep
    variant: Variant
    alpha: float | None

    @property
    def layer(self) -> nn.Linear:
        """The layer in full precision."""
        found: nn.Linear = self.dit.get_submodule(self.name)
        return found

    @property
    def shape(self) -> tuple[int, int, bool]:
        """Inputs, outputs, and whether there is a bias."""
        return self.layer.in_features, self.layer.out_features, self.layer.bias is not None

    @property
    def sees_step(self) -> bool:
        """Whether its input changes with the denoising step; keys and values of the prompt do not."""
        return not self.name.endswith("cross_attn.to_kv")


@dataclass(frozen=True)
class Scheme:
    """How an engine makes the layers of one scheme: static or dynamic.

    ``quantized`` makes one of a site, the calibrated table (steps, in) of its largest inputs, and samples of these, or
    None where none were kept; ``empty`` makes one without values, to be filled from a checkpoint.

    Examples
    --------
    >>> kept = Scheme(lambda site, absmax, samples: KeptLinear.of(site.layer), lambda site: KeptLinear(*site.shape))
    >>> site = Site(nn.Sequential(nn.Linear(2, 3)), "0", CurrentStep(torch.zeros(1), "v"), Variant("mine"), 0.5)
    >>> kept.quantized(site, torch.ones(1, 2), None).weight.shape
    torch.Size([3, 2])
    """

    quantized: Callable[[Site, Tensor, Samples | None], QuantizedLinear]
    empty: Callable[[Site], QuantizedLinear]
