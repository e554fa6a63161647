"""Matched: ratings side by side that one rater gave to the same prompt (and seed) under several conditions.

Two conditions are compared on nothing else. A rater's mean under one condition and his mean under another may stand on
different prompts, and their difference is then one of the prompts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

PLACE = ("participant", "prompt", "seed")


def cells(ratings: pd.DataFrame, conditions: Sequence[str]) -> Cells:
    """Sort ratings into cells of one rater, prompt and seed; several of one condition in a cell are averaged.

    Parameters
    ----------
    ratings
        Columns `participant`, `prompt`, `condition`, `score`, and `seed` where there are several.
    conditions
        The conditions to take, in this order; ratings of others are left out.
    """
    names = tuple(dict.fromkeys(str(name) for name in conditions))
    condition = pd.Index(names).get_indexer(ratings["condition"])
    score = ratings["score"].to_numpy(dtype=float)
    codes, levels = zip(*(pd.factorize(ratings[name]) for name in PLACE if name in ratings.columns), strict=True)
    key = codes[0].astype(np.int64)
    for code, level in zip(codes[1:], levels[1:], strict=True):
        key = key * len(level) + code
    cell, keys = pd.factorize(key)
    prompt_seed = len(levels[2]) if len(levels) > 2 else 1
    kept = condition >= 0
    place = condition[kept].astype(np.int64) * len(keys) + cell[kept]
    order = np.argsort(place, kind="stable")
    place, score = place[order], score[kept][order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    if len(first) < len(place):
        score = np.add.reduceat(score, first) / np.diff(first, append=len(place))
        place = place[first]
    return Cells(
        conditions=names,
        raters=pd.Index(levels[0], name="participant"),
        rater=keys // (len(levels[1]) * prompt_seed),
        prompt=keys // prompt_seed % len(levels[1]),
        starts=np.searchsorted(place, np.arange(len(names) + 1) * len(keys)),
        cell=place % max(len(keys), 1),
        score=score,
    )


@dataclass(frozen=True, eq=False)
class Cells:
    """Ratings by condition and cell; only what was rated is held, so many conditions take no more room.

    Parameters
    ----------
    conditions, raters
        Names.
    rater, prompt
        Number of each cell's rater (place in `raters`) and prompt.
    starts
        The ratings of condition k are those from starts[k] to starts[k + 1].
    cell, score
        Each rating's cell and score, by condition, cells ascending.
    """

    conditions: tuple[str, ...]
    raters: pd.Index
    rater: np.ndarray
    prompt: np.ndarray
    starts: np.ndarray
    cell: np.ndarray
    score: np.ndarray

    def of(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Give the cells in which a condition was rated, and its scores there."""
        k = self.conditions.index(condition)
        part = slice(self.starts[k], self.starts[k + 1])
        return self.cell[part], self.score[part]

    def pairs(self, condition: str, reference: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the differences condition minus reference of all cells that hold both, with their raters and prompts."""
        at, score = self.of(condition)
        other, theirs = self.of(reference)
        place = np.searchsorted(other, at)
        place[place == len(other)] = 0
        both = other[place] == at if len(other) else np.zeros(len(at), dtype=bool)
        return score[both] - theirs[place[both]], self.rater[at[both]], self.prompt[at[both]]

    def against(self, reference: str) -> Differences:
        """Give each rater's mean difference of every other condition from the reference, over the cells with both."""
        width, count = len(self.conditions), len(self.raters)
        k = self.conditions.index(reference)
        base = np.full(len(self.rater), np.nan)
        at, score = self.of(reference)
        base[at] = score
        rater, condition = self.rater[self.cell], self._condition
        there = base[self.cell]
        both = ~np.isnan(there)
        place = rater * width + condition
        matched, size = place[both], count * width
        ours, theirs = (
            np.bincount(matched, weights=scores[both], minlength=size).reshape(count, width)
            for scores in (self.score, there)
        )
        counts = np.bincount(matched, minlength=size).reshape(count, width)
        rated = np.bincount(place, minlength=size).reshape(count, width)
        with np.errstate(invalid="ignore"):
            means = ours / counts - theirs / counts  # as R does it, so that rounding parts the same ties
        loose = rated + rated[:, [k]] - 2 * counts
        others = [c for c in range(width) if c != k]
        names = [self.conditions[c] for c in others]
        return Differences(
            reference=reference,
            table=pd.DataFrame(means[:, others], index=self.raters, columns=names),
            loose=pd.DataFrame(loose[:, others], index=self.raters, columns=names),
            unrated=tuple(name for name in self.conditions if not len(self.of(name)[0])),
        )

    def complete(self) -> pd.DataFrame:
        """Mean of each rater (row) under each condition (column) over the cells in which he rated all of them.

        A condition that nobody rated is left out, and so is a rater without such a cell.
        """
        rated = np.flatnonzero(np.diff(self.starts))
        whole = np.bincount(self.cell, minlength=len(self.rater)) == len(rated)
        used = whole[self.cell]
        width = len(self.conditions)
        place = self.rater[self.cell[used]] * width + self._condition[used]
        size = len(self.raters) * width
        counts = np.bincount(place, minlength=size).reshape(-1, width)[:, rated]
        sums = np.bincount(place, weights=self.score[used], minlength=size).reshape(-1, width)[:, rated]
        kept = counts[:, 0] > 0 if len(rated) else np.zeros(len(self.raters), dtype=bool)
        names = [self.conditions[k] for k in rated]
        return pd.DataFrame(sums[kept] / counts[kept], index=self.raters[kept], columns=names)

    @cached_property
    def _condition(self) -> np.ndarray:
        """Number of each rating's condition."""
        return np.repeat(np.arange(len(self.conditions)), np.diff(self.starts))


@dataclass(frozen=True, eq=False)
class Differences:
    """Each rater's difference from one reference, condition by condition.

    Parameters
    ----------
    reference
        What the conditions are compared with.
    table
        Mean difference of each rater (row), condition (column) minus reference, over the cells in which that rater
        rated both; missing where there is none.
    loose
        How many ratings of the two each rater gave without their counterpart; None where nothing can be loose.
    unrated
        Conditions that nobody rated at all.
    """

    reference: str
    table: pd.DataFrame
    loose: pd.DataFrame | None = None
    unrated: tuple[str, ...] = ()

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions that are compared."""
        return [str(name) for name in self.table.columns]

    def of(self, condition: str) -> np.ndarray:
        """Give the differences of the raters who have one."""
        values = self.table[condition].to_numpy(dtype=float)
        return np.asarray(values[~np.isnan(values)])

    def left_out(self, condition: str) -> tuple[int, int]:
        """Count the raters who rated one of the two, but never both for one prompt, and loose ratings of the others."""
        if self.loose is None:
            return 0, 0
        loose, apart = self.loose[condition].to_numpy(), np.isnan(self.table[condition].to_numpy(dtype=float))
        return int((loose[apart] > 0).sum()), int(loose[~apart].sum())

    def only(self, conditions: Sequence[str]) -> Differences:
        """Keep some conditions."""
        names = list(conditions)
        loose = None if self.loose is None else self.loose[names]
        return Differences(self.reference, self.table[names], loose, self.unrated)

    def without(self, raters: Collection[str]) -> Differences:
        """Leave some raters out."""
        kept = ~self.table.index.isin(list(raters))
        loose = None if self.loose is None else self.loose[kept]
        return Differences(self.reference, self.table[kept], loose, self.unrated)
