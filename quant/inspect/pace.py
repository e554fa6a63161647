"""Pace: how long a denoising step takes on this machine, from a few blocks of the model in a real sampling run.

Nothing is quantized for it: codes are random numbers, which multiply as fast as any others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from quant.engine.block import compute_in_
from quant.engine.convert import finish_, kept_layers, put_shells
from quant.engine.layer import QuantizedLinear
from quant.engine.reference import linear_layers
from quant.inspect.sensitivity import layer_block, layer_kind
from quant.method.variants import Variant
from quant.model.loading import AudioModel, shared_copy
from quant.rendering.sampling import Sampling, sample

COPIES, ROUNDS, STEPS = 2, 4, 4
"""Blocks of a kind that are timed, rounds in which all variants take turns, and steps of each, the first left out."""

PROMPT = "a dog barks twice, and it rains on a tin roof"


class Rows(NamedTuple):
    """Rows of inputs that a layer multiplies: in each step, and in the first, in which the prompt is new.

    Examples
    --------
    >>> Rows(0, 27).a_step  # keys and values of a prompt are computed once
    0
    """

    a_step: int
    first: int


@dataclass(frozen=True)
class Pace:
    """Seconds a step: the median of some steps, their least and their most.

    ``rows``, of full precision only: how many rows of inputs each kind of linear layer multiplies.

    Examples
    --------
    >>> Pace(0.2, 0.1, 0.4).middle
    0.2
    """

    middle: float
    low: float
    high: float
    rows: dict[str, Rows] = field(default_factory=dict)


def kinds_of_block(dit: Any, kept: Sequence[str] = ()) -> list[list[int]]:
    """Numbers of the blocks of each kind: those with the same tensors, and the same layers in ``kept``.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> kinds_of_block(load_model("mini").dit, ["transformer.layers.1.ff.ff.2"])
    [[0, 2, 3, 4, 5], [1]]
    """
    kinds: dict[tuple[object, ...], list[int]] = {}
    for number, block in enumerate(dit.transformer.layers):
        shapes = tuple((name, tuple(value.shape)) for name, value in block.state_dict().items())
        mine = tuple(layer_kind(name) for name in sorted(kept) if layer_block(name) == number)
        kinds.setdefault((shapes, mine), []).append(number)
    return list(kinds.values())


@torch.no_grad()
def paces(
    model: AudioModel,
    settings: Sampling,
    variants: Sequence[Variant],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Pace]:
    """Estimate the time of a step of ``model``, which stays as it is, with each of some variants, by name.

    At most two blocks of each kind are sampled with, and their time is multiplied by how many there are. The variants
    take turns, so that a busy moment of the machine meets all.

    Parameters
    ----------
    settings
        Sampler, guidance and length; the steps are the estimate's own.
    variants
        One with groups of timesteps is timed within a group; int4 codes are unpacked when they are loaded, so that
        they take the time of int8 ones. One that takes outputs again is timed as if it computed all of them.
    progress
        Called with (sampling runs done, of how many).

    Raises
    ------
    VariantError
        If ``keep`` of one names no layer.

    Examples
    --------
    >>> from quant.method.variants import VARIANTS
    >>> from quant.model.loading import load_model
    >>> found = paces(load_model("mini"), Sampling(seconds=1.0), [VARIANTS["baseline"]])["baseline"]
    >>> found.low <= found.middle <= found.high, found.rows["self_attn.to_out"]
    (True, Rows(a_step=14, first=14))
    """
    alike = {variant.name: replace(variant, name="", weight_bits=8, groups=1, cache=0.0) for variant in variants}
    watches = {variant: _short(model, variant) for variant in dict.fromkeys(alike.values())}
    total = ROUNDS * len(watches)
    for done in range(total):
        list(watches.values())[done % len(watches)].run(replace(settings, steps=STEPS))
        progress(done + 1, total)
    return {name: watches[variant].pace() for name, variant in alike.items()}


def _short(model: AudioModel, variant: Variant) -> _Stopwatch:
    """Copy a model with a few of its blocks, which share its tensors, and quantize them if the variant does."""
    kept = sorted(kept_layers(linear_layers(model.dit), variant.keep))
    kinds = kinds_of_block(model.dit, kept)
    chosen = [number for kind in kinds for number in kind[:COPIES]]
    few = replace(model, wrapper=shared_copy(model.wrapper))
    transformer: Any = few.dit.transformer
    transformer.layers = nn.ModuleList(transformer.layers[number] for number in chosen)
    if variant.scheme is not None:
        new = {number: f"transformer.layers.{place}" for place, number in enumerate(chosen)}
        mine = [f"{new[layer_block(name)]}.{layer_kind(name)}" for name in kept if layer_block(name) in new]
        one_group = torch.zeros(1, dtype=torch.int64)
        for shell in put_shells(few.wrapper, replace(variant, keep=tuple(mine)), "integer", 0.5, one_group).values():
            _fill(shell, next(model.dit.parameters()).device)
        finish_(few.dit, "integer")
        # As a study's clips are rendered.
        compute_in_(few.dit, torch.float32)
    return _Stopwatch(few, [len(kind) / len(kind[:COPIES]) for kind in kinds for _ in kind[:COPIES]])


def _fill(layer: QuantizedLinear, device: torch.device) -> None:
    """Give a quantized layer random codes, and have them packed."""
    generator = torch.Generator().manual_seed(0)
    layer.to_empty(device="cpu")  # it is a shell, which holds nothing yet
    for name, value in layer.named_buffers():
        if value.dtype == torch.int8:
            value.random_(-127, 128, generator=generator)
        elif value.dtype == torch.uint8:
            value.random_(1, 19, generator=generator)  # also what group scales may be
        elif name in ("a", "b", "weight"):
            value.normal_(0, 0.02, generator=generator)
        else:
            value.fill_({"scale": 1e-4, "smoothing": 1, "activation_scale": 1}.get(name, 0))
    layer.to(device)
    layer.release_codes()


class _Stopwatch:
    """Samples with a few blocks, each of which stands for a number of them, and times every step."""

    def __init__(self, few: AudioModel, weights: Sequence[float]) -> None:
        self.few, self.device = few, next(few.dit.parameters()).device
        self.counting: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.later: dict[str, int] = {}
        self.seconds: list[float] = []
        self.elsewhere = self.began = self.start = 0.0
        transformer: Any = few.dit.transformer
        for block, weight in zip(transformer.layers, weights, strict=True):
            block.register_forward_pre_hook(self._begin)
            block.register_forward_hook(partial(self._end, weight - 1))
        for name, layer in linear_layers(few.dit).items():
            layer.register_forward_pre_hook(partial(self._count, layer_kind(name)))

    def run(self, settings: Sampling) -> None:
        """Sample once; the first step is not counted."""
        self.counting = {}
        self.elsewhere, self.start = 0.0, self._now()
        sample(self.few, PROMPT, 0, settings, self._step)

    def pace(self) -> Pace:
        """Say what was found."""
        rows = {kind: Rows(self.later.get(kind, 0), count) for kind, count in self.first.items()}
        return Pace(median(self.seconds), min(self.seconds), max(self.seconds), rows)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _begin(self, *_: object) -> None:
        self.began = self._now()

    def _end(self, others: float, *_: object) -> None:
        self.elsewhere += others * (self._now() - self.began)

    def _count(self, kind: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.counting[kind] = inputs[0].numel() // inputs[0].shape[-1]

    def _step(self, done: int, _: int) -> None:
        if done > 1:
            self.seconds.append(self._now() - self.start + self.elsewhere)
        if done == 1:
            # In a later run keys and values of the prompt are there.
            self.first = self.first or self.counting
        self.later = self.counting
        self.counting, self.elsewhere, self.start = {}, 0.0, self._now()
