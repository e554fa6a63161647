"""Which device a model runs on."""

from __future__ import annotations

import functools
import logging
import re

import torch

from quant.errors import QuantError

log = logging.getLogger(__name__)

INT8_CAPABILITY = (7, 5)
"""The first compute capability whose tensor cores multiply int8 (Turing)."""


@functools.cache
def device_named(name: str) -> str:
    """Find the device meant by ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, and say once in the log which it is.

    ``auto`` is the first NVIDIA GPU if torch sees one that multiplies int8, otherwise the CPU.

    Raises
    ------
    QuantError
        If the name is none of these, or torch sees no such GPU.

    Examples
    --------
    >>> device_named("cpu")
    'cpu'
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", name):
        raise QuantError(f"--device: {name} is not a device; choose auto, cpu, cuda or cuda:N")
    kind, _, number = name.partition(":")
    count = gpus()
    if kind == "cuda" and int(number or 0) >= count:
        seen = "1 NVIDIA GPU" if count == 1 else f"{count} NVIDIA GPUs"
        raise QuantError(f"--device: {name} is not there; torch sees {seen}, choose auto or cpu")
    able = count > 0 and torch.cuda.get_device_capability(int(number or 0)) >= INT8_CAPABILITY
    found = name if kind != "auto" else "cuda" if able else "cpu"
    log.info("device: %s", torch.cuda.get_device_name(found) if found != "cpu" else "cpu")
    return found


def gpus() -> int:
    """Count the NVIDIA GPUs that torch sees.

    Examples
    --------
    >>> gpus() >= 0
    True
    """
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
