"""Attention of the compiled passes is as exact as torch's own, and heads are the reference's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from quant.kernels import cpu, reference


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("queries", "keys", "d"), [(216, 216, 64), (31, 130, 64), (5, 1, 8), (7, 33, 128), (9, 20, 30)]
)
def test_attention_is_as_near_to_float64_as_torchs(
    queries: int, keys: int, d: int, dtype: torch.dtype, generator: torch.Generator
) -> None:
    q, k, v = (torch.randn(2, 3, tokens, d, generator=generator).to(dtype) for tokens in (queries, keys, keys))
    left, right, values = (x.double().numpy() for x in (q, k, v))
    scores = left @ right.swapaxes(-1, -2) / np.sqrt(d)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    exact = weights @ values / weights.sum(-1, keepdims=True)
    found, torchs = cpu.attention(q, k, v), torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert found.shape == exact.shape
    assert found.dtype == dtype
    error, other = (np.sqrt(np.mean((x.double().numpy() - exact) ** 2)) for x in (found, torchs))
    unit = 2.0**-24 if dtype == torch.float32 else 2.0**-9
    assert error <= 1.1 * other + unit * np.sqrt(np.mean(exact**2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "d"), [(24, 64), (3, 20), (1, 7)])
def test_heads_are_the_references(heads: int, d: int, dtype: torch.dtype, generator: torch.Generator) -> None:
    y, scale = torch.randn(2, 37, heads * d, generator=generator), torch.rand(2, 37, 1, generator=generator)
    for one in (scale, scale[0, 0, 0]):  # of each token, and one of all
        found = cpu.split_heads(y, one, heads, dtype)
        assert found.dtype == dtype
        assert torch.equal(found, reference.split_heads(y, one, heads, dtype))
