"""Sliding windows of self-attention, which the library leaves to flash-attn and overlooks, printing, where that is not.

The mask is flash-attn's: a token sees as many to its left and to its right, itself between them, and where a side is -1
all of that side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def window_mask(tokens: int, window: Sequence[int], device: torch.device) -> Tensor:
    """Which token (rows) sees which (columns), bool (tokens, tokens), for ``window`` to the left and to the right.

    Examples
    --------
    >>> window_mask(4, [1, 0], torch.device("cpu")).int().tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    left, right = (tokens if side < 0 else side for side in window)
    place = torch.arange(tokens, device=device)
    ahead = place - place[:, None]
    return (ahead >= -left) & (ahead <= right)


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool = False, flash_attn_sliding_window: Sequence[int] = (-1, -1), **_: Any
) -> Tensor:
    """Attention within a window of (batch, heads, tokens, d), in the place of the library's ``apply_attn``.

    Examples
    --------
    >>> v = torch.tensor([1.0, 3.0]).view(1, 1, 2, 1)
    >>> attend(torch.ones_like(v), torch.ones_like(v), v, flash_attn_sliding_window=[0, 1]).flatten().tolist()
    [2.0, 3.0]
    """
    left, right = flash_attn_sliding_window
    mask = window_mask(q.shape[2], (left, 0 if causal else right), q.device)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def honour_window_(dit: Any) -> None:
    """Have the self-attention of every block of ``dit`` keep to the model's window, in place, if it has one.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> honour_window_(model.dit)
    >>> model.dit.transformer.sliding_window is None  # it sees all
    True
    """
    if dit.transformer.sliding_window is None:
        return
    for block in dit.transformer.layers:
        block.self_attn.apply_attn = attend
