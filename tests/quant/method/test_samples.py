"""Samples: drawn evenly, whatever the parts that the rows came in."""

from __future__ import annotations

import torch

from quant.method.samples import KEPT, Samples, merged, second_moments


def test_every_row_is_as_likely_as_every_other(generator: torch.Generator) -> None:
    """Rows come in calls of very different sizes; each call keeps its share, to within five standard deviations."""
    sizes, kept = (20, 3000, 400, 1580), torch.zeros(4)
    rounds = 40
    for _ in range(rounds):
        parts = [Samples.drawn(torch.full((size, 2), float(i)), i, generator) for i, size in enumerate(sizes)]
        found = merged(parts)
        assert found.rows.shape == (KEPT, 2)
        assert torch.equal(found.rows[:, 0].long(), found.steps)
        kept += torch.bincount(found.steps, minlength=4)
    share = torch.tensor(sizes) / sum(sizes)
    expected = share * KEPT * rounds
    assert bool(((kept - expected).abs() < 5 * (expected * (1 - share)).sqrt()).all()), (kept, expected)


def test_order_and_grouping_of_parts_do_not_matter(generator: torch.Generator) -> None:
    parts = [Samples.drawn(torch.randn(300, 3, generator=generator), i, generator) for i in range(3)]
    whole, other = merged(parts), merged([merged([parts[2], parts[1]]), parts[0]])
    assert torch.equal(whole.rows, other.rows)
    assert torch.equal(whole.keys, other.keys)
    assert torch.equal(whole.keys, torch.cat([part.keys for part in parts]).sort(descending=True).values[:KEPT])


def test_rows_that_lose_anyway_are_not_drawn(generator: torch.Generator) -> None:
    x = torch.randn(2000, 3, generator=generator)
    first = Samples.drawn(x, 0, generator)
    state = generator.get_state()
    whole = merged([first, Samples.drawn(-x[:1000], 1, generator)])
    generator.set_state(state)
    fewer = Samples.drawn(-x[:1000], 1, generator, first.least)
    assert 0 < len(fewer.rows) < KEPT
    again = merged([first, fewer])
    assert torch.equal(again.rows, whole.rows)
    assert torch.equal(again.steps, whole.steps)


def test_few_rows_are_all_kept(generator: torch.Generator) -> None:
    x = torch.randn(7, 3, generator=generator)
    found = merged([Samples.drawn(x[:4], 0, generator), Samples.drawn(x[4:], 1, generator)])
    assert torch.equal(found.rows.float().sort(0).values, x.half().float().sort(0).values)
    assert found.least == 0


def test_numbers_that_16_bits_cannot_hold_survive(generator: torch.Generator) -> None:
    found = merged(
        [Samples.drawn(torch.full((5, 2), 1e6), 0, generator), Samples.drawn(torch.ones(5, 2), 1, generator)]
    )
    assert sorted(found.rows[:, 0].tolist()) == [1.0] * 5 + [1e6] * 5


def test_second_moments_are_of_rows_evenly_apart_and_add_up(generator: torch.Generator) -> None:
    parts = [torch.randn(count, 4, generator=generator) for count in (40, 1000)]
    found = merged([Samples.drawn(x, 0, generator) for x in parts])
    kept = torch.cat((parts[0], parts[1][::4])).double()
    assert found.moments is not None
    assert torch.allclose(found.moments[0].double(), kept.mT @ kept, rtol=1e-4, atol=1e-4)
    wide = torch.randn(50, 2048 + 512, generator=generator)
    moments = second_moments(wide)
    assert moments.shape == (10, 256, 256)
    last = wide[:, -256:]
    assert torch.allclose(moments[-1], last.mT @ last, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(second_moments(wide), moments), "in float32 whatever calibration's products are in"
