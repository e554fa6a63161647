"""Calibration: the range of every quantized layer's input, per denoising step and channel, samples, and its file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from quant.errors import CalibrationError
from quant.files import file_sha256, save_tensors
from quant.method.samples import Samples

FORMAT = 3
PARTS = ("rows", "steps", "keys", "moments")
"""Of :class:`Samples`, as the file names them."""


@dataclass
class Calibration:
    """Running minima and maxima of the inputs of the quantized layers.

    ``low`` and ``high`` map a layer's name to float32 (steps, channels); ``sigmas`` is float64 (steps,), the noise
    levels from first to last. ``done`` counts the prompts seen. ``config_sha256`` is of the model's configuration, and
    empty if that is not known. ``samples`` holds some of each layer's inputs, and their second moments; without them
    nothing can be chosen by the error it makes. ``changes`` maps a kind of branch to float32 (blocks, lags, steps), how
    much its output differs from that of so many steps before (:mod:`quant.engine.caching`). ``precision`` is that of
    the products, ``float32`` or ``bfloat16``; ``growth`` how much the layer's range that grew most did by the last
    batch, and ``settled`` whether that ended the calibration.

    Examples
    --------
    >>> calibration = Calibration("sha", {}, torch.tensor([8.0, 1.0]), {"layer": torch.tensor([[-3.0], [-1.0]])},
    ...                           {"layer": torch.tensor([[2.0], [1.0]])}, done=5)
    >>> calibration.absmax("layer").tolist()
    [[3.0], [1.0]]
    """

    model_sha256: str
    sampling: dict[str, Any]
    sigmas: Tensor
    low: dict[str, Tensor]
    high: dict[str, Tensor]
    done: int = 0
    prompts: list[str] = field(default_factory=list)
    config_sha256: str = ""
    samples: dict[str, Samples] = field(default_factory=dict)
    changes: dict[str, Tensor] = field(default_factory=dict)
    precision: str = "float32"
    growth: float | None = None
    settled: bool = False

    def absmax(self, layer: str) -> Tensor:
        """Equation (1) over all calibration prompts: (steps, channels)."""
        return torch.maximum(self.high[layer].abs(), self.low[layer].abs())

    def tensors(self, layer: str) -> list[Tensor]:
        """All that it holds of one layer."""
        drawn = self.samples.get(layer)
        parts = [getattr(drawn, part) for part in PARTS] if drawn else []
        return [self.low[layer], self.high[layer], *(part for part in parts if part is not None)]


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as safetensors with a JSON header, atomically.

    Examples
    --------
    >>> calibration = Calibration("sha", {}, torch.tensor([8.0, 1.0]), {"layer": torch.tensor([[-3.0], [-1.0]])},
    ...                           {"layer": torch.tensor([[2.0], [1.0]])}, done=5)
    >>> write_calibration(Path("calibration.safetensors"), calibration)
    >>> read_calibration(Path("calibration.safetensors")).done
    5
    """
    tensors = {"sigmas": calibration.sigmas}
    for name in calibration.low:
        tensors[f"low.{name}"], tensors[f"high.{name}"] = calibration.low[name], calibration.high[name]
    for name, drawn in calibration.samples.items():
        parts = {f"{part}.{name}": getattr(drawn, part) for part in PARTS}
        tensors |= {key: value for key, value in parts.items() if value is not None}
    tensors |= {f"change.{kind}": value for kind, value in calibration.changes.items()}
    header = {
        "format": FORMAT,
        "kind": "calibration",
        "model_sha256": calibration.model_sha256,
        "config_sha256": calibration.config_sha256,
        "sampling": calibration.sampling,
        "done": calibration.done,
        "prompts": calibration.prompts,
        "precision": calibration.precision,
        "growth": calibration.growth,
        "settled": calibration.settled,
    }
    save_tensors(path, tensors, header)


def read_calibration(path: Path) -> Calibration:
    """Read what :func:`write_calibration` wrote.

    Raises
    ------
    CalibrationError
        If the file is missing, damaged, or not a calibration of this version.

    Examples
    --------
    >>> calibration = Calibration("sha", {}, torch.tensor([8.0, 1.0]), {"layer": torch.tensor([[-3.0], [-1.0]])},
    ...                           {"layer": torch.tensor([[2.0], [1.0]])}, done=5)
    >>> write_calibration(Path("calibration.safetensors"), calibration)
    >>> read_calibration(Path("calibration.safetensors")).sigmas.tolist()
    [8.0, 1.0]
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("earmark", "{}"))
            if header.get("kind") != "calibration" or header.get("format") != FORMAT:
                raise CalibrationError(
                    f"{path}: not a calibration of format {FORMAT}; remove it and run earmark calibrate"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        named = {part: _of_layers(tensors, part) for part in ("low", "high", *PARTS)}
        return Calibration(
            header["model_sha256"],
            header["sampling"],
            tensors["sigmas"],
            named["low"],
            named["high"],
            header["done"],
            header["prompts"],
            header.get("config_sha256", ""),
            {
                layer: Samples(rows, named["steps"][layer], named["keys"][layer], named["moments"].get(layer))
                for layer, rows in named["rows"].items()
            },
            _of_layers(tensors, "change"),
            precision=header.get("precision", "float32"),
            growth=header.get("growth"),
            settled=header.get("settled", False),
        )
    except FileNotFoundError as error:
        raise CalibrationError(f"{path}: no such file; run earmark calibrate first") from error
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CalibrationError(f"{path}: damaged calibration ({error}); remove it and run earmark calibrate") from error


def _of_layers(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}."): value for key, value in tensors.items() if key.startswith(f"{part}.")}


def calibration_sha256(path: Path) -> str:
    """Sha256 of a calibration file, for a checkpoint's header.

    Examples
    --------
    >>> written = Path("empty").write_bytes(b"")
    >>> calibration_sha256(Path("empty"))[:16]
    'e3b0c44298fc1c14'
    """
    return file_sha256(path)
