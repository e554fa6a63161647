"""Rows: what a source says of each of its audio files, before any of them is opened."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from survey.faults import Fault

TRIAL, GOLD, PRACTICE, ANCHOR = "trial", "gold", "practice", "anchor"
KINDS = (TRIAL, GOLD, PRACTICE, ANCHOR)
REFERENCE = "reference"  # the condition of the files that a table names as references
LONGEST_NAME = 100  # characters of a condition
SHOWN = 5  # faults that are said in full


@dataclass(frozen=True, slots=True)
class Row:
    """An audio file: of which condition and prompt, and as which take, by its number `seed`.

    `shown` is how the source names the file. `prompt_id` is the name under which the source keeps the prompt, such as
    the files' stem; `prompt` the text that raters read. `line` is the table's that lists it, 0 where none does.
    """

    path: Path
    shown: str
    condition: str
    prompt_id: str
    prompt: str
    seed: int = 1
    kind: str = TRIAL
    expected: float | None = None
    tolerance: float = 0.0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a source: its rows, what is wrong with it, and in a line each what was left aside."""

    rows: tuple[Row, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    translations: dict[str, dict[str, str]] = field(default_factory=dict)  # of prompts, by language


def plain(name: str) -> str:
    r"""Return a name in the form (NFC) in which the same characters are the same text, whichever system wrote it.

    Examples
    --------
    >>> plain("Tu" + "\u0308" + "r") == "Tür"
    True
    """
    return unicodedata.normalize("NFC", name).strip()


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names as people count: `p2` before `p10`.

    Examples
    --------
    >>> sorted(["p10", "p2"], key=natural)
    ['p2', 'p10']
    """
    parts = re.findall(r"(\d+)|(\D+)", name.casefold())
    return [(0, int(digits), "") if digits.isdecimal() else (1, 0, digits or word) for digits, word in parts]


def some(names: list[str]) -> str:
    """Say the first few of many.

    Examples
    --------
    >>> some(["a", "b"]), some(list("abcdefg"))
    ('a; b', 'a; b; c; d; e; and 2 more')
    """
    more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
