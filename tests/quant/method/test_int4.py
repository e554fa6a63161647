"""Int4 codes survive packing, and unpack to int8 codes exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from integer_layers import double, least_int4_error

from quant.method.int4 import int4_group, pack_int4, unpack_int4


@pytest.mark.parametrize("inputs", [2, 6, 24, 32, 64, 96, 130, 1536])
def test_four_bits_survive_packing(inputs: int, generator: torch.Generator) -> None:
    weight = torch.randn(19, inputs, generator=generator) * 10 ** torch.randn(19, 1, generator=generator)
    weight[4] = 0
    packed, steps, scale = pack_int4(weight)
    group = int4_group(inputs)
    assert inputs % group == 0
    assert group == {2: 2, 6: 2, 24: 8, 32: 32, 64: 64, 96: 32, 130: 2, 1536: 64}[inputs]
    assert (packed.dtype, packed.shape) == (torch.uint8, (19, inputs // 2))
    assert (steps.dtype, steps.shape) == (torch.uint8, (19, inputs // group))
    assert int(steps.min()) >= 1
    assert int(steps.max()) <= 18

    # Two codes a byte, the even channel in the low half, as two's complement of four bits.
    nibbles = np.empty((19, inputs), np.int64)
    nibbles[:, 0::2], nibbles[:, 1::2] = packed.numpy() & 15, packed.numpy() >> 4
    codes = np.where(nibbles > 7, nibbles - 16, nibbles)
    assert np.abs(codes).max() == 7
    expected = codes * steps.numpy().astype(np.int64).repeat(group, 1)
    found = unpack_int4(packed, steps)
    assert found.dtype == torch.int8
    assert np.array_equal(found.numpy(), expected)
    assert np.abs(expected).max() <= 126
    assert not found[4].any()

    wide = (double(weight) / double(scale)[:, None]).reshape(19, -1, group)
    assert np.allclose(np.abs(wide).max((1, 2))[np.arange(19) != 4], 126)
    taken = ((expected.reshape(wide.shape) - wide) ** 2).sum(2)
    assert np.allclose(taken, least_int4_error(wide), rtol=1e-4, atol=1e-4)


def test_every_four_bit_code_and_step_unpacks(generator: torch.Generator) -> None:
    """All 15 codes under all 18 group scales."""
    codes = torch.arange(-7, 9).clamp(max=7).repeat(18, 4)
    nibbles = (codes & 15).to(torch.uint8)
    steps = torch.arange(1, 19, dtype=torch.uint8)[:, None]
    found = unpack_int4(nibbles[:, ::2] | (nibbles[:, 1::2] << 4), steps)
    assert torch.equal(found.long(), codes * torch.arange(1, 19)[:, None])
