"""Average information: the expansion of a mixed model with too many columns for second derivatives.

The likelihood and its slopes are exact. In place of second derivatives stands the average of observed and expected
information, y' P V_i P V_j P y / 2 (Gilmour, Thompson and Cullis 1995, Biometrics 51), which needs products with
vectors alone, so that no more than a few matrices of columns x columns are held.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from analysis.estimate.expansion import Expansion
from analysis.estimate.patterns import Batch, Table, effects, gather, inverses, rows_of, scatter

BLOCK = 512  # rows that are moved at a time
NEAR_ZERO = 1e-5  # of an interaction's gamma times the ratings of a column, which rounding would drown


def average(table: Table, gamma: np.ndarray) -> Expansion:
    """Expand a table in which every pattern is that of one level; see `varcomp.expand`.

    Examples
    --------
    >>> from analysis.estimate.patterns import tabulate
    >>> one, prompt, condition = np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> at = average(tabulate(one, prompt, condition, np.array([0, 1, 2, 1.0]), ("outer",)), np.array([1.0]))
    >>> at.n, round(at.logdet, 4)  # log of |I + 1 1'| = 5
    (4, 1.6094)
    """
    variance, t = table.named(gamma), table.fixed + 1
    columns, logdet, square = np.zeros((table.width, table.width)), 0.0, 0.0
    pulled = np.zeros(table.width)
    for batch in table.batches:
        inverse, logs = inverses(batch, variance)
        logdet += float(logs.sum())
        scatter(columns, batch, inverse)
        own = (inverse @ batch.total[:, :, None])[:, :, 0]
        _add_rows(pulled[:, None], batch, own[:, :, None])
        square += float(np.sum(own * batch.total))
    across = np.column_stack([columns @ table.design, pulled])
    corner = np.empty((t, t))
    corner[:-1] = table.design.T @ across
    corner[-1, :-1], corner[-1, -1] = corner[:-1, -1], square
    y, inner, logs_inside = _inside(table, variance, columns)  # in the place of `columns`
    taken = y @ across  # Y Q' Sigma_o^-1 [X y]
    form = corner - across.T @ taken
    beta = np.linalg.solve(form[:-1, :-1], form[:-1, -1])
    v = np.append(-beta, 1.0)
    names = table.outer
    traces, squares = np.zeros(len(names)), np.zeros((len(names), t, t))
    within = np.zeros((table.width, t))  # Q' Sigma^-1 [X y]
    kept = []
    for batch in table.batches:
        inverse, _ = inverses(batch, variance)
        weighed = inverse @ (_sides(batch, table) - rows_of(taken, batch))  # Sigma^-1 [X y]
        _add_rows(within, batch, weighed)
        kept.append(weighed)
        between = gather(y, batch)
        for place, whose in enumerate(effects(batch, names)):
            turned = inverse @ whose
            traces[place] += float(np.sum(whose * turned) - np.sum(turned * (between @ turned)))
            shared = (whose.swapaxes(1, 2) @ weighed).reshape(-1, t)
            squares[place] += shared.T @ shared
    spread = [table.spread(term, within) for term in table.inner]
    form1 = np.concatenate([-squares, [-within.T @ one for one in spread]]) if spread else -squares
    logdet1 = np.concatenate([traces, inner])
    bent = _bent(table, variance, y, kept, v, within, form)
    empty = np.empty((0, 0))
    return Expansion(table.n, logdet + logs_inside, form, logdet1, np.reshape(form1, (-1, t, t)), empty, empty, bent)


def _add_rows(target: np.ndarray, batch: Batch, values: np.ndarray) -> None:
    """Add rows of each rating, shape (patterns, n, m), to the rows of its columns."""
    for one in range(batch.columns.shape[2]):
        np.add.at(target, batch.columns[:, :, one].reshape(-1), values.reshape(-1, values.shape[2]))


def _sides(batch: Batch, table: Table) -> np.ndarray:
    """Write [X y] of each rating, shape (patterns, n, t)."""
    conditions = table.design[batch.columns[:, :, -1]]
    return np.concatenate([conditions, batch.total[:, :, None]], axis=2)


def _inside(table: Table, variance: dict[str, float], s: np.ndarray) -> tuple[np.ndarray, list[float], float]:
    """Give Y = V (I + S V)^-1, the slopes of its log-determinant by the inner variances, and the log-determinant."""
    main, own = variance.get("inner", 0.0), variance.get("inner:condition", 0.0)
    if own * float(np.trace(s)) / table.width < NEAR_ZERO:
        level, count = table.level, int(table.level.max()) + 1
        turned = s @ (level[:, None] == np.arange(count)).astype(float)
        inside = main * np.stack([turned[level == one].sum(axis=0) for one in range(count)])
        inside[np.diag_indices(count)] += 1.0
        inverse, log = _inverted(inside)
        _, sums, diagonals = table.blocks(s)
        slopes = {"inner": float(sums.sum()), "inner:condition": float(diagonals.sum())}
        if main * float(sums.mean()) > NEAR_ZERO:
            slopes["inner"] = float(count - np.trace(inverse)) / main
        if "inner:condition" in table.inner:
            slopes["inner:condition"] -= main * float(np.sum((turned @ inverse) * turned))
        y = main * inverse[level][:, level]
        y[level < 0], y[:, level < 0] = 0.0, 0.0
    else:
        table.root(variance, s)
        s[np.diag_indices_from(s)] += 1.0
        inverse, log = _inverted(s)
        # Q' Sigma^-1 Q = R^-1 (I - inverse) R^-1, where R has the eigenvalues `ends` along a level and sqrt(own) else.
        sizes, sums, diagonals = table.blocks(inverse)
        along, ends = sizes - sums, own + sizes * main
        slopes = {
            "inner": float((along / ends).sum()),
            "inner:condition": float(((sizes - diagonals - along / sizes) / own + along / sizes / ends).sum()),
        }
        table.root(variance, inverse)
        y = inverse
    return y, [slopes[term] for term in table.inner], log


def _inverted(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Invert a positive definite matrix in its own place, and give the log of its determinant."""
    factor, failed = linalg.lapack.dpotrf(matrix.T, lower=0, clean=0, overwrite_a=1)  # Fortran's order: the transpose
    log = 0.0 if failed else 2 * float(np.log(np.diag(factor)).sum())
    inverse, singular = linalg.lapack.dpotri(factor, lower=0, overwrite_c=1)
    if failed or singular:
        raise np.linalg.LinAlgError
    for start in range(0, len(inverse), BLOCK):  # its upper half is filled in
        end = start + BLOCK
        inverse[end:, start:end] = inverse[start:end, end:].T
        corner = inverse[start:end, start:end]
        corner[...] = np.triu(corner) + np.triu(corner, 1).T
    return inverse, log


def _bent(
    table: Table,
    variance: dict[str, float],
    y: np.ndarray,
    kept: list[np.ndarray],
    v: np.ndarray,
    within: np.ndarray,
    form: np.ndarray,
) -> np.ndarray:
    """Compute 2 y' P V_i P V_j P y, the second derivatives of the residual sum of squares."""
    count = len(table.terms)
    pushed = [table.spread(term, (within @ v)[:, None]) for term in table.inner]
    straight, fixed = np.zeros((count, count)), np.zeros((table.fixed, count))
    columns = np.zeros((table.width, count))
    for batch, weighed in zip(table.batches, kept, strict=True):
        own = weighed @ v  # P y
        parts = [(whose @ (whose.swapaxes(1, 2) @ own[:, :, None])) for whose in effects(batch, table.outer)]
        moved = np.concatenate([*parts, *(rows_of(one, batch) for one in pushed)], axis=2)  # V_i P y
        turned = inverses(batch, variance)[0] @ moved
        straight += moved.reshape(-1, count).T @ turned.reshape(-1, count)
        fixed += (weighed.reshape(-1, len(v)).T @ moved.reshape(-1, count))[:-1]
        _add_rows(columns, batch, turned)
    across = columns.T @ (y @ columns)
    return np.asarray(2 * (straight - across - fixed.T @ np.linalg.solve(form[:-1, :-1], fixed)))
