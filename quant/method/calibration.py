"""Calibration: the running range of every quantized layer's input, per denoising step and channel.

Memory is O(layers x steps x channels); activations are never kept. Prompts are sampled in batches, and after each
batch the file is written again, so that a stopped calibration goes on with the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from quant.engine.reference import linear_layers
from quant.errors import CalibrationError
from quant.files import save_tensors
from quant.method.timesteps import sigma_of
from quant.model.loading import AudioModel, file_sha256
from quant.rendering.sampling import Sampling, sample_batch

FORMAT = 1

BATCH = 5
"""Prompts sampled together."""


@dataclass
class Calibration:
    """Running minima and maxima of the inputs of the quantized layers.

    ``low`` and ``high`` map a layer's name to float32 (steps, channels); ``sigmas`` is float64 (steps,), the noise
    levels from first to last. ``done`` counts the prompts seen.
    """

    model_sha256: str
    sampling: dict[str, Any]
    sigmas: Tensor
    low: dict[str, Tensor]
    high: dict[str, Tensor]
    done: int = 0
    prompts: list[str] = field(default_factory=list)

    def absmax(self, layer: str) -> Tensor:
        """Equation (1) over all calibration prompts: (steps, channels)."""
        return torch.maximum(self.high[layer].abs(), self.low[layer].abs())


class _Ranges:
    """Forward hooks that widen a calibration's ranges by the inputs of one sampling run."""

    def __init__(self, dit: nn.Module, objective: str) -> None:
        self.dit, self.objective = dit, objective
        self.sigmas: list[float] = []
        self.low: dict[str, list[Tensor]] = {}
        self.high: dict[str, list[Tensor]] = {}

    def __enter__(self) -> _Ranges:
        # Keys and values of a prompt seen before would not be computed again, and so not observed.
        self.dit.transformer.current_context.reset()  # type: ignore[union-attr, operator]
        self._hooks = [self.dit.register_forward_pre_hook(self._step)]
        for name, layer in linear_layers(self.dit).items():
            self._hooks.append(layer.register_forward_pre_hook(self._observe(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _step(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        sigma = float(sigma_of(inputs[1].flatten()[:1].cpu(), self.objective))
        # A sampler of second or fourth order calls the network more than once at a noise level: one row for all.
        if sigma not in self.sigmas:
            self.sigmas.append(sigma)
        self._row = self.sigmas.index(sigma)

    def _observe(self, name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            low, high = torch.aminmax(inputs[0].flatten(0, -2).float(), dim=0)
            if not (low.isfinite().all() and high.isfinite().all()):
                raise CalibrationError(
                    f"{name}: its input holds NaN or infinity at step {self._row + 1} "
                    f"(sigma {self.sigmas[self._row]:.4g}) in full precision; check the model's weights"
                )
            lows, highs = self.low.setdefault(name, []), self.high.setdefault(name, [])
            if self._row >= len(lows):
                lows.append(low)
                highs.append(high)
            else:
                lows[self._row] = torch.minimum(lows[self._row], low)
                highs[self._row] = torch.maximum(highs[self._row], high)

        return hook


# A layer that was called once, to_kv of cross-attention, does not see the step: its one row stands for all.
def _merge(into: Calibration | None, seen: _Ranges, model: AudioModel, settings: Sampling) -> Calibration:
    steps = len(seen.sigmas)
    low = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.low.items()}
    high = {name: torch.stack(rows).cpu().expand(steps, -1).clone() for name, rows in seen.high.items()}
    if into is None:
        return Calibration(model.sha256, asdict(settings), torch.tensor(seen.sigmas, dtype=torch.float64), low, high)
    for name in low:
        into.low[name] = torch.minimum(into.low[name], low[name])
        into.high[name] = torch.maximum(into.high[name], high[name])
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
        If ``path`` holds something else than a calibration.
    """
    found = read_calibration(path) if path.exists() else None
    prompts = list(prompts)
    fits = (
        found is not None
        and found.model_sha256 == model.sha256
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

        with _Ranges(model.dit, model.objective) as seen:
            sample_batch(model, batch, range(first, first + len(batch)), settings, advance)
        calibration = _merge(calibration, seen, model, settings)
        calibration.done = first + len(batch)
        calibration.prompts = prompts[: calibration.done]
        write_calibration(path, calibration)
    if calibration is None:
        raise CalibrationError("calibration needs at least one prompt")
    return calibration


def _plain(settings: Sampling) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(settings)))


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as safetensors with a JSON header, atomically."""
    tensors = {"sigmas": calibration.sigmas}
    for name in calibration.low:
        tensors[f"low.{name}"], tensors[f"high.{name}"] = calibration.low[name], calibration.high[name]
    header = {
        "format": FORMAT,
        "kind": "calibration",
        "model_sha256": calibration.model_sha256,
        "sampling": calibration.sampling,
        "done": calibration.done,
        "prompts": calibration.prompts,
    }
    save_tensors(path, tensors, header)


def read_calibration(path: Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises
    ------
    CalibrationError
        If the file is missing, damaged, or not a calibration of this version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("earmark", "{}"))
            if header.get("kind") != "calibration" or header.get("format") != FORMAT:
                raise CalibrationError(
                    f"{path}: not a calibration of format {FORMAT}; remove it and run earmark calibrate"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return Calibration(
            header["model_sha256"],
            header["sampling"],
            tensors.pop("sigmas"),
            {k[4:]: v for k, v in tensors.items() if k.startswith("low.")},
            {k[5:]: v for k, v in tensors.items() if k.startswith("high.")},
            header["done"],
            header["prompts"],
        )
    except FileNotFoundError as error:
        raise CalibrationError(f"{path}: no such file; run earmark calibrate first") from error
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CalibrationError(f"{path}: damaged calibration ({error}); remove it and run earmark calibrate") from error


def calibration_sha256(path: Path) -> str:
    """Sha256 of a calibration file, for a checkpoint's header."""
    return file_sha256(path)
