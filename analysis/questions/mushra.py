"""MUSHRA: slider ratings from 0 to 100 beside a hidden reference (ITU-R BS.1534-3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.conclude.phrases import interval_text, p_after_holm, reason
from analysis.describe.opinion import cluster_interval
from analysis.describe.scale import all_within, clipped, one_score
from analysis.describe.screening import Screen, enough_left
from analysis.infer import compare
from analysis.infer.compare import APART, Comparison, holm
from analysis.infer.intervals import pooled_interval
from analysis.infer.signed_rank import wilcoxon
from analysis.questions.findings import Cell, Findings, Table, shown
from analysis.read.matched import cells
from analysis.settings import ALPHA
from analysis.words import counted, joined, level_text, points

ANCHOR = "anchor"
REACH = 100.0
MOST_NAMED = 20  # pairs in one sentence; the table of results has them all
LIMIT = 90  # a hidden reference below it, or a mid anchor above it, is a miss
MISSES = 0.15  # raters with a larger share of misses are left out
DOUBTFUL = 0.25  # a trial whose anchor more than this share of raters put above the limit tells nothing of them
HEADS = (
    *("condition", "ratings", "raters", "mean", "low", "high", "cluster low", "cluster high"),
    *("whisker low", "quartile 1", "median", "quartile 3", "whisker high", "outliers"),
)


def mushra(
    ratings: pd.DataFrame,
    reference: str,
    *,
    alpha: float = ALPHA,
    anchor: str = ANCHOR,
    mid_anchor: bool = False,
    anchors: Sequence[str] = (),
) -> Findings:
    """Analyse MUSHRA ratings with post-screening, and again with everybody.

    Rows on the raters that post-screening keeps: `mushra_t` and `mushra_wilcoxon` (each condition against the
    hidden reference), `mushra_between_t` and `mushra_between_wilcoxon` (each pair of conditions, without reference and
    anchor), `mushra_friedman` (all conditions), each with its own Holm adjustment. If anyone is left out, the same
    rows with everybody follow under names ending in `_all`; if half of the raters or more would be, or fewer than three
    would stay, there are only those.

    Parameters
    ----------
    ratings
        Columns `participant`, `prompt`, `condition`, `score`, and `seed` where there are several.
    reference
        The condition that is the hidden reference.
    alpha
        Level of tests and intervals.
    anchor
        The condition that is the anchor, if there is one.
    mid_anchor
        Whether that is a mid-range anchor whose own screening rule is to be applied too.
    anchors
        Conditions that somebody says are anchors, in place of `anchor`: they are described and drawn, compared with
        nothing, and the one with the highest mean is the mid-range anchor of the screening.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abcd"), 2), "prompt": "p", "condition": ["ref", "x"] * 4,
    ...                         "score": [100, 70, 98, 75, 100, 80, 95, 60]})
    >>> (row,) = mushra(ratings, "ref").of("mushra_t")
    >>> row.estimate, row.n
    (-27.0, 4)
    """
    if anchors:
        anchor, mid_anchor = mid_range(ratings, anchors), True
    screens = post_screening(ratings, reference, anchor=anchor if mid_anchor else None)
    out = {name for screen in screens for name in screen.participants}
    everyone = ratings["participant"].nunique()
    kept = ratings[~ratings["participant"].isin(out)]
    conditions = [reference, *sorted(set(ratings["condition"]) - {reference})]
    compared = [name for name in conditions if name not in anchors]
    words = [one_score(ratings["score"].to_numpy(dtype=float), "ratings")]
    words = [word for word in words if word] + _screened(screens, len(out), everyone)
    if not out or not enough_left(len(out), everyone):
        rows = _tests(ratings, compared, anchor, alpha, "_all" if out else "")
        sentences = (*words, *_sentences(rows, {}, alpha))
        return Findings("mushra", rows, sentences, (_boxes(ratings, conditions, "all raters", alpha),))
    rows, whole = (_tests(of, compared, anchor, alpha, end) for of, end in ((kept, ""), (ratings, "_all")))
    rows = tuple(replace(row, note=joined(f"{len(out)} left out by post-screening", row.note)) for row in rows)
    tables = (
        _boxes(kept, conditions, "raters kept by post-screening", alpha),
        _boxes(ratings, conditions, "all raters", alpha),
    )
    sentences = (*words, *_sentences(rows, {(row.test, row.condition, row.reference): row for row in whole}, alpha))
    return Findings("mushra", (*rows, *whole), sentences, tables, tuple(sorted(out)))


def mid_range(ratings: pd.DataFrame, anchors: Sequence[str]) -> str:
    """Give of several anchors the one that is degraded the least: the one with the highest mean.

    Examples
    --------
    >>> mid_range(pd.DataFrame({"condition": ["low", "mid"], "score": [10, 40]}), ["mid", "low"])
    'mid'
    """
    means = ratings[ratings["condition"].isin(list(anchors))].groupby("condition")["score"].mean()
    return str(means.idxmax())


def post_screening(ratings: pd.DataFrame, reference: str, *, anchor: str | None = None) -> tuple[Screen, ...]:
    """Apply the post-screening of BS.1534-3, section 4.1.2: whom it would leave out, by rule.

    A rater is left out who gives the hidden reference less than 90 in more than 15 % of the trials. With `anchor`
    named, the same holds for who gives this mid-range anchor more than 90 in more than 15 % of the trials, not counting
    trials in which more than 25 % of the raters do: there the anchor may not be degraded enough to be heard. Of three
    raters or fewer one is more than 25 %, so a rater is judged by trials of four or more.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("abc"), "prompt": "p", "condition": "ref", "score": [100, 95, 40]})
    >>> [screen.participants for screen in post_screening(ratings, "ref")]
    [('c',)]
    """
    everyone = ratings["participant"].nunique()
    hidden = ratings[ratings["condition"] == reference]
    missed = (hidden["score"] < LIMIT).groupby(hidden["participant"]).mean()
    rule = f"hidden reference below {LIMIT} in more than {100 * MISSES:g} % of the trials"
    lacking = _lacking(everyone - len(missed), f"never rated the hidden reference ({reference})")
    screens = [Screen("hidden_reference", rule, _names(missed), len(missed), everyone, lacking)]
    if anchor is not None:
        middle = ratings[ratings["condition"] == anchor]
        above = (middle["score"] > LIMIT).astype(float)
        trial = [middle[column] for column in ("prompt", "seed") if column in middle.columns]
        shares = above.groupby(trial)
        undoubted = shares.transform("mean") <= DOUBTFUL
        missed = above[undoubted].groupby(middle["participant"][undoubted]).mean()
        rule = f"mid-range anchor above {LIMIT} in more than {100 * MISSES:g} % of the trials"
        telling = undoubted & (shares.transform("size") * DOUBTFUL >= 1)
        judged = int(middle["participant"][telling].nunique())
        lacking = _lacking(
            everyone - judged,
            f"never rated the mid-range anchor ({anchor}) in a trial that {1 / DOUBTFUL:g} raters or more rated "
            f"and at most {100 * DOUBTFUL:g} % of them put above {LIMIT}",
        )
        screens.append(Screen("mid_anchor", rule, _names(missed), judged, everyone, lacking))
    return tuple(screens)


def box(scores: np.ndarray) -> tuple[float, float, float, float, float, int]:
    """Numbers of a boxplot: low whisker, quartile, median, quartile, high whisker, outliers.

    Quartiles interpolate linearly (R's type 7); a whisker ends at the last score within 1.5 times the distance of
    the quartiles (Tukey), and scores beyond are counted as outliers.

    Examples
    --------
    >>> box(np.array([1, 2, 3, 4, 100]))  # quartiles 2 and 4: 100 is an outlier
    (1.0, 2.0, 3.0, 4.0, 4.0, 1)
    """
    first, middle, third = (float(value) for value in np.quantile(scores, (0.25, 0.5, 0.75)))
    reach = 1.5 * (third - first)
    inside = scores[(scores >= first - reach) & (scores <= third + reach)]
    return float(inside.min()), first, middle, third, float(inside.max()), len(scores) - len(inside)


def _names(missed: pd.Series) -> tuple[str, ...]:
    """Name the raters with too large a share of misses."""
    return tuple(str(name) for name in missed.index[missed > MISSES])


def _lacking(raters: int, what: str) -> str:
    """Say how many raters a rule could not judge, and what they lack."""
    return f"{counted(raters, 'rater')} {what}" if raters else ""


def _screened(screens: Sequence[Screen], out: int, everyone: int) -> list[str]:
    """Say whom post-screening leaves out, whom it could not judge, and whether it is followed."""
    followed = enough_left(out, everyone)
    leaves = "leaves out" if followed else "would leave out"
    words = []
    for screen in screens:
        rule = f"Post-screening ({screen.words})"
        if not screen.judged:
            words.append(f"{rule} could judge nobody: {screen.note}.")
            continue
        judged = counted(screen.judged, "rater")
        who = f"{screen.count} of {judged}: {', '.join(screen.participants)}" if screen.count else f"none of {judged}"
        words.append(f"{rule} {leaves if screen.count else 'leaves out'} {who}.")
        if screen.note:
            words.append(f"It could not judge everybody: {screen.note}.")
    if out and not followed:
        left = f"That would leave {everyone - out} of {everyone} raters"
        why = f"{left}, too few for a useful interval."
        if 2 * out >= everyone:
            why = (
                f"{left}, half of them or fewer. When so many fail a rule, it says more about the clips or the task "
                "than about the raters: perhaps the reference can hardly be told from the rest."
            )
        words.append(f"{why} So post-screening is not applied, and the results include all raters.")
    return words


def _tests(
    ratings: pd.DataFrame, conditions: Sequence[str], anchor: str, alpha: float, ending: str
) -> tuple[Comparison, ...]:
    """Apply all tests to one set of raters."""
    heard, reference = cells(ratings, conditions), conditions[0]
    between = [name for name in conditions if name not in (reference, anchor)]
    tested: list[Comparison] = []
    ranked: list[Comparison] = []
    for place, name in enumerate(between[:-1]):
        matched = heard.against(name).only(between[place + 1 :])
        tested += compare.paired_t(matched, alpha=alpha)
        ranked += wilcoxon(matched, alpha=alpha)
    named = {
        "mushra_t": compare.paired_t(heard.against(reference), alpha=alpha),
        "mushra_wilcoxon": wilcoxon(heard.against(reference), alpha=alpha),
        "mushra_between_t": holm(tested),
        "mushra_between_wilcoxon": holm(ranked),
        "mushra_friedman": compare.friedman(heard),
    }
    return tuple(
        replace(row, test=f"{name}{ending}") for name, rows in named.items() for row in all_within(rows, REACH)
    )


def _sentences(
    rows: Sequence[Comparison], whole: dict[tuple[str, str | None, str | None], Comparison], alpha: float
) -> list[str]:
    """Say what is shown of each condition, and whether leaving raters out made it so."""
    words: list[str] = []
    apart: list[str] = []
    family = Counter(row.test for row in rows)
    for row in rows:
        if not row.test.startswith(("mushra_t", "mushra_between_t")):
            continue
        if row.note.startswith(APART):
            apart.append(f"{row.condition} and {row.reference}")
            continue
        several = family[row.test] > 1
        words.append(_compared(row, alpha, several=several))
        other = whole.get((f"{row.test}_all", row.condition, row.reference))
        if other is not None and shown(other, alpha) != shown(row, alpha):
            words.append(f"With all raters the result is different: {_compared(other, alpha, several=several)}")
    if apart:
        rest = f" and {len(apart) - MOST_NAMED} more pairs" if len(apart) > MOST_NAMED else ""
        words.append(
            "There is no result for pairs of conditions that no rater rated for the same prompt: "
            f"{', '.join(apart[:MOST_NAMED])}{rest}."
        )
    return words


def _compared(row: Comparison, alpha: float, *, several: bool) -> str:
    """Say what one row shows."""
    name, other = row.condition, row.reference
    if row.p is None or row.estimate is None:
        return f"No result for {name} against {other}: {reason(row)}."
    interval = interval_text(row, 1 - alpha, several=several)
    numbers = f"the difference is {points(row.estimate)} points out of 100 ({interval}), {p_after_holm(row)}"
    if shown(row, alpha):
        way = "higher" if row.estimate > 0 else "lower"
        return f"{name} is rated {way} than {other}: {numbers}."
    return (
        f"The ratings do not show that {name} and {other} differ: {numbers}. The true difference may lie "
        "anywhere in the interval."
    )


def _boxes(ratings: pd.DataFrame, conditions: Sequence[str], whom: str, alpha: float) -> Table:
    """Describe the scores of each condition."""
    rows: list[tuple[Cell, ...]] = []
    for name in conditions:
        part = ratings[ratings["condition"] == name]
        scores = part["score"].to_numpy(dtype=float)
        if not len(scores):
            rows.append((name, 0, 0, *[None] * (len(HEADS) - 3)))
            continue
        raters = part["participant"].to_numpy()
        pooled = pooled_interval(scores, alpha=alpha)
        none = (None, None)
        wide = clipped(pooled.low, pooled.high, (0.0, REACH)) or none
        low, high = cluster_interval(scores, raters, alpha=alpha) or none
        bounds = clipped(low, high, (0.0, REACH)) or none
        counts = len(scores), part["participant"].nunique()
        rows.append((name, *counts, pooled.mean, *wide, *bounds, *box(scores)))
    note = (
        f"Low and high are the {level_text(1 - alpha)} t interval of BS.1534-3, which treats all ratings as "
        "independent; the cluster interval allows for the ratings of one rater being alike. Whiskers reach the last "
        "score within 1.5 times the box."
    )
    return Table(f"Scores, {whom}", HEADS, tuple(rows), note)
