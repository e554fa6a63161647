"""Splits: units at random in halves, thirds and groups, the same ones of a set and of its reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SEED = 1000
GROUPS = 20


class Splits:
    """Equal parts of the units of some sets, drawn once: the same units give the same parts.

    Parameters
    ----------
    units
        The units of each set's vectors. Those that all sets have are dealt first, then those of one set alone, so that
        each part has its share of both.

    Examples
    --------
    >>> halves = Splits([np.array(["a", "a", "b", "c", "d"])])
    >>> int(sum(halves.kept(0, part, 2).sum() for part in range(2)))
    5
    """

    def __init__(self, units: Sequence[NDArray[np.str_]]) -> None:
        names = np.unique(np.concatenate(units))
        among = np.array([np.isin(names, some) for some in units]).T @ (1 << np.arange(len(units)))
        order = np.lexsort((np.random.default_rng(SEED).permutation(len(names)), among))
        rank = np.empty(len(names), dtype=np.intp)
        rank[order] = np.arange(len(names))
        self.units = len(names)
        self.groups = min(GROUPS, max(1, len(names) // 3))
        self._places = [np.divmod(rank[np.searchsorted(names, some)], self.groups) for some in units]

    def kept(self, place: int, part: int, parts: int, left_out: int | None = None) -> NDArray[np.bool_]:
        """Say which vectors of a set lie in one of so many parts, and not in a group that is left out.

        Groups are every so many-th unit; parts go round within a group, and begin elsewhere in the next one.
        """
        turn, group = self._places[place]
        kept: NDArray[np.bool_] = ((turn + group) % parts == part) & (group != left_out)
        return kept
