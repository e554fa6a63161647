"""Sliding windows: each token sees what flash-attn would have it see, which the library overlooks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from quant.model.window import attend, window_mask

TOKENS = 9


def within(q: Tensor, k: Tensor, v: Tensor, left: int, right: int) -> Tensor:
    """Token by token: the softmax of what is in the window alone."""
    rows = []
    for row in range(TOKENS):
        first = 0 if left < 0 else max(0, row - left)
        last = TOKENS if right < 0 else min(TOKENS, row + right + 1)
        weights = (q[..., row, None, :] * k[..., first:last, :]).sum(-1) / q.shape[-1] ** 0.5
        rows.append((weights.softmax(-1)[..., None] * v[..., first:last, :]).sum(-2))
    return torch.stack(rows, -2)


@pytest.mark.parametrize("window", [(0, 0), (2, 3), (-1, 1), (4, -1), (-1, -1), (50, 50)])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_stays_within_the_window(window: tuple[int, int], causal: bool, generator: torch.Generator) -> None:
    q, k, v = torch.randn(3, 2, 2, TOKENS, 4, generator=generator, dtype=torch.float64)
    left, right = window
    found = attend(q, k, v, causal=causal, flash_attn_sliding_window=window)
    assert torch.allclose(found, within(q, k, v, left, 0 if causal else right), atol=1e-12)


def test_a_side_of_minus_one_is_open() -> None:
    assert bool(window_mask(TOKENS, (-1, -1), torch.device("cpu")).all())
    assert torch.equal(window_mask(TOKENS, (-1, 0), torch.device("cpu")), torch.ones(TOKENS, TOKENS).tril().bool())
