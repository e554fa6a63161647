"""What a rendered clip depends on: what is rendered, and what renders it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass

import torch

from quant.engine.registry import engine_named
from quant.rendering.sampling import Sampling

FULL_PRECISION = "torch float32"


@dataclass(frozen=True)
class Recipe:
    """What is rendered; its :attr:`key` names the file that the clip is kept in.

    Examples
    --------
    >>> recipe = Recipe("sha", None, "rain", 1000, Sampling())
    >>> len(recipe.key), recipe.key == Recipe("sha", None, "rain", 1001, Sampling()).key
    (32, False)
    """

    model_sha256: str
    checkpoint_sha256: str | None
    prompt: str
    seed: int
    sampling: Sampling
    config_sha256: str = ""

    @property
    def key(self) -> str:
        """Hash of the recipe, 32 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def environment(device: str, engine: str | None, made_by: str) -> dict[str, str]:
    """What renders, as far as it changes the numbers: two clips made alike have the same of it.

    ``device``: ``cpu``, or the name of the GPU. ``processor``: the instructions that torch may use, or the GPU's
    compute capability. ``dtype``: that of the transformer but for its quantized products, attention among it.
    ``kernel_path``: what multiplies in the blocks, by ``engine``, which is None for full precision. ``torch`` and
    ``earmark``: versions; ``made_by`` is Earmark's. The number of threads is no part of it: it changes the order of
    sums, not what is heard.

    Examples
    --------
    >>> environment("cpu", None, "1.0")["kernel_path"]
    'torch float32'
    """
    where = torch.device(device)
    if where.type == "cuda":
        major, minor = torch.cuda.get_device_capability(where)
        name, processor = torch.cuda.get_device_name(where), f"compute capability {major}.{minor}"
    else:
        name, processor = where.type, torch.backends.cpu.get_cpu_capability()
        if limit := os.environ.get("ONEDNN_MAX_CPU_ISA"):
            processor += f", oneDNN up to {limit}"
    return {
        "device": name,
        "processor": processor,
        "kernel_path": kernel_path(where, engine),
        "dtype": "float32",
        "torch": torch.__version__,
        "earmark": made_by,
    }


def kernel_path(device: torch.device, engine: str | None) -> str:
    """Name what multiplies in the blocks: by ``engine``, None for full precision.

    Examples
    --------
    >>> kernel_path(torch.device("cpu"), None)
    'torch float32'
    """
    return FULL_PRECISION if engine is None else engine_named(engine).multiplies(device)
