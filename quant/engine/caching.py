"""Caching: at which steps a branch's output of an earlier step is taken again (SmoothCache, arXiv 2411.10510).

Between neighbouring steps the output of attention, cross-attention or the feed-forward layer changes little. How much
is measured at calibration, as the relative change ``sum |y_t - y_(t-k)| / sum |y_t|``; where it is small enough the
branch is not computed. The decision is one for all blocks, a kind of branch for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from quant.errors import CalibrationError

KINDS = ("self_attn", "cross_attn", "ff")
"""Branches of a block, by the library's names."""

LAGS = 3
"""Steps after which an output is computed again at the latest."""


def relative_change(now: Tensor, before: Tensor) -> float:
    """``sum |now - before| / sum |now|`` of an output (clips, tokens, channels), the mean over clips that have one.

    Cross-attention gives zeros for the null half of guidance, which do not count; 0 if all are zeros.

    Examples
    --------
    >>> relative_change(torch.tensor([[[4.0, -4.0]], [[0.0, 0.0]]]), torch.tensor([[[3.0, -3.0]], [[0.0, 0.0]]]))
    0.25
    """
    size = now.abs().flatten(1).sum(1, dtype=torch.float64)
    moved = (now - before).abs().flatten(1).sum(1, dtype=torch.float64)
    filled = size > 0
    return float((moved[filled] / size[filled]).mean()) if bool(filled.any()) else 0.0


def schedule(changes: Mapping[str, Tensor], steps: int, threshold: float) -> Tensor:
    """From which step each kind of branch takes its output: int64 (kinds, steps), its own number where it computes.

    An output is taken again as long as it differs, in the mean over blocks, by at most ``threshold`` from what would
    be computed, and for at most :data:`LAGS` steps.

    Raises
    ------
    CalibrationError
        If the calibration did not measure changes.

    Examples
    --------
    >>> one_block = torch.tensor([[[9.0, 0.1, 0.1, 0.1], [9.0, 9.0, 0.1, 0.3], [9.0, 9.0, 9.0, 0.5]]])
    >>> schedule({"ff": one_block}, 4, threshold=0.2).tolist()
    [[0, 1, 2, 3], [0, 1, 2, 3], [0, 0, 0, 3]]
    """
    if not changes:
        raise CalibrationError(
            "the calibration is of a version that did not measure what caching needs; remove it and run earmark "
            "calibrate again"
        )
    sources = torch.arange(steps).repeat(len(KINDS), 1)
    for row, kind in zip(sources, KINDS, strict=True):
        if kind not in changes:
            continue
        mean, computed = changes[kind].double().mean(0), 0
        for step in range(1, steps):
            lag = step - computed
            if lag > len(mean) or not float(mean[lag - 1, step]) <= threshold:
                computed = step
            row[step] = computed
    return sources


def reused(sources: Tensor) -> float:
    """Share of branches and steps of a :func:`schedule` that are not computed.

    Examples
    --------
    >>> reused(torch.tensor([[0, 0, 2, 2]]))
    0.5
    """
    return float((sources < torch.arange(sources.shape[1])).double().mean())
