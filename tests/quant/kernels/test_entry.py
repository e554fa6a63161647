"""Channels that are carried past the codes, against float64, on every path that this machine has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from quant.kernels import cpu, reference
from quant.kernels.interface import Entry, Tokens

WIDTH, LIMIT = 48, 31
CHANNELS = torch.tensor([5, 40, 17, 47])
ENTRY = Entry.of(CHANNELS, WIDTH)


pytestmark = pytest.mark.usefixtures("method")


def double(x: Tensor) -> NDArray[np.float64]:
    return x.double().numpy()


def signed(tokens: Tokens) -> NDArray[np.float64]:
    return double(tokens.codes) - (128 if tokens.codes.dtype == torch.uint8 else 0)


@pytest.fixture
def cases(generator: torch.Generator) -> dict[str, tuple[tuple[object, ...], NDArray[np.float64]]]:
    """By name of a function: its arguments before the static scale, and the rows that it quantizes."""
    shape = (2, 9, WIDTH)
    x, gamma, beta = (torch.randn(size, generator=generator) for size in (shape, (WIDTH,), (WIDTH,)))
    x[..., CHANNELS] *= 100
    x[0, 1] = 0
    y, bias = (torch.randn(size, generator=generator) for size in ((2, 9, 2 * WIDTH), (2 * WIDTH,)))
    fold, scale = torch.rand(WIDTH, generator=generator), torch.rand(2, 9, 1, generator=generator)
    fold[CHANNELS] *= 100
    normed = (double(x) - double(x).mean(-1, keepdims=True)) / np.sqrt(double(x).var(-1, keepdims=True) + 1e-5)
    both = double(y) * double(scale) + double(bias)
    up, gate = both[..., :WIDTH], both[..., WIDTH:]
    return {
        "quantize": ((x,), double(x)),
        "merge_quantize": ((x.view(2, 9, 3, WIDTH // 3).transpose(1, 2),), double(x)),
        "norm_quantize": ((x, gamma, beta, 1e-5), normed * double(gamma) + double(beta)),
        "swiglu_quantize": ((y, scale, bias, fold), up * double(fold) * gate / (1 + np.exp(-gate))),
    }


@pytest.mark.parametrize("static", [None, 0.07])
@pytest.mark.parametrize("name", ["quantize", "merge_quantize", "norm_quantize", "swiglu_quantize"])
def test_carried_channels_are_whole_and_the_rest_has_the_scale_to_itself(
    cases: dict[str, tuple[tuple[object, ...], NDArray[np.float64]]], name: str, static: float | None
) -> None:
    given, rows = cases[name]
    fixed = None if static is None else torch.tensor(static)
    found = getattr(cpu, name)(*given, fixed, limit=LIMIT, entry=ENTRY)
    assert found.down is not None
    slack = 1e-5 * np.abs(rows).max(-1, keepdims=True) + 1e-30
    carried, rest = rows[..., CHANNELS.numpy()], rows.copy()
    rest[..., CHANNELS.numpy()] = 0
    scale = double(found.scale)
    assert bool((np.abs(double(found.down)[..., : len(CHANNELS)] * scale - carried) <= slack).all())
    if static is None:
        assert np.allclose(scale * LIMIT, np.abs(rest).max(-1, keepdims=True), rtol=1e-4, atol=0)
    rest = rest.clip(-LIMIT * scale, LIMIT * scale)
    assert bool((np.abs(signed(found) * scale - rest) <= 0.501 * scale + slack).all())
    assert not signed(found)[..., CHANNELS.numpy()].any()
    expected = getattr(reference, name)(*given, fixed, limit=LIMIT, entry=ENTRY)
    assert np.abs(signed(found) - signed(expected)).max() <= 1
    if name in ("quantize", "merge_quantize"):
        assert np.array_equal(signed(found), signed(expected))
        assert torch.equal(found.down[..., : len(CHANNELS)], expected.down)
        assert torch.equal(found.scale, expected.scale)


@pytest.mark.parametrize("rest", [0.0, 1e-36, 1e-8])
def test_a_token_of_little_beside_what_is_carried_loses_nothing(rest: float) -> None:
    """A scale of the rest alone would be 0, or so small that what is carried is infinite over it."""
    x = torch.full((1, 1, WIDTH), rest)
    x[..., 17] = 3e4
    for kernels in (cpu, reference):
        found = kernels.quantize(x, None, entry=ENTRY)
        assert found.down is not None
        assert (found.down * found.scale)[..., : len(CHANNELS)].flatten().tolist() == pytest.approx(
            [rest, rest, 3e4, rest], rel=1e-6
        )
