"""Kernels of the integer engine: one set of functions for each kind of device, all with the same meaning.

``reference`` says in plain torch what each function computes; ``cpu`` computes the same fast on x86.
"""

from __future__ import annotations

from types import ModuleType

import torch


def kernels_for(device: torch.device) -> ModuleType:
    """Choose the kernels of a device: those of the CPU, or plain torch."""
    from quant.kernels import cpu, reference

    return cpu if device.type == "cpu" else reference
