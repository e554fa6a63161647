"""Changes: how much each branch's output differs between denoising steps, of one sampling run in full precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from quant.engine.caching import KINDS, LAGS, relative_change

EVERY = 8
"""One token in so many is compared: outputs of some steps are kept meanwhile, a gigabyte for a large model if whole."""


class Changes:
    """Forward hooks on the branches of a DiT's blocks; :meth:`set` is told the row of each step that begins.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> with Changes(load_model("mini").dit) as changes:
    ...     changes.set(0)  # and nothing is computed
    >>> changes.tables(steps=2)
    {}
    """

    def __init__(self, dit: Any) -> None:
        self._blocks = dit.transformer.layers
        self._row = 0
        self._outputs: dict[tuple[str, int], dict[int, Tensor]] = {}
        self._found: dict[str, dict[tuple[int, int, int], list[float]]] = {}

    def __enter__(self) -> Changes:
        self._hooks = [
            branch.register_forward_hook(self._observe(kind, number))
            for number, block in enumerate(self._blocks)
            for kind in KINDS
            if (branch := getattr(block, kind, None)) is not None
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._outputs.clear()

    def set(self, row: int) -> None:
        """Row of the noise level that is computed next."""
        self._row = row

    def _observe(self, kind: str, block: int) -> Callable[..., None]:
        def hook(_: object, __: object, output: Tensor) -> None:
            now, kept = output.detach()[:, ::EVERY].float().clone(), self._outputs.setdefault((kind, block), {})
            found = self._found.setdefault(kind, {})
            for lag in range(1, LAGS + 1):
                if self._row - lag in kept:
                    # A sampler of higher order calls the network several times at a noise level.
                    change = relative_change(now, kept[self._row - lag])
                    found.setdefault((block, lag - 1, self._row), []).append(change)
            kept[self._row] = now
            kept.pop(self._row - LAGS, None)

        return hook

    def tables(self, steps: int) -> dict[str, Tensor]:
        """Relative change by kind of branch: float32 (blocks, lags, steps), infinite where there is no such step."""
        tables = {}
        for kind, found in self._found.items():
            tables[kind] = torch.full((len(self._blocks), LAGS, steps), torch.inf)
            for place, some in found.items():
                tables[kind][place] = sum(some) / len(some)
        return tables


def joined(before: dict[str, Tensor], done: int, added: dict[str, Tensor], clips: int) -> dict[str, Tensor]:
    """Mean over ``done`` clips before and ``clips`` that are added.

    Examples
    --------
    >>> joined({"ff": torch.tensor([1.0])}, 3, {"ff": torch.tensor([5.0])}, 1)
    {'ff': tensor([2.])}
    """
    if not done:
        return added
    return {kind: (before[kind] * done + value * clips) / (done + clips) for kind, value in added.items()}
