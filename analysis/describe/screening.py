"""Screening: raters whose answers a reader may want to look at. Nobody is left out on its account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.describe.reliability import clip_numbers, rater_correlations
from analysis.read.rows import CHECK_KINDS, HEADPHONES
from analysis.scale.rating_scale import FIVE, RatingScale
from analysis.words import counted

# With fewer ratings one score throughout is no sign of carelessness.
MIN_RATINGS = 5
MIN_CORRELATION = 0.75
# With fewer ratings of a clip no score can be as far from the mean as BT.500 asks, and no whole one from 1 to 5: see
# `bt500`.
FAR_RATINGS, FAR_RATINGS_OF_FIVE = 6, 7
FAR_SHARE = 0.05
# With two raters a 95 % interval reaches 12.7 standard errors to each side: that is no result to lead with.
FEWEST_LEFT = 3
NAMED = 20
# The rules that need checks, the kinds of trial they read, and what a rater did whom they point at.
CHECKS = {
    "gold": (CHECK_KINDS[:3], "a wrong answer to an attention check, an instruction or a gold clip, at least once"),
    "repeats": (CHECK_KINDS[3:], "a different answer when a clip was repeated, at least once"),
    "headphones": ((HEADPHONES,), "too few right answers to the headphone check"),
}
LACKING = {
    "gold": "The file has no attention check, instruction or gold clip with a known outcome",
    "repeats": "The file has no repeated clip with a known outcome",
    "headphones": "The file does not say who passed a headphone check",
}


def screen(
    ratings: pd.DataFrame, checks: pd.DataFrame | None = None, *, scale: RatingScale = FIVE
) -> tuple[Screen, ...]:
    """Apply every rule to the raters who are analysed; one that can judge nobody says so.

    Parameters
    ----------
    ratings
        The rated trials.
    checks
        One row an answer to a check, with the columns `participant`, `kind`, `score` and `passed`. It may hold people
        who are not in `ratings`: their checks are not read.
    scale
        The scale of the scores.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("ab"), 5), "prompt": list("pqrst") * 2, "condition": "x",
    ...                         "score": [3, 3, 3, 3, 3, 1, 2, 3, 4, 5]})
    >>> [(one.rule, one.participants) for one in screen(ratings)][:2]
    [('straight_lining', ('a',)), ('low_correlation', ())]
    """
    found = [straight_lining(ratings), low_correlation(ratings), bt500(ratings, scale=scale)]
    return (*found, *(failed_checks(ratings, checks, rule) for rule in CHECKS))


def straight_lining(ratings: pd.DataFrame) -> Screen:
    """Find the raters who gave the same score to all of their clips, five or more.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("ab"), 5), "score": [3, 3, 3, 3, 3, 1, 2, 3, 4, 5]})
    >>> straight_lining(ratings).participants
    ('a',)
    """
    grouped = ratings.groupby("participant")["score"]
    judged = grouped.size().ge(MIN_RATINGS)
    suspects = grouped.nunique().eq(1) & judged
    return Screen(
        rule="straight_lining",
        words=f"the same score for all clips ({MIN_RATINGS} or more)",
        participants=tuple(str(name) for name in suspects.index[suspects]),
        judged=int(judged.sum()),
        raters=len(judged),
        note=_not_judged(int((~judged).sum()), f"fewer than {MIN_RATINGS} clips"),
    )


def low_correlation(ratings: pd.DataFrame, *, threshold: float = MIN_CORRELATION) -> Screen:
    """Find the raters who correlate with the mean of the others, clip by clip, below a threshold.

    ITU-T P.913 screens by the Pearson correlation of a rater's scores with the mean scores of the clips, and
    0.75 is its threshold; here the rater's own score is left out of the mean. It was made for clips that differ
    plainly. Where the conditions sound alike there is little to correlate with, and careful raters fall below too.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": np.repeat(list("abcd"), 3), "prompt": list("pqr") * 4, "condition": "x",
    ...                         "score": [1, 3, 5, 1, 4, 5, 5, 3, 1, 1, 3, 4]})
    >>> low_correlation(ratings).participants  # who turned the scale round
    ('c',)
    """
    correlations = rater_correlations(ratings)
    judged = correlations.dropna()
    suspects = judged.index[judged < threshold]
    return Screen(
        rule="low_correlation",
        words=f"scores whose correlation with the mean of the others is below {threshold:g} (ITU-T P.913)",
        participants=tuple(str(name) for name in suspects),
        judged=len(judged),
        raters=len(correlations),
        note=_not_judged(len(correlations) - len(judged), "too few shared clips, or one score throughout"),
    )


def bt500(ratings: pd.DataFrame, *, scale: RatingScale = FIVE) -> Screen:
    """Find the raters who are far off now above, now below (ITU-R BT.500, screening of the observers).

    For each clip, with mean u, standard deviation S (n - 1) and kurtosis b = m4 / m2^2 of its scores, a score is
    far off when it is 2 S or more from u where 2 <= b <= 4 (normal), and sqrt(20) S or more where not. P counts
    a rater's scores far above, Q far below, among N. The rule finds those with

        (P + Q) / N > 0.05    and    |P - Q| / (P + Q) < 0.3.

    A rater who is far off on one side alone is severe or lenient, which the rule lets pass.

    Of n scores none is more than (n - 1) / sqrt(n) S from their mean (Samuelson 1968), so 2 S takes n >= 6 and
    sqrt(20) S takes n >= 22. At n = 6 a score from 1 to 5 that is 2 S away has b > 4, so that the other limit holds:
    trying every set of scores shows that the first clip that can point at anybody has 7; on finer scales it has 6. A
    rater is judged who has two such clips or more, one for each side, and so many that they are more than 5 % of the
    rater's clips.

    Examples
    --------
    >>> ratings = pd.DataFrame({"participant": list("abcdefgh") * 2, "prompt": ["p"] * 8 + ["q"] * 8, "condition": "x",
    ...                         "score": [5, 3, 3, 2, 2, 2, 1, 2, 1, 3, 3, 4, 4, 4, 5, 4]})
    >>> bt500(ratings).participants  # far above the others once, far below them once
    ('a',)
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
    both, least = above + below, FAR_SHARE * np.bincount(rater, minlength=len(names))
    suspects = (both > least) & (np.abs(above - below) < 0.3 * both)
    fewest = FAR_RATINGS_OF_FIVE if scale == FIVE else FAR_RATINGS
    telling = np.bincount(rater, count[clip] >= fewest, len(names))
    judged = (telling >= 2) & (telling > least)
    return Screen(
        rule="bt500",
        words=f"scores far from the others' in both directions, for more than {100 * FAR_SHARE:g} % of the clips "
        "(ITU-R BT.500)",
        participants=tuple(str(name) for name in names[suspects]),
        judged=int(judged.sum()),
        raters=len(names),
        note=_not_judged(
            int((~judged).sum()),
            f"the rule needs clips with {fewest} ratings or more, and at least two of them per rater",
        ),
    )


def failed_checks(ratings: pd.DataFrame, checks: pd.DataFrame | None, rule: str) -> Screen:
    """Find the analysed raters who failed a check.

    Parameters
    ----------
    ratings
        The rated trials: whose checks are read.
    checks
        One row an answer to a check: `participant`, `kind` as in the ratings, `score`, `passed` (missing where it could
        not be judged); None where the file has none.
    rule
        `gold` (attention checks and instructions), `repeats` or `headphones`.

    Examples
    --------
    >>> checks = pd.DataFrame({"participant": ["a", "b"], "kind": "attention", "passed": [True, False]})
    >>> failed_checks(pd.DataFrame({"participant": ["a", "b", "c"]}), checks, "gold").participants
    ('b',)
    """
    kinds, words = CHECKS[rule]
    raters = ratings["participant"].unique()
    held = checks[checks["kind"].isin(kinds)] if checks is not None else pd.DataFrame(columns=["participant", "passed"])
    asked = held[held["participant"].isin(raters)]
    judged = asked[asked["passed"].notna()]
    failed = judged[~judged["passed"].astype(bool)]
    able = int(judged["participant"].nunique())
    if len(judged):
        unjudged = f"; {len(asked) - len(judged)} could not be judged" if len(asked) > len(judged) else ""
        lacking = _not_judged(len(raters) - able, "no such check with a known outcome")
        note = f"{len(failed)} of {len(judged)} checks failed{unjudged}" + (f"; {lacking}" if lacking else "")
    elif len(asked):
        note = "No such check has a known outcome"
    else:
        note = "Only people who are not in the analysis have such checks" if len(held) else LACKING[rule]
    return Screen(
        rule=rule,
        words=words,
        participants=tuple(str(name) for name in sorted(failed["participant"].unique())),
        judged=able,
        raters=len(raters),
        note=note,
    )


def enough_left(left_out: int, raters: int) -> bool:
    """Say whether results without some raters may stand: more than half must be left, and three or more.

    A rule looks for single raters who do otherwise than the rest. One that points at half of them or more says more
    about the clips, the task or itself, and who is left is a choice among raters, not a sample of them.

    Examples
    --------
    >>> enough_left(2, 10), enough_left(5, 10), enough_left(1, 3)
    (True, False, False)
    """
    return 2 * left_out < raters and raters - left_out >= FEWEST_LEFT


def at_most(screens: Sequence[Screen]) -> list[str]:
    """Say which screening rules point at so many raters that they say little of any of them.

    Examples
    --------
    >>> at_most([Screen("bt500", "far scores", ("a",), judged=8, raters=8)])  # one of eight may be left out
    []
    """
    many = [
        f"{one.rule.replace('_', ' ')} points at {one.count}" for one in screens if one.count and not one.enough_left
    ]
    if not many:
        return []
    return [
        f"{', '.join(many).capitalize()} of {screens[0].raters} raters. A rule that points at half of the raters or "
        "more, or leaves fewer than three, says more about the clips, the task or itself than about single raters. "
        "The results include everybody; none without those raters are shown."
    ]


def _not_judged(raters: int, why: str) -> str:
    """Say how many raters a rule could not judge."""
    return f"{counted(raters, 'rater')} not judged: {why}" if raters else ""


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
    judged, raters
        How many raters it could judge, of how many who are analysed.
    note
        What else must be known: who could not be judged, how many checks there were.

    Examples
    --------
    >>> one = Screen("bt500", "far scores", ("a", "b"), judged=4, raters=4)
    >>> one.count, one.enough_left
    (2, False)
    """

    rule: str
    words: str
    participants: tuple[str, ...]
    judged: int
    raters: int
    note: str = ""

    @property
    def count(self) -> int:
        """How many the rule found."""
        return len(self.participants)

    @property
    def enough_left(self) -> bool:
        """Whether results without those it found may stand."""
        return enough_left(self.count, self.raters)

    def as_dict(self) -> dict[str, Any]:
        """Give the rule's entry in report.json."""
        numbers = {"count": self.count, "judged": self.judged, "raters": self.raters}
        names = list(self.participants)
        return {"rule": self.rule, "words": self.words, **numbers, "participants": names, "note": self.note}

    @property
    def found(self) -> str:
        """Say whom it found, or that it could judge nobody."""
        if not self.judged:
            return f"Not judged: which raters gave {self.words}."
        of = counted(self.judged, "rater")
        if self.judged < self.raters:
            of += f" who could be judged (of {self.raters})"
        more = f" and {self.count - NAMED} more" if self.count > NAMED else ""
        who = f": {', '.join(self.participants[:NAMED])}{more}" if self.count else ""
        return f"{self.count} of {of} gave {self.words}{who}."

    @property
    def sentence(self) -> str:
        """Say whom it found, and why no results without them are shown if that is so."""
        said = self.found
        if self.count and not self.enough_left:
            left = self.raters - self.count
            why = (
                "That is half of all raters or more" if 2 * self.count >= self.raters else f"Only {left} would be left"
            )
            said += f" {why}, so no results without them are shown."
        return said
