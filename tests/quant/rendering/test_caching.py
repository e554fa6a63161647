"""Caching: the schedule against one written down step by step, and the change it is made of against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import one_line

from quant.engine.caching import KINDS, LAGS, relative_change, reused, schedule
from quant.errors import CalibrationError


def by_hand(changes: np.ndarray, threshold: float) -> list[int]:
    """Each computed step in turn, and how far its output is carried: for changes (blocks, lags, steps)."""
    steps, source = changes.shape[2], [0]
    while len(source) < steps:
        computed = len(source) - 1
        carried = 0
        for lag in range(1, min(LAGS, steps - 1 - computed) + 1):
            if changes[:, lag - 1, computed + lag].mean() > threshold:
                break
            carried = lag
        source += [computed] * carried
        if len(source) < steps:
            source.append(len(source))
    return source


def test_outputs_are_carried_while_the_change_allows_it(seed: int, generator: torch.Generator) -> None:
    for steps in (1, 2, 3, 7, 40):
        changes = {kind: torch.rand(5, LAGS, steps, generator=generator) for kind in KINDS}
        threshold = 0.3 + 0.4 * float(torch.rand((), generator=generator))
        found = schedule(changes, steps, threshold)
        assert found.tolist() == [by_hand(changes[kind].double().numpy(), threshold) for kind in KINDS]
        assert 0 <= reused(found) <= LAGS / (LAGS + 1)


def test_nothing_and_everything(generator: torch.Generator) -> None:
    changes = {kind: torch.rand(2, LAGS, 9, generator=generator) + 0.1 for kind in KINDS}
    assert reused(schedule(changes, 9, 0.0)) == 0
    every = schedule(changes, 9, np.inf)
    assert every.tolist() == [[step - step % (LAGS + 1) for step in range(9)]] * len(KINDS)
    assert reused(every) == pytest.approx(6 / 9)


def test_a_branch_that_no_block_has_is_left_alone(generator: torch.Generator) -> None:
    found = schedule({"ff": torch.zeros(2, LAGS, 4)}, 4, 0.2)
    assert found.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 0, 0, 0]]


def test_a_calibration_without_changes_is_refused() -> None:
    with pytest.raises(CalibrationError) as caught:
        schedule({}, 4, 0.2)
    assert "run earmark calibrate again" in one_line(caught.value)


def test_the_change_is_that_of_each_clip_with_an_output(generator: torch.Generator) -> None:
    now, before = torch.randn(2, 3, 5, 7, generator=generator)
    now[1] = before[1] = 0
    a, b = now.double().numpy(), before.double().numpy()
    each = [np.abs(a[clip] - b[clip]).sum() / np.abs(a[clip]).sum() for clip in (0, 2)]
    assert relative_change(now, before) == pytest.approx(np.mean(each), rel=1e-6)
    assert relative_change(now, now) == relative_change(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)) == 0
