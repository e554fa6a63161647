"""Frechet distance of two sets of vectors, taken as normal distributions: |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^1/2).

Dowson and Landau (1982). The square of the 2-Wasserstein distance; what audio and images call FAD, FD and FID. Its
estimate from n vectors lies above the distance of the distributions: see :mod:`analysis.metrics.sets.extrapolated`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors import NoValueError

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """What a Frechet distance knows of a set: how many vectors, their mean (width,), their covariance with n - 1.

    Examples
    --------
    >>> Moments.of(np.array([[0.0], [2.0]])).covariance.tolist()
    [[2.0]]
    """

    n: int
    mean: Float
    covariance: Float

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> Moments:
        """Take the moments of vectors, (n, width), in float64.

        Raises
        ------
        NoValueError
            If there are fewer than two, or a number is not finite.

        Examples
        --------
        >>> Moments.of(np.eye(2)).mean.tolist()
        [0.5, 0.5]
        """
        centred, mean = centre(rows)
        return cls(len(centred), mean, centred.T @ centred / (len(centred) - 1))

    def joined(self, other: Moments) -> Moments:
        """Give the moments of both sets together, as if their vectors had been pooled.

        Examples
        --------
        >>> Moments.of(np.array([[0.0], [2.0]])).joined(Moments.of(np.array([[4.0], [6.0]]))).mean.tolist()
        [3.0]
        """
        n, apart = self.n + other.n, other.mean - self.mean
        scatter = self.covariance * (self.n - 1) + other.covariance * (other.n - 1)
        scatter = scatter + np.outer(apart, apart) * (self.n * other.n / n)
        return Moments(n, self.mean + apart * (other.n / n), scatter / (n - 1))


def frechet_distance(one: Moments, other: Moments) -> float:
    """Compute the distance of two normal distributions from their moments.

    The trace of (S1 S2)^1/2 is the sum of the square roots of the eigenvalues of S1^1/2 S2 S1^1/2, which is symmetric:
    no square root of a matrix that is not, no constant on the diagonal where a covariance is singular.

    Raises
    ------
    NoValueError
        If the widths differ, or a number is not finite.

    Examples
    --------
    >>> one, other = Moments(9, np.array([0.0]), np.array([[1.0]])), Moments(9, np.array([3.0]), np.array([[4.0]]))
    >>> round(frechet_distance(one, other), 12)
    10.0
    """
    if one.mean.shape != other.mean.shape:
        raise NoValueError(f"sets of vectors of widths {len(one.mean)} and {len(other.mean)} have no distance")
    if not all(np.isfinite(each).all() for each in (one.mean, other.mean, one.covariance, other.covariance)):
        raise NoValueError("a mean or covariance holds NaN or infinity")
    values, vectors = np.linalg.eigh(_symmetric(one.covariance))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    shared = np.linalg.eigvalsh(_symmetric(root @ _symmetric(other.covariance) @ root))
    overlap = np.sqrt(np.maximum(shared, 0.0)).sum()
    apart = one.mean - other.mean
    return float(max(0.0, apart @ apart + np.trace(one.covariance) + np.trace(other.covariance) - 2 * overlap))


@dataclass(frozen=True, eq=False)
class Root:
    """A set's mean (width,) and a root of its covariance (k, width): the covariance is root^T root.

    Cheaper than moments where there are fewer vectors than dimensions, and more exact.
    """

    mean: Float
    root: Float

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> Root:
        """Take that of vectors, (n, width).

        Raises
        ------
        NoValueError
            If there are fewer than two, or a number is not finite.

        Examples
        --------
        >>> Root.of(np.array([[0.0, 0.0], [2.0, 0.0]])).root.round(3).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
        """
        centred, mean = centre(rows)
        short = np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred
        return cls(mean, short / np.sqrt(len(centred) - 1))

    @classmethod
    def of_moments(cls, moments: Moments) -> Root:
        """Take that of moments, such as those that are published of a reference set.

        Examples
        --------
        >>> Root.of_moments(Moments(9, np.zeros(1), np.array([[4.0]]))).root.tolist()
        [[2.0]]
        """
        values, vectors = np.linalg.eigh(_symmetric(moments.covariance))
        return cls(moments.mean, np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)

    def distance(self, other: Root) -> float:
        """Give the Frechet distance: the trace of (S1 S2)^1/2 is the sum of the singular values of root1 root2^T.

        Raises
        ------
        NoValueError
            If the widths differ.

        Examples
        --------
        >>> round(Root(np.zeros(1), np.ones((1, 1))).distance(Root(np.full(1, 3.0), np.full((1, 1), 2.0))), 12)
        10.0
        """
        if self.mean.shape != other.mean.shape:
            raise NoValueError(f"sets of vectors of widths {len(self.mean)} and {len(other.mean)} have no distance")
        overlap = np.linalg.svd(self.root @ other.root.T, compute_uv=False).sum()
        apart = self.mean - other.mean
        return float(max(0.0, apart @ apart + (self.root**2).sum() + (other.root**2).sum() - 2 * overlap))


def centre(rows: NDArray[np.floating]) -> tuple[Float, Float]:
    """Take the mean off vectors, (n, width): what is left, and the mean, in float64.

    Raises
    ------
    NoValueError
        If there are fewer than two, or a number is not finite.

    Examples
    --------
    >>> centre(np.array([[0.0], [2.0]]))[0].tolist()
    [[-1.0], [1.0]]
    """
    wide = np.asarray(rows, dtype=np.float64)
    if len(wide) < 2:
        raise NoValueError(f"{len(wide)} vector: a set needs two or more")
    if not np.isfinite(wide).all():
        raise NoValueError("a vector holds NaN or infinity")
    mean: Float = wide.mean(axis=0)
    return wide - mean, mean


def _symmetric(matrix: Float) -> Float:
    """Take off what rounding left asymmetric."""
    half: Float = (matrix + matrix.T) / 2
    return half
