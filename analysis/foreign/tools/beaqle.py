"""Beaqle: the result of one session of BeaqleJS, as JSON.

Source: `js/beaqle.js` of HSU-ANT/beaqlejs (2019), `MushraTest.formatResults`: a list of
`{"TestID", "Runtime", "rating": {"Reference": 100, "A": 40}, "filename": {...}}` with
`{"UserName", "UserEmail", "UserComment"}` at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from analysis.foreign.clues import headers, values
from analysis.foreign.clues.taken import Taken, gathered, kinds
from analysis.table.table import Table

_NAMES = (*headers.REQUIRED, "kind", "question")


def recognised(table: Table) -> Taken | None:
    """Take the ratings of a MUSHRA session; its participant is the user's name, or else the file's.

    Examples
    --------
    >>> head = ("TestID", "rating.Reference", "rating.A", "UserName")
    >>> table = Table("2026.txt", "", head, (["t1", ""], ["100", ""], ["40", ""], ["", "Ann"]), [1, 2])
    >>> found = recognised(table)
    >>> found.columns["participant"], found.columns["condition"], found.columns["score"]
    (['Ann', 'Ann'], ['Reference', 'A'], ['100', '40'])
    """
    rated = [place for place, name in enumerate(table.header) if name.startswith("rating.")]
    if "TestID" not in table.header or not rated:
        return None
    names = [cell.strip() for cell in table.column("UserName") if cell.strip()] if "UserName" in table.header else []
    who = names[0] if names else PurePath(table.name).stem

    def entries() -> Iterator[tuple[int, dict[str, str]]]:
        for row, test in enumerate(table.column("TestID")):
            for place in rated:
                if not values.is_missing(score := table.columns[place][row]):
                    own = {"participant": who, "prompt": test, "condition": table.header[place].removeprefix("rating.")}
                    yield row, own | {"score": score, "question": "mushra"}

    found = gathered(entries(), _NAMES)
    found = replace(found, columns=found.columns | {"kind": kinds(found.columns["prompt"])})
    return found.saying(
        f"Read as one session of BeaqleJS: {who} is the participant, TestID was taken for prompt, the items of rating "
        "for condition and score."
    )
