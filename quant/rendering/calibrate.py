"""Calibrating: sampling prompts in full precision, and the ranges of what the quantized layers get on the way.

How much the outputs of branches change from step to step is recorded too, for variants that take outputs again.

Memory is O(layers x steps x channels); of activations only some samples are kept. Prompts are sampled in batches, and
after each batch the file is written again, so that a stopped calibration goes on with the next.
"""

from __future__ import annotations

import json
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
from quant.rendering.changes import Changes, joined
from quant.rendering.sampling import Sampling, sample_batch

BATCH = 5
"""Prompts sampled together."""


class _Ranges:
    """Forward hooks that widen a calibration's ranges by the inputs of one sampling run, and draw samples of these."""

    def __init__(self, dit: nn.Module, objective: str, seed: int) -> None:
        self.dit, self.objective, self.generator = dit, objective, torch.Generator().manual_seed(seed)
        self.sigmas: list[float] = []
        self.low: dict[str, list[Tensor]] = {}
        self.high: dict[str, list[Tensor]] = {}
        self.samples: dict[str, Samples] = {}
        self.changes = Changes(dit)

    def __enter__(self) -> _Ranges:
        # Keys and values of a prompt seen before would not be computed again, and so not observed.
        self.dit.transformer.current_context.reset()  # type: ignore[union-attr, operator]
        self._hooks = [self.dit.register_forward_pre_hook(self._step)]
        for name, layer in linear_layers(self.dit).items():
            self._hooks.append(layer.register_forward_pre_hook(self._observe(name)))
        self.changes.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self.changes.__exit__()

    def _step(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        sigma = float(sigma_of(inputs[1].flatten()[:1].cpu(), self.objective))
        # A sampler of second or fourth order calls the network more than once at a noise level: one row for all.
        if sigma not in self.sigmas:
            self.sigmas.append(sigma)
        self._row = self.sigmas.index(sigma)
        self.changes.set(self._row)

    def _observe(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            x = inputs[0].flatten(0, -2).float()
            low, high = torch.aminmax(x, dim=0)
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
def _merge(into: Calibration | None, seen: _Ranges, model: AudioModel, settings: Sampling) -> Calibration:
    steps = len(seen.sigmas)
    low = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.low.items()}
    high = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.high.items()}
    if into is None:
        sigmas = torch.tensor(seen.sigmas, dtype=torch.float64)
        known = Calibration(model.sha256, asdict(settings), sigmas, low, high, config_sha256=model.config_sha256)
        return replace(known, samples=seen.samples)
    for name in low:
        into.low[name] = torch.minimum(into.low[name], low[name])
        into.high[name] = torch.maximum(into.high[name], high[name])
        into.samples[name] = merged([into.samples[name], seen.samples[name]])
    return into


def calibrate(
    model: AudioModel,
    prompts: Sequence[str],
    settings: Sampling,
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Calibration:
    """Sample every prompt in full precision and record the ranges, going on from ``path`` if it fits.

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
    prompts = list(prompts)
    fits = (
        found is not None
        and (found.model_sha256, found.config_sha256) == (model.sha256, model.config_sha256)
        and found.sampling == _plain(settings)
        and found.prompts == prompts[: found.done]
        # Always the same batches, whatever was calibrated before: a last one that was smaller would now be whole.
        and (found.done % BATCH == 0 or found.done == len(prompts))
    )
    calibration = found if fits else None
    start = calibration.done if calibration else 0
    for first in range(start, len(prompts), BATCH):
        batch = prompts[first : first + BATCH]

        def advance(step: int, total: int, first: int = first, size: int = len(batch)) -> None:
            progress(first * total + step * size, len(prompts) * total)

        try:
            with _Ranges(model.dit, model.objective, first) as seen:
                sample_batch(model, batch, range(first, first + len(batch)), settings, advance)
            seen.check(batch)
            changes = seen.changes.tables(len(seen.sigmas))
        except NumberError as error:
            raise CalibrationError(f"calibrating in full precision: {error}") from error
        calibration = _merge(calibration, seen, model, settings)
        calibration.changes = joined(calibration.changes, first, changes, len(batch))
        calibration.done = first + len(batch)
        calibration.prompts = prompts[: calibration.done]
        write_calibration(path, calibration)
    if calibration is None:
        raise CalibrationError("calibration needs at least one prompt")
    return calibration


def _plain(settings: Sampling) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings)))
