"""Vectors: a set of vectors and what each is of, so that those of one prompt are drawn and left out together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import NoValueError

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vectors:
    """A set of vectors (n, width), float64, and their units (n,): vectors of one unit depend on each other.

    The unit of a clip is its prompt: clips of one prompt are alike, and so are a clip and its reference.

    Examples
    --------
    >>> some = Vectors.of([np.zeros((3, 2)), np.ones((1, 2))], ["rain", "dog"])
    >>> some.rows.shape, some.units.tolist()
    ((4, 2), ['rain', 'rain', 'rain', 'dog'])
    """

    rows: Float
    units: NDArray[np.str_]

    @classmethod
    def of(cls, parts: Sequence[NDArray[np.floating]], units: Sequence[str]) -> Vectors:
        """Take parts, each (vectors, width) of one unit.

        Raises
        ------
        NoValueError
            If there is none, or a number is not finite.

        Examples
        --------
        >>> len(Vectors.of([np.zeros((3, 2))], ["rain"]).rows)
        3
        """
        if not parts:
            raise NoValueError("no vector")
        rows = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
        if not np.isfinite(rows).all():
            raise NoValueError("a vector holds NaN or infinity")
        return cls(rows, np.repeat(np.asarray(units, dtype=np.str_), [len(part) for part in parts]))

    def without(self, units: Collection[str]) -> Vectors:
        """Leave some units out.

        Examples
        --------
        >>> Vectors.of([np.zeros((3, 2)), np.ones((1, 2))], ["rain", "dog"]).without(["rain"]).units.tolist()
        ['dog']
        """
        return self.kept(~np.isin(self.units, list(units)))

    def kept(self, mask: NDArray[np.bool_]) -> Vectors:
        """Keep the vectors of a mask (n,).

        Examples
        --------
        >>> Vectors.of([np.zeros((3, 2))], ["rain"]).kept(np.array([True, False, False])).rows.shape
        (1, 2)
        """
        return Vectors(self.rows[mask], self.units[mask])
