"""Pick: the column of a table that is meant, by its name and then by what it holds, or a refusal that names both."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from analysis.errors import RatingsError
from analysis.foreign.clues import headers, values
from analysis.table.table import Table
from analysis.words import listed

NAMES = frozenset(("participant", "prompt", "condition", "clip"))


def pick(table: Table, role: str, used: Collection[int] = (), share: float = 0.8) -> int | None:
    """Find the column that a person would take for one of ours; None where there is none.

    Parameters
    ----------
    table
        The file.
    role
        One of our columns, or `clip` for one of file names.
    used
        Columns that are taken already.
    share
        Of a column of scores, the share of its cells that must be scores.

    Raises
    ------
    RatingsError
        If two columns could be meant.

    Examples
    --------
    >>> table = Table("r.csv", "", ("rater", "mos", "system"), (["a"], ["4"], ["x"]), [2])
    >>> pick(table, "score"), pick(table, "prompt")
    (1, None)
    """
    header = [("" if place in used else name) for place, name in enumerate(table.header)]
    found = headers.candidates(header, role)
    if not found or header[found[0]] == role:
        return found[0] if found else None
    if role == "score":
        found = [place for place in found if values.are_scores(table.columns[place], share)]
    elif role in NAMES:
        found = [place for place in found if any(map(str.strip, table.columns[place]))]
        several = [place for place in found if len(set(table.columns[place])) > 1]
        found = several or found
    if len(found) > 1 and not _alike(table, role, found):
        wide = ", or take each as a scale of its own with --wide" if role == "score" else ""
        raise ambiguous(table, role, found, wide)
    return found[0] if found else None


def ambiguous(table: Table, role: str, places: Sequence[int], remedy: str = "") -> RatingsError:
    """Say that several columns could be one of ours, and what settles it.

    Examples
    --------
    >>> print(ambiguous(Table("r.csv", "", ("mos", "rating"), ([], []), []), "score", [0, 1]))
    r.csv: score could be the column 'mos' and 'rating'; say which with --columns score=mos
    """
    names = [table.header[place] for place in places]
    option = shlex.quote(f"{'prompt' if role == 'clip' else role}={names[0]}")
    return RatingsError(
        f"{table.name}: {'prompt' if role == 'clip' else role} could be the column {listed(map(repr, names))}; "
        f"say which with --columns {option}{remedy}"
    )


def _alike(table: Table, role: str, places: Sequence[int]) -> bool:
    """Say whether it does not matter which column is taken: scores are the same, names tell the same rows apart."""
    first, *others = (table.columns[place] for place in places)
    if role not in NAMES:
        return all(other == first for other in others)
    size = len(set(first))
    return all(len(set(other)) == size == len(set(zip(first, other, strict=True))) for other in others)
