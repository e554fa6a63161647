"""A quantized model in one safetensors file that loads without the original weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from quant.convert import STEP_NAME, add_step, replace
from quant.errors import CheckpointError
from quant.files import save_tensors
from quant.linear import DynamicLinear, StaticLinear, linear_layers
from quant.models import AudioModel, build
from quant.timesteps import CurrentStep
from quant.variants import Variant

FORMAT = 1


def save_checkpoint(
    path: Path, model: AudioModel, variant: Variant, *, alpha: float, calibration_sha256: str, made_by: str
) -> None:
    """Write a model that :func:`quant.convert.quantize_` converted, atomically."""
    header = {
        "format": FORMAT,
        "kind": "checkpoint",
        "variant": asdict(variant),
        "alpha": alpha,
        "model": model.name,
        "model_config": model.config,
        "model_sha256": model.sha256,
        "calibration_sha256": calibration_sha256,
        "earmark": made_by,
    }
    save_tensors(path, model.wrapper.state_dict(), header)


def read_header(path: Path) -> dict[str, Any]:
    """Read what a checkpoint says of itself, without its tensors.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, foreign, or of another format version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("earmark", "null"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; run earmark quantize first") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged or truncated ({error}); remove it and run earmark quantize") from error
    if not isinstance(header, dict) or header.get("kind") != "checkpoint":
        raise CheckpointError(f"{path}: not a checkpoint of Earmark; earmark quantize makes one")
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {header.get('format')}, this version reads format {FORMAT}; run earmark quantize again"
        )
    return header


def _shell(header: dict[str, Any]) -> tuple[Any, Variant]:
    """Build the quantized model without values: modules of the right shapes."""
    variant = Variant(**header["variant"])
    wrapper = build(header["model_config"], header["model"])
    dit: nn.Module = wrapper.model.model
    step = CurrentStep(torch.zeros(header["steps"]), wrapper.diffusion_objective)
    for name, layer in linear_layers(dit).items():
        shape = (layer.in_features, layer.out_features, layer.bias is not None)
        if variant.scheme == "static":
            replace(dit, name, StaticLinear(*shape, activation_bits=variant.activation_bits))
        else:
            new = DynamicLinear(
                *shape,
                step,
                alpha=header["alpha"],
                weight_bits=variant.weight_bits,
                activation_bits=variant.activation_bits,
                rank=variant.rank,
            )
            replace(dit, name, new)
    add_step(dit, step)
    return wrapper, variant


def load_checkpoint(path: Path, device: str = "cpu") -> tuple[AudioModel, Variant]:
    """Load a quantized model from its file alone.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, foreign, of another version, or its tensors do not fit its header.
    """
    header = read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        header["steps"] = len(tensors[f"model.model.{STEP_NAME}.log_sigmas"])
        wrapper, variant = _shell(header)
        wrapper.load_state_dict(tensors, assign=True)
        wrapper.requires_grad_(False).eval()
        return AudioModel(header["model"], header["model_config"], wrapper.to(device), header["model_sha256"]), variant
    except (SafetensorError, KeyError, TypeError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{path}: damaged ({reason}); remove it and run earmark quantize") from error
