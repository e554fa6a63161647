"""Adapters as trainers write them, and what they do to a weight, entry by entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

RANK = 3
Layers = dict[str, dict[str, Tensor]]

TO_Q, TO_OUT, CONV = "layers.0.cross_attn.to_q", "layers.1.self_attn.to_out", "preprocess_conv"
SHAPES = {TO_Q: (6, 5), TO_OUT: (4, 7), CONV: (5, 4, 3)}


def random_layers(generator: torch.Generator, kind: str = "lora", shapes: dict[str, Any] = SHAPES) -> Layers:
    """Random ``down`` (rank, inputs, ...), ``up`` (outputs, rank) and magnitudes, in 16 bits as trainers export."""

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).half()

    layers: Layers = {}
    for name, (outputs, *inputs) in shapes.items():
        layers[name] = {"down": random(RANK, *inputs), "up": random(outputs, RANK)}
        if kind in ("dora-rows", "bora"):
            layers[name]["rows"] = random(outputs).abs() + 0.5
        if kind in ("dora-cols", "bora"):
            layers[name]["columns"] = random(int(np.prod(inputs))).abs() + 0.5
    return layers


def native(layers: Layers, prefix: str = "model.transformer.") -> dict[str, Tensor]:
    """Names of stable-audio-tools and Stable Audio 3."""
    tensors = {}
    for name, parts in layers.items():
        start = f"{prefix}{name}.parametrizations.weight.0"
        tensors |= {f"{start}.lora_A": parts["down"].flatten(1), f"{start}.lora_B": parts["up"]}
        both = "rows" in parts and "columns" in parts
        for role in ("rows", "columns"):
            if role in parts:
                tensors[f"{start}.magnitude{f'_{role[0]}' if both else ''}"] = parts[role]
    return tensors


def peft(layers: Layers, prefix: str = "base_model.model.model.transformer.") -> dict[str, Tensor]:
    """Names of PEFT; a convolution's matrices are convolutions, its magnitudes (1, outputs, 1)."""
    tensors = {}
    for name, parts in layers.items():
        conv = parts["down"].ndim == 3
        tensors[f"{prefix}{name}.lora_A.weight"] = parts["down"]
        tensors[f"{prefix}{name}.lora_B.weight"] = parts["up"].unsqueeze(2) if conv else parts["up"]
        if "rows" in parts:
            tensors[f"{prefix}{name}.lora_magnitude_vector"] = parts["rows"].reshape((1, -1, 1) if conv else (-1,))
    return tensors


def kohya(layers: Layers, alpha: float | None = None) -> dict[str, Tensor]:
    """Names of kohya's trainers and ComfyUI."""
    tensors = {}
    for name, parts in layers.items():
        start = f"lora_unet_model_transformer_{name}".replace(".", "_")
        tensors |= {f"{start}.lora_down.weight": parts["down"], f"{start}.lora_up.weight": parts["up"]}
        if alpha is not None:
            tensors[f"{start}.alpha"] = torch.tensor(alpha)
        if "rows" in parts:
            tensors[f"{start}.dora_scale"] = parts["rows"].reshape(-1, *[1] * (parts["down"].ndim - 1))
    return tensors


def loraw(layers: Layers) -> dict[str, Tensor]:
    """Names of LoRAW."""
    tensors = {}
    for name, parts in layers.items():
        start = f"model/transformer/{name}".replace(".", "/")
        up = parts["up"].unsqueeze(2) if parts["down"].ndim == 3 else parts["up"]
        tensors |= {f"{start}/lora_down.weight": parts["down"], f"{start}/lora_up.weight": up}
    return tensors


def write(path: Path, tensors: dict[str, Tensor], config: dict[str, Any] | None = None) -> Path:
    """Write a file as stable-audio-tools does, with its ``lora_config``; a ``.ckpt`` holds it beside the state dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        metadata = None if config is None else {"lora_config": json.dumps(config)}
        save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata=metadata)
    else:
        torch.save({"state_dict": tensors, **({"lora_config": config} if config else {})}, path)
    return path


def write_peft(folder: Path, tensors: dict[str, Tensor], **config: Any) -> Path:
    """Write PEFT's folder."""
    write(folder / "adapter_model.safetensors", tensors)
    said = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "init_lora_weights": True, **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    return folder


def by_hand(weight: Tensor, parts: dict[str, Tensor], scale: float) -> np.ndarray[Any, Any]:
    """A weight with an adapter, entry by entry in float64; the magnitudes of columns after those of rows."""
    flat = weight.double().numpy().reshape(len(weight), -1)
    down = parts["down"].double().numpy().reshape(len(parts["down"]), -1)
    up = parts["up"].double().numpy()
    made = np.empty_like(flat)
    for o in range(flat.shape[0]):
        for i in range(flat.shape[1]):
            made[o, i] = flat[o, i] + scale * sum(up[o, r] * down[r, i] for r in range(len(down)))
    if "rows" in parts:
        for o, magnitude in enumerate(parts["rows"].double().numpy()):
            made[o] *= magnitude / np.sqrt(sum(value**2 for value in made[o]))
    if "columns" in parts:
        for i, magnitude in enumerate(parts["columns"].double().numpy()):
            made[:, i] *= magnitude / np.sqrt(sum(value**2 for value in made[:, i]))
    return made.reshape(weight.shape)
