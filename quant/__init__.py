"""Quantization of text-to-audio diffusion transformers, and clips rendered by them.

Names are imported when they are first used, so that ``quant.method.variants`` can be read without importing torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Adapter": "adapters.adapter",
    "VARIANTS": "method.variants",
    "Calibration": "method.calibration",
    "QuantError": "errors",
    "Sampling": "rendering.sampling",
    "Variant": "method.variants",
    "calibrate": "rendering.calibrate",
    "load_beside": "engine.checkpoint",
    "load_checkpoint": "engine.checkpoint",
    "load_model": "model.loading",
    "quantize_": "engine.convert",
    "render": "rendering.clips",
    "save_checkpoint": "engine.checkpoint",
    "write_flac": "rendering.clips",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"quant.{_HOMES[name]}"), name)
