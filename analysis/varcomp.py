"""Variance components: the REML fit of a mixed model with crossed raters and prompts, on sums instead of ratings.

The model is y = X beta + effects of raters + effects of prompts + e, where an effect is one number a level
(additive), or one a level plus one a level and condition (interactions). X has a column a condition. With
gamma_i = variance of effect i / residual variance, Sigma = I + sum_i gamma_i Z_i Z_i'. The residual variance
and beta are profiled out (Bates et al. 2015, J. Stat. Softw. 67(1), equations 39 to 42); gamma is searched.

No matrix here has a side of n ratings or of R raters. The factor with more levels, the outer one, is
eliminated: its effects are independent from level to level, and a level with N_c ratings in class c (its
condition, or all conditions at once in the additive model) adds -d' H d to the cross products of all other
columns, d being its sums of them, with H = V (I + N V)^-1 and V = a 1 1' + b I. Levels with the same N share
H, so that only their summed cross products are kept. What is left is dense in the inner factor's levels x
classes. Derivatives to second order are exact, and serve the search as well as the degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import linalg, optimize, sparse

STARTS = (1.0, 0.3, 0.05)
LARGEST = 1e3  # of a relative standard deviation; the search goes no further
TOO_LARGE = LARGEST**2 / 4  # of gamma: there is no residual to speak of
GRAM_CELLS = 25_000_000  # 200 MB
PILOT = 2_000  # raters that find where to begin
SETTLED = 1e-15  # deviance still to be gained, a rating
DENSE = 0.1  # share of filled cells from which dense products are faster
SPARSE = 1_000_000  # cells below which it does not matter


def reml(
    rater: np.ndarray, prompt: np.ndarray, condition: np.ndarray, score: np.ndarray, *, interactions: bool
) -> tuple[Table, np.ndarray, Expansion]:
    """Find the gamma >= 0 that maximizes the restricted likelihood; parameters as for `tabulate`.

    Quasi-Newton searches from several starts over the relative standard deviations choose the hill; of many
    ratings, a part serves for that. Newton's method on the variances then sets to zero exactly those whose
    slope at zero says so, and settles the others. Returned are the sums; gamma, first that of the outer factor
    and of its conditions, then of the inner's; and the expansion there, with the residual's component put first.
    """
    table = tabulate(rater, prompt, condition, score, interactions=interactions)
    kept, pilot, most = _part(table, rater, prompt), table, np.inf
    if not kept.all() and len(np.unique(condition[kept])) == table.fixed:
        most = 100.0  # a part may leave no residual where the whole does
        codes = [np.unique(code[kept], return_inverse=True)[1] for code in (rater, prompt, condition)]
        pilot = tabulate(codes[0], codes[1], codes[2], score[kept], interactions=interactions)
    found = min((_search(pilot, start) for start in _starts(pilot)), key=lambda result: float(result.fun))
    begin = np.minimum(np.asarray(found.x) ** 2, most)
    gamma, at = _settle(table, begin if pilot.swapped == table.swapped else np.roll(begin, len(begin) // 2))
    return table, gamma, _with_residual(table, gamma, at)


def tabulate(
    rater: np.ndarray, prompt: np.ndarray, condition: np.ndarray, score: np.ndarray, *, interactions: bool
) -> Table:
    """Sum the ratings up for the fit.

    Parameters
    ----------
    rater, prompt, condition
        Codes 0, 1, ... of each rating, shape (n,), every code in use.
    score
        Scores, float, shape (n,); take their mean off beforehand, for the digits' sake.
    interactions
        Whether raters and prompts also have an effect for each condition.
    """
    swapped = int(prompt.max()) > int(rater.max())
    outer, inner = (prompt, rater) if swapped else (rater, prompt)
    fixed, levels = int(condition.max()) + 1, int(inner.max()) + 1
    classes = fixed if interactions else 1
    kind = condition if interactions else np.zeros_like(condition)
    column = fixed + 1 + inner * classes + kind
    rows, width = np.arange(len(score)), fixed + 1 + levels * classes
    design = _summed([(rows, condition, None), (rows, fixed, score), (rows, column, None)], len(score), width)
    raw = (design.T @ design).toarray()
    heights, places, blocks = int(outer.max()) + 1, [], []
    for c in range(classes):
        here = kind == c
        row, own = outer[here], 0 if interactions else condition[here]
        first = 1 if interactions else fixed  # the place of the score, before it conditions, after it inner levels
        parts = [(row, own, None), (row, first, score[here]), (row, first + 1 + inner[here], None)]
        blocks.append(_summed(parts, heights, first + 1 + levels))
        before = [c] if interactions else list(range(fixed))
        places.append(np.r_[before, fixed, fixed + 1 + np.arange(levels) * classes + c])
    counts = np.bincount(outer * classes + kind, minlength=heights * classes).reshape(-1, classes).astype(float)
    return _compress(Table(len(score), fixed, swapped, raw, counts, np.ones(heights), blocks, places))


def expand(table: Table, gamma: np.ndarray, *, second: bool = True) -> Expansion:
    """Compute log|Sigma| and [X y]' Sigma^-1 [X y] with their derivatives by gamma."""
    outer, k = len(gamma) // 2, len(gamma)
    f, f1, f2, log, log1, log2 = _eliminate(table, gamma[:outer], second=second)
    t = table.fixed + 1
    classes = table.counts.shape[1]
    s, fq = f[t:, t:], f[t:, :t]
    root = _root(gamma[outer:], classes)
    inside = _effect(root, classes, _effect(root, classes, s).T) + np.eye(len(s))
    factor = linalg.cholesky(inside, lower=True, check_finite=False)
    half = linalg.solve_triangular(factor, _effect(root, classes, np.eye(len(s))), lower=True, check_finite=False)
    y = half.T @ half  # V (I + S V)^-1
    sy = s @ y
    kt, kq = fq - sy @ fq, s - sy @ s  # Q' Sigma^-1 [X y] and Q' Sigma^-1 Q
    r = np.vstack([np.eye(t), -y @ fq])
    effects = [(0.0, 1.0), (1.0, 0.0)][: k - outer]  # one number for all classes of a level; one for each
    spread = [_effect(effect, classes, kt) for effect in effects]
    ek = [_effect(effect, classes, kq) for effect in effects]
    form1 = np.stack([r.T @ g @ r for g in f1] + [-kt.T @ e for e in spread])
    logdet1 = np.array([log1[i] + np.sum(y * g[t:, t:]) for i, g in enumerate(f1)] + [np.trace(e) for e in ek])
    logdet = log + 2 * float(np.log(np.diag(factor)).sum())
    result = Expansion(logdet, f[:t, :t] - fq.T @ y @ fq, logdet1, form1, np.zeros((k, k)), np.zeros((k, k, t, t)))
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
                logdet2 = np.trace(_effect(effects[j - outer], classes, u @ f1[i][t:, t:] @ u.T))
                form = -cross[i] @ u.T @ spread[j - outer]
            else:
                logdet2 = -np.sum(ek[i - outer] * ek[j - outer].T)
                form = spread[i - outer].T @ kq @ spread[j - outer]
            result.logdet2[i, j] = result.logdet2[j, i] = logdet2
            result.form2[i, j] = result.form2[j, i] = form + form.T
    return result


def profile(table: Table, at: Expansion) -> tuple[float, np.ndarray, np.ndarray]:
    """Compute the profiled REML deviance (up to a constant), its gradient and its Hessian, by gamma.

    f = log|Sigma| + log|X' Sigma^-1 X| + (n - p) log r, where r = (y - X beta)' Sigma^-1 (y - X beta).
    """
    freedom = table.n - table.fixed
    log, log1, log2 = at.restricted()
    r, r1, r2 = at.residual()
    r = max(r, 1e-14 * float(table.raw[table.fixed, table.fixed]))  # an exact fit has no logarithm
    return (
        log + freedom * float(np.log(r)),
        log1 + freedom * r1 / r,
        log2 + freedom * (r2 / r - np.outer(r1, r1) / r**2),
    )


def _with_residual(table: Table, gamma: np.ndarray, at: Expansion) -> Expansion:
    """Put the residual's own component first, for Sigma = c I + sum_i gamma_i Z_i Z_i' at c = 1.

    The form is homogeneous of degree -1 in (c, gamma), and log|Sigma| is n log plus degree 0; so Euler's theorem
    gives the derivatives by c.
    """
    n = table.n
    k, t = at.form1.shape[:2]
    logdet1, form1 = np.empty(k + 1), np.empty((k + 1, t, t))
    logdet2, form2 = np.empty((k + 1, k + 1)), np.empty((k + 1, k + 1, t, t))
    logdet1[1:], form1[1:], logdet2[1:, 1:], form2[1:, 1:] = at.logdet1, at.form1, at.logdet2, at.form2
    logdet1[0] = n - gamma @ at.logdet1
    form1[0] = -at.form - np.tensordot(gamma, at.form1, 1)
    logdet2[0, 1:] = logdet2[1:, 0] = -at.logdet1 - gamma @ at.logdet2
    form2[0, 1:] = form2[1:, 0] = -2 * at.form1 - np.tensordot(gamma, at.form2, 1)
    logdet2[0, 0] = -logdet1[0] - gamma @ logdet2[0, 1:]
    form2[0, 0] = -2 * form1[0] - np.tensordot(gamma, form2[0, 1:], 1)
    return Expansion(at.logdet, at.form, logdet1, form1, logdet2, form2)


def _part(table: Table, rater: np.ndarray, prompt: np.ndarray) -> np.ndarray:
    """Choose the ratings that find where to begin: all of few, else those of some raters and prompts."""
    outer, inner = (prompt, rater) if table.swapped else (rater, prompt)
    every_inner = -(-len(table.raw) // 250)
    width = len(table.raw) / every_inner
    every_outer = -(-(int(outer.max()) + 1) // int(min(PILOT, 1e8 / width**2)))
    kept = (outer % every_outer == 0) & (inner % every_inner == 0)
    return kept if np.count_nonzero(kept) > PILOT else np.ones_like(kept)


def _starts(table: Table) -> list[np.ndarray]:
    """Choose where searches start; small tables, which can have two hills, also with each component in the lead."""
    size = 4 if table.counts.shape[1] > 1 else 2
    leads = [np.where(np.arange(size) == lead, 1.0, 0.1) for lead in range(size)] if table.n < PILOT else []
    return [np.full(size, start) for start in STARTS] + leads


def _search(table: Table, start: np.ndarray) -> Any:
    """Search the relative standard deviations from one start."""

    def deviance(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope, _ = profile(table, expand(table, theta**2, second=False))
        return value, 2 * theta * slope

    rough = {"ftol": 1e-7, "gtol": 1e-3}  # the last digits are Newton's
    limits = [(0.0, LARGEST)] * len(start)
    return optimize.minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=limits, options=rough)


def _settle(table: Table, gamma: np.ndarray) -> tuple[np.ndarray, Expansion]:
    """Newton's method within gamma >= 0 (projected, with halved steps), to the last digits."""
    at = expand(table, gamma)
    value, slope, bend = profile(table, at)
    for _ in range(40):
        if float(gamma.max()) > TOO_LARGE:
            break
        free = (gamma > 0) | (slope < 0)
        scale = np.maximum(gamma, 1e-3)[free]
        values, vectors = np.linalg.eigh(bend[np.ix_(free, free)] * np.outer(scale, scale))
        values = np.maximum(np.abs(values), 1e-9 * float(np.abs(values).max(initial=1e-9)))
        step = np.zeros_like(gamma)
        step[free] = -scale * (vectors @ ((vectors.T @ (scale * slope[free])) / values))
        if -step @ slope < SETTLED * table.n:
            break
        for halving in range(12):
            there = np.clip(gamma + step / 2**halving, 0.0, LARGEST**2)
            ahead = expand(table, there)
            news = profile(table, ahead)
            if news[0] <= value + 1e-12 * abs(value):  # what is lost in rounding is not lost
                break
        else:
            break
        gamma, at, (value, slope, bend) = there, ahead, news
    return gamma, at


def _eliminate(table: Table, gamma: np.ndarray, *, second: bool) -> tuple[Any, ...]:
    """Take the outer factor out: cross products and log-determinant with derivatives by its gammas."""
    counts = table.counts
    classes = counts.shape[1]
    a, b = gamma[0], gamma[1] if len(gamma) > 1 else 0.0
    e = 1 / (1 + b * counts)
    total = (counts * e).sum(axis=1)
    g = a / (1 + a * total)
    h = g[:, None, None] * e[:, :, None] * e[:, None, :]
    h[:, range(classes), range(classes)] += b * e
    log = float(table.many @ (np.log1p(b * counts).sum(axis=1) + np.log1p(a * total)))
    omega = np.eye(classes) - counts[:, :, None] * h  # (I + N V)^-1
    inner = omega * counts[:, None, :]
    turned = omega.swapaxes(1, 2)
    effects = [np.ones((classes, classes)), np.eye(classes)][: len(gamma)]
    first = [turned @ effect @ omega for effect in effects]
    f = table.raw - _weighed(table, h)
    f1 = [-_weighed(table, weight) for weight in first]
    log1 = [float(table.many @ np.einsum("xy,uyx->u", effect, inner)) for effect in effects]
    f2, log2 = {}, {}
    for i in range(len(gamma)) if second else ():
        for j in range(i, len(gamma)):
            product = effects[i] @ inner @ effects[j]
            half = turned @ product @ omega
            f2[i, j] = _weighed(table, half + half.swapaxes(1, 2))
            log2[i, j] = -float(table.many @ np.einsum("uxy,uyx->u", product, inner))
    return f, f1, f2, log, log1, log2


def _weighed(table: Table, weight: np.ndarray) -> np.ndarray:
    """Sum d' H d over the outer levels, for weights H of shape (units, classes, classes)."""
    out = np.zeros_like(table.raw)
    for c, left in enumerate(table.places):
        for d, right in enumerate(table.places[c:], c):
            block = _moment(table, c, d, np.ascontiguousarray(weight[:, c, d]))
            out[left[:, None], right] += block
            if d > c:
                out[right[:, None], left] += block.T
    return out


def _moment(table: Table, c: int, d: int, weight: np.ndarray) -> np.ndarray:
    """Sum weighted cross products of the columns of two classes."""
    if table.grams:
        width = len(table.places[c])
        return np.asarray((weight @ table.grams[c, d]).reshape(width, width))
    left, right = table.blocks[c], table.blocks[d]
    if sparse.issparse(left):
        return np.asarray((left.T @ (sparse.diags(weight, format="csr") @ right)).toarray())
    return np.asarray(left.T @ (weight[:, None] * right))


def _compress(table: Table) -> Table:
    """Keep cross products a pattern of counts where patterns repeat, else rows, dense or sparse."""
    patterns, unit = np.unique(table.counts, axis=0, return_inverse=True)
    unit = unit.reshape(-1)
    (rows, classes), width = table.counts.shape, len(table.places[0])
    cells = len(patterns) * classes * (classes + 1) // 2 * width**2
    if cells > GRAM_CELLS or 3 * len(patterns) > rows:
        filled = sum(block.nnz for block in table.blocks) / (rows * classes * width)
        dense = filled > DENSE or rows * width < SPARSE
        return replace(table, blocks=[block.toarray() if dense else block for block in table.blocks])
    order = np.argsort(unit, kind="stable")
    bounds = np.searchsorted(unit[order], np.arange(len(patterns) + 1))
    pairs = [(c, d) for c in range(classes) for d in range(c, classes)]
    grams = {pair: np.empty((len(patterns), width**2)) for pair in pairs}
    ordered = [block[order] for block in table.blocks]
    for place, (start, end) in enumerate(pairwise(bounds)):
        parts = [block[start:end].toarray() for block in ordered]
        for c, d in pairs:
            grams[c, d][place] = (parts[c].T @ parts[d]).ravel()
    return replace(table, counts=patterns, many=np.diff(bounds).astype(float), blocks=[], grams=grams)


def _summed(parts: list[tuple[np.ndarray, Any, np.ndarray | None]], rows: int, width: int) -> Any:
    """Sum (row, column, value) triples into a sparse matrix; a value of None is one."""
    row = np.concatenate([part[0] for part in parts])
    column = np.concatenate([np.broadcast_to(part[1], part[0].shape) for part in parts])
    value = np.concatenate([np.ones(len(part[0])) if part[2] is None else part[2] for part in parts])
    return sparse.csr_matrix((value, (row, column)), shape=(rows, width))


def _root(gamma: np.ndarray, classes: int) -> tuple[float, float]:
    """Take the symmetric square root of V = a 1 1' + b I."""
    a, b = float(gamma[0]), float(gamma[1]) if len(gamma) > 1 else 0.0
    return b**0.5, ((b + classes * a) ** 0.5 - b**0.5) / classes


def _effect(effect: tuple[float, float], classes: int, matrix: np.ndarray) -> np.ndarray:
    """Multiply by p I + q 1 1' within each inner level, of which every class has a row."""
    p, q = effect
    parted = matrix.reshape(-1, classes, matrix.shape[1])
    return np.asarray((p * parted + q * parted.sum(axis=1, keepdims=True)).reshape(matrix.shape))


@dataclass(frozen=True)
class Table:
    """Sums that the fit needs of the ratings.

    Parameters
    ----------
    n, fixed
        Ratings and conditions.
    swapped
        Whether the outer factor is the prompts.
    raw
        Cross products of the columns: conditions, score, inner levels x classes.
    counts, many
        Ratings of an outer level in each class, shape (units, classes), and how many levels have these counts.
    blocks
        For each class the sums of its columns, a row an outer level; empty where `grams` holds their products.
    places
        For each class, where its columns stand in `raw`.
    grams
        Cross products of two classes' columns, shape (units, width ** 2).
    """

    n: int
    fixed: int
    swapped: bool
    raw: np.ndarray
    counts: np.ndarray
    many: np.ndarray
    blocks: list[Any]
    places: list[np.ndarray]
    grams: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Expansion:
    """Quantities at one gamma, with first and second derivatives by gamma.

    Parameters
    ----------
    logdet, logdet1, logdet2
        log|Sigma|, shapes (), (k,), (k, k).
    form, form1, form2
        [X y]' Sigma^-1 [X y], shapes (p + 1, p + 1), (k, ...), (k, k, ...).
    """

    logdet: float
    form: np.ndarray
    logdet1: np.ndarray
    form1: np.ndarray
    logdet2: np.ndarray
    form2: np.ndarray

    def solve(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Give beta, its covariance over the residual variance, and the residual sum of squares."""
        phi = np.linalg.inv(self.form[:-1, :-1])
        beta = phi @ self.form[:-1, -1]
        return beta, phi, float(self.form[-1, -1] - beta @ self.form[:-1, -1])

    def restricted(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Give log|Sigma| + log|X' Sigma^-1 X| with its derivatives."""
        x, x1, x2 = self.form[:-1, :-1], self.form1[:, :-1, :-1], self.form2[:, :, :-1, :-1]
        turned = np.linalg.solve(x, x1)
        value = self.logdet + float(np.linalg.slogdet(x)[1])
        slope = self.logdet1 + np.einsum("iaa->i", turned)
        traces = np.einsum("ijaa->ij", np.linalg.solve(x, x2)) - np.einsum("iab,jba->ij", turned, turned)
        return value, slope, self.logdet2 + traces

    def residual(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Give the residual sum of squares with its derivatives."""
        beta, phi, value = self.solve()
        v = np.append(-beta, 1.0)
        pull = (self.form1 @ v)[:, :-1]
        return value, v @ self.form1 @ v, v @ self.form2 @ v - 2 * pull @ phi @ pull.T
