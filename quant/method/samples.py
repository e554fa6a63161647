"""Samples: a few rows of what a layer was given, drawn evenly from all of it, to try a choice on.

A table of largest magnitudes says how far a range must reach, not how much of it is used; that is what these tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quant.method.primitives import narrowed

KEPT = 256
"""Rows that are kept of each layer."""


@dataclass(frozen=True)
class Samples:
    """Some of a layer's inputs: ``rows`` (n, channels), :func:`narrowed`, each with the calibrated step it is of.

    ``steps`` is int64 (n,). ``keys`` float64 (n,) are random numbers, largest first: of all rows that were seen, those
    with the largest keys are kept, so that each was as likely as every other, however many there were.

    Examples
    --------
    >>> Samples.drawn(torch.ones(1000, 4), 2, torch.Generator().manual_seed(0)).rows.shape
    torch.Size([256, 4])
    """

    rows: Tensor
    steps: Tensor
    keys: Tensor

    @classmethod
    def drawn(cls, inputs: Tensor, step: int, generator: torch.Generator, above: float = 0.0) -> Samples:
        """Draw from ``inputs`` (n, channels) of calibrated step ``step``; keys of ``above`` and less lose anyway."""
        keys, order = torch.rand(len(inputs), dtype=torch.float64, generator=generator).topk(min(KEPT, len(inputs)))
        won = keys > above
        keys, order = keys[won], order[won]
        rows = narrowed(inputs[order.to(inputs.device)].detach().cpu())
        return cls(rows, torch.full((len(keys),), step, dtype=torch.int64), keys)

    @property
    def least(self) -> float:
        """What a key must be larger than to be kept."""
        return float(self.keys[-1]) if len(self.keys) == KEPT else 0.0


def merged(parts: Sequence[Samples]) -> Samples:
    """Draw from what all ``parts`` were drawn from, in whatever order they are given.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> parts = [Samples.drawn(torch.full((1000, 1), float(i)), i, generator) for i in range(2)]
    >>> both = merged(parts)
    >>> len(both.rows), both.steps.unique().tolist()
    (256, [0, 1])
    """
    keys = torch.cat([part.keys for part in parts])
    keys, order = keys.topk(min(KEPT, len(keys)))
    rows = torch.cat([part.rows.float() for part in parts])[order]
    return Samples(narrowed(rows), torch.cat([part.steps for part in parts])[order], keys)
