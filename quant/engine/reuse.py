"""Reuse: a block's branches give the output of an earlier step again, where the schedule of caching says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from quant.engine.caching import KINDS
from quant.method.timesteps import STEP_NAME, CurrentStep


class Held:
    """The last output of one branch, and of which clip and step it is.

    It is given again in its own clip only, at a later step, and not if it is older than what was calibrated: with
    fewer steps than were calibrated, more is computed.

    Examples
    --------
    >>> import torch
    >>> held = Held(CurrentStep(torch.tensor([2.0, 1.0, 0.0]), "v", reuse=torch.tensor([[0, 0, 2]])), 0)
    >>> held.put(torch.ones(1))
    >>> held.step.index = 1
    >>> held.get()
    tensor([1.])
    """

    def __init__(self, step: CurrentStep, kind: int) -> None:
        self.step, self.kind = step, kind
        self._output: tuple[int, int, Tensor] | None = None

    def _source(self, index: int) -> int:
        assert self.step.reuse is not None
        return int(self.step.reuse[self.kind, index])

    def get(self) -> Tensor | None:
        """The output to be given again at the current step, or None if it is to be computed."""
        now = self.step.index
        if self._output is None:
            return None
        run, index, output = self._output
        return output if run == self.step.run and self._source(now) <= index < now else None

    @property
    def wanted(self) -> bool:
        """Whether the step after the current one takes what is computed now."""
        after = self.step.index + 1
        assert self.step.reuse is not None
        return after < self.step.reuse.shape[1] and self._source(after) < after

    def put(self, output: Tensor | None) -> None:
        """Keep what was computed at the current step, or nothing."""
        self._output = None if output is None else (self.step.run, self.step.index, output)


class _Branch:
    """The forward of a branch of the library's block, or what it gave before."""

    def __init__(self, branch: Any, held: Held) -> None:
        self.branch, self.held = branch, held

    def __call__(self, *args: Any, **options: Any) -> Tensor:
        found = self.held.get()
        if found is None:
            found = type(self.branch).forward(self.branch, *args, **options)
            self.held.put(found if self.held.wanted else None)
        return found


def add_branch(x: Tensor, held: Held | None, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """``x`` and a branch's output; ``compute`` gives the sum of both, of ``x``, and may do so in its memory.

    Examples
    --------
    >>> import torch
    >>> add_branch(torch.ones(1), None, lambda x: x + 2)
    tensor([3.])
    """
    if held is None:
        return compute(x)
    found = held.get()
    if found is not None:
        return x + found
    if not held.wanted:
        held.put(None)
        return compute(x)
    before = x.clone()
    out = compute(x)
    held.put(out - before)
    return out


def reuse_(dit: Any) -> None:
    """Have the blocks of ``dit`` follow the schedule of its step, in place, if it has one.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, _ = quantized()
    >>> reuse_(model.dit)  # its variant computes everything
    >>> {block.held for block in model.dit.transformer.layers}
    {None}
    """
    step = getattr(dit, STEP_NAME, None)
    if step is None or step.reuse is None:
        return
    for block in dit.transformer.layers:
        kept = {name: Held(step, kind) for kind, name in enumerate(KINDS)}
        if hasattr(block, "held"):
            block.held = kept
            continue
        for name, held in kept.items():
            branch = getattr(block, name, None)
            if branch is not None:
                branch.forward = _Branch(branch, held)
