"""Calibrating: sampling prompts in full precision, and the ranges of what the quantized layers get on the way.

How much the outputs of branches change from step to step is recorded too, for variants that take outputs again.

Memory is O(layers x steps x channels), and that of the second moments of activations, of which only some samples are
kept. Prompts are sampled in batches, and after each batch the file is written again, so that a stopped calibration goes
on with the next.

A large model, :data:`LARGE`, would take hours: it is sampled in :data:`STEPS` steps, its products are in bfloat16 where
the processor has that, and it ends when its ranges have settled (:data:`SETTLED`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.reference import linear_layers
from quant.errors import CalibrationError, NumberError
from quant.method.calibration import Calibration, read_calibration, write_calibration
from quant.method.samples import Samples, merged
from quant.method.timesteps import sigma_of
from quant.model.loading import AudioModel
from quant.model.memory import give_back, let_go
from quant.rendering.changes import Changes, joined
from quant.rendering.sampling import Sampling, sample_batch

BATCH = 5
"""Prompts sampled together."""

LARGE = 100_000_000
"""Weights in the quantized layers from which time is saved. The embedded model has fewer."""

STEPS = 25
"""Denoising steps of a large model's calibration, at most: a step of rendering has the ranges of the nearest."""

SETTLED, FEWEST = 0.01, 10
"""A large model's calibration ends when its last :data:`BATCH` prompts, the tenth or a later one the last of them, have
made no layer's range grow by more than this share: the mean of equation (1) over steps and channels."""


class _Ranges:
    """Forward hooks that widen a calibration's ranges by the inputs of one sampling run, and draw samples of these."""

    def __init__(self, dit: nn.Module, objective: str, seed: int, precision: str, samples: dict[str, Samples]) -> None:
        self.dit, self.objective, self.generator = dit, objective, torch.Generator().manual_seed(seed)
        self._narrow = precision == "bfloat16"
        self._products = torch.autocast("cpu", torch.bfloat16, enabled=self._narrow)
        self._wide: dict[nn.Module, Tensor] = {}
        self.sigmas: list[float] = []
        self.low: dict[str, list[Tensor]] = {}
        self.high: dict[str, list[Tensor]] = {}
        # Of all runs, not of this one alone: second moments take too much memory to be there twice.
        self.samples = samples
        self.changes = Changes(dit)

    def __enter__(self) -> _Ranges:
        self._forget()
        self._narrow_weights()
        self._products.__enter__()
        self._hooks = [self.dit.register_forward_pre_hook(self._step)]
        for name, layer in linear_layers(self.dit).items():
            self._hooks.append(layer.register_forward_pre_hook(self._observe(name)))
        self.changes.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._products.__exit__(*raised)
        for hook in self._hooks:
            hook.remove()
        self.changes.__exit__()
        for layer, weight in self._wide.items():
            layer.weight.data = weight
        self._forget()

    def _narrow_weights(self) -> None:
        # Once, not at each use; what is mapped from the weight file may leave memory until the end.
        for layer in linear_layers(self.dit).values() if self._narrow else ():
            wide = layer.weight.data
            self._wide[layer], layer.weight.data = wide, wide.bfloat16()
            let_go([wide])

    def _forget(self) -> None:
        # Keys and values of a prompt seen before would not be computed again, and so not observed, or be in bfloat16.
        self.dit.transformer.current_context.reset()  # type: ignore[union-attr, operator]

    def _step(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        sigma = float(sigma_of(inputs[1].flatten()[:1].cpu(), self.objective))
        # A sampler of second or fourth order calls the network more than once at a noise level: one row for all.
        if sigma not in self.sigmas:
            self.sigmas.append(sigma)
        self._row = self.sigmas.index(sigma)
        self.changes.set(self._row)
        if self._narrow:
            give_back()  # the heap of a large model's step, two gigabytes that would stay

    def _observe(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            x = inputs[0].flatten(0, -2)
            low, high = x.amin(0).float(), x.amax(0).float()  # torch.aminmax takes ten times as long
            held = self.samples.get(name)
            drawn = Samples.drawn(x, self._row, self.generator, held.least if held else 0.0)
            self.samples[name] = merged([held, drawn]) if held else drawn
            lows, highs = self.low.setdefault(name, []), self.high.setdefault(name, [])
            if self._row >= len(lows):
                lows.append(low)
                highs.append(high)
            else:
                lows[self._row] = torch.minimum(lows[self._row], low)
                highs[self._row] = torch.maximum(highs[self._row], high)

        return hook

    def check(self, prompts: Sequence[str]) -> None:
        """Refuse ranges that are not finite: what is wrong in a token that is cut off never reaches an answer."""
        for name in self.low:
            for row, (low, high) in enumerate(zip(self.low[name], self.high[name], strict=True), start=1):
                if not bool((low.isfinite() & high.isfinite()).all()):
                    raise NumberError(
                        f"one of {', '.join(map(repr, prompts))}: NaN or infinity at step {row} of {len(self.sigmas)}, "
                        f"in what goes into {name}; check the model's weights"
                    )


# A layer that was called once, to_kv of cross-attention, does not see the step: its one row stands for all.
def _merge(
    into: Calibration | None, seen: _Ranges, model: AudioModel, settings: Sampling, precision: str
) -> Calibration:
    steps = len(seen.sigmas)
    low = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.low.items()}
    high = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.high.items()}
    if into is None:
        sigmas = torch.tensor(seen.sigmas, dtype=torch.float64)
        known = Calibration(model.sha256, asdict(settings), sigmas, low, high, config_sha256=model.config_sha256)
        return replace(known, samples=seen.samples, precision=precision)
    growth = 0.0
    for name in low:
        before = float(into.absmax(name).mean())
        into.low[name] = torch.minimum(into.low[name], low[name])
        into.high[name] = torch.maximum(into.high[name], high[name])
        after = float(into.absmax(name).mean())
        growth = max(growth, after / before - 1 if before else math.inf if after else 0.0)
    into.growth = growth
    return into


def is_large(model: AudioModel) -> bool:
    """Whether a model's calibration saves time, as said at the head of this module.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> is_large(load_model("mini"))
    False
    """
    return sum(layer.weight.numel() for layer in linear_layers(model.dit).values()) >= LARGE


def _precision(model: AudioModel) -> str:
    able = torch.cpu.get_capabilities()
    on_cpu = next(model.dit.parameters()).device.type == "cpu"
    return "bfloat16" if on_cpu and any(able.get(one) for one in ("avx512_bf16", "amx_bf16", "bf16")) else "float32"


def calibrate(
    model: AudioModel,
    prompts: Sequence[str],
    settings: Sampling,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Calibration:
    """Sample every prompt in full precision and record the ranges, going on from ``path`` if it fits.

    Of a large model time is saved, as said at the head of this module, and ``prompts`` are an upper bound. A
    calibration of every step in float32 that is there already serves it too.

    Parameters
    ----------
    progress
        Called with (denoising steps done, of how many).

    Raises
    ------
    CalibrationError
        If ``path`` holds something else than a calibration, or the model computes NaN or infinity: for which prompt,
        at which step and from which layer.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> settings = Sampling(steps=3, seconds=1.0)
    >>> calibrate(load_model("mini"), ["rain"], settings, Path("calibration.safetensors")).sigmas.shape
    torch.Size([3])
    """
    found = read_calibration(path) if path.exists() else None
    prompts, whole, precision, large = list(prompts), _plain(settings), "float32", is_large(model)
    if large:
        settings, precision = replace(settings, steps=min(settings.steps, STEPS)), _precision(model)
    ended = found is not None and (found.settled or found.done == len(prompts))
    fits = (
        found is not None
        and (found.model_sha256, found.config_sha256) == (model.sha256, model.config_sha256)
        and (found.sampling == _plain(settings) or (ended and found.sampling == whole))
        # What has ended serves whatever processor made it; two precisions are not mixed.
        and (ended or found.precision == precision)
        and found.prompts == prompts[: found.done]
        # Always the same batches, whatever was calibrated before: a last one that was smaller would now be whole.
        and (found.done % BATCH == 0 or found.done == len(prompts))
    )
    calibration = found if fits else None
    if calibration is not None and ended:
        return calibration
    start = calibration.done if calibration else 0
    for first in range(start, len(prompts), BATCH):
        batch = prompts[first : first + BATCH]

        def advance(step: int, total: int, first: int = first, size: int = len(batch)) -> None:
            progress(first * total + step * size, len(prompts) * total)

        try:
            samples = calibration.samples if calibration else {}
            with _Ranges(model.dit, model.objective, first, precision, samples) as seen:
                sample_batch(model, batch, range(first, first + len(batch)), settings, advance)
            seen.check(batch)
            changes = seen.changes.tables(len(seen.sigmas))
        except NumberError as error:
            raise CalibrationError(f"calibrating in full precision: {error}") from error
        calibration = _merge(calibration, seen, model, settings, precision)
        calibration.changes = joined(calibration.changes, first, changes, len(batch))
        calibration.done = first + len(batch)
        calibration.settled = large and settled(calibration)
        calibration.prompts = prompts[: calibration.done]
        write_calibration(path, calibration)
        if calibration.settled:
            break
    if calibration is None:
        raise CalibrationError("calibration needs at least one prompt")
    return read_calibration(path)  # of which only what is used takes memory


def settled(calibration: Calibration) -> bool:
    """Whether the last prompts, a whole batch, have hardly widened any layer's range (:data:`SETTLED`).

    Examples
    --------
    >>> settled(Calibration("sha", {}, torch.ones(1), {}, {}, done=10, growth=0.008))
    True
    """
    whole = calibration.done >= FEWEST and calibration.done % BATCH == 0
    return whole and calibration.growth is not None and calibration.growth <= SETTLED


def _plain(settings: Sampling) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings)))
