"""ABX: whether raters can tell two conditions apart, and how well.

Score 1 means that X was named rightly. Where nobody hears a difference, and X is drawn for each trial by itself, every
answer is right with probability one half, whatever a rater does: the exact binomial test needs no more. In a balanced
design X is not drawn so: it stands at either place equally often, and whoever gives both answers equally often guesses
right more unevenly than a coin. The exact test given how often each rater gave either answer and X stood at either
place (Cochran-Mantel-Haenszel) holds in both, and leads wherever the answers say where X stood. The interval of the
share right depends on the raters, and is clustered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from analysis.conclude.phrases import p_after_holm
from analysis.describe.opinion import cluster_interval
from analysis.infer.compare import TIED, Comparison, holm
from analysis.questions.findings import Cell, Findings, Table, shown
from analysis.questions.pair import Pair, pairs_of
from analysis.settings import ALPHA
from analysis.words import counted, level_text, percent

CHANCE = 0.5
LARGEST = 20.0  # beyond it a share right differs from 1 by less than a double can tell
Model = Callable[[float], float]


def abx(answers: pd.DataFrame, *, baseline: str | None = None, alpha: float = ALPHA) -> Findings:
    """Analyse ABX answers, pair by pair.

    Rows, one a pair, the tests with Holm's adjustment over the pairs:

    - `abx_cmh`, the primary one where `first` and `x` are known: number right, with the one-sided exact p given each
      rater's answers (see `_stratified`).
    - `abx_binomial`, the primary one elsewhere: share right, Clopper-Pearson interval, one-sided exact p against one
      half; the statistic is the number right.
    - `abx_cluster`: the same share with the rater-cluster t interval of `describe.opinion`, and its one-sided t
      test against one half.
    - `abx_dprime_io`, `abx_dprime_diff`: d' of the observer who judges A, B and X independently, and of the one
      who compares differences (see `dprime`). Their interval is that of the share right, carried over:
      the rater-cluster one where it exists, else Clopper-Pearson.

    Examples
    --------
    >>> answers = pd.DataFrame({"participant": list("aaabbb"), "prompt": list("pqrpqr"), "condition": "x",
    ...                         "reference": "y", "score": [1, 1, 1, 1, 1, 0]})
    >>> (row,) = abx(answers).of("abx_binomial")
    >>> round(row.estimate, 4), row.p  # 5 of 6 or more by chance: 7 / 64
    (0.8333, 0.109375)
    """
    pairs = pairs_of(_named(answers, baseline))
    exact = holm([_binomial(pair, alpha) for pair in pairs])
    given = holm([_stratified(pair) for pair in pairs])
    clustered = holm([_cluster(pair, alpha) for pair in pairs])
    both = tuple(zip(exact, clustered, strict=True))
    io = tuple(_dprime("abx_dprime_io", *rows, independent_share) for rows in both)
    diff = tuple(_dprime("abx_dprime_diff", *rows, differencing_share) for rows in both)
    leading = [row if row.p is not None else other for row, other in zip(given, exact, strict=True)]
    told = zip(pairs, leading, exact, clustered, io, diff, strict=True)
    alone = ", for this pair alone" if len(pairs) > 1 else ""
    sentences = tuple(_words(pair, a, b, c, d, e, alpha, alone) for pair, a, b, c, d, e in told)
    return Findings("abx", (*given, *exact, *clustered, *io, *diff), sentences, (_table(pairs),))


def independent_share(d: float) -> float:
    """Share right of the independent-observation observer (Macmillan & Creelman 2005, chapter 9), without bias.

    p = Phi(d / sqrt 2) Phi(d / 2) + Phi(-d / sqrt 2) Phi(-d / 2): right when both the order of A and B and the side
    of X are judged rightly, or both wrongly.

    Examples
    --------
    >>> independent_share(0.0), round(independent_share(2.0), 4)
    (0.5, 0.7877)
    """
    return _both_or_neither(d / sqrt(2), d / 2)


def differencing_share(d: float) -> float:
    """Share right of the differencing observer, who names the clip nearer to X (same source), without bias.

    p = Phi(d / sqrt 2) Phi(d / sqrt 6) + Phi(-d / sqrt 2) Phi(-d / sqrt 6): X against the middle of A and B as they
    were heard has variance 1 + 1/2, and the difference of A and B is independent of it.

    Examples
    --------
    >>> differencing_share(0.0), round(differencing_share(2.0), 4)
    (0.5, 0.7468)
    """
    return _both_or_neither(d / sqrt(2), d / sqrt(6))


def dprime(share: float, model: Model) -> float | None:
    """Invert a model: the d' whose share right is the one given.

    It is 0 for a share of one half or less, and None, infinite, for a share of one.

    Examples
    --------
    >>> round(dprime(independent_share(1.5), independent_share), 6), dprime(0.4, independent_share)
    (1.5, 0.0)
    """
    if share <= CHANCE:
        return 0.0
    if share >= model(LARGEST):
        return None
    return float(brentq(lambda d: model(d) - share, 0.0, LARGEST, xtol=1e-12, rtol=1e-12))


def _both_or_neither(first: float, second: float) -> float:
    """Probability that two independent normal judgements are both right or both wrong."""
    cdf = stats.norm.cdf
    return float(cdf(first) * cdf(second) + cdf(-first) * cdf(-second))


def _named(answers: pd.DataFrame, baseline: str | None) -> pd.DataFrame:
    """Name each pair one way round: the baseline is the reference, else the name that sorts first."""
    condition, reference = answers["condition"], answers["reference"]
    turned = (condition == baseline) | ((condition < reference) & (reference != baseline))
    return answers.assign(condition=condition.where(~turned, reference), reference=reference.where(~turned, condition))


def _binomial(pair: Pair, alpha: float) -> Comparison:
    """Compute one row of `abx_binomial`."""
    right, count = int(pair.scores.sum()), len(pair.scores)
    result = stats.binomtest(right, count, CHANCE, alternative="greater")
    interval = stats.binomtest(right, count).proportion_ci(1 - alpha, method="exact")
    return Comparison(
        "abx_binomial",
        pair.condition,
        pair.reference,
        estimate=right / count,
        ci_low=float(interval.low),
        ci_high=float(interval.high),
        statistic=float(right),
        p=float(result.pvalue),
        n=pair.raters,
        note=f"share right of {count} answers; one-sided; its interval treats the answers as independent",
    )


def _stratified(pair: Pair) -> Comparison:
    """Compute one row of `abx_cmh`.

    Of a rater's n answers a named the first clip, and X was the first clip in k trials. If he hears nothing, the number
    of trials that are both is hypergeometric, and that of his right answers is twice it plus n - a - k. p is the chance
    that the right answers of all raters come to as many as they did or more: R's `mantelhaen.test(exact = TRUE)`.
    """
    answers, right, count = pair.answers, int(pair.scores.sum()), len(pair.scores)
    row = Comparison(
        "abx_cmh", pair.condition, pair.reference, right / count, statistic=float(right), n=pair.raters,
        note="share right; one-sided; exact, given how often each rater gave each answer and where X was",
    )  # fmt: skip
    if not {"first", "x"} <= set(answers.columns) or (answers[["first", "x"]] == "").any(axis=None):
        return replace(row, note="not computed: for every answer it needs which clip was first and which one X was")
    at_first = (answers["x"] == answers["first"]).to_numpy()
    said_first = at_first == (pair.scores == 1)
    chances, least = np.ones(1), 0
    for places in answers.groupby("participant").indices.values():
        size, said, stood = len(places), int(said_first[places].sum()), int(at_first[places].sum())
        low, high = max(0, said + stood - size), min(said, stood)
        chances = np.convolve(chances, stats.hypergeom(size, stood, said).pmf(np.arange(low, high + 1)))
        least += 2 * low + size - said - stood
    if len(chances) == 1:
        return replace(row, note="not computed: given each rater's answers, no other result was possible")
    return replace(row, p=min(1.0, float(chances[(right - least) // 2 :].sum())))


def _cluster(pair: Pair, alpha: float) -> Comparison:
    """Compute one row of `abx_cluster`."""
    share = pair.mean()
    row = Comparison("abx_cluster", pair.condition, pair.reference, estimate=share, n=pair.raters)
    bounds = cluster_interval(pair.scores, pair.answers["participant"].to_numpy(), alpha=alpha)
    if bounds is None:
        return replace(row, note="not computed: fewer than two raters")
    df = row.n - 1
    error = (bounds[1] - bounds[0]) / 2 / float(stats.t.ppf(1 - alpha / 2, df))
    if error < TIED:
        return replace(row, note="not computed: every rater has the same share right")
    statistic = (share - CHANCE) / error
    return replace(
        row,
        ci_low=max(bounds[0], 0.0),
        ci_high=min(bounds[1], 1.0),
        statistic=statistic,
        df=float(df),
        p=float(stats.t.sf(statistic, df)),
        note="share right; one-sided",
    )


def _dprime(test: str, exact: Comparison, clustered: Comparison, model: Model) -> Comparison:
    """Carry a share right and its interval over to d'."""
    source, how = (exact, "Clopper-Pearson") if clustered.ci_low is None else (clustered, "rater-cluster")
    assert exact.estimate is not None
    assert source.ci_low is not None
    assert source.ci_high is not None
    value, high = dprime(exact.estimate, model), dprime(source.ci_high, model)
    notes = [f"interval from the {how} interval of the share right"]
    if value is None:
        notes.append("every answer is right: d' has no finite estimate")
    if high is None:
        notes.append("no finite upper bound")
    row = Comparison(test, exact.condition, exact.reference, n=exact.n, note="; ".join(notes))
    return replace(row, estimate=value, ci_low=dprime(source.ci_low, model), ci_high=high)


def _words(
    pair: Pair,
    leading: Comparison,
    exact: Comparison,
    clustered: Comparison,
    io: Comparison,
    diff: Comparison,
    alpha: float,
    alone: str,
) -> str:
    """Say in words what a pair's answers show."""
    right, count = int(pair.scores.sum()), len(pair.scores)
    source = exact if clustered.ci_low is None else clustered
    assert source.ci_low is not None
    assert source.ci_high is not None
    level, low, high = level_text(1 - alpha), percent(source.ci_low), percent(source.ci_high)
    numbers = (
        f"{right} of {counted(count, 'answer')} named X correctly ({percent(right / count)}, {level} interval {low} to "
        f"{high}{alone}; chance gives 50 %; {p_after_holm(leading)})"
    )
    name = f"{pair.condition} and {pair.reference}"
    if shown(leading, alpha):
        text = f"Raters told {name} apart: {numbers}. {_sensitivity(io, diff, level)}"
        if not shown(clustered, alpha):
            p = "no rater-cluster test" if clustered.p is None else f"rater-cluster test, {p_after_holm(clustered)}"
            text += f" This holds for these raters. It is not shown for raters in general ({p})."
        return text
    text = (
        f"The answers do not show that raters can tell {name} apart: {numbers}. "
        "Nor do they show that the two sound alike: "
    )
    if CHANCE**count >= alpha:
        text += f"with {counted(count, 'answer')}, all of them could be right by chance."
    else:
        text += f"a share right of up to {high} remains possible."
    if stats.binomtest(right, count, CHANCE, alternative="less").pvalue < alpha:
        text += " Fewer are right than chance would give: check that the answers were recorded the right way round."
    return text


def _sensitivity(io: Comparison, diff: Comparison, level: str) -> str:
    """Say how large d' is under both models."""
    parts = []
    for row, observer in ((io, "judges the clips independently"), (diff, "compares the differences between clips")):
        value = "not finite" if row.estimate is None else f"{row.estimate:.2f}"
        high = "no upper bound" if row.ci_high is None else f"{row.ci_high:.2f}"
        parts.append(f"{value} ({level} interval {row.ci_low:.2f} to {high}) if the rater {observer}")
    return f"d' is {parts[0]}, {parts[1]}."


def _table(pairs: Sequence[Pair]) -> Table:
    """Count the answers, by what X was and where it stood."""
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        cells: list[Cell] = [*pair.head(), int(pair.scores.sum()), pair.mean()]
        x = pair.answers["x"].to_numpy() if "x" in pair.answers.columns else np.full(len(pair.scores), "")
        first = pair.answers["first"].to_numpy() if "first" in pair.answers.columns else np.full(len(x), "")
        known = (x != "") & (first != "")
        for chosen in (x == pair.condition, x == pair.reference, known & (x == first), known & (x != first)):
            cells.append(float(pair.scores[chosen].mean()) if chosen.any() else None)
        rows.append(tuple(cells))
    heads = ("condition", "reference", "answers", "raters", "right", "share right")
    parts = ("X was the condition", "X was the reference", "X was A", "X was B")
    note = "Share right, overall and by what X was. Shares that differ by X suggest a bias towards one answer."
    return Table("ABX answers", (*heads, *parts), tuple(rows), note)
