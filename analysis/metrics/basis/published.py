"""Published: what networks heard in a public reference set, as others published it, in place of the set's audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PublishedMoments:
    """Mean (width,) and covariance (width, width) of a reference set's embeddings, of how many is not published."""

    mean: Float
    covariance: Float
    file: str


@dataclass(frozen=True, eq=False)
class PublishedProbabilities:
    """Probabilities of classes, (classes,) each, of a reference set's clips by their id."""

    by_id: Mapping[str, Float]
    file: str


@dataclass(frozen=True)
class Published:
    """What was published, by the network that heard it.

    Examples
    --------
    >>> Published().files
    []
    """

    moments: Mapping[str, PublishedMoments] = field(default_factory=dict)
    probabilities: Mapping[str, PublishedProbabilities] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The names of the files."""
        return [one.file for one in self.moments.values()] + [one.file for one in self.probabilities.values()]
