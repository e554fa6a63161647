"""Matching: where in one neurogram each patch of another is found, and how alike the two are.

The similarity is NSIM (Hines and Harte 2012): structural similarity of small neighbourhoods, its intensity and its
structure, without contrast. Patches keep their order: the places are those whose similarities add up to most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.neurograms.gammatone import Float

PATCH = 30
REACH = 60 * PATCH
"""How far from its own place a patch is looked for, in windows."""
CENTRE, EDGE, CORNER = 0.619485845753726, 0.0838251475442633, 0.0113033910173052  # a Gaussian over 3 x 3
STEADY_INTENSITY, STEADY_STRUCTURE = 0.01**2, 0.03**2 / 2
FLOOR_DB = 45.0


def levels(one: Float, other: Float) -> tuple[Float, Float]:
    """Bring two neurograms (bands, windows) into decibels above a floor that both share.

    The floor is -45 dB, and in each window 45 dB below the louder one's loudest band; the lowest cell of both is 0.

    Examples
    --------
    >>> one, other = levels(np.array([[1.0], [1e-9]]), np.array([[10.0], [1e-9]]))
    >>> one.ravel().tolist(), other.ravel().tolist()
    ([35.0, 0.0], [45.0, 0.0])
    """
    both = [10 * np.log10(np.where(cells == 0, np.finfo(np.float64).eps, cells)) for cells in (one, other)]
    both = [np.maximum(cells, -FLOOR_DB) for cells in both]
    shared = min(cells.shape[1] for cells in both)
    floor = np.maximum(*(cells[:, :shared].max(axis=0) for cells in both)) - FLOOR_DB
    for cells in both:
        np.maximum(cells[:, :shared], floor, out=cells[:, :shared])
    lowest = min(cells.min() for cells in both)
    return both[0] - lowest, both[1] - lowest


def blurred(cells: Float) -> Float:
    """Weigh each cell with its neighbours in the first and the last axis, the outermost repeated at the edges.

    Examples
    --------
    >>> blurred(np.ones((2, 2))).round(12).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    beside = np.empty_like(cells)
    beside[1:-1] = cells[:-2] + cells[2:]
    beside[0], beside[-1] = cells[0] + cells[1], cells[-2] + cells[-1]
    found: Float = CENTRE * cells + EDGE * beside
    side = EDGE * cells + CORNER * beside
    found[..., 1:] += side[..., :-1]
    found[..., :-1] += side[..., 1:]
    found[..., 0] += side[..., 0]
    found[..., -1] += side[..., -1]
    return found


class Blurred:
    """Neurograms with the means and variances of their cells' neighbourhoods: each (bands, ..., windows)."""

    def __init__(self, cells: Float) -> None:
        mean = blurred(cells)
        square = mean**2
        self.cells, self.mean, self.square = cells, mean, square
        self.variance = blurred(cells**2) - square

    def some(self, which: slice) -> Blurred:
        """Take some of many, along the second axis."""
        found = object.__new__(Blurred)
        found.cells, found.mean = self.cells[:, which], self.mean[:, which]
        found.square, found.variance = self.square[:, which], self.variance[:, which]
        return found


def similarity(one: Blurred, other: Blurred) -> Float:
    """NSIM of every cell, (bands, ..., windows); the arrays are those of numpy's broadcasting.

    Examples
    --------
    >>> cells = Blurred(np.arange(12.0).reshape(3, 4))
    >>> similarity(cells, cells).round(9).tolist() == np.ones((3, 4)).tolist()
    True
    """
    product = one.mean * other.mean
    found = blurred(one.cells * other.cells)
    found -= product
    found += STEADY_STRUCTURE
    spread = one.variance * other.variance
    np.maximum(spread, 0.0, out=spread)
    np.sqrt(spread, out=spread)
    spread += STEADY_STRUCTURE
    found /= spread
    product *= 2
    product += STEADY_INTENSITY
    spread = one.square + other.square
    spread += STEADY_INTENSITY
    product /= spread
    found *= product
    return found


def first_windows(count: int) -> list[int]:
    """Where the patches of a neurogram of so many windows begin: side by side from half a patch on.

    Examples
    --------
    >>> first_windows(110)
    [14, 44, 74]
    """
    last = count - PATCH if count - PATCH > PATCH // 2 else PATCH // 2 + 1
    return [start - 1 for start in range(PATCH // 2, last, PATCH)]


def places(one: Float, other: Float, starts: list[int]) -> list[tuple[Float, int | None]]:
    """Find one's patches, which begin at ``starts``, in the other: their bands' similarity (bands,), and the place.

    The place is None, and the similarity zero, where leaving a patch out adds up to more than placing it.

    Examples
    --------
    >>> cells = np.random.default_rng(7).uniform(0, 45, (32, 80))
    >>> [place for _, place in places(cells, cells, first_windows(80))]
    [14, 44]
    """
    padded = np.pad(other, ((0, 0), (0, PATCH - 1)))
    everywhere = Blurred(np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, PATCH, axis=1)))
    patches = [Blurred(one[:, None, start : start + PATCH]) for start in starts]
    alike = np.zeros((len(starts), other.shape[1]))
    for patch, start, row in zip(patches, starts, alike, strict=True):
        near = slice(max(0, start - REACH), start + REACH + 1)
        row[near] = similarity(patch, everywhere.some(near)).mean(axis=(0, 2))
    return [
        (np.zeros(len(one)), None)
        if place is None
        else (similarity(patch, everywhere.some(slice(place, place + 1))).mean(axis=(1, 2)), place)
        for patch, place in zip(patches, in_order(alike, starts), strict=True)
    ]


def in_order(alike: Float, starts: list[int]) -> list[int | None]:
    """Choose a place for each patch, one after the other, by dynamic programming.

    Parameters
    ----------
    alike
        Similarity (patches, windows of the other) at each place within reach.

    Examples
    --------
    >>> in_order(np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3]]), [0, 1])
    [1, 2]
    """
    count = alike.shape[1]
    total = np.zeros_like(alike)
    came_from = np.full(alike.shape, -1)
    for index, start in enumerate(starts):
        near = np.arange(max(0, start - REACH), min(count - 1, start + REACH) + 1)
        total[index, near] = alike[index, near]
        if index:
            best, at = _best_before(total[index - 1], max(0, starts[index - 1] - REACH))
            total[index, near] += best[near]
            came_from[index, near] = at[near]
            left_out = near[total[index - 1, near] > total[index, near]]
            total[index, left_out] = total[index - 1, left_out]
            came_from[index, left_out] = left_out
    first = max(0, starts[-1] - REACH)
    place = first + int(np.argmax(total[-1, first : starts[-1] + REACH + 1]))
    found: list[int | None] = []
    for before_of in came_from[::-1]:
        before = int(before_of[place])
        found.append(None if before == place else place)
        place = before
    return found[::-1]


def _best_before(total: Float, first: int) -> tuple[Float, NDArray[np.int64]]:
    """Of each window: the largest total of a window before it, from ``first`` on, and the last window that has it."""
    best = np.full(len(total), -np.inf)
    at = np.full(len(total), -1)
    running = np.maximum.accumulate(total[first:-1])
    ties = np.where(total[first:-1] == running, np.arange(first, len(total) - 1), -1)
    best[first + 1 :], at[first + 1 :] = running, np.maximum.accumulate(ties)
    return best, at
