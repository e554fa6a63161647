"""Kernels of the integer engine: one set of functions for each kind of device, all with the same meaning.

``reference`` says in plain torch what each function computes; ``cpu`` computes the same fast on x86, ``cuda`` on
NVIDIA GPUs.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from types import ModuleType

import torch

log = logging.getLogger(__name__)


def kernels_for(device: torch.device) -> ModuleType:
    """Choose the kernels of a device: those of the CPU, those of NVIDIA GPUs, or plain torch."""
    from quant.kernels import cpu, reference

    if device.type == "cpu":
        return cpu
    return (device.type == "cuda" and _cuda()) or reference


@functools.cache
def _cuda() -> ModuleType | None:
    if importlib.util.find_spec("triton") is None:
        log.warning("triton is not installed: int8 products on the GPU run in plain torch, slowly")
        return None
    from quant.kernels import cuda

    log.info("int8 products on this GPU: Triton")
    return cuda
