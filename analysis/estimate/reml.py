"""Variance components: the REML fit of a mixed model with crossed raters and prompts.

The model is y = X beta + sum_i Z_i u_i + e. X has a column a condition; the random effects are those of the outer and
the inner factor (raters and prompts, whichever way is the smaller), of each under each condition, and of rater and
prompt together (`analysis.estimate.patterns`). With gamma_i = variance of effect i / residual variance,
Sigma = I + sum_i gamma_i Z_i Z_i'. The residual variance and beta are profiled out (Bates et al. 2015, J. Stat. Softw.
67(1), equations 39 to 42); gamma is searched.

No matrix here has a side of n ratings or of the outer factor's levels. The outer effects are eliminated pattern by
pattern, and what is left is dense in the columns of the inner factor. Derivatives to second order are exact, and serve
the search as well as the degrees of freedom; beyond `patterns.WIDE` columns those of second order are averages
(`analysis.estimate.average_information`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, optimize

from analysis.estimate.average_information import average
from analysis.estimate.expansion import Expansion
from analysis.estimate.patterns import Batch, Table, effects, inverses, scatter, tabulate

STARTS = (1.0, 0.3, 0.05)
LARGEST = 1e3  # of a relative standard deviation; the search goes no further
TOO_LARGE = LARGEST**2 / 4  # of gamma: there is no residual to speak of
SETTLED = 1e-15  # deviance still to be gained, a rating
SETTLED_WIDE = 1e-9  # the same by averages, which close in step by step, each dear
PILOT_WIDTH, PILOT_WORK = 250, 2e6  # columns, and numbers in the inverses, of the part that finds where to begin
MOST_WORK = 2e11  # products of numbers in one look at the likelihood; a few seconds on two cores


class TooMuchError(Exception):
    """The ratings are too many, and too much of a muddle, for the model to be fitted in any bearable time."""


def reml(
    outer: np.ndarray, inner: np.ndarray, condition: np.ndarray, score: np.ndarray, terms: tuple[str, ...]
) -> tuple[Table, np.ndarray, Expansion]:
    """Find the gamma >= 0 that maximizes the restricted likelihood; parameters as for `patterns.tabulate`.

    Quasi-Newton searches from several starts over the relative standard deviations choose the hill; of many
    ratings, a part serves for that. Newton's method on the variances then sets to zero exactly those whose
    slope at zero says so, and settles the others. Returned are the table; gamma in the order of its terms; and the
    expansion there, with the residual's component put first.

    Examples
    --------
    >>> outer, inner, condition = np.repeat(np.arange(4), 4), np.tile([0, 0, 1, 1], 4), np.tile([0, 1], 8)
    >>> score = np.array([0, -1, 1, 0, 0, -1, 2, 1, -1, -2, 0, 0, 1, 0, 1, 0.0])
    >>> table, gamma, at = reml(outer, inner, condition, score, ("outer", "inner"))
    >>> beta, _, _ = at.solve()
    >>> beta.round(4).tolist(), float(score[condition == 0].mean())  # of a complete table, the plain means
    ([0.5, -0.375], 0.5)
    """
    table = tabulate(outer, inner, condition, score, terms)
    if table.work > MOST_WORK:
        raise TooMuchError
    kept, pilot, most = _part(table, outer, inner), table, np.inf
    if not kept.all():
        most = 100.0  # a part may leave no residual where the whole does
        codes = [np.unique(code[kept], return_inverse=True)[1] for code in (outer, inner, condition)]
        pilot = tabulate(codes[0], codes[1], codes[2], score[kept], terms)
    found = min((_search(pilot, start) for start in _starts(pilot)), key=lambda result: float(result.fun))
    begin = np.minimum(np.asarray(found.x) ** 2, most)
    gamma, at = _settle(table, begin)
    return table, gamma, at.with_residual(gamma)


def expand(table: Table, gamma: np.ndarray, *, second: bool = True) -> Expansion:
    """Compute log|Sigma| and [X y]' Sigma^-1 [X y] with their derivatives by gamma.

    Examples
    --------
    >>> outer, inner, condition = np.repeat(np.arange(4), 4), np.tile([0, 0, 1, 1], 4), np.tile([0, 1], 8)
    >>> score = np.array([0, -1, 1, 0, 0, -1, 2, 1, -1, -2, 0, 0, 1, 0, 1, 0.0])
    >>> at = expand(tabulate(outer, inner, condition, score, ("outer", "inner")), np.zeros(2))
    >>> at.logdet, at.form[:2, :2].tolist()  # without random effects: Sigma = I, X' X counts the ratings
    (0.0, [[8.0, 0.0], [0.0, 8.0]])
    """
    variance = table.named(gamma)
    k, outer = len(gamma), len(table.outer)
    f, f1, f2, log, log1, log2 = _eliminate(table, variance, second=second)
    t = table.fixed + 1
    s, fq = f[t:, t:], f[t:, :t]
    inside = table.rooted(variance, table.rooted(variance, s).T) + np.eye(len(s))
    factor = linalg.cholesky(inside, lower=True, check_finite=False)
    half = linalg.solve_triangular(factor, table.rooted(variance, np.eye(len(s))), lower=True, check_finite=False)
    y = half.T @ half  # V (I + S V)^-1
    sy = s @ y
    kt, kq = fq - sy @ fq, s - sy @ s  # Q' Sigma^-1 [X y] and Q' Sigma^-1 Q
    r = np.vstack([np.eye(t), -y @ fq])
    spread = [table.spread(term, kt) for term in table.inner]
    ek = [table.spread(term, kq) for term in table.inner]
    form1 = [r.T @ g @ r for g in f1] + [-kt.T @ e for e in spread]
    logdet1 = np.array([log1[i] + np.sum(y * g[t:, t:]) for i, g in enumerate(f1)] + [np.trace(e) for e in ek])
    logdet = log + 2 * float(np.log(np.diag(factor)).sum())
    blank = np.zeros((k, k)), np.zeros((k, k, t, t))
    result = Expansion(table.n, logdet, f[:t, :t] - fq.T @ y @ fq, logdet1, np.reshape(form1, (k, t, t)), *blank)
    if not second:
        return result
    u = np.eye(len(s)) - sy
    ys = [y @ g[t:, t:] for g in f1]
    cross = [r.T @ g[:, t:] for g in f1]
    for i in range(k):
        for j in range(i, k):
            if j < outer:
                logdet2 = log2[i, j] + np.sum(y * f2[i, j][t:, t:]) - np.sum(ys[i] * ys[j].T)
                form = r.T @ f2[i, j] @ r / 2 - cross[i] @ y @ cross[j].T
            elif i < outer:
                logdet2 = np.trace(table.spread(table.inner[j - outer], u @ f1[i][t:, t:] @ u.T))
                form = -cross[i] @ u.T @ spread[j - outer]
            else:
                logdet2 = -np.sum(ek[i - outer] * ek[j - outer].T)
                form = spread[i - outer].T @ kq @ spread[j - outer]
            result.logdet2[i, j] = result.logdet2[j, i] = logdet2
            result.form2[i, j] = result.form2[j, i] = form + form.T
    return result


def profile(at: Expansion, squares: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Compute the profiled REML deviance (up to a constant), its gradient and its Hessian, by gamma.

    f = log|Sigma| + log|X' Sigma^-1 X| + (n - p) log r, where r = (y - X beta)' Sigma^-1 (y - X beta).

    Examples
    --------
    >>> outer, inner, condition = np.repeat(np.arange(4), 4), np.tile([0, 0, 1, 1], 4), np.tile([0, 1], 8)
    >>> score = np.array([0, -1, 1, 0, 0, -1, 2, 1, -1, -2, 0, 0, 1, 0, 1, 0.0])
    >>> at = expand(tabulate(outer, inner, condition, score, ("outer", "inner")), np.zeros(2))
    >>> value, slope, bend = profile(at, score @ score)
    >>> (slope < 0).tolist()  # more spread of either kind fits better
    [True, True]
    """
    freedom = at.freedom
    log, log1, log2 = at.restricted()
    r, r1, r2 = at.residual()
    r = max(r, 1e-14 * squares)  # an exact fit has no logarithm
    return (
        log + freedom * float(np.log(r)),
        log1 + freedom * r1 / r,
        log2 + freedom * (r2 / r - np.outer(r1, r1) / r**2),
    )


def _eliminate(table: Table, variance: dict[str, float], *, second: bool) -> tuple[Any, ...]:
    """Take the outer factor out: cross products and log-determinant with derivatives by its gammas."""
    count = len(table.outer)
    pairs = [(i, j) for i in range(count) for j in range(i, count)] if second else []
    sums = {key: _Sums(table) for key in (None, *range(count), *pairs)}
    logs: dict[Any, float] = dict.fromkeys(sums, 0.0)
    for batch in table.batches:
        inverse, log = inverses(batch, variance)
        sums[None].add(batch, inverse)
        logs[None] += float(batch.many @ log)
        shared = list(effects(batch, table.outer))
        turned = [inverse @ whose for whose in shared]
        for i in range(count):
            sums[i].add(batch, -turned[i] @ turned[i].swapaxes(1, 2))
            logs[i] += float(np.einsum("p,pnm,pnm->", batch.many, shared[i], turned[i]))
        for i, j in pairs:
            between = shared[i].swapaxes(1, 2) @ turned[j]
            half = turned[i] @ between @ turned[j].swapaxes(1, 2)
            sums[i, j].add(batch, half + half.swapaxes(1, 2))
            logs[i, j] -= float(np.einsum("p,pij,pij->", batch.many, between, between))
    first = [sums[i].framed() for i in range(count)]
    return (
        sums[None].framed(),
        first,
        {pair: sums[pair].framed() for pair in pairs},
        logs[None],
        [logs[i] for i in range(count)],
        {pair: logs[pair] for pair in pairs},
    )


class _Sums:
    """Cross products of conditions, score and columns under one weight a pattern, summed up."""

    def __init__(self, table: Table) -> None:
        self.design = table.design
        self.columns = np.zeros((table.width, table.width))
        self.score, self.square = np.zeros(table.width), 0.0

    def add(self, batch: Batch, weight: np.ndarray) -> None:
        """Add the patterns of a batch, with weights of shape (patterns, n, n)."""
        scatter(self.columns, batch, batch.many[:, None, None] * weight)
        pulled = (weight @ batch.total[:, :, None])[:, :, 0]
        for one in range(batch.columns.shape[2]):
            np.add.at(self.score, batch.columns[:, :, one].reshape(-1), pulled.reshape(-1))
        self.square += float(np.sum((batch.root @ weight) * batch.root))

    def framed(self) -> np.ndarray:
        """Put the conditions and the score before the columns: shape (conditions + 1 + columns,) squared."""
        across = np.column_stack([self.columns @ self.design, self.score])
        corner = np.empty((across.shape[1], across.shape[1]))
        corner[:-1] = self.design.T @ across
        corner[-1, :-1], corner[-1, -1] = corner[:-1, -1], self.square
        return np.block([[corner, across.T], [across, self.columns]])


def _part(table: Table, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Choose the ratings that find where to begin: all of few, else those of some levels of both factors."""
    if table.width <= PILOT_WIDTH and table.cells <= PILOT_WORK:
        return np.ones(len(outer), dtype=bool)
    every_inner = -(-table.width // PILOT_WIDTH)
    every_outer = max(1, int(np.ceil(table.cells / every_inner**2 / PILOT_WORK)))
    kept: np.ndarray = (outer % every_outer == 0) & (inner % every_inner == 0)
    return kept if np.count_nonzero(kept) > 500 else np.ones_like(kept)


def _starts(table: Table) -> list[np.ndarray]:
    """Choose where searches start; small tables, which can have two hills, also with each component in the lead."""
    size = len(table.terms)
    leads = [np.where(np.arange(size) == lead, 1.0, 0.1) for lead in range(size)] if table.n < 600 else []
    return [np.full(size, start) for start in STARTS] + leads


def _search(table: Table, start: np.ndarray) -> Any:
    """Search the relative standard deviations from one start."""
    squares = table.squares

    def deviance(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, _ = profile(expand(table, theta**2, second=False), squares)
        return value, 2 * theta * slope

    rough = {"ftol": 1e-7, "gtol": 1e-3}  # the last digits are Newton's
    limits = [(0.0, LARGEST)] * len(start)
    return optimize.minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=limits, options=rough)


def _settle(table: Table, gamma: np.ndarray) -> tuple[np.ndarray, Expansion]:
    """Newton's method within gamma >= 0 (projected, with halved steps), to the last digits."""
    squares = table.squares
    wide = table.wide
    settled = SETTLED_WIDE if wide else SETTLED
    look = average if wide else expand
    at = look(table, gamma)
    value, slope, bend = profile(at, squares)
    for _ in range(40):
        if float(gamma.max(initial=0.0)) > TOO_LARGE:
            break
        free = (gamma > 0) | (slope < 0)
        if not free.any():
            break
        scale = np.maximum(gamma, 1e-3)[free]
        values, vectors = np.linalg.eigh(bend[np.ix_(free, free)] * np.outer(scale, scale))
        values = np.maximum(np.abs(values), 1e-9 * float(np.abs(values).max(initial=1e-9)))
        step = np.zeros_like(gamma)
        step[free] = -scale * (vectors @ ((vectors.T @ (scale * slope[free])) / values))
        if -step @ slope < settled * table.n:
            break
        for halving in range(12):
            there = np.clip(gamma + step / 2**halving, 0.0, LARGEST**2)
            ahead = look(table, there)
            news = profile(ahead, squares)
            if news[0] <= value + 1e-12 * abs(value):  # what is lost in rounding is not lost
                break
        else:
            break
        gamma, at, (value, slope, bend) = there, ahead, news
    return gamma, at
