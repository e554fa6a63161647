"""Screening: raters whose answers a reader may want to look at. Nobody is left out on its account."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

# With fewer ratings one score throughout is no sign of carelessness.
MIN_RATINGS = 5


def straight_lining(ratings: pd.DataFrame) -> Screen:
    """Find the raters who gave the same score to all of their clips, five or more."""
    grouped = ratings.groupby("participant")["score"]
    suspects = grouped.nunique().eq(1) & grouped.size().ge(MIN_RATINGS)
    return Screen(
        rule="straight_lining",
        words=f"the same score for all clips, of {MIN_RATINGS} or more",
        participants=tuple(str(name) for name in suspects.index[suspects]),
    )


@dataclass(frozen=True)
class Screen:
    """Outcome of one screening rule.

    Parameters
    ----------
    rule
        The rule's name.
    words
        The rule in words.
    participants
        Whom it found.
    """

    rule: str
    words: str
    participants: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many the rule found."""
        return len(self.participants)
