"""Which kernels serve a device."""

from __future__ import annotations

import functools
import importlib.util
import logging

import torch

from quant.kernels import cpu, reference
from quant.kernels.interface import Kernels

log = logging.getLogger(__name__)


def kernels_for(device: torch.device) -> Kernels:
    """Choose the kernels of a device: those of the CPU, those of NVIDIA GPUs, or plain torch.

    Examples
    --------
    >>> kernels_for(torch.device("cpu")).__name__
    'quant.kernels.cpu'
    """
    if device.type == "cpu":
        return cpu
    return (device.type == "cuda" and _cuda()) or reference


@functools.cache
def _cuda() -> Kernels | None:
    if importlib.util.find_spec("triton") is None:
        log.warning("triton is not installed: int8 products on the GPU run in plain torch, slowly")
        return None
    from quant.kernels import cuda

    log.info("int8 products on this GPU: Triton")
    return cuda
