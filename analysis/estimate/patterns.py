"""Patterns: ratings in the form that a mixed model is fitted in, grouped by who heard the same.

One of the two factors, raters or prompts, is the outer one: its levels are independent of one another once the inner
factor is known, and ratings of one outer level have the covariance

    Sigma_o = I + a 1 1' + b C C' + e M M'

over the residual variance: `a` for the level, `b` for the level under each condition (C: whose condition), `e` for the
rater and prompt together (M: whose cell). Levels that heard the same clips have the same Sigma_o, so its inverse is
computed once for all of them. A cell is a block of ones and `a` and `b` have the rank of the conditions, so that the
inverse costs n^2 for n ratings of a level, never n^3. What it leaves is dense in the columns of the inner factor: one
for each level and condition, or one for each level beside those of the conditions where the interaction is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

WIDE = 1_500  # columns beyond which patterns are those of one level, and second derivatives averages
CHUNK = 3_000_000  # numbers in a stack of matrices: 24 MB
OUTER = ("outer", "outer:condition", "cell")
INNER = ("inner", "inner:condition")


def tabulate(
    outer: np.ndarray,
    inner: np.ndarray,
    condition: np.ndarray,
    score: np.ndarray,
    terms: Sequence[str],
) -> Table:
    """Put ratings into the form for the fit.

    Parameters
    ----------
    outer, inner, condition
        Codes 0, 1, ... of each rating, int64, shape (n,), every code in use.
    score
        Scores, float, shape (n,); take their mean off beforehand, for the digits' sake.
    terms
        The random effects, of `OUTER` and `INNER`.

    Examples
    --------
    >>> tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"]).width
    3
    """
    fixed, levels = int(condition.max()) + 1, int(inner.max()) + 1
    item = inner * fixed + condition
    if "inner:condition" in terms:
        items, column = np.unique(item, return_inverse=True)
        columns, level = column[:, None], items // fixed
        design = np.zeros((len(items), fixed))
        design[np.arange(len(items)), items % fixed] = 1.0
    else:
        columns = np.column_stack([inner, levels + condition])
        level = np.concatenate([np.arange(levels), np.full(fixed, -1)])
        design = np.vstack([np.zeros((levels, fixed)), np.eye(fixed)])
    order = np.lexsort((item, outer))
    starts = np.flatnonzero(np.diff(outer[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    found: dict[bytes | int, list[np.ndarray]] = {}
    for start, end in zip(starts, ends, strict=True):
        place = order[start:end]
        found.setdefault(int(start) if len(level) > WIDE else item[place].tobytes(), []).append(place)
    stacks: dict[tuple[int, int], list[list[np.ndarray]]] = {}
    for places in found.values():
        size = len(places[0])
        stacks.setdefault((size, min(len(places), size)), []).append(places)
    kept = tuple(name for name in (*OUTER, *INNER) if name in terms)
    batches = []
    for (size, rows), patterns in stacks.items():
        most = max(1, CHUNK // size**2)
        for first in range(0, len(patterns), most):
            chunk = patterns[first : first + most]
            batches.append(_batch(chunk, columns, inner, condition, score, rows))
    return Table(len(score), fixed, kept, level, design, tuple(batches))


def _batch(
    patterns: list[list[np.ndarray]],
    columns: np.ndarray,
    inner: np.ndarray,
    condition: np.ndarray,
    score: np.ndarray,
    rows: int,
) -> Batch:
    """Stack patterns of as many ratings."""
    first = np.stack([places[0] for places in patterns])
    total = np.stack([np.sum([score[place] for place in places], axis=0) for places in patterns])
    roots = []
    for places in patterns:
        scores = np.stack([score[place] for place in places])
        roots.append(scores if len(scores) <= rows else np.linalg.qr(scores, mode="r"))
    return Batch(
        many=np.array([len(places) for places in patterns], dtype=float),
        columns=columns[first],
        classes=_local(condition[first]),
        cells=_local(inner[first]),
        total=total,
        root=np.stack(roots),
        ratings=first,
    )


def _local(codes: np.ndarray) -> np.ndarray:
    """Number the codes of each row anew from 0."""
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, axis=1)
    rank = np.cumsum(np.diff(ordered, axis=1, prepend=ordered[:, :1]) != 0, axis=1)
    out = np.empty_like(codes)
    np.put_along_axis(out, order, rank, axis=1)
    return out


def inverses(batch: Batch, variance: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Invert Sigma_o of each pattern: shape (patterns, n, n), and its log-determinants, shape (patterns,).

    Examples
    --------
    >>> table = tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"])
    >>> [part.round(4).tolist() for part in inverses(table.batches[0], {"outer": 1.0})]  # of [[2, 1], [1, 2]]
    [[[[0.6667, -0.3333], [-0.3333, 0.6667]]], [1.0986]]
    """
    same = batch.cells[:, :, None] == batch.cells[:, None, :]
    size = same.sum(axis=2)
    e = variance.get("cell", 0.0)
    out = -(e / (1 + e * size))[:, :, None] * same
    place = np.arange(out.shape[1])
    out[:, place, place] += 1.0
    log = (np.log1p(e * size) / size).sum(axis=1)
    a, b = variance.get("outer", 0.0), variance.get("outer:condition", 0.0)
    if a or b:
        whose = _hot(batch.classes)
        side = out @ whose
        unit = np.eye(whose.shape[2])
        effect = a + b * unit
        inside = unit + whose.swapaxes(1, 2) @ side @ effect
        middle = effect @ np.linalg.inv(inside)
        out -= side @ ((middle + middle.swapaxes(1, 2)) / 2) @ side.swapaxes(1, 2)
        log = log + np.linalg.slogdet(inside)[1]
    return out, log


def effects(batch: Batch, terms: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield for each outer term which ratings of a pattern share a level, shape (patterns, n, levels).

    Examples
    --------
    >>> table = tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"])
    >>> [whose.tolist() for whose in effects(table.batches[0], ["outer"])]
    [[[[1.0], [1.0]]]]
    """
    for term in terms:
        if term == "outer":
            yield np.ones((*batch.cells.shape, 1))
        elif term == "outer:condition":
            yield _hot(batch.classes)
        elif term == "cell":
            yield _hot(batch.cells)


def _hot(codes: np.ndarray) -> np.ndarray:
    """Write codes as rows of zeros and a one."""
    return np.asarray(codes[:, :, None] == np.arange(int(codes.max()) + 1), dtype=float)


def scatter(target: np.ndarray, batch: Batch, values: np.ndarray) -> None:
    """Add matrices over the ratings of each pattern, shape (patterns, n, n), to one over the columns.

    Examples
    --------
    >>> table = tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"])
    >>> scatter(target := np.zeros((3, 3)), table.batches[0], np.eye(2)[None])
    >>> target.tolist()  # two levels, and the condition that both ratings have
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]]
    """
    flat = target.reshape(-1)
    width = np.int64(target.shape[1])
    for left in range(batch.columns.shape[2]):
        for right in range(batch.columns.shape[2]):
            places = batch.columns[:, :, None, left] * width + batch.columns[:, None, :, right]
            np.add.at(flat, places.reshape(-1), values.reshape(-1))


def gather(matrix: np.ndarray, batch: Batch) -> np.ndarray:
    """Take from a matrix over the columns that over the ratings of each pattern, shape (patterns, n, n).

    Examples
    --------
    >>> table = tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"])
    >>> gather(np.diag([1.0, 2.0, 0.0]), table.batches[0]).tolist()
    [[[1.0, 0.0], [0.0, 2.0]]]
    """
    out = np.zeros((*batch.cells.shape, batch.cells.shape[1]))
    for left in range(batch.columns.shape[2]):
        for right in range(batch.columns.shape[2]):
            out += matrix[batch.columns[:, :, None, left], batch.columns[:, None, :, right]]
    return out


def rows_of(matrix: np.ndarray, batch: Batch) -> np.ndarray:
    """Take the rows of a matrix over the columns that belong to each rating, shape (patterns, n, m).

    Examples
    --------
    >>> table = tabulate(np.array([0, 0]), np.array([0, 1]), np.array([0, 0]), np.array([1.0, -1.0]), ["outer"])
    >>> rows_of(np.array([[1.0], [2.0], [10.0]]), table.batches[0]).tolist()
    [[[11.0], [12.0]]]
    """
    return sum((matrix[batch.columns[:, :, one]] for one in range(batch.columns.shape[2])), np.zeros(()))


@dataclass(frozen=True, eq=False)
class Batch:
    """Patterns of as many ratings, n: outer levels that heard the same items are one pattern.

    Parameters
    ----------
    many
        Levels of each pattern.
    columns
        The columns that each rating has a one in, shape (patterns, n, 1 or 2).
    classes, cells
        Condition and cell of each rating, numbered within its pattern, shape (patterns, n).
    total, root
        Sum of the levels' scores, shape (patterns, n), and a matrix whose square is the sum of their cross products.
    ratings
        Where the ratings of each pattern's first level stand in the table.
    """

    many: np.ndarray
    columns: np.ndarray
    classes: np.ndarray
    cells: np.ndarray
    total: np.ndarray
    root: np.ndarray
    ratings: np.ndarray


@dataclass(frozen=True, eq=False)
class Table:
    """Ratings in the form for the fit.

    Parameters
    ----------
    n, fixed
        Ratings and conditions.
    terms
        The random effects, in the order of their variances.
    level
        The inner level of each column; -1 for a condition's own.
    design
        Which columns make up a condition's, shape (columns, conditions).
    batches
        The ratings.
    """

    n: int
    fixed: int
    terms: tuple[str, ...]
    level: np.ndarray
    design: np.ndarray
    batches: tuple[Batch, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.level)

    @property
    def outer(self) -> tuple[str, ...]:
        """The random effects of the outer factor."""
        return tuple(term for term in self.terms if term in OUTER)

    @property
    def inner(self) -> tuple[str, ...]:
        """The random effects of the inner factor."""
        return tuple(term for term in self.terms if term in INNER)

    @property
    def wide(self) -> bool:
        """Whether second derivatives are averages."""
        return self.width > WIDE

    @property
    def cells(self) -> float:
        """How many numbers the inverses hold."""
        return float(sum(batch.cells.shape[0] * batch.cells.shape[1] ** 2 for batch in self.batches))

    @property
    def work(self) -> float:
        """How many products one look at the slopes takes, but for those over the columns."""
        return float(
            sum(batch.cells.shape[0] * batch.cells.shape[1] ** 2 * (batch.cells.max() + 3) for batch in self.batches)
        )

    @property
    def squares(self) -> float:
        """Sum of the squared scores."""
        return sum(float(np.sum(batch.root**2)) for batch in self.batches)

    def named(self, gamma: np.ndarray) -> dict[str, float]:
        """Give the variances their names."""
        return dict(zip(self.terms, (float(value) for value in gamma), strict=True))

    def spread(self, term: str, matrix: np.ndarray) -> np.ndarray:
        """Multiply by Z Z' of an inner term: rows of one level are summed, those of a level and condition kept."""
        out = np.zeros_like(matrix)
        starts, sizes = self._levels
        end = int(sizes.sum())
        out[:end] = matrix[:end]
        if term == "inner":
            out[:end] = np.repeat(np.add.reduceat(matrix[:end], starts, axis=0), sizes, axis=0)
        return out

    def rooted(self, variance: dict[str, float], matrix: np.ndarray) -> np.ndarray:
        """Multiply by the symmetric root of V = `inner` 11' within a level + `inner:condition` I."""
        out = np.zeros_like(matrix)
        starts, sizes = self._levels
        end = int(sizes.sum())
        own = variance.get("inner:condition", 0.0)
        shift = (np.sqrt(own + sizes * variance.get("inner", 0.0)) - np.sqrt(own)) / sizes
        out[:end] = np.sqrt(own) * matrix[:end]
        out[:end] += np.repeat(shift[:, None] * np.add.reduceat(matrix[:end], starts, axis=0), sizes, axis=0)
        return out

    def root(self, variance: dict[str, float], matrix: np.ndarray, *, rows: int = 512) -> None:
        """Multiply a symmetric matrix by the root of V from both sides, in its own place, so many rows at a time."""
        for turned in (matrix, matrix.T):
            for start in range(0, len(turned), rows):
                part = turned[:, start : start + rows]
                part[...] = self.rooted(variance, np.ascontiguousarray(part))

    def blocks(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give for each inner level its number of columns, and the sum and the trace of its block of a matrix."""
        starts, sizes = self._levels
        parts = [matrix[start : start + size, start : start + size] for start, size in zip(starts, sizes, strict=True)]
        return sizes, np.array([part.sum() for part in parts]), np.array([np.trace(part) for part in parts])

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Give where the columns of each inner level start, and how many there are; they stand together."""
        own = self.level[self.level >= 0]
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        return starts, np.diff(np.append(starts, len(own)))
