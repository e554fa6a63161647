"""Moments of two crossed factors: sums of squares and what they hold, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.estimate.moments import expectations, sums_of_squares


def test_sums_hold_the_variances_that_dense_matrices_say(seed: int) -> None:
    """A sum of squares y'My of y ~ N(mu, V) is expected to be trace(MV) where M annuls a constant."""
    rng = np.random.default_rng(seed)
    table = rng.random((9, 7)) < 0.6
    table[np.arange(9), np.arange(9) % 7] = True  # no level without a value
    first, second = np.nonzero(table)
    values = rng.normal(3, 1, len(first))
    n = len(values)
    members = [(codes[:, None] == np.arange(codes.max() + 1)).astype(float) for codes in (first, second)]
    mean = np.full((n, n), 1 / n)
    about = [np.eye(n) - mean, *(z @ np.diag(1 / z.sum(axis=0)) @ z.T - mean for z in members)]
    spread = [members[0] @ members[0].T, members[1] @ members[1].T, np.eye(n)]
    assert sums_of_squares(values, first, second) == pytest.approx([values @ m @ values for m in about], rel=1e-9)
    found = expectations(np.bincount(first), np.bincount(second))
    assert found == pytest.approx(np.array([[np.trace(m @ v) for v in spread] for m in about]), rel=1e-9, abs=1e-9)


def test_no_value_holds_nothing() -> None:
    none = np.array([], dtype=int)
    assert not sums_of_squares(np.array([]), none, none).any()
    assert not expectations(np.bincount(none), np.bincount(none)).any()
