"""Permutation test of condition against baseline: no assumption about the shape of the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.compare import TIED, TOO_FEW, Comparison, holm

DRAWS = 10_000
SEED = 20_260_101  # fixed, so that one file gives one p value
BLOCK = 4_000_000  # signs held in memory at a time


def permutation(means: pd.DataFrame, baseline: str, *, draws: int = DRAWS, seed: int = SEED) -> tuple[Comparison, ...]:
    """Sign-flip test of each condition against the baseline on rater means, with Holm's adjustment.

    If a condition and the baseline sound the same to a rater, the sign of that rater's mean difference d_r is a
    toss of a coin. With n raters whose d_r is not zero there are 2^n ways to give the signs; p is the share of ways
    whose |sum(s_r d_r)| is at least the observed |sum(d_r)|. Where 2^n <= draws all of them are counted and p is
    exact. Otherwise `draws` of them are drawn with the fixed seed and p = (b + 1) / (draws + 1), b the draws at
    least as far out (Phipson & Smyth 2010): p is never zero. The estimate is mean(d), the effect size dz; there is
    no interval.
    """
    others = [str(name) for name in means.columns if name != baseline]
    return holm([_permutation(means, name, baseline, draws, seed) for name in others])


def _permutation(means: pd.DataFrame, condition: str, baseline: str, draws: int, seed: int) -> Comparison:
    """Compute one row of `permutation`."""
    asked = means[[condition, baseline]].dropna(how="all")
    pairs = asked.dropna()
    differences = (pairs[condition] - pairs[baseline]).to_numpy(dtype=float)
    row = Comparison("permutation", condition, baseline, n=len(differences))
    if not len(differences):
        return replace(row, note=TOO_FEW)
    left = len(asked) - len(pairs)
    missing = f"{left} rater{'s' if left > 1 else ''} left out for missing ratings" if left else ""
    mean = float(differences.mean())
    row = replace(row, estimate=mean, note=missing)
    moved = differences[np.abs(differences) >= TIED]
    if len(differences) < 2:
        return replace(row, note=_joined(TOO_FEW, missing))
    if not len(moved):
        return replace(row, note=_joined("not computed: every rater gave both conditions the same mean", missing))
    spread = float(differences.std(ddof=1))
    exact = 2 ** min(len(moved), 63) <= draws
    p = _exact_p(moved) if exact else _drawn_p(moved, draws, seed)
    how = f"exact: all {2 ** len(moved)} ways" if exact else f"{draws} draws, seed {seed}"
    return replace(row, p=p, effect_size=mean / spread if spread > TIED else None, note=_joined(how, missing))


def _exact_p(differences: np.ndarray) -> float:
    """Count all ways to give the signs; the one observed is among them."""
    count = len(differences)
    ways = np.arange(2**count)[:, None] >> np.arange(count) & 1
    return float(_as_far(ways, differences).mean())


def _drawn_p(differences: np.ndarray, draws: int, seed: int) -> float:
    """Draw signs, block by block."""
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // len(differences))
    far = 0
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        bits = np.frombuffer(rng.bytes(rows * (-(-len(differences) // 8))), np.uint8).reshape(rows, -1)
        ways = np.unpackbits(bits, axis=1, count=len(differences))
        far += int(_as_far(ways, differences).sum())
    return (far + 1) / (draws + 1)


def _as_far(ways: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Tell which ways (rows of 0 and 1) give a sum at least as far from zero as the observed one."""
    total = float(differences.sum())
    sums = total - 2 * (ways.astype(float) @ differences)
    # Sums that are equal on paper differ in the last bits.
    return np.asarray(np.abs(sums) >= abs(total) - TIED * len(differences))


def _joined(*notes: str) -> str:
    """Join the notes there are."""
    return "; ".join(note for note in notes if note)
