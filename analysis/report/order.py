"""Order: how names stand in every table, figure and file of a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_DIGITS = re.compile(r"([0-9]+)")


def in_order(names: Iterable[str], *, known: Sequence[str] = (), first: str | None = None) -> list[str]:
    """Put names in order, each once: `first`, then those of the `known` order, then the others as people count.

    Numbers in a name count as numbers, so that "2" stands before "10" and "w4" before "w16".

    Parameters
    ----------
    names
        The names; one of `known` that is not among them is left out.
    known
        The order of a study's own; empty where it is not known.
    first
        The name that leads, such as the baseline.
    """
    place = {name: number for number, name in enumerate(known)}
    return sorted(set(names), key=lambda name: (name != first, place.get(name, len(place)), natural(name)))


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Give the key by which names sort as people count; a number is compared by its length and its digits."""
    parts = (part for part in _DIGITS.split(name) if part)
    return tuple(_number(part) if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts), name


def _number(digits: str) -> tuple[int, int, str]:
    """Give the key of a number of any length; text comes after numbers."""
    bare = digits.lstrip("0")
    return 0, len(bare), bare
