"""Rows: what every ratings file is checked for line by line, whatever question it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from textwrap import shorten

import pandas as pd

from analysis.errors import NoRatingsError, RatingsError, ValueMissingError
from analysis.read import names
from analysis.read.sheet import TOLD_APART
from survey.records import is_flagged

NAMES = ("participant", "prompt", "condition")
PASSED = {"true": True, "1": True, "passed": True, "false": False, "0": False, "failed": False}
CHECK_KINDS = ("attention", "instructed", "gold", "repeat")
HEADPHONES = "headphones"
Columns = dict[str, list[str]]


def trials(
    columns: Columns, lines: list[int], name: str, practice: Collection[str] = ()
) -> tuple[list[int], Counter[str]]:
    """Find the rows that are trials, and count the others by their kind; those of the `practice` pages are practice.

    Raises
    ------
    NoRatingsError
        If there is none.
    RatingsError
        If there is no such page.
    """
    kinds = list(columns.get("kind", ["trial"] * len(lines)))
    pages = [columns[column] for column in ("prompt", "prompt_id") if column in columns]
    for page in practice:
        rows = [row for row in range(len(lines)) if any(column[row] == page for column in pages)]
        if not rows:
            there = shorten(", ".join(dict.fromkeys(columns["prompt"])), 200)
            raise RatingsError(f"{name}: no page {shorten(page, 60)!r}, which --practice names; the pages are {there}")
        for row in rows:
            kinds[row] = "practice" if kinds[row] == "trial" else kinds[row]
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


def checks_of(columns: Columns, *, known: bool = False) -> pd.DataFrame | None:
    """Gather the answers to checks, and one row a participant for the headphone check: whether each was passed.

    With `known` only those whose outcome is known.
    """
    people, kinds, passed = columns["participant"], columns.get("kind"), columns.get("passed")
    found: list[tuple[str, str, str, bool | None]] = []
    if kinds is not None and passed is not None:
        found += [
            (people[row], kinds[row], columns["score"][row], PASSED.get(text.lower()))
            for row, text in enumerate(passed)
            if text.lower() in PASSED or (kinds[row] in CHECK_KINDS and not known)
        ]
    if HEADPHONES in columns:
        told = dict.fromkeys(zip(people, columns[HEADPHONES], strict=True))
        found += [(person, HEADPHONES, "", PASSED.get(text.lower())) for person, text in told]
    elif kinds is None or passed is None:
        return None
    return pd.DataFrame(found, columns=["participant", "kind", "score", "passed"])
