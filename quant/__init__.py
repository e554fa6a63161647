"""Quantization of text-to-audio diffusion transformers, and clips rendered by them.

Names are imported when they are first used, so that ``quant.variants`` can be read without importing torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "VARIANTS": "variants",
    "Calibration": "calibration",
    "QuantError": "errors",
    "Sampling": "sampling",
    "Variant": "variants",
    "calibrate": "calibration",
    "load_beside": "checkpoint",
    "load_checkpoint": "checkpoint",
    "load_model": "models",
    "quantize_": "convert",
    "render": "clips",
    "save_checkpoint": "checkpoint",
    "write_flac": "clips",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"quant.{_HOMES[name]}"), name)
