"""Regression: the support vector regression that turns the bands' similarity into a mean opinion score.

A nu-SVR with a Gaussian kernel in libsvm's text format, as the package visqol-python carries it; libsvm itself, which
would have to be compiled, is not needed to evaluate one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import WeightsError
from analysis.metrics.neurograms.gammatone import BANDS, Float


@dataclass(frozen=True)
class Regression:
    """``sum_i coefficients_i exp(-gamma |x - vectors_i|^2) - offset``.

    Examples
    --------
    >>> Regression(np.array([[0.0]]), np.array([2.0]), gamma=1.0, offset=-1.0)(np.array([0.0]))
    3.0
    """

    vectors: Float
    coefficients: Float
    gamma: float
    offset: float

    def __call__(self, features: Float) -> float:
        """Evaluate it."""
        apart = ((features - self.vectors) ** 2).sum(axis=1)
        return float(self.coefficients @ np.exp(-self.gamma * apart) - self.offset)


def read_regression(path: Path, sha256: str) -> Regression:
    """Read libsvm's file.

    Raises
    ------
    WeightsError
        If it is missing, or not the one with this hash.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: the model of ViSQOL cannot be read ({error}); install visqol-python again"
        ) from error
    if (found := hashlib.sha256(text).hexdigest()) != sha256:
        raise WeightsError(f"{path}: not the model of ViSQOL's audio mode (sha256 {found[:12]}, not {sha256[:12]})")
    head, _, body = text.decode("ascii").partition("SV\n")
    facts = dict(line.split(maxsplit=1) for line in head.splitlines())
    lines = [line.split() for line in body.splitlines()]
    vectors = np.zeros((len(lines), BANDS))
    for row, line in enumerate(lines):
        for cell in line[1:]:
            band, value = cell.split(":")
            vectors[row, int(band) - 1] = float(value)
    coefficients = np.array([float(line[0]) for line in lines])
    return Regression(vectors, coefficients, float(facts["gamma"]), float(facts["rho"]))
