"""Comparisons with one reference: one function a test, all returning rows with the same columns.

Every test here works on one number a rater, the mean of his differences within prompt and seed
(`analysis.read.matched`), because the ratings of one rater are not independent of one another. It answers for the
prompts that were rated, not for prompts in general. A rater counts once, however many
prompts he rated under both conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy import special, stats

from analysis.infer.effects import dz_interval
from analysis.read.matched import Cells, Differences
from analysis.settings import ALPHA
from analysis.words import counted, joined

# Differences of rater means are multiples of 1/(m n): far coarser than this, far finer than rounding error.
TIED = 1e-9
FEW = 10
# Above this share of raters with the very same difference, and fewer than FEW others, no spread can be relied on.
NEARLY_ALL = 0.75
APART = "not computed: no rater rated both conditions for the same prompt"
TOO_FEW = "not computed: fewer than two raters rated both conditions for the same prompt"
NO_SPREAD = "not computed: every rater's difference is the same, so there is no spread to judge it by"


def rater_means(ratings: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Mean score of each rater (row) under each condition (column), for description; missing where nothing was rated.

    Two columns may stand on different prompts: they are not to be compared. `analysis.read.matched` has what is.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("aabb"), "condition": list("xyxy"), "score": [4, 3, 5, 2]})
    >>> rater_means(ratings, ["x", "y"]).to_numpy().tolist()
    [[4.0, 3.0], [5.0, 2.0]]
    """
    means = ratings.groupby(["participant", "condition"])["score"].mean().unstack("condition")
    return means.reindex(columns=list(conditions)).astype(float)


def paired_t(matched: Differences, *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Paired t test of each condition against the reference, with Holm's adjustment.

    d_r is rater r's mean difference over the prompts (and seeds) that he rated under both; t = mean(d) / (sd(d) /
    sqrt(n)) with n - 1 degrees of freedom. The interval is the 1 - alpha t interval, the effect size dz = mean / sd
    with its noncentral t interval.

    Examples
    --------
    >>> (row,) = paired_t(Differences("base", pd.DataFrame({"x": [-1.0, -1.0, -1.0, -2.0]})))  # standard error 0.25
    >>> row.estimate, round(row.statistic, 6), round(row.p, 4)
    (-1.25, -5.0, 0.0154)
    """
    return holm([_paired_t(matched, condition, alpha) for condition in matched.conditions])


def friedman(heard: Cells) -> tuple[Comparison, ...]:
    """Friedman's test of all rated conditions at once, on raters' means over prompts rated under every one of them.

    The effect size is Kendall's W = Q / (n (k - 1)) for n raters and k conditions. It has no interval: W has no known
    distribution where conditions differ, and resampled raters agree more than raters do.

    Examples
    --------
    >>> from analysis.read.matched import cells
    >>> rows = [(rater, "p", name, score) for rater in "abc" for name, score in zip("xyz", (2, 3, 5), strict=True)]
    >>> (row,) = friedman(cells(pd.DataFrame(rows, columns=["participant", "prompt", "condition", "score"]), "xyz"))
    >>> round(row.statistic, 6), round(row.effect_size, 6)  # all agree: W = 1
    (6.0, 1.0)
    """
    complete = heard.complete()  # a condition that nobody rated cannot be ranked, and is left out
    raters, conditions = complete.shape
    rated = int(np.unique(heard.rater[heard.cell]).size)
    row = Comparison(test="friedman", n=raters, note=_left_out(rated - raters) if raters else "")
    if conditions < 3:
        return (replace(row, note=joined("not computed: it needs three conditions or more", row.note)),)
    if raters < 2:
        note = "not computed: fewer than two raters rated every condition for the same prompt"
        return (replace(row, note=joined(note, row.note)),)
    if float(np.ptp(complete.to_numpy(), axis=1).max()) < TIED:
        note = "not computed: every rater gave all conditions the same mean"
        return (replace(row, note=joined(note, row.note)),)
    result = stats.friedmanchisquare(*(complete[name].to_numpy() for name in complete.columns))
    statistic = float(result.statistic)
    # As in Wilcoxon's test, rounding error parts means that are equal; R parts them too.
    exact = float(stats.friedmanchisquare(*complete.round(9).to_numpy().T).pvalue)
    ties = f"p = {exact:.3f} if means that are equal except for rounding errors are ranked as ties"
    return (
        replace(
            row,
            statistic=statistic,
            df=float(conditions - 1),
            p=float(result.pvalue),
            effect_size=statistic / (raters * (conditions - 1)),
            note=joined("no interval of W", ties if abs(exact - float(result.pvalue)) > 0.0005 else "", row.note),
        ),
    )


def tost(matched: Differences, *, margin: float, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Two one-sided tests of equivalence with the reference within +-margin (Schuirmann 1987), with Holm.

    t_low = (mean(d) + margin) / se and t_high = (mean(d) - margin) / se; p is the larger of the two one-sided
    p values and the statistic the t value it belongs to. The interval is the 1 - 2 alpha t interval: it lies
    inside +-margin exactly when p < alpha.

    Not computed where nearly all raters show the very same difference: the spread is then that of a few, and rare large
    differences may be among the raters who were not asked. With 20 raters of whom 15 % differ by 2 points the test
    would err at its margin in one study of seven.

    Examples
    --------
    >>> (row,) = tost(Differences("base", pd.DataFrame({"x": [0.0, 0.1, -0.1, 0.2, -0.2]})), margin=0.3)
    >>> round(row.ci_low, 3), round(row.ci_high, 3), round(row.p, 4)
    (-0.151, 0.151, 0.0066)
    """
    return holm([_one_sided(matched, condition, margin, alpha) for condition in matched.conditions])


def noninferiority(matched: Differences, *, margin: float, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """One-sided test that each condition is no worse than the reference by more than the margin, with Holm.

    It is the lower one of the two tests of `tost`, under that name; `verdict` reads it.

    Examples
    --------
    >>> (row,) = noninferiority(Differences("base", pd.DataFrame({"x": [0.4, 0.5, 0.3, 0.6]})), margin=0.3)
    >>> round(row.p, 4)  # better by more than the margin: no worse, though not equivalent
    0.0007
    """
    return holm([_one_sided(matched, name, margin, alpha, lower_only=True) for name in matched.conditions])


def holm(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Fill p_adjusted by Holm (1979) over the rows that have a p value.

    The i-th smallest of m p values is multiplied by m - i + 1, and none is below one before it. By hand, because
    statsmodels' multipletests collects garbage at every call, a third of a second where pages are served.

    Examples
    --------
    >>> [row.p_adjusted for row in holm([Comparison("t", p=p) for p in (0.03, 0.01, 0.02)])]
    [0.04, 0.03, 0.04]
    """
    tested = [row for row in rows if row.p is not None]
    if not tested:
        return tuple(rows)
    found = np.array([row.p for row in tested], dtype=float)
    order = np.argsort(found, kind="stable")
    adjusted = np.empty_like(found)
    factors = np.arange(len(found), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * found[order]), 1.0)
    filled = iter(adjusted)
    return tuple(row if row.p is None else replace(row, p_adjusted=float(next(filled))) for row in rows)


def started(matched: Differences, condition: str, test: str) -> tuple[np.ndarray, Comparison]:
    """Give the raters' differences and the row of a test with what is compared, n, estimate and note.

    Examples
    --------
    >>> differences, row = started(Differences("base", pd.DataFrame({"x": [0.5, 1.0]})), "x", "paired_t")
    >>> row.condition, row.n, row.estimate
    ('x', 2, 0.75)
    """
    differences = matched.of(condition)
    row = Comparison(test, condition, matched.reference, n=len(differences))
    missing = [name for name in (condition, matched.reference) if name in matched.unrated]
    if missing:
        return differences, replace(row, note=f"not computed: nobody rated {' or '.join(missing)}")
    raters, loose = matched.left_out(condition)
    notes = _left_out(raters) if len(differences) else "", _loose(loose)
    if not len(differences):
        return differences, replace(row, note=joined(APART, *notes))
    row = replace(row, estimate=float(differences.mean()), note=joined(*notes))
    return differences, replace(row, note=joined(TOO_FEW, row.note)) if len(differences) < 2 else row


def withheld(differences: np.ndarray) -> str:
    """Say why no equivalence can be read from these differences, all or nearly all the very same; or nothing.

    Examples
    --------
    >>> bool(withheld(np.array([0.0, 0.0, 0.0]))), bool(withheld(np.array([0.1, 0.0, -0.2])))
    (True, False)
    """
    if len(differences) < 2:
        return ""
    values, counts = np.unique(np.round(differences, 9), return_counts=True)
    most, total = int(counts.max()), len(differences)
    if most == total:
        return NO_SPREAD
    if most <= NEARLY_ALL * total or total - most >= FEW:
        return ""
    return (
        f"not computed: {most} of {total} raters show exactly the same difference ({values[counts.argmax()] + 0.0:g}), "
        f"so the spread comes from {counted(total - most, 'rater')} alone"
    )


def _paired_t(matched: Differences, condition: str, alpha: float) -> Comparison:
    """Compute one row of `paired_t`."""
    differences, row = started(matched, condition, "paired_t")
    if len(differences) < 2:
        return row
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    if float(np.ptp(differences)) < TIED:
        return replace(row, note=joined(NO_SPREAD, row.note))
    df = len(differences) - 1
    error = spread / sqrt(len(differences))
    half = float(special.stdtrit(df, 1 - alpha / 2)) * error
    low, high = dz_interval(mean / spread, len(differences), alpha=alpha)
    return replace(
        row,
        ci_low=mean - half,
        ci_high=mean + half,
        statistic=mean / error,
        df=float(df),
        p=2 * float(special.stdtr(df, -abs(mean / error))),
        effect_size=mean / spread,
        effect_low=low,
        effect_high=high,
    )


def _one_sided(
    matched: Differences, condition: str, margin: float, alpha: float, *, lower_only: bool = False
) -> Comparison:
    """Compute one row of `tost`, or of `noninferiority` with the lower test alone."""
    differences, row = started(matched, condition, "tost")
    if len(differences) < 2:
        return row
    if alike := withheld(differences):
        return replace(row, note=joined(alike, row.note))
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    row = within_margin(row, mean, spread / sqrt(len(differences)), len(differences) - 1, margin, alpha, lower_only)
    low, high = dz_interval(mean / spread, len(differences), alpha=2 * alpha)
    return replace(row, effect_size=mean / spread, effect_low=low, effect_high=high)


def within_margin(
    row: Comparison, mean: float, error: float, df: float, margin: float, alpha: float, lower_only: bool
) -> Comparison:
    """Fill a row in with two one-sided t tests, or the lower of them alone, and the 1 - 2 alpha interval.

    Examples
    --------
    >>> row = within_margin(Comparison("tost"), 0.1, 0.1, 20, margin=0.3, alpha=0.05, lower_only=False)
    >>> round(row.statistic, 4), round(row.p, 4)  # (0.1 - 0.3) / 0.1
    (-2.0, 0.0296)
    """
    low, high = (mean + margin) / error, (mean - margin) / error
    p_low, p_high = float(special.stdtr(df, -low)), float(special.stdtr(df, high))
    lower = lower_only or p_low >= p_high
    half = float(special.stdtrit(df, 1 - alpha)) * error
    return replace(
        row,
        ci_low=mean - half,
        ci_high=mean + half,
        statistic=low if lower else high,
        df=float(df),
        p=p_low if lower else p_high,
    )


def _left_out(raters: int) -> str:
    """Say how many raters a test could not use."""
    return f"{counted(raters, 'rater')} left out, with no prompt rated under every condition compared" if raters else ""


def _loose(ratings: int) -> str:
    """Say how many ratings of the raters who are used have no counterpart."""
    return f"{counted(ratings, 'rating')} without a counterpart left out" if ratings else ""


@dataclass(frozen=True)
class Comparison:
    """One row of results; a number that does not exist is None and the note says why.

    Parameters
    ----------
    test
        The test's name: those of this file, and of the others that compare (docs/statistics.md lists them).
    condition, reference
        What is compared with what; None for a test of all conditions.
    estimate, ci_low, ci_high
        Difference, condition minus reference, in points of the scale, and its interval, which is of this row alone, not
        of all rows at once; where a note says so a log odds ratio, a share or a d'.
    statistic, df, p, p_adjusted
        Test statistic, degrees of freedom, p value, and p value after Holm's adjustment.
    df_numerator
        Numerator degrees of freedom of an F statistic; `df` is then the denominator's.
    effect_size, effect_low, effect_high
        dz, rank-biserial correlation, Kendall's W, or what the note says, and its interval.
    n
        Raters the test used.
    note
        What a reader must know about this row.
    """

    test: str
    condition: str | None = None
    reference: str | None = None
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    statistic: float | None = None
    df: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    effect_size: float | None = None
    n: int = 0
    note: str = ""
    df_numerator: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None


COLUMNS = tuple(field.name for field in fields(Comparison))
