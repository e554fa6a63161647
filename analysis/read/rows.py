"""Rows: what every ratings file is checked for line by line, whatever question it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import shorten

import pandas as pd

from analysis.errors import DuplicateRatingError, NoRatingsError, RatingsError, ScoreError, ValueMissingError
from analysis.read import names
from analysis.read.sheet import TOLD_APART
from analysis.words import listed
from survey.records import is_flagged

NAMES = ("participant", "prompt", "condition")
Columns = dict[str, list[str]]


def trials(columns: Columns, lines: list[int], name: str) -> tuple[list[int], Counter[str]]:
    """Find the rows that are trials, and count the others by their kind.

    Raises
    ------
    NoRatingsError
        If there is none.
    """
    kinds = columns.get("kind", ["trial"] * len(lines))
    left_out = Counter(kind or "(empty)" for kind in kinds if kind != "trial")
    rows = [row for row, kind in enumerate(kinds) if kind == "trial"]
    if not rows:
        found = ", ".join(f"{count} of kind {kind}" for kind, count in left_out.items()) or "no line of data"
        raise NoRatingsError(f"{name}: no rating of a trial ({found}); collect ratings or mark them kind=trial")
    return rows, left_out


def refuse_empty(table: Columns, column: str, lines: list[int], name: str) -> None:
    """Refuse an empty cell of a column."""
    if "" in table[column]:
        line = lines[table[column].index("")]
        raise ValueMissingError(f"{name}: line {line}: {column} is empty; fill it in or delete the line")


def refuse_studies(table: Columns, name: str) -> None:
    """Refuse ratings of several studies."""
    studies = list(dict.fromkeys(table.get("study", [])))
    if len(studies) > 1:
        raise RatingsError(
            f"{name}: holds ratings of {len(studies)} studies ({shorten(', '.join(studies), 80)}); "
            "analyse one at a time, or delete the column study to pool them"
        )


def scores(raw: list[str], right: Mapping[str, int], wrong: str, lines: list[int], name: str) -> list[int]:
    """Give the scores, or name the first line whose score is none.

    Parameters
    ----------
    raw, lines
        The cells, and the line of each.
    right
        What may stand in a cell, and the score that it is.
    wrong
        What is said of another cell, to be read after it.
    name
        The file's name.
    """
    bad = [row for row, text in enumerate(raw) if text not in right]
    if bad:
        text = shorten(raw[bad[0]], 30)
        what = f"score {text!r} {wrong}" if text else "score is missing"
        more = f" (and {len(bad) - 1} more such lines)" if len(bad) > 1 else ""
        raise ScoreError(f"{name}: line {lines[bad[0]]}: {what}{more}; correct it or delete the line")
    return [right[text] for text in raw]


def tell_apart(table: Columns, lines: list[int], name: str) -> list[str]:
    """Give each row its prompt, in place: where there is a `prompt_id`, a prompt is its id. Say what must be known.

    Raises
    ------
    ValueMissingError
        If some rows have a `prompt_id` and some none.
    """
    ids, remarks = table.pop("prompt_id", []), list[str]()
    told = {column: Counter(table[column]) for column in TOLD_APART if column in table}
    if any(ids):
        if "" in ids:
            line = lines[ids.index("")]
            raise ValueMissingError(
                f"{name}: line {line}: prompt_id is empty here but not on other lines; fill it in, or delete the column"
            )
        del told["prompt"]
        told["prompt_id"] = Counter(ids)
        table["prompt"], remarks = names.prompts_of(table["prompt"], ids)
    if "reference" in told:
        told["condition"] += told.pop("reference")
    return [*remarks, *filter(None, (names.spellings(column, counts) for column, counts in told.items()))]


def impossible(flags: Sequence[str]) -> list[str]:
    """Say how many of the ratings in use have flags: see `survey/trials/listening.py`."""
    count = sum(map(is_flagged, flags))
    if not count:
        return []
    return [
        f"{count:,} of {len(flags):,} ratings: the sounds cannot have been heard as the page said; the column flags "
        "of ratings.csv says why for each rating. They are included in these results."
    ]


def refuse_duplicates(cells: pd.DataFrame, lines: list[int], name: str) -> None:
    """Refuse a second rating of one cell: which of them counts is not ours to choose."""
    again = cells.duplicated(keep=False)
    if not again.any():
        return
    groups = cells[again].groupby(list(cells.columns), sort=False)
    first = cells[again].iloc[0]
    rows = groups.indices[tuple(first)]
    places = [lines[int(place)] for place in cells.index[again][rows]]
    more = f" (and {groups.ngroups - 1} more such cells)" if groups.ngroups > 1 else ""
    seed = f", seed {first['seed']}" if "seed" in cells.columns else ""
    raise DuplicateRatingError(
        f"{name}: lines {_numbers(places)}: participant {shorten(first['participant'], 40)!r} rated prompt "
        f"{shorten(first['prompt'], 60)!r} under {shorten(first['condition'], 40)!r}{seed} "
        f"{len(places)} times{more}; keep one line of each"
    )


def _numbers(lines: list[int]) -> str:
    """Write line numbers as a person would."""
    return f"{', '.join(map(str, lines[:5]))}, ..." if len(lines) > 5 else listed(map(str, lines))
