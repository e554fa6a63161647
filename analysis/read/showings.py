"""Showings: one participant rated one clip more than once; which rating counts, and what the others are good for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

import numpy as np
import pandas as pd

from analysis.errors import DuplicateRatingError
from analysis.read.rows import Columns
from analysis.read.sheet import Sheet
from analysis.read.times import read_times
from analysis.scale.scores import numbers
from analysis.words import counted, listed

SCALES = 8  # that a file may have
# Columns that can tell two showings of a clip apart where nobody says which does, the most telling first.
ORDER = (
    *("repeat", "repetition", "replicate", "showing", "presentation"),
    *("position", "trial_index", "trial", "order", "timestamp", "rated_at"),
)


def showings(
    cells: pd.DataFrame,
    table: Columns,
    lines: list[int],
    name: str,
    *,
    copies: Sequence[bool] = (),
    repeat: str | None = None,
    by_design: bool = False,
) -> Showings:
    """Take one rating of each cell, the first showing; exact copies of a row are dropped.

    Parameters
    ----------
    cells
        What may occur once, one row a rating.
    table, lines
        The columns, and the line of each row.
    name
        The file's name.
    copies
        Of each row, whether it is a copy of one before it.
    repeat
        The column that tells showings apart; None to look whether a column of `ORDER` does.
    by_design
        Whether trials are repeated by design, as those of ABX are: the `cells` must then tell them apart.

    Raises
    ------
    DuplicateRatingError
        If nothing tells two ratings of a cell apart.
    """
    remarks: list[str] = []
    kept = np.arange(len(cells))
    again = cells.duplicated(keep=False).to_numpy()
    copied = again & np.asarray(copies or [False] * len(cells), dtype=bool) & (not by_design)
    if copied.any():
        where = _numbers([lines[row] for row in np.flatnonzero(copied)])
        remarks.append(
            f"{counted(int(copied.sum()), 'line')} ({where}): exact copies of lines before them, in every column. "
            "They were left out. If they are second ratings of a clip, add a column that tells the showings apart, "
            "and name it with --repeat."
        )
        kept = kept[~copied]
        again = cells.iloc[kept].duplicated(keep=False).to_numpy()
    if not again.any():
        return Showings(kept.tolist(), (), tuple(remarks), int(copied.sum()))
    doubled = kept[again]
    groups = cells.iloc[doubled].groupby(list(cells.columns), sort=False).ngroup().to_numpy()
    by = None if by_design else _telling(table, doubled, groups, repeat)
    if by is None:
        remedy = "name the column that tells the showings apart with --repeat COLUMN, "
        remedy += "or the one that names several scales with --columns scale=NAME"
        if by_design:
            remedy = "number the trials of a session in a column position"
        elif repeat is not None:
            remedy = f"name another column than {repeat} with --repeat, which does not tell them apart"
        raise _refusal(cells.iloc[doubled], groups, [lines[row] for row in doubled[groups == 0]], name, remedy)
    place = _places([table[by][row] for row in doubled], [lines[row] for row in doubled])
    order = np.lexsort((doubled, place, groups))
    first = np.r_[True, np.diff(groups[order]) > 0]
    firsts, later = doubled[order][first], doubled[order][~first]
    pairs = tuple(zip(firsts[groups[order][~first]].tolist(), later.tolist(), strict=True))
    remarks.append(
        f"{counted(len(firsts), 'clip')} {'were' if len(firsts) > 1 else 'was'} rated more than once by the same "
        f"participant; the column {by} tells the showings apart. The first rating is analysed, and "
        f"{counted(len(later), 'later one')} {'serve' if len(later) > 1 else 'serves'} as hidden "
        f"{'repeats' if len(later) > 1 else 'repeat'}."
    )
    return Showings(np.setdiff1d(kept, later).tolist(), pairs, tuple(remarks), int(copied.sum()))


def perhaps_scales(sheet: Sheet, rows: Sequence[int], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Name a column of words in which each repeat differs from its first rating: they may be ratings on two scales.

    Parameters
    ----------
    sheet, rows
        The whole file, and the rows of it that were looked at.
    pairs
        The places in `rows` of a first rating and of its repeat.
    """
    said = []
    for name, cells in zip(sheet.table.header, sheet.table.columns, strict=True):
        held = dict.fromkeys(cell.strip() for cell in cells)
        if name in sheet.columns or not 2 <= len(held) <= SCALES or any(text[:1].isdigit() for text in held):
            continue
        if pairs and all(cells[rows[one]].strip() != cells[rows[other]].strip() for one, other in pairs):
            some = listed(repr(shorten(text, 30)) for text in list(held)[:3])
            said.append(
                f"The column {shorten(name, 40)} ({some}) differs between the showings of every clip that was rated "
                f"again. If it names scales, analyse the file with --columns {shlex.quote(f'scale={name}')}."
            )
    return said


def _telling(table: Columns, doubled: np.ndarray, groups: np.ndarray, repeat: str | None) -> str | None:
    """Find the column that is filled in, and different in each showing of a cell."""
    for column in ORDER if repeat is None else (repeat,):
        if column in table:
            values = [table[column][row] for row in doubled]
            if "" not in values and len(set(zip(groups.tolist(), values, strict=True))) == len(values):
                return column
    return None


def _places(texts: list[str], lines: list[int]) -> np.ndarray:
    """Put showings in order: by numbers, by times, or where they are neither as they stand in the file."""
    given = pd.to_numeric(pd.Series(texts), errors="coerce")
    if given.notna().all():
        return np.asarray(given, dtype=float)
    times, _ = read_times(texts, lines)
    return np.zeros(len(texts)) if times is None else np.asarray(times.as_unit("us").asi8)


def _refusal(doubled: pd.DataFrame, groups: np.ndarray, places: list[int], name: str, remedy: str) -> Exception:
    """Refuse second ratings of a cell: which of them counts is not ours to choose."""
    one, several = doubled.iloc[0], int(groups.max()) + 1
    more = f" (and {several - 1} more such cells)" if several > 1 else ""
    seed = f", seed {one['seed']}" if "seed" in doubled.columns else ""
    return DuplicateRatingError(
        f"{name}: lines {_numbers(places)}: participant {shorten(one['participant'], 40)!r} rated prompt "
        f"{shorten(one['prompt'], 60)!r} under {shorten(one['condition'], 40)!r}{seed} "
        f"{len(places)} times{more}; keep one line of each, or {remedy}"
    )


def retested(sheet: Sheet, rows: Sequence[int], given: Sequence[float]) -> list[tuple[str, float, float]]:
    """Pair the hidden repeats of a study of our own with the first ratings.

    Parameters
    ----------
    sheet
        The whole file.
    rows, given
        The rows of the trials on one scale, and their scores.

    Returns
    -------
    list of (participant, first, again)
        One a repeat that has a first rating and a score of its own.
    """
    columns = sheet.columns
    if "kind" not in columns:
        return []
    prompt = "prompt_id" if any(columns.get("prompt_id", [])) else "prompt"
    cell = ("participant", prompt, "condition", "seed", "question", "scale")
    held = [columns[name] for name in cell if name in columns]
    first = {tuple(column[row] for column in held): score for row, score in zip(rows, given, strict=True)}
    score = numbers(columns["score"])
    found = []
    for row, kind in enumerate(columns["kind"]):
        key = tuple(column[row] for column in held)
        if kind == "repeat" and key in first and columns["score"][row] in score:
            found.append((columns["participant"][row], first[key], score[columns["score"][row]]))
    return found


def _numbers(lines: list[int]) -> str:
    """Write line numbers as a person would."""
    return f"{', '.join(map(str, lines[:5]))}, ..." if len(lines) > 5 else listed(map(str, lines))


@dataclass(frozen=True)
class Showings:
    """Which ratings of a file count.

    Parameters
    ----------
    kept
        The rows that count: of each cell the first showing.
    pairs
        The first rating and a later one, by their rows.
    remarks
        What was found, in sentences.
    copies
        How many rows were exact copies.
    """

    kept: list[int]
    pairs: tuple[tuple[int, int], ...]
    remarks: tuple[str, ...]
    copies: int = 0
