"""Taken: what was taken of a table: a row a rating, in our columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.foreign.clues import paths
from analysis.table.table import Table

_PRACTICE = re.compile(
    r"(?:^|[^a-z])(training|practice|practise|warm-?up|familiari[sz]ation)(?:[^a-z]|$)", re.IGNORECASE
)


@dataclass(frozen=True)
class Taken:
    """Ratings as they were understood.

    Parameters
    ----------
    columns
        The cells of each of our columns.
    rows
        The row of the table that each rating comes from; -1 is its first line, where that is no header.
    notices
        What was taken for what, in a sentence each.
    lack
        Why a column that is needed is not among them, and the remedy; nobody hears it if somebody names that column.
    """

    columns: dict[str, list[str]]
    rows: list[int]
    notices: tuple[str, ...] = ()
    lack: str = ""

    def saying(self, *notices: str) -> Taken:
        """Give the same with more notices; an empty one is none."""
        return replace(self, notices=(*self.notices, *filter(None, notices)))


Recogniser = Callable[[Table], Taken | None]
"""What tells one tool's files by their shape, and takes the ratings of them; None for a file of another shape."""


def picked(table: Table, columns: Mapping[str, int], rows: Sequence[int] | None = None) -> Taken:
    """Take columns of a table as they are, all rows or some.

    Examples
    --------
    >>> table = Table("r.csv", "", ("who", "mos"), (["a", "b"], ["4", "5"]), [2, 3])
    >>> picked(table, {"score": 1}, [1]).columns
    {'score': ['5']}
    """
    kept = list(range(len(table.lines)) if rows is None else rows)
    if rows is None:
        return Taken({ours: table.columns[place] for ours, place in columns.items()}, kept)
    return Taken({ours: [table.columns[place][row] for row in kept] for ours, place in columns.items()}, kept)


def gathered(entries: Iterable[tuple[int, Mapping[str, str]]], names: Sequence[str]) -> Taken:
    """Put ratings that were made one by one into columns.

    Parameters
    ----------
    entries
        The row of each, and its cells; a cell that it has not is empty.
    names
        The columns, in their order; one that no entry of any has is left out.

    Examples
    --------
    >>> gathered([(0, {"score": "4"}), (0, {"score": "5"})], ["score", "seed"]).columns
    {'score': ['4', '5']}
    """
    rows: list[int] = []
    columns: dict[str, list[str]] = {name: [] for name in names}
    held = set[str]()
    for row, cells in entries:
        rows.append(row)
        held.update(cells)
        for name, column in columns.items():
            column.append(cells.get(name, ""))
    return Taken({name: column for name, column in columns.items() if name in held or not rows}, rows)


def cells_of(table: Table, place: int, rows: Iterable[int]) -> list[str]:
    """Give the cells of a column in some rows, of which -1 is the first line.

    Examples
    --------
    >>> cells_of(Table("r.csv", "", ("a",), (["b", "c"],), [2, 3]), 0, [-1, 1])
    ['a', 'c']
    """
    column = table.columns[place]
    return [column[row] if row >= 0 else table.header[place] for row in rows]


def told(ours: Mapping[str, str], what: str = "") -> str:
    """Say in a sentence which of a file's columns were taken for ours, those of the same name left out.

    Examples
    --------
    >>> told({"participant": "rater", "score": "mos"})
    'Columns: rater was taken for participant, mos for score.'
    """
    renamed = [(theirs, mine) for mine, theirs in ours.items()]
    if not renamed:
        return ""
    (first, role), *more = renamed
    said = ", ".join([f"{first} was taken for {role}", *(f"{theirs} for {mine}" for theirs, mine in more)])
    return f"{what or 'Columns'}: {said}."


def is_practice(page: str) -> bool:
    """Say whether a page or a part of a test is practice by its name.

    Examples
    --------
    >>> is_practice("training"), is_practice("trial_training_2"), is_practice("train1")
    (True, True, False)
    """
    return _PRACTICE.search(page) is not None


def kinds(pages: Iterable[str]) -> list[str]:
    """Give the kind of each rating by the name of its page.

    Examples
    --------
    >>> kinds(["training", "rain"])
    ['practice', 'trial']
    """
    pages = list(pages)
    practice = {page for page in set(pages) if is_practice(page)}
    return ["practice" if page in practice else "trial" for page in pages]


def by_clip(found: Taken, labels: Sequence[str]) -> Taken:
    """Take from the names of clips the condition and the prompt that nothing else says.

    Parameters
    ----------
    found
        What was taken already.
    labels
        The name of the clip of each of its rows.

    Examples
    --------
    >>> by_clip(Taken({"condition": ["ref"]}, [0]), ["ref/a.wav"]).columns["prompt"]
    ['a']
    """
    needed = [role for role in ("condition", "prompt") if role not in found.columns]
    if not needed:
        return found
    if needed == ["prompt"] and labels:
        pairs = zip(labels, found.columns["condition"], strict=True)
        return replace(found, columns=found.columns | {"prompt": [paths.without(*pair) for pair in pairs]})
    parts = paths.parted(labels)
    if not parts:
        return replace(
            found,
            lack=f"no column says the {' and the '.join(needed)} of a clip; name one with --columns {needed[0]}=NAME, "
            "or write the clips as condition/prompt.wav",
        )
    made = {role: [parts[label][role == "prompt"] for label in labels] for role in needed}
    return replace(found, columns=found.columns | made)
