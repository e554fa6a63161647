"""Wilcoxon's signed-rank test of condition against baseline: the order of the raters' differences alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from analysis.infer.compare import FEW, TIED, Comparison, holm, started
from analysis.infer.effects import rank_biserial
from analysis.read.matched import Differences
from analysis.settings import ALPHA
from analysis.words import counted, joined


def wilcoxon(matched: Differences, *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Wilcoxon signed-rank test of each condition against the reference, with Holm's adjustment.

    Normal approximation with the correction for ties, zero differences dropped, no continuity correction:
    R's wilcox.test(paired = TRUE, exact = FALSE, correct = FALSE). The statistic is R's V, the rank sum of
    the positive differences; the estimate is the median difference; the effect size is the matched-pairs
    rank-biserial correlation (V - V') / (V + V') (Kerby 2014) with the interval of `effects.rank_biserial`.

    Examples
    --------
    >>> import pandas as pd
    >>> (row,) = wilcoxon(Differences("base", pd.DataFrame({"x": [1.0, 2.0, -3.0, 4.0]})))
    >>> row.statistic, row.effect_size  # V = 1 + 2 + 4, (7 - 3) / 10
    (7.0, 0.4)
    """
    return holm([_wilcoxon(matched, condition, alpha) for condition in matched.conditions])


def _wilcoxon(matched: Differences, condition: str, alpha: float) -> Comparison:
    """Compute one row of `wilcoxon`."""
    differences, row = started(matched, condition, "wilcoxon")
    if len(differences) < 2:
        return row
    row = replace(row, estimate=float(np.median(differences)))
    settled = np.where(np.abs(differences) < TIED, 0.0, differences)
    moved = int(np.count_nonzero(settled))
    if not moved:
        return replace(row, note=joined("not computed: every rater gave both conditions the same mean", row.note))
    p = _signed_rank_p(settled)
    signed = settled[settled != 0]
    ranks = stats.rankdata(np.abs(signed))
    effect, low, high = rank_biserial(signed, alpha=alpha)
    # Rounding error (3.4 - 3.2 against 3.6 - 3.4) parts differences that are equal; R parts them too.
    exact = _signed_rank_p(np.round(settled, 9))
    notes = [
        f"p = {exact:.3f} if differences that are equal except for rounding errors are ranked as ties"
        if abs(exact - p) > 0.0005
        else "",
        f"{counted(len(settled) - moved, 'rater')} without a difference dropped" if moved < len(settled) else "",
        f"rough: normal approximation on {counted(moved, 'rater')}" if moved < FEW else "",
        row.note,
    ]
    return replace(
        row,
        statistic=float(ranks[signed > 0].sum()),
        p=p,
        effect_size=effect,
        effect_low=low,
        effect_high=high,
        note=joined(*notes),
    )


def _signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided p value of the signed-rank test, as R computes it without exact and correct."""
    return float(stats.wilcoxon(differences, zero_method="wilcox", correction=False, method="approx").pvalue)
