"""Sizes: the bytes of a model's state dict, as the paper counts them, and of the file that is stored."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from safetensors import safe_open

from quant.engine.checkpoint import read_header
from quant.model.loading import build
from quant.pretrained.folder import find

FLOAT = 4  # bytes of a float32
WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Sizes:
    """Bytes of a model: ``state_dict`` of its state dict, all that is not quantized in float32; ``stored`` of its file.

    The first is the paper's way (section 3), whose full-precision model takes 4,854 MB. The second is what is on the
    disk; None where that is not one file.

    Examples
    --------
    >>> Sizes(state_dict=4_853_800_000, stored=None).state_dict // 10**6
    4853
    """

    state_dict: int
    stored: int | None


def full_precision_sizes(name: str) -> Sizes:
    """Sizes of a full-precision model by name or folder, from its configuration; no weight is read.

    Raises
    ------
    ModelError
        If it cannot be found or built.

    Examples
    --------
    >>> full_precision_sizes("mini").state_dict // 10**6
    35
    """
    files = find(name)
    state = build(files.config, name, values=False).state_dict().values()
    total = sum(value.numel() * (FLOAT if value.is_floating_point() else value.element_size()) for value in state)
    return Sizes(total, files.weights.stat().st_size if files.weights.suffix != ".json" else None)


def checkpoint_sizes(path: Path) -> Sizes:
    """Sizes of a quantized model, from its checkpoint; no tensor is read.

    Outside the quantized layers a state dict has float32 where the file has 16 bits; the low-rank branch has 16 bits in
    both.

    Raises
    ------
    CheckpointError
        If the file is missing or no checkpoint.

    Examples
    --------
    >>> from quant.engine.checkpoint import save_checkpoint
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> save_checkpoint(Path("model.safetensors"), model, variant, alpha=0.5, made_by="me")
    >>> sizes = checkpoint_sizes(Path("model.safetensors"))
    >>> sizes.state_dict < full_precision_sizes("mini").state_dict, sizes.stored <= sizes.state_dict + 100_000
    (True, True)
    """
    read_header(path)
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        layers = {name.rpartition(".")[0] for name in names if name.endswith(".smoothing")}
        total = 0
        for name in names:
            described = file.get_slice(name)
            kind = str(described.get_dtype())
            inside = name.rpartition(".")[0] in layers
            width = FLOAT if kind == "F16" and not inside else WIDTHS[kind]
            total += width * prod(described.get_shape())
    return Sizes(total, path.stat().st_size)
