"""Denoising steps: which calibrated step a noise level belongs to, and which one is being computed now."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

STEP_NAME = "current_step"
"""The submodule of a quantized DiT that follows its denoising steps."""


def capturing() -> bool:
    """Whether operations are being captured in a CUDA graph, so that nothing can be read from the GPU.

    Examples
    --------
    >>> capturing()
    False
    """
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def sigma_of(t: Tensor, objective: str) -> Tensor:
    """Noise level of the DiT's time input: ``tan(t pi/2)`` for the v objective, ``t/(1-t)`` for rectified flow.

    Both are noise over signal, so that one table serves samplers of either kind. The ends, where it would be 0 or
    infinite, are kept where its logarithm is finite.

    Examples
    --------
    >>> [round(sigma_of(torch.tensor([t]), kind).item(), 4) for t, kind in ((0.5, "v"), (0.75, "rectified_flow"))]
    [1.0, 3.0]
    """
    t = t.double()
    sigma = torch.tan(t * (math.pi / 2)) if objective == "v" else t / (1 - t).clamp_min(1e-9)
    return sigma.clamp(1e-9, 1e9)


class CurrentStep(nn.Module):
    """Holds the noise levels that were calibrated, the group of each, and which one the DiT is computing.

    One instance belongs to one model and is shared by its quantized layers; a forward pre-hook of the DiT sets it.
    ``log_sigmas``: float64 (steps,); ``groups``: int64 (steps,), a group of timesteps for each, all one at first.
    ``reuse``: None, or int64 (kinds, steps), from which step each kind of branch takes its output
    (:func:`quant.engine.caching.schedule`). ``run`` counts clips: what was computed in one is of no use in the next.

    Examples
    --------
    >>> step = CurrentStep(torch.tensor([100.0, 1.0, 0.1]).log(), "v", torch.tensor([0, 0, 1]))
    >>> step.set(torch.tensor([0.5]))  # sigma 1
    >>> step.index, step.group
    (1, 0)
    """

    log_sigmas: Tensor
    groups: Tensor
    reuse: Tensor | None

    def __init__(
        self, log_sigmas: Tensor, objective: str, groups: Tensor | None = None, reuse: Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("log_sigmas", log_sigmas.double().cpu())
        self.register_buffer("groups", torch.zeros(len(log_sigmas), dtype=torch.int64) if groups is None else groups)
        self.register_buffer("reuse", reuse)
        self.objective = objective
        self.index = self.run = 0

    @property
    def group(self) -> int:
        """Group of the step that is being computed."""
        return int(self.groups[self.index])

    def _apply(self, fn: object, recurse: bool = True) -> CurrentStep:
        # The table is read by Python once a step; moving or rounding it would only cost a transfer.
        return self

    def set(self, t: Tensor) -> None:
        """Find the calibrated step nearest in log sigma to the DiT's time input ``t`` (batch,)."""
        sigma = sigma_of(t.flatten()[:1].cpu(), self.objective)
        before, self.index = self.index, int((self.log_sigmas - sigma.log()).abs().argmin())
        self.run += self.index < before  # noise rises where a clip begins

    def begin(self) -> None:
        """Another clip begins."""
        self.run += 1

    def attach(self, dit: nn.Module) -> None:
        """Make this part of ``dit`` and have ``dit(x, t, ...)`` set the step before each forward pass."""
        dit.add_module(STEP_NAME, self)
        dit.register_forward_pre_hook(_follow)


def _follow(dit: nn.Module, args: tuple[Any, ...]) -> None:
    # Found through the module and not kept by the hook, so that a copy of the model follows its own step. While a
    # CUDA graph is captured nothing can be read from the GPU; who captures has set the step.
    if not capturing():
        getattr(dit, STEP_NAME).set(args[1])
