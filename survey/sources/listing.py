"""Listing: the clips of a source, whether a folder or a table, with everything that is wrong with their names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from survey.errors import SourceError
from survey.faults import Fault, in_lines
from survey.sources.checks import faults_of
from survey.sources.rows import ANCHOR, GOLD, PRACTICE, Found, Row, natural, some
from survey.sources.table import read_table
from survey.sources.tree import read_tree
from survey.sources.workbook import is_workbook

LAYOUT = "a folder of condition/prompt.wav, or a table (CSV, XLSX, ODS) with the columns file, condition and prompt"


@dataclass(frozen=True, slots=True)
class Listing:
    """The clips of a source.

    Parameters
    ----------
    source
        The folder or the table.
    rows, beside
        The clips under test, and those beside the test: gold and practice clips.
    conditions, prompts
        Those of `rows`: names, and for each prompt its name in the source and its text, in the order of the source.
    anchors
        The conditions that are anchors.
    notes
        What was left aside, in a line each.
    translations
        For each prompt's name in the source its text by language, where the source has several.
    """

    source: Path
    rows: tuple[Row, ...]
    beside: tuple[Row, ...]
    conditions: tuple[str, ...]
    prompts: tuple[tuple[str, str], ...]
    anchors: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    translations: dict[str, dict[str, str]] = field(default_factory=dict)


def find_source(folder: Path, name: str) -> Path:
    """Find a source: relative to the study's `folder`, or else as it is written."""
    beside = Path(os.path.normpath(folder / name))
    return beside if os.path.exists(beside) else Path(os.path.expanduser(name))


def list_clips(source: Path) -> Listing:
    """List the clips of a folder or a table; no sound is opened.

    Raises
    ------
    SourceError
        With all that is wrong with it, in a line each.
    """
    listing, faults = look_through(source)
    if faults:
        raise SourceError(in_lines(faults, str(source)))
    return listing


def look_through(source: Path) -> tuple[Listing, list[Fault]]:
    """List the clips of a folder or a table as far as can be, and all that is wrong with it."""
    found, folder = _read(source), os.path.isdir(source)  # Path.is_dir raises where no file can have such a name
    faults = [*found.faults, *faults_of(found.rows)]
    if not found.rows and not faults:
        faults = [Fault(f"holds no audio files; it must be {LAYOUT}")]
    beside = tuple(row for row in found.rows if row.kind in (GOLD, PRACTICE))
    rows = tuple(row for row in found.rows if row.kind not in (GOLD, PRACTICE))
    if not rows and not faults:
        faults = [Fault("holds only gold and practice clips; add those that are to be compared")]
    kinds: dict[str, set[str]] = {}
    for row in rows:
        kinds.setdefault(row.condition, set()).add(row.kind)
    partly = [name for name, said in kinds.items() if len(said) > 1]
    mixed = [f"{some(partly)}: an anchor in some rows only, and so taken as none"] if partly else []
    listing = Listing(
        source,
        rows,
        beside,
        tuple(sorted(kinds, key=natural)) if folder else tuple(kinds),
        tuple({row.prompt_id: row.prompt for row in rows}.items()),
        frozenset(name for name, said in kinds.items() if said == {ANCHOR}),
        (*found.notes, *mixed),
        {key: said for key, said in found.translations.items() if len(said) > 1},
    )
    return listing, faults


def matched(listing: Listing, prompts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return which prompt of the source (by its name there) is which of the study's (`prompts`: id and text).

    By the text first (of equal texts the first is the first), then by its name, which is the text, the id (`p3`) or
    the number of the study's prompt. What is not found in the source has no entry.
    """
    left = dict(listing.prompts)
    found: dict[str, str] = {}
    for wanted, text in prompts:
        if key := next((key for key, own in left.items() if own == text), None):
            found[key] = wanted
            del left[key]
    for number, (wanted, text) in enumerate(prompts, 1):
        # One condition may call a prompt by its number, another by its text.
        names = [key for key in left if key in (text, wanted) or (key.isdecimal() and int(key) == number)]
        for key in names:
            found[key] = wanted
            del left[key]
    return found


def _read(source: Path) -> Found:
    try:
        if source.is_dir():
            return read_tree(source)
        if not source.exists():
            return Found(faults=(Fault(f"not there; give {LAYOUT}"),))
        if source.suffix.lower() not in (".csv", ".tsv", ".txt") and not is_workbook(source):
            return Found(faults=(Fault(f"neither a folder nor a table; give {LAYOUT}"),))
        return read_table(source)
    except OSError as error:
        return Found(faults=(Fault(f"cannot be read ({error.strerror}); check its permissions"),))
