"""Rotation by Hadamard matrices, against the matrices themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from integer_layers import double

from quant.method.rotation import hadamard, rotation_block


@pytest.mark.parametrize("channels", [1, 7, 24, 48, 256, 300, 1536, 6144])
def test_channels_are_rotated_by_the_normalized_matrix(channels: int, generator: torch.Generator) -> None:
    block = rotation_block(channels)
    assert block == max(power for power in (2**n for n in range(9)) if channels % power == 0)
    matrix = np.ones((1, 1))
    while len(matrix) < block:
        matrix = np.kron(np.array([[1, 1], [1, -1]]), matrix)
    x = torch.randn(2, 3, channels, generator=generator)
    expected = double(x).reshape(2, 3, -1, block) @ matrix / np.sqrt(block)
    found = hadamard(x, block)
    assert np.allclose(double(found), expected.reshape(x.shape), atol=1e-5)
    assert torch.allclose(hadamard(found, block), x, atol=1e-5)
