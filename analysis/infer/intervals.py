"""Intervals that know about prompts as well as raters, and the plain one that knows about neither.

The rater-cluster interval of `analysis.describe.opinion` answers for the prompts that were rated. The two-way interval
here answers for prompts like these too: it lets ratings of one prompt resemble each other as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy import special

from analysis.infer.compare import TIED, Comparison, holm, within_margin
from analysis.read.matched import Cells
from analysis.settings import ALPHA
from analysis.words import joined

# Rounding error of a variance that is zero on paper, as a share of the variances it is made of.
NOTHING = 1e-12
NEGATIVE = (
    "the two-way variance is not positive; in its place the larger of the rater and prompt variances "
    "(Cameron, Gelbach and Miller would set it to zero, which is no interval)"
)
DEALT = (
    "nobody rated a prompt under both conditions: this is the difference of two means over different raters or "
    "prompts, and holds if these were dealt to the conditions at random"
)


def pooled_interval(scores: np.ndarray, *, alpha: float = ALPHA) -> Interval:
    """Interval of a mean as if all ratings were independent (ITU-T P.800, P.1401): too narrow where they are not.

    mean +- t(1 - alpha / 2, n - 1) * sd / sqrt(n).

    Examples
    --------
    >>> found = pooled_interval(np.array([3, 4, 5]))  # 4 -+ 4.303 / sqrt(3)
    >>> round(found.low, 3), round(found.high, 3)
    (1.516, 6.484)
    """
    if len(scores) < 2:
        return Interval(_mean(scores), note="not computed: fewer than two ratings")
    error = float(np.std(scores, ddof=1)) / sqrt(len(scores))
    return _around(_mean(scores), error, len(scores) - 1, alpha)


def two_way_interval(scores: np.ndarray, raters: np.ndarray, prompts: np.ndarray, *, alpha: float = ALPHA) -> Interval:
    """Interval of a mean whose ratings are alike within a rater and within a prompt.

    V = V_rater + V_prompt - V_rater:prompt (Cameron, Gelbach & Miller 2011). With N ratings, G clusters of a kind
    and e_g the sum of the deviations from the mean in cluster g, each part is G / (G - 1) * sum(e_g ** 2) / N ** 2,
    with its own G: R's `sandwich::vcovCL(cluster = ~ rater + prompt, type = "HC0", cadjust = TRUE)`. The interval
    is mean +- t(1 - alpha / 2, df) * sqrt(V), df = min(raters, prompts) - 1.

    V can come out negative when neither raters nor prompts differ more than chance makes them. The authors then
    replace negative eigenvalues by zero, which for a single mean is an interval without width. Here the larger of
    V_rater and V_prompt is used instead, and the note says so.

    Examples
    --------
    >>> scores = np.array([5, 4, 4, 3])  # two raters apart by 1, two prompts apart by 1
    >>> found = two_way_interval(scores, np.array(["a", "a", "b", "b"]), np.array(["p", "q", "p", "q"]))
    >>> found.mean, found.df, round(found.error, 4)
    (4.0, 1.0, 0.5774)
    """
    scores = np.asarray(scores, dtype=float)
    if not len(scores):
        return Interval(None, note="not computed: no ratings")
    (rater, rater_names), (prompt, prompt_names) = pd.factorize(raters), pd.factorize(prompts)
    size = {"raters": len(rater_names), "prompts": len(prompt_names)}
    mean = float(scores.mean())
    if min(size.values()) < 2:
        few = "raters" if size["raters"] < 2 else "prompts"
        return Interval(mean, **size, note=f"not computed: fewer than two {few}")
    if float(np.ptp(scores)) < TIED:
        return Interval(mean, **size, note="not computed: all values are the same, so there is no spread to judge by")
    parts = (scores - mean) / len(scores)
    cell = rater.astype(np.int64) * size["prompts"] + prompt
    by_rater, by_prompt, by_cell = (_clusters(codes, parts) for codes in (rater, prompt, cell))
    return _crossed(mean, by_rater, by_prompt, by_cell, min(size.values()) - 1, alpha, size)


def two_way(heard: Cells, baseline: str, *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Difference of each condition from the baseline, for raters and prompts like these, with Holm's adjustment.

    d is the score of a clip minus the baseline's score by the same rater for the same prompt (and seed); the
    interval and t = mean(d) / sqrt(V) are those of `two_way_interval` for d. Ratings without their counterpart are left
    out and counted. Where no rater rated a prompt under both, the difference of the two means is taken instead, with
    the interval of `between`. The effect size is None: V has no single spread to divide by.

    Examples
    --------
    >>> from analysis.read.matched import cells
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbb"), "prompt": list("ppqqppqq"),
    ...                         "condition": ["base", "x"] * 4, "score": [4, 3, 4, 4, 5, 3, 3, 3]})
    >>> heard = cells(ratings, ["base", "x"])
    >>> (row,) = two_way(heard, "base")  # differences -1, 0 of one rater and -2, 0 of the other
    >>> row.estimate, row.df, row.n
    (-0.75, 1.0, 2)
    """
    return holm(_two_way(heard, baseline, lambda row, found: as_row(found, row, alpha=alpha), alpha))


def two_way_tost(heard: Cells, baseline: str, *, margin: float, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Two one-sided tests of equivalence within +-margin on the same estimate, error and degrees of freedom.

    Examples
    --------
    >>> from analysis.read.matched import cells
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbb"), "prompt": list("ppqqppqq"),
    ...                         "condition": ["base", "x"] * 4, "score": [4, 3, 4, 4, 5, 3, 3, 3]})
    >>> heard = cells(ratings, ["base", "x"])
    >>> (row,) = two_way_tost(heard, "base", margin=0.5)
    >>> row.estimate, row.p > 0.05  # a mean outside the margin is not equivalent
    (-0.75, True)
    """
    return holm(_two_way(heard, baseline, _tested(margin, alpha, lower_only=False), alpha, "two_way_tost"))


def two_way_noninferiority(
    heard: Cells, baseline: str, *, margin: float, alpha: float = ALPHA
) -> tuple[Comparison, ...]:
    """The lower one of these two tests: no worse than the baseline by more than the margin.

    Examples
    --------
    >>> from analysis.read.matched import cells
    >>> ratings = pd.DataFrame({"participant": list("aaaabbbb"), "prompt": list("ppqqppqq"),
    ...                         "condition": ["base", "x"] * 4, "score": [4, 3, 4, 4, 5, 3, 3, 3]})
    >>> heard = cells(ratings, ["base", "x"])
    >>> (row,) = two_way_noninferiority(heard, "base", margin=3.0)
    >>> row.test, row.statistic > 0  # the loss of 0.75 is smaller than the margin
    ('two_way_tost', True)
    """
    return holm(_two_way(heard, baseline, _tested(margin, alpha, lower_only=True), alpha, "two_way_tost"))


def between(
    scores: tuple[np.ndarray, np.ndarray],
    raters: tuple[np.ndarray, np.ndarray],
    prompts: tuple[np.ndarray, np.ndarray],
    *,
    alpha: float = ALPHA,
) -> Interval:
    """Interval of the difference of two means that share no cell, for raters and prompts like these.

    With u_g the sum over cluster g of (x - mean) / N in the first group less that in the second, each part of V =
    V_rater + V_prompt - V_cell is the sum of u_g ** 2 times m / (m - 1). Where clusters lie in one group only (prompts
    nested in conditions), m is each group's own number of clusters, and the degrees of freedom are Welch's; where they
    are shared, m is the smaller number of clusters of the two groups, and there are m - 1. The smaller degrees of
    freedom of raters and prompts are used. There is no interval with one cluster in a group: its level cannot be told
    from the condition.

    Examples
    --------
    >>> raters, prompts = (np.array([0, 0, 1, 1]), np.array([2, 2, 3, 3])), (np.array([0, 1, 0, 1]),) * 2
    >>> found = between((np.array([4, 5, 3, 4]), np.array([3, 3, 2, 2])), raters, prompts)
    >>> found.mean, found.raters, found.prompts
    (1.5, 4, 2)
    """
    score = np.concatenate([scores[0] - scores[0].mean(), scores[1] - scores[1].mean()])
    counts = len(scores[0]), len(scores[1])
    weight = np.repeat([1 / counts[0], -1 / counts[1]], counts)
    second = np.repeat([False, True], counts)
    rater, prompt = np.concatenate(raters), np.concatenate(prompts)
    mean = float(scores[0].mean() - scores[1].mean())
    size = {"raters": len(np.unique(rater)), "prompts": len(np.unique(prompt))}
    for word, codes in (("rater", rater), ("prompt", prompt)):
        if min(len(np.unique(codes[~second])), len(np.unique(codes[second]))) < 2:
            note = f"not computed: one {word} alone under one of the two, whose level cannot be told from the condition"
            return Interval(mean, **size, note=note)
    if float(np.ptp(score)) < TIED:
        return Interval(mean, **size, note="not computed: all values are the same, so there is no spread to judge by")
    cell = rater.astype(np.int64) * (int(prompt.max()) + 1) + prompt
    (by_rater, df_rater), (by_prompt, df_prompt), (by_cell, _) = (
        _difference_variance(score * weight, codes, second) for codes in (rater, prompt, cell)
    )
    return _crossed(mean, by_rater, by_prompt, by_cell, min(df_rater, df_prompt), alpha, size)


def _difference_variance(parts: np.ndarray, codes: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Give the variance that one kind of cluster makes, and its degrees of freedom; see `between`."""
    _, codes = np.unique(codes, return_inverse=True)
    sums = np.bincount(codes, weights=parts)
    held = [np.unique(codes[group]) for group in (~second, second)]
    sizes = [len(clusters) for clusters in held]
    if not np.intersect1d(held[0], held[1]).size:
        own = [m / (m - 1) * float(sums[clusters] @ sums[clusters]) for m, clusters in zip(sizes, held, strict=True)]
        spread = sum(v**2 / (m - 1) for v, m in zip(own, sizes, strict=True))
        return sum(own), sum(own) ** 2 / spread if spread else float(min(sizes) - 1)
    m = min(sizes)
    return m / (m - 1) * float(sums @ sums), float(m - 1)


def as_row(interval: Interval, row: Comparison, *, alpha: float = ALPHA) -> Comparison:
    """Fill a row in from an interval: t = mean / error against zero, two-sided.

    Examples
    --------
    >>> row = as_row(Interval(0.5, 0.1, 0.9, error=0.2, df=10.0, raters=11), Comparison("two_way", "x", "base"))
    >>> row.statistic, round(row.p, 4), row.n
    (2.5, 0.0314, 11)
    """
    row = replace(row, estimate=interval.mean, n=interval.raters, note=joined(interval.note, row.note))
    if not interval.error or interval.mean is None or not interval.df:
        return row
    statistic = interval.mean / interval.error
    p = 2 * float(special.stdtr(interval.df, -abs(statistic)))
    return replace(row, ci_low=interval.low, ci_high=interval.high, statistic=statistic, df=interval.df, p=p)


def _tested(margin: float, alpha: float, *, lower_only: bool) -> Callable[[Comparison, Interval], Comparison]:
    """Fill a row in with two one-sided tests, or the lower one."""

    def fill(row: Comparison, found: Interval) -> Comparison:
        row = replace(row, estimate=found.mean, n=found.raters, note=joined(found.note, row.note))
        if not found.error or found.mean is None or not found.df:
            return row
        return within_margin(row, found.mean, found.error, found.df, margin, alpha, lower_only)

    return fill


def _two_way(
    heard: Cells, baseline: str, fill: Callable[[Comparison, Interval], Comparison], alpha: float, test: str = "two_way"
) -> list[Comparison]:
    """Compute the rows of one test."""
    rows = []
    for name in heard.conditions:
        if name == baseline:
            continue
        row = Comparison(test, name, baseline)
        here, there = heard.of(name), heard.of(baseline)
        if not len(here[0]) or not len(there[0]):
            missing = [one for one, (at, _) in ((name, here), (baseline, there)) if not len(at)]
            rows.append(replace(row, note=f"not computed: nobody rated {' or '.join(missing)}"))
            continue
        differences, rater, prompt = heard.pairs(name, baseline)
        if len(differences):
            left = len(here[0]) + len(there[0]) - 2 * len(differences)
            note = f"{left} rating{'s' if left > 1 else ''} without a counterpart left out" if left else ""
            found = two_way_interval(differences, rater, prompt, alpha=alpha)
        else:
            note = DEALT
            sides = [(heard.rater[at], heard.prompt[at]) for at, _ in (here, there)]
            found = between((here[1], there[1]), (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1]), alpha=alpha)
        rows.append(fill(replace(row, note=note), found))
    return rows


def _crossed(
    mean: float, by_rater: float, by_prompt: float, by_cell: float, df: float, alpha: float, size: dict[str, int]
) -> Interval:
    """Put the parts of a two-way variance together."""
    variance, note = by_rater + by_prompt - by_cell, ""
    if variance <= NOTHING * by_cell:
        variance, note = max(by_rater, by_prompt), NEGATIVE
        if variance <= NOTHING * by_cell:
            return Interval(mean, **size, note="not computed: neither raters nor prompts differ in their means")
    return _around(mean, sqrt(variance), df, alpha, note=note, **size)


def _clusters(codes: np.ndarray, parts: np.ndarray) -> float:
    """Give G / (G - 1) times the sum of squares of the sums in G clusters."""
    _, codes = np.unique(codes, return_inverse=True)
    sums = np.bincount(codes, weights=parts)
    return len(sums) / (len(sums) - 1) * float(sums @ sums)


def _around(mean: float | None, error: float, df: float, alpha: float, *, note: str = "", **size: int) -> Interval:
    """Put a t interval around a mean."""
    assert mean is not None
    half = float(special.stdtrit(df, 1 - alpha / 2)) * error
    return Interval(mean, mean - half, mean + half, error, float(df), note=note, **size)


def _mean(scores: np.ndarray) -> float | None:
    """Mean of the scores, if there are any."""
    return float(np.mean(scores)) if len(scores) else None


@dataclass(frozen=True)
class Interval:
    """A mean and its t interval; what does not exist is None and the note says why.

    Parameters
    ----------
    mean, low, high
        The mean (or difference of means) and its bounds.
    error, df
        Standard error and degrees of freedom.
    raters, prompts
        How many of each; 0 where the interval does not know them.
    note
        What a reader must know about it.
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    error: float | None = None
    df: float | None = None
    raters: int = 0
    prompts: int = 0
    note: str = ""
