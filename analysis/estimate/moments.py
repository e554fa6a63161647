"""Moments: variances of two crossed factors and a remainder, from sums of squares.

Henderson's (1953) first method, which takes an incomplete table as it is: each sum of squares is set equal to what it
is expected to hold of the variances. Statsmodels 0.15 has no estimator of variance components by moments.
"""

from __future__ import annotations

import numpy as np


def sums_of_squares(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Give three sums of squares about the mean: of all values, between the levels of one factor, and of the other.

    Parameters
    ----------
    values, first, second
        (n,) values, and the number of the level of either factor of each; a pair of levels holds one value at most.

    Examples
    --------
    >>> values, rows, columns = np.array([1.0, 2.0, 3.0, 6.0]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> sums_of_squares(values, rows, columns).tolist()  # in all, between rows, between columns
    [14.0, 9.0, 4.0]
    """
    centred = values - values.mean() if len(values) else values
    between = [(np.bincount(codes, centred) ** 2 / np.bincount(codes)).sum() for codes in (first, second)]
    return np.array([centred @ centred, *between])


def expectations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Give what each sum of `sums_of_squares` is expected to hold of the variances of both factors and the remainder.

    With n values, N_i of level i of the first factor (I levels) and N_j of level j of the second (J levels),

        in all          A (n - sum N_i^2 / n) + B (n - sum N_j^2 / n) + E (n - 1)
        between first   A (n - sum N_i^2 / n) + B (I - sum N_j^2 / n) + E (I - 1)
        between second  A (J - sum N_i^2 / n) + B (n - sum N_j^2 / n) + E (J - 1)

    Parameters
    ----------
    first, second
        (I,) and (J,): how many values each level has, one at least.

    Returns
    -------
    numpy.ndarray
        (3, 3); of rank 3 where the three can be told apart. All zero where there is no value.

    Examples
    --------
    >>> expectations(np.array([2, 2]), np.array([2, 2])).tolist()  # two by two, complete
    [[2.0, 2.0, 3.0], [2.0, 0.0, 1.0], [0.0, 2.0, 1.0]]
    """
    n, levels, others = int(first.sum()), len(first), len(second)
    system = np.array([[n, n, n], [n, levels, levels], [others, n, others]], dtype=float)
    return system - [float(first @ first) / n, float(second @ second) / n, 1.0] if n else system
