"""Pair: the answers about two conditions at a time, all turned the same way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.questions.findings import Cell
from analysis.read.answers import BOTH_BAD
from analysis.read.matched import Differences


def oriented(answers: pd.DataFrame, baseline: str | None) -> pd.DataFrame:
    """Turn all answers of a pair the same way round, and their signs with them.

    The baseline is the reference of every pair it belongs to; any other pair goes the way of its first answer.

    Examples
    --------
    >>> answers = pd.DataFrame({"condition": ["x", "base"], "reference": ["base", "x"], "score": [1, -1]})
    >>> oriented(answers, "base").to_numpy().tolist()  # both prefer x
    [['x', 'base', 1], ['x', 'base', 1]]
    """
    condition, reference = answers["condition"], answers["reference"]
    forward = condition < reference
    low, high = condition.where(forward, reference), reference.where(forward, condition)
    started = condition.groupby([low, high], sort=False).transform("first")
    turned = (condition == baseline) | ((condition != started) & (reference != baseline))
    return answers.assign(
        condition=condition.where(~turned, reference),
        reference=reference.where(~turned, condition),
        score=answers["score"].where(~turned, -answers["score"]),
    )


def pairs_of(answers: pd.DataFrame) -> tuple[Pair, ...]:
    """Take oriented answers apart by pair, in order of names.

    Examples
    --------
    >>> given = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x", "reference": "y"})
    >>> [(pair.condition, pair.reference, pair.mean()) for pair in pairs_of(given.assign(score=[1, 1, 1, -1]))]
    [('x', 'y', 0.5)]
    """
    grouped = answers.groupby(["reference", "condition"])
    return tuple(Pair(str(condition), str(reference), part) for (reference, condition), part in grouped)


@dataclass(frozen=True)
class Pair:
    """The answers about one pair, all the same way round.

    Parameters
    ----------
    condition, reference
        The pair's names.
    answers
        Columns `participant`, `prompt`, `score` and, where the file has them, `first` and `answer`.
    """

    condition: str
    reference: str
    answers: pd.DataFrame

    @cached_property
    def scores(self) -> np.ndarray:
        """The scores."""
        return np.asarray(self.answers["score"], dtype=float)

    @cached_property
    def means(self) -> Differences:
        """Mean score of each rater: a difference by itself, since both clips of an answer are of one prompt."""
        means = self.answers.groupby("participant")["score"].mean()
        return Differences(self.reference, pd.DataFrame({self.condition: means.astype(float)}))

    @cached_property
    def first(self) -> pd.Series:
        """Whether the condition was heard first (1 or 0); missing where the file does not say."""
        if "first" not in self.answers.columns:
            return pd.Series(np.nan, index=self.answers.index)
        heard = self.answers["first"]
        return (heard == self.condition).astype(float).where(heard != "")

    @property
    def raters(self) -> int:
        """How many raters answered."""
        return int(self.answers["participant"].nunique())

    @property
    def both_bad(self) -> int:
        """How many answers say that both are bad, where that could be answered."""
        return int((self.answers["answer"] == BOTH_BAD).sum())

    def head(self) -> tuple[Cell, ...]:
        """Give the first cells of a table's row."""
        return self.condition, self.reference, len(self.answers), self.raters

    def counts(self, steps: Sequence[float]) -> tuple[int, ...]:
        """Count how often each score was given."""
        return tuple(int((self.scores == step).sum()) for step in steps)

    def mean(self) -> float:
        """Mean of all scores."""
        return float(self.scores.mean())

    def order_cells(self) -> tuple[Cell, ...]:
        """Count and mean of the scores by order."""
        cells: list[Cell] = []
        for early in (1.0, 0.0):
            scores = self.scores[(self.first == early).to_numpy()]
            cells += [len(scores), float(scores.mean()) if len(scores) else None]
        return tuple(cells)
