"""Pairs: what answers about two clips at a time show (preference, AB; comparison category rating, CCR).

The rater is the unit, as everywhere: the primary test of a pair is the t test of its raters' mean scores against zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster

from analysis.conclude.phrases import interval_text, p_after_holm, reason
from analysis.conclude.verdict import judge
from analysis.describe.scale import all_within, one_score
from analysis.infer import compare
from analysis.infer.bradley_terry import bradley_terry
from analysis.infer.compare import TIED, Comparison, holm
from analysis.infer.intervals import as_row, two_way_interval
from analysis.infer.permutation import permutation
from analysis.infer.signed_rank import wilcoxon
from analysis.questions.findings import Findings, Table, shown
from analysis.questions.pair import Pair, oriented, pairs_of
from analysis.read.matched import Differences
from analysis.scale.rating_scale import RatingScale
from analysis.settings import ALPHA, MARGIN
from analysis.words import counted, p_text, points

COMPARISON = RatingScale(-3, 3)
Test = Callable[[Differences], tuple[Comparison, ...]]


def preference(answers: pd.DataFrame, baseline: str, *, alpha: float = ALPHA) -> Findings:
    """Analyse paired preferences: score 1 = condition preferred, -1 = reference preferred, 0 = neither.

    Rows, one a pair, each test with its own Holm adjustment:

    - `ab_t`, the primary one: t test of the raters' mean scores against zero. The mean of a score is the share
      that prefers the condition minus the share that prefers the reference.
    - `ab_permutation`: sign-flip test of the same means; it exists where all raters agree and t does not.
    - `ab_two_way`: mean score of all answers, its variance clustered by rater and prompt.
    - `ab_binomial`: exact test of the answers with a preference against one half, with its Clopper-Pearson interval. It
      treats answers as independent; others print it.
    - `ab_order` (see `order_effects`) and, one a condition, `ab_bradley_terry` (see `bradley_terry`).

    Examples
    --------
    >>> given = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x", "reference": "y"})
    >>> (row,) = preference(given.assign(score=[1, 1, 1, -1]), "y").of("ab_binomial")
    >>> row.estimate, row.statistic, row.p  # 3 of 4
    (0.75, 3.0, 0.625)
    """
    answers = oriented(answers, baseline)
    pairs = pairs_of(answers)
    flips = _each(pairs, "ab_permutation", permutation)
    means = all_within(_each(pairs, "ab_t", lambda of: compare.paired_t(of, alpha=alpha)), 1)
    orders = all_within(order_effects(pairs, "ab_order", alpha=alpha), 2)
    rows = (
        *means,
        *flips,
        *all_within(_two_ways(pairs, "ab_two_way", alpha), 1),
        *holm([_binomial(pair, alpha) for pair in pairs]),
        *orders,
        *bradley_terry(answers, baseline, alpha=alpha),
    )
    sentences = []
    for pair, row, flip, order in zip(pairs, means, flips, orders, strict=True):
        sentences += [_preferred(pair, row, flip, alpha, several=len(pairs) > 1), _ordered(pair, order, alpha)]
    heads = ("condition", "reference", "answers", "raters", "condition preferred", "reference preferred", "neither")
    asked = "answer" in answers.columns
    table = Table(
        "Preferences",
        (*heads, *(("both bad",) if asked else ()), *ORDER_HEADS),
        tuple(
            (*pair.head(), *pair.counts((1, -1, 0)), *((pair.both_bad,) if asked else ()), *pair.order_cells())
            for pair in pairs
        ),
        "Mean of the scores 1 (condition preferred), 0 (neither) and -1 (reference preferred), by order."
        + (" Both bad: so many of those who chose neither said that both are bad." if asked else ""),
    )
    return Findings("ab", rows, tuple(sentences), (table,))


def comparison_rating(
    answers: pd.DataFrame,
    baseline: str,
    *,
    margin: float = MARGIN,
    alpha: float = ALPHA,
    scale: RatingScale = COMPARISON,
) -> Findings:
    """Analyse comparison category ratings, positive where the condition is better (ITU-T P.800 annex E).

    They go from -3 to 3, or as far as another `scale`.
    Their mean is the comparison mean opinion score, CMOS. Rows, one a pair, each test with its own Holm
    adjustment: `ccr_t` (t test of the raters' mean scores against zero), `ccr_wilcoxon` and `ccr_permutation` of the
    same means, `ccr_tost` (equivalence within +-margin points of the seven-point scale), `ccr_two_way` (CMOS of all
    answers, its variance clustered by rater and prompt) and `ccr_order` (see `order_effects`).

    Examples
    --------
    >>> given = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x", "reference": "y"})
    >>> (row,) = comparison_rating(given.assign(score=[2, 3, 0, 1]), "y").of("ccr_t")
    >>> row.estimate, row.df
    (1.5, 1.0)
    """
    pairs, reach = pairs_of(oriented(answers, baseline)), float(scale.high)
    count = round(2 * reach / scale.resolution)
    categories = tuple(float(step) for step in np.linspace(-reach, reach, count + 1))
    means = _each(pairs, "ccr_t", lambda of: compare.paired_t(of, alpha=alpha))
    within = _each(pairs, "ccr_tost", lambda of: compare.tost(of, margin=margin, alpha=alpha))
    lower = _each(pairs, "ccr_tost", lambda of: compare.noninferiority(of, margin=margin, alpha=alpha))
    orders = all_within(order_effects(pairs, "ccr_order", alpha=alpha), 2 * reach)
    rows = (
        *all_within(means, reach),
        *_each(pairs, "ccr_wilcoxon", lambda of: wilcoxon(of, alpha=alpha)),
        *_each(pairs, "ccr_permutation", permutation),
        *all_within(within, reach),
        *all_within(_two_ways(pairs, "ccr_two_way", alpha), reach),
        *orders,
    )
    sentences = []
    for pair, row, tost, one_sided, order in zip(pairs, means, within, lower, orders, strict=True):
        verdict = judge(
            row,
            tost,
            one_sided,
            margin=margin,
            alpha=alpha,
            compared=len(pairs),
            reach=reach,
            remark=one_score(pair.scores, "answers"),
        )
        sentences.append(f"{verdict.condition} against {verdict.reference}: {verdict.kind}. {verdict.words}")
        sentences.append(_ordered(pair, order, alpha))
    heads = ("condition", "reference", "answers", "raters", *(f"{step:+g}" if step else "0" for step in categories))
    table = Table(
        "Comparison ratings",
        (*heads, "CMOS", *ORDER_HEADS),
        tuple((*pair.head(), *pair.counts(categories), pair.mean(), *pair.order_cells()) for pair in pairs),
        "How often each score was given; above zero the condition is better. Mean scores by order.",
    )
    return Findings("ccr", rows, tuple(sentences), (table,))


def order_effects(pairs: Sequence[Pair], test: str, *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Test of each pair whether it mattered which of its clips came first.

    The estimate is the mean score where the condition was heard first minus that where it was heard second,
    from the regression of the score on the order. Its variance is clustered by rater, with R - 1 degrees of freedom:
    R's `vcovCL(lm(score ~ first), cluster = rater, type = "HC1")`. Not adjusted: it is a check of the design.

    Examples
    --------
    >>> given = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x", "reference": "y"})
    >>> (row,) = order_effects(pairs_of(given.assign(first=list("xyyx"), score=[1, 0, -1, 1])), "ab_order")
    >>> round(row.estimate, 6)  # mean score with x first, 1, minus that with x second, -0.5
    1.5
    """
    return tuple(_order(pair, test, alpha) for pair in pairs)


def _each(pairs: Sequence[Pair], name: str, test: Test) -> tuple[Comparison, ...]:
    """Apply a test to every pair, and adjust over the pairs."""
    return holm([replace(test(pair.means)[0], test=name) for pair in pairs])


def _two_ways(pairs: Sequence[Pair], test: str, alpha: float) -> tuple[Comparison, ...]:
    """Give the two-way interval of each pair's mean score."""
    rows = []
    for pair in pairs:
        names = pair.answers["participant"].to_numpy(), pair.answers["prompt"].to_numpy()
        interval = two_way_interval(pair.scores, *names, alpha=alpha)
        rows.append(as_row(interval, Comparison(test, pair.condition, pair.reference), alpha=alpha))
    return holm(rows)


def _binomial(pair: Pair, alpha: float) -> Comparison:
    """Compute one row of `ab_binomial`."""
    wins, losses, ties = pair.counts((1, -1, 0))
    row = Comparison("ab_binomial", pair.condition, pair.reference, n=pair.raters)
    if not wins + losses:
        return replace(row, note="not computed: no answer prefers either")
    result = stats.binomtest(wins, wins + losses)
    interval = result.proportion_ci(1 - alpha, method="exact")
    without = f"; {ties} without a preference left out" if ties else ""
    return replace(
        row,
        estimate=float(result.statistic),
        ci_low=float(interval.low),
        ci_high=float(interval.high),
        statistic=float(wins),
        p=float(result.pvalue),
        note=f"share of {wins + losses} answers, treated as independent, which those of one rater are not{without}",
    )


def _order(pair: Pair, test: str, alpha: float) -> Comparison:
    """Compute one row of `order_effects`."""
    known = pair.answers[pair.first.notna()]
    row = Comparison(test, pair.condition, pair.reference, n=int(known["participant"].nunique()))
    if known.empty:
        return replace(row, note="not computed: the file does not say which clip was heard first")
    early = pair.first.dropna().to_numpy(dtype=float)
    if not 0 < early.sum() < len(early):
        return replace(row, note="not computed: the two were always heard in the same order")
    ways = pd.Series(early, index=known.index).groupby(known["prompt"]).transform("nunique")
    both = (ways == 2).to_numpy()  # where the order of a prompt never changed, its effect is the prompt's
    if not both.any():
        return replace(row, note="not computed: no prompt was heard in both orders")
    known, early = known[both], early[both]
    row = replace(row, n=int(known["participant"].nunique()))
    scores = known["score"].to_numpy(dtype=float)
    fit = OLS(scores, np.column_stack([np.ones_like(early), early])).fit()
    row = replace(row, estimate=float(fit.params[1]))
    if row.n < 2:
        return replace(row, note="not computed: fewer than two raters")
    if len(scores) < 3 or float(np.ptp(fit.resid)) < TIED:
        return replace(row, note="not computed: no spread to judge it by")
    error = float(np.sqrt(cov_cluster(fit, pd.factorize(known["participant"])[0])[1, 1]))
    if error < TIED:
        return replace(row, note="not computed: every rater shows the same difference")
    statistic, df = float(fit.params[1]) / error, row.n - 1
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    left = len(pair.answers) - len(known)
    return replace(
        row,
        ci_low=float(fit.params[1]) - half,
        ci_high=float(fit.params[1]) + half,
        statistic=statistic,
        df=float(df),
        p=2 * float(stats.t.sf(abs(statistic), df)),
        note=f"{counted(left, 'answer')} left out: the order is unknown, or the prompt was heard in one order only"
        if left
        else "",
    )


def _preferred(pair: Pair, row: Comparison, flips: Comparison, alpha: float, *, several: bool) -> str:
    """Say in words what a pair's preferences show."""
    name, other = pair.condition, pair.reference
    wins, losses, ties = pair.counts((1, -1, 0))
    bad = f" ({pair.both_bad} of them said that both are bad)" if "answer" in pair.answers else ""
    counts = f"of {counted(len(pair.answers), 'answer')}, {wins} chose {name}, {losses} {other} and {ties} neither{bad}"
    if row.estimate is None or (row.p is None and flips.p is None):
        return f"No result for {name} against {other}: {reason(row)} ({counts})."
    mean = f"the mean of the raters' scores is {points(row.estimate)}"
    if row.p is None:
        numbers = f"{counts}; {mean}, the same for every rater; sign-flip test, {p_after_holm(flips)}"
    else:
        numbers = f"{counts}; {mean} ({interval_text(row, 1 - alpha, several=several)}), {p_after_holm(row)}"
    if shown(flips if row.p is None else row, alpha):
        better, worse = (name, other) if row.estimate > 0 else (other, name)
        return f"{better} is preferred to {worse}: {numbers}."
    return f"The answers do not show a preference between {name} and {other}: {numbers}. More answers may show one."


def _ordered(pair: Pair, row: Comparison, alpha: float) -> str:
    """Say in words what is known of the order, and what unequal numbers make of it."""
    of = f"{row.condition} against {row.reference}"
    if row.estimate is None or row.p is None:
        return f"It is not known whether the order mattered for {of}: {reason(row)}."
    minus = f"the mean score with {row.condition} first minus the mean score with it second is {points(row.estimate)}"
    numbers = f"{minus} ({interval_text(row, 1 - alpha)}, {p_text(row.p)})"
    if row.p >= alpha:
        return f"The answers do not show an effect of the order for {of}: {numbers}."
    first, second = (int((pair.first == early).sum()) for early in (1, 0))
    shift = row.estimate / 2 * (first - second) / (first + second)
    more = f" It was first {first} times and second {second} times, which shifts the mean of all scores by about "
    return f"The order mattered for {of}: {numbers}.{more}{points(shift)}."


ORDER_HEADS = ("heard first", "mean heard first", "heard second", "mean heard second")
