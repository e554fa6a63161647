"""Screening: raters whose answers a reader may want to look at. Nobody is left out on its account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.reliability import clip_numbers, rater_correlations

# With fewer ratings one score throughout is no sign of carelessness.
MIN_RATINGS = 5
MIN_CORRELATION = 0.75
# The rules that need checks, and the kinds of trial they read.
CHECKS = {"gold": ("attention", "instructed"), "repeats": ("repeat",)}
CHECK_WORDS = {
    "gold": "a wrong answer to an attention check or to an instruction, at least once",
    "repeats": "another answer when a clip came again, at least once",
}


def screen(ratings: pd.DataFrame, checks: pd.DataFrame | None = None) -> tuple[Screen, ...]:
    """Apply every rule; those on checks only where there are checks of their kind.

    Parameters
    ----------
    ratings
        The rated trials.
    checks
        One row an answer to a check, with the columns `participant`, `kind`, `score` and `passed`.
    """
    found = [straight_lining(ratings), low_correlation(ratings), bt500(ratings)]
    if checks is not None:
        found += [failed_checks(checks, rule) for rule, kinds in CHECKS.items() if checks["kind"].isin(kinds).any()]
    return tuple(found)


def straight_lining(ratings: pd.DataFrame) -> Screen:
    """Find the raters who gave the same score to all of their clips, five or more."""
    grouped = ratings.groupby("participant")["score"]
    suspects = grouped.nunique().eq(1) & grouped.size().ge(MIN_RATINGS)
    return Screen(
        rule="straight_lining",
        words=f"the same score for all clips, of {MIN_RATINGS} or more",
        participants=tuple(str(name) for name in suspects.index[suspects]),
    )


def low_correlation(ratings: pd.DataFrame, *, threshold: float = MIN_CORRELATION) -> Screen:
    """Find the raters who correlate with the mean of the others, clip by clip, below a threshold.

    ITU-T P.913 screens by the Pearson correlation of a rater's scores with the mean scores of the clips, and
    0.75 is its threshold; here the rater's own score is left out of the mean. It was made for clips that differ
    plainly. Where the conditions sound alike there is little to correlate with, and careful raters fall below too.
    """
    correlations = rater_correlations(ratings)
    judged = correlations.dropna()
    suspects = judged.index[judged < threshold]
    return Screen(
        rule="low_correlation",
        words=f"scores that correlate with the mean of the others below {threshold:g} (ITU-T P.913)",
        participants=tuple(str(name) for name in suspects),
        note=_not_judged(len(correlations) - len(judged), "too few shared clips, or one score throughout"),
    )


def bt500(ratings: pd.DataFrame) -> Screen:
    """Find the raters who are far off now above, now below (ITU-R BT.500, screening of the observers).

    For each clip, with mean u, standard deviation S (n - 1) and kurtosis b = m4 / m2^2 of its scores, a score is
    far off when it is 2 S or more from u where 2 <= b <= 4 (normal), and sqrt(20) S or more where not. P counts
    a rater's scores far above, Q far below, among N. The rule finds those with

        (P + Q) / N > 0.05    and    |P - Q| / (P + Q) < 0.3.

    A rater who is far off on one side alone is severe or lenient, which the rule lets pass.
    """
    clip, scores = clip_numbers(ratings), ratings["score"].to_numpy(dtype=float)
    rater, names = pd.factorize(ratings["participant"], sort=True)
    count = np.bincount(clip)
    apart = scores - (np.bincount(clip, scores) / count)[clip]
    squares, fourths = np.bincount(clip, apart**2), np.bincount(clip, apart**4)
    # Where all agree nobody is far off; a clip rated once agrees with itself.
    varied = squares > 0
    kurtosis = np.divide(count * fourths, squares**2, out=np.zeros(len(count)), where=varied)
    spread = np.sqrt(squares / np.maximum(count - 1, 1))
    limit = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20.0)) * spread
    # A distance that equals the limit counts, whatever rounding did to it.
    reached = varied[clip] & (np.abs(apart) >= limit[clip] * (1 - 1e-12))
    above = np.bincount(rater, reached & (apart > 0), len(names))
    below = np.bincount(rater, reached & (apart < 0), len(names))
    both = above + below
    suspects = (both > 0.05 * np.bincount(rater, minlength=len(names))) & (np.abs(above - below) < 0.3 * both)
    return Screen(
        rule="bt500",
        words="scores far from the others' in both directions, for more than 5 % of the clips (ITU-R BT.500)",
        participants=tuple(str(name) for name in names[suspects]),
    )


def failed_checks(checks: pd.DataFrame, kind: str) -> Screen:
    """Find the raters who failed a check.

    Parameters
    ----------
    checks
        One row an answer to a check: `participant`, `score`, `passed` (missing where it could not be judged)
        and, where checks of several kinds are in it, `kind` as in the ratings.
    kind
        The rule, `gold` (attention checks and instructions) or `repeats`, or one kind of check by its name.
    """
    kinds = CHECKS.get(kind, (kind,))
    asked = checks[checks["kind"].isin(kinds)] if "kind" in checks.columns else checks
    judged = asked[asked["passed"].notna()]
    failed, unjudged = judged[~judged["passed"].astype(bool)], len(asked) - len(judged)
    return Screen(
        rule=kind,
        words=CHECK_WORDS.get(kind, f"a wrong answer to a check of kind {kind}, at least once"),
        participants=tuple(str(name) for name in sorted(failed["participant"].unique())),
        note=f"{len(failed)} of {len(judged)} checks failed"
        + (f"; {unjudged} could not be judged" if unjudged else ""),
    )


def _not_judged(raters: int, why: str) -> str:
    """Say how many raters a rule could not judge."""
    return f"{raters} {'rater' if raters == 1 else 'raters'} not judged: {why}" if raters else ""


@dataclass(frozen=True)
class Screen:
    """Outcome of one screening rule.

    Parameters
    ----------
    rule
        The rule's name.
    words
        The rule in words, to be read after "gave".
    participants
        Whom it found.
    note
        What else must be known: who could not be judged, how many checks there were.
    """

    rule: str
    words: str
    participants: tuple[str, ...]
    note: str = ""

    @property
    def count(self) -> int:
        """How many the rule found."""
        return len(self.participants)
