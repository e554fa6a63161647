"""Feedback, against GPTQ's own recursion written out in float64, and by what it leaves of a layer's error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from integer_layers import Matrix, double
from torch import Tensor

from quant.method.feedback import DAMPING, fed_back
from quant.method.int4 import best_steps, int4_group, pack_int4, unpack_int4


def correlated(rows: int, channels: int, generator: torch.Generator) -> Tensor:
    """Inputs whose channels vary together, as those of trained layers do."""
    mixed = torch.randn(channels // 4, channels, generator=generator)
    return torch.randn(rows, channels // 4, generator=generator) @ mixed + 0.3 * torch.randn(
        rows, channels, generator=generator
    )


def by_loop(weight: Matrix, moments: Matrix, limit: int, steps_of: Callable[[Matrix], Matrix], chunk: int) -> Matrix:
    """Round a channel, move those to come to where the error is least, and leave it out: an inverse each time."""
    rest, out, size = weight.copy(), np.zeros_like(weight), moments.shape[-1]
    for part, own in enumerate(moments):
        damped = own + DAMPING * np.diag(own).mean() * np.eye(size)
        for place in range(size):
            channel, last = part * size + place, (part + 1) * size
            if place % chunk == 0:
                step = steps_of(rest[:, channel : channel + chunk])
            out[:, channel] = np.rint(rest[:, channel] / step).clip(-limit, limit) * step
            inverse = np.linalg.inv(damped[place:, place:])
            error = (rest[:, channel] - out[:, channel]) / inverse[0, 0]
            rest[:, channel:last] -= error[:, None] * inverse[0]
    return out


@pytest.mark.parametrize(("channels", "parts"), [(128, 1), (128, 2), (192, 3), (24, 1)])
def test_int4_codes_are_those_of_the_recursion(channels: int, parts: int, generator: torch.Generator) -> None:
    weight, x = torch.randn(40, channels, generator=generator), correlated(500, channels, generator)
    own = x.unflatten(1, (parts, -1)).transpose(0, 1)
    moments, group = own.mT @ own, int4_group(channels)
    packed, steps, scale = pack_int4(weight, moments)
    found = double(unpack_int4(packed, steps)) * double(scale)[:, None]

    def steps_of(some: Matrix) -> Matrix:
        wide = torch.from_numpy(some / double(scale)[:, None])
        return double(best_steps(wide[:, None])[:, 0, 0]) * double(scale)

    expected = by_loop(double(weight), double(moments), 7, steps_of, group)
    # A weight in a tie may become either code, and with it those that make good for it.
    off = (np.abs(found - expected) > 1e-4 * np.abs(expected).max()).any(1)
    assert off.mean() < 0.15, off.mean()
    assert np.abs(double(unpack_int4(packed, steps))).max() <= 126


@pytest.mark.parametrize("limit", [3, 127])
def test_codes_of_other_widths_are_those_of_the_recursion(limit: int, generator: torch.Generator) -> None:
    x, wide = correlated(500, 75, generator), torch.randn(20, 75, generator=generator) * limit / 3
    moments = (x.mT @ x)[None]
    codes, steps = fed_back(wide, moments, limit)
    expected = by_loop(double(wide), double(moments), limit, lambda some: np.ones(len(some)), 75)
    assert bool((steps == 1).all())
    assert (double(codes) != expected).any(1).mean() < 0.15
    assert float(codes.abs().max()) <= limit


def test_error_on_inputs_that_it_was_not_made_for_falls(generator: torch.Generator) -> None:
    mixed = correlated(3000, 128, generator)
    seen, unseen, weight = mixed[:2000], mixed[2000:], torch.randn(64, 128, generator=generator)
    errors = {}
    for name, moments in (("nearest", None), ("feedback", (seen.mT @ seen)[None])):
        packed, steps, scale = pack_int4(weight, moments)
        rounded = unpack_int4(packed, steps) * scale[:, None]
        errors[name] = float((unseen @ (rounded - weight).mT).square().mean())
    assert errors["feedback"] < 0.5 * errors["nearest"], errors


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_moments_that_say_nothing_leave_it_at_the_nearest(value: float, generator: torch.Generator) -> None:
    weight = torch.randn(8, 64, generator=generator)
    plain, fed = pack_int4(weight), pack_int4(weight, torch.full((1, 64, 64), value))
    assert all(torch.equal(one, other) for one, other in zip(plain, fed, strict=True))


@pytest.mark.parametrize("inputs", [7, 130])
def test_channels_that_no_group_divides_are_rounded_all_the_same(inputs: int, generator: torch.Generator) -> None:
    weight, x = torch.randn(8, inputs, generator=generator), correlated(500, inputs, generator)
    packed, steps, scale = pack_int4(weight, (x.mT @ x)[None])
    rounded = unpack_int4(packed, steps)[:, :inputs] * scale[:, None]
    assert float((rounded - weight).abs().max()) < float(weight.abs().max())


def test_weight_is_left_as_it_is(generator: torch.Generator) -> None:
    weight, x = torch.randn(1, 64, generator=generator), correlated(99, 64, generator)
    before = weight.clone()
    fed_back(weight, (x.mT @ x)[None], 7)
    assert torch.equal(weight, before)
