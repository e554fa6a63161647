"""Reliability: how far the raters agree with one another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import krippendorff
import numpy as np
import pandas as pd
from scipy import stats

from analysis.describe.retest import Retest, agreement_with_themselves
from analysis.estimate.moments import expectations, sums_of_squares
from analysis.scale.rating_scale import FIVE, RatingScale
from analysis.settings import ALPHA
from analysis.words import joined

# A correlation over two clips is always +-1.
MIN_CLIPS = 3
# Mean squares of scores from 1 to 5 are far coarser than this, far finer than rounding error.
NOTHING = 1e-10


def reliability(
    ratings: pd.DataFrame, *, alpha: float = ALPHA, scale: RatingScale = FIVE, repeats: pd.DataFrame | None = None
) -> Reliability:
    """Count the design and describe the agreement; a number that does not exist is None and its note says why.

    `repeats` are the clips that a rater rated again; see `agreement_with_themselves`.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("ab"), 3), "prompt": list("pqr") * 2, "condition": "x",
    ...                         "score": [1, 3, 5, 2, 4, 5]})
    >>> found = reliability(ratings)
    >>> found.raters, found.clips, round(found.mean_rater_correlation, 4)
    (2, 3, 0.982)
    """
    clips = clip_numbers(ratings)
    counts = np.bincount(clips)
    found = rater_correlations(ratings).dropna()
    icc = intraclass(ratings, alpha=alpha)
    agreement, agreement_note = krippendorff_alpha(ratings, scale)
    return Reliability(
        raters=int(ratings["participant"].nunique()),
        clips=len(counts),
        ratings=len(ratings),
        fewest_ratings_per_clip=int(counts.min()),
        mean_rater_correlation=float(found.mean()) if len(found) else None,
        raters_correlated=len(found),
        icc=icc,
        krippendorff_alpha=agreement,
        krippendorff_note=agreement_note,
        krippendorff_level="ordinal" if scale.levels else "interval",
        retest=None if repeats is None else agreement_with_themselves(repeats, scale),
    )


def clip_numbers(ratings: pd.DataFrame) -> np.ndarray:
    """Number the clips (prompt, condition and, where known, seed) from 0 in their sorted order; one a rating.

    Examples
    --------
    >>> clip_numbers(pd.DataFrame({"prompt": list("ppqp"), "condition": list("xyxx")})).tolist()
    [0, 1, 2, 0]
    """
    columns = [column for column in ("prompt", "condition", "seed") if column in ratings.columns]
    return np.asarray(ratings.groupby(columns).ngroup())


def rater_correlations(ratings: pd.DataFrame) -> pd.Series:
    """Correlate (Pearson) each rater with the mean of the others over the clips both rated.

    The leave-one-out mean of a clip is (sum of all its ratings - own rating) / (number - 1). A rater who gave
    one score only, or shares fewer than three clips with others, has none: NaN.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("ab"), 3), "prompt": list("pqr") * 2, "condition": "x",
    ...                         "score": [1, 3, 5, 2, 4, 5]})
    >>> rater_correlations(ratings).round(4).to_dict()  # 6 / sqrt(8 * 14 / 3)
    {'a': 0.982, 'b': 0.982}
    """
    rater, names = pd.factorize(ratings["participant"], sort=True)
    clip, scores = clip_numbers(ratings), ratings["score"].to_numpy(dtype=float)
    count, total = np.bincount(clip)[clip], np.bincount(clip, scores)[clip]
    shared = count > 1
    rater, own = rater[shared], scores[shared]
    others = (total[shared] - own) / (count[shared] - 1)
    clips = np.bincount(rater, minlength=len(names))
    apart = [
        values - (np.bincount(rater, values, len(names)) / np.maximum(clips, 1))[rater] for values in (own, others)
    ]
    product, *squares = (
        np.bincount(rater, values, len(names)) for values in (apart[0] * apart[1], apart[0] ** 2, apart[1] ** 2)
    )
    defined = (clips >= MIN_CLIPS) & (np.sqrt(squares[0]) > 1e-9) & (np.sqrt(squares[1]) > 1e-9)
    scale = np.sqrt(np.where(defined, squares[0] * squares[1], 1.0))
    return pd.Series(np.where(defined, product / scale, np.nan), index=pd.Index(names, name="participant"))


def intraclass(ratings: pd.DataFrame, *, alpha: float = ALPHA) -> Intraclass:
    """Intraclass correlations of absolute agreement, raters and clips both at random: ICC(A,1) and ICC(A,k).

    With the mean squares of clips (B), raters (J) and remainder (E) of n clips by k raters (McGraw & Wong 1996;
    ICC(2,1) and ICC(2,k) of Shrout & Fleiss 1979),

        ICC(A,1) = (B - E) / (B + (k - 1) E + k (J - E) / n),      ICC(A,k) = (B - E) / (B + (J - E) / n),

    and the interval by F with Satterthwaite's degrees of freedom, as R's psych::ICC. This takes raters who rated
    every clip. Where fewer than half did, the variances of clips, raters and remainder are estimated from all
    ratings by Henderson's (1953) first method, which gives the same numbers on complete data:

        ICC(A,1) = c / (c + r + e),       ICC(A,k) = c / (c + (r + e) / k),

    k being the harmonic mean of the ratings a clip has; no interval is known for it.

    Examples
    --------
    >>> scores = [9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7]
    >>> ratings = pd.DataFrame({"participant": list("abcd") * 6, "prompt": np.repeat(range(6), 4), "condition": "x",
    ...                         "score": scores})
    >>> found = intraclass(ratings)
    >>> round(found.single, 2), round(found.average, 2)  # the numbers of Shrout & Fleiss (1979)
    (0.29, 0.62)
    """
    clip, scores = clip_numbers(ratings), ratings["score"].to_numpy(dtype=float)
    rater, names = pd.factorize(ratings["participant"], sort=True)
    clips, raters = int(clip.max(initial=-1)) + 1, len(names)
    if raters < 2 or clips < 2:
        return Intraclass(note=f"not computed: fewer than two {'raters' if raters < 2 else 'clips'}")
    if float(np.ptp(scores)) == 0:
        return Intraclass(note="not computed: every rating is the same")
    # A rater who rated one clip twice counts with the mean.
    pair, place = np.unique(rater * clips + clip, return_inverse=True)
    means = np.bincount(place, scores) / np.bincount(place)
    complete = np.bincount(pair // clips, minlength=raters) == clips
    if complete.sum() >= 2 and 2 * complete.sum() >= raters:
        table = means[complete[pair // clips]].reshape(-1, clips)
        return _from_table(table, raters, alpha)
    return _from_components(pair // clips, pair % clips, means, int(complete.sum()))


def krippendorff_alpha(ratings: pd.DataFrame, scale: RatingScale = FIVE) -> tuple[float | None, str]:
    """Krippendorff's alpha, 1 - observed / expected disagreement; and a note.

    Every clip with two ratings or more counts, whoever gave them, so incomplete designs need no care. Scores of few
    levels are taken as ordered; those of many levels, or of a continuous scale, as distances (the squared difference
    of two scores; by hand, because the library's table of all pairs of values grows with their square).

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("abab"), "prompt": list("ppqq"), "condition": "x",
    ...                         "score": [2, 2, 5, 5]})
    >>> krippendorff_alpha(ratings)  # full agreement
    (1.0, '')
    """
    clip, scores = clip_numbers(ratings), ratings["score"].to_numpy(dtype=float)
    sizes = np.bincount(clip)
    alone = int((sizes == 1).sum())
    shared = sizes[clip] > 1
    if not shared.any():
        return None, "not computed: no clip has two ratings"
    if float(np.ptp(scores[shared])) == 0:
        return None, "not computed: every rating is the same"
    if levels := scale.levels:
        grade = np.rint((scores - scale.low) / scale.resolution).astype(int)
        counts = np.bincount(clip * len(levels) + grade, minlength=len(sizes) * len(levels)).reshape(-1, len(levels))
        value = krippendorff.alpha(
            value_counts=counts[sizes > 1], value_domain=list(levels), level_of_measurement="ordinal"
        )
    else:
        apart = scores - (np.bincount(clip, scores) / sizes)[clip]
        squares, several = np.bincount(clip, apart**2)[sizes > 1], sizes[sizes > 1]
        observed = float((squares * several / (several - 1)).sum()) / int(several.sum())
        value = 1 - observed / float(scores[shared].var(ddof=1))
    return float(value), f"{alone} of {len(sizes)} clips have one rating and do not count" if alone else ""


def _from_table(table: np.ndarray, raters: int, alpha: float) -> Intraclass:
    """Compute from a complete table, one row a rater, one column a clip."""
    k, n = table.shape
    note = "" if k == raters else f"on the {k} of {raters} raters who rated every clip"
    row, column = table.mean(axis=1) - table.mean(), table.mean(axis=0) - table.mean()
    rest = table - table.mean() - row[:, None] - column
    between, judges = k * float(column @ column) / (n - 1), n * float(row @ row) / (k - 1)
    error = float(np.vdot(rest, rest)) / ((n - 1) * (k - 1))
    if max(between, judges, error) < NOTHING:
        return Intraclass(note=joined("not computed: every rating is the same", note))
    single = _ratio(between - error, between + (k - 1) * error + k * (judges - error) / n)
    if single is None:
        return Intraclass(note=joined("not computed: clips and raters do not differ at all", note))
    result = Intraclass(
        single=single,
        average=_ratio(between - error, between + (judges - error) / n),
        raters=k,
        clips=n,
        k=float(k),
        note=joined(note, _below_zero(single)),
    )
    if error < NOTHING:
        return replace(result, note=joined("no interval: the raters differ by constants only", result.note))
    f_judges = judges / error
    shift = n * (1 + (k - 1) * single) - k * single
    df = _ratio(
        (k - 1) * (n - 1) * (k * single * f_judges + shift) ** 2,
        (n - 1) * (k * single * f_judges) ** 2 + shift**2,
    )
    if df is None or df < NOTHING:
        return replace(result, note=joined("no interval: it has no degrees of freedom", result.note))
    high, low = float(stats.f.ppf(1 - alpha / 2, n - 1, df)), float(stats.f.ppf(1 - alpha / 2, df, n - 1))
    others = k * judges + (k * n - k - n) * error
    bounds = (
        _ratio(n * (between - high * error), high * others + n * between),
        _ratio(n * (low * between - error), others + n * low * between),
    )
    averages = [None if bound is None else _ratio(bound * k, 1 + bound * (k - 1)) for bound in bounds]
    return replace(
        result, single_low=bounds[0], single_high=bounds[1], average_low=averages[0], average_high=averages[1]
    )


def _from_components(rater: np.ndarray, clip: np.ndarray, scores: np.ndarray, complete: int) -> Intraclass:
    """Compute from the variances of an incomplete table, by Henderson's first method."""
    per_rater, per_clip = np.bincount(rater), np.bincount(clip)
    raters, clips = len(per_rater), len(per_clip)
    system = expectations(per_clip, per_rater)
    how = f"from the variances of all ratings, since {complete} of {raters} raters rated every clip; no interval"
    if np.linalg.matrix_rank(system) < 3:
        return Intraclass(note="not computed: clips, raters and remainder cannot be told apart in these ratings")
    of_clip, of_rater, rest = (float(value) for value in np.linalg.solve(system, sums_of_squares(scores, clip, rater)))
    k = clips / float((1 / per_clip).sum())
    spreads = of_clip + of_rater + rest, of_clip + (of_rater + rest) / k
    if min(spreads) < NOTHING:
        return Intraclass(note="not computed: the variances add up to zero")
    single = of_clip / spreads[0]
    note = joined(how, _below_zero(single))
    return Intraclass(single=single, average=of_clip / spreads[1], raters=raters, clips=clips, k=k, note=note)


def _ratio(above: float, below: float) -> float | None:
    """Divide by a variance, where there is one."""
    return above / below if below > NOTHING else None


def _below_zero(value: float) -> str:
    """Say what a negative intraclass correlation means."""
    return "below zero: the raters agree no better than chance" if value < 0 else ""


@dataclass(frozen=True)
class Intraclass:
    """Intraclass correlations.

    Parameters
    ----------
    single, single_low, single_high
        ICC(A,1), the agreement of single raters, and its interval.
    average, average_low, average_high
        ICC(A,k), the agreement to be expected of means of k raters, and its interval.
    raters, clips, k
        What they stand on; k is not whole where clips have unequal numbers of ratings.
    note
        Which ratings were used, or why there is no number.
    """

    single: float | None = None
    single_low: float | None = None
    single_high: float | None = None
    average: float | None = None
    average_low: float | None = None
    average_high: float | None = None
    raters: int = 0
    clips: int = 0
    k: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Reliability:
    """Agreement among raters.

    Parameters
    ----------
    raters, clips, ratings
        How many of each.
    fewest_ratings_per_clip
        Ratings of the clip with the fewest.
    mean_rater_correlation
        Mean over raters of the Pearson correlation with the mean of the others; None if none exists.
    raters_correlated
        How many raters have such a correlation.
    icc
        Intraclass correlations of absolute agreement.
    krippendorff_alpha, krippendorff_note
        Krippendorff's alpha, and what must be known of it.
    krippendorff_level
        Whether it takes the scores as ordered, `ordinal`, or as distances, `interval`.
    retest
        Agreement of raters with themselves; None where no clip was rated twice.
    """

    raters: int
    clips: int
    ratings: int
    fewest_ratings_per_clip: int
    mean_rater_correlation: float | None
    raters_correlated: int
    icc: Intraclass
    krippendorff_alpha: float | None
    krippendorff_note: str
    krippendorff_level: str = "ordinal"
    retest: Retest | None = None
