"""Sheet: the columns in use of a table of ratings, or a refusal that says what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten

from analysis.errors import MissingColumnError, RatingsError, TableError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.read import names
from analysis.table.numbers import with_plain_scores
from analysis.table.reading import read_table
from analysis.table.table import Table
from survey.records import REQUIRED

OPTIONAL = ("study", "kind", "prompt_id", "seed", "passed", "rated_at", "headphones", "revision", "flags")
# Columns whose cells are names: they may be written in more than one way.
TOLD_APART = ("participant", "prompt", "prompt_id", "condition", "reference", "seed")


def read_columns(path: Path, extra: Sequence[str] = (), options: Options | None = None) -> Sheet:
    """Read the columns in use, and the `extra` ones, of a file about which somebody says the `options`.

    The column that tells repeats apart is among them, under its own name.

    Raises
    ------
    RatingsError
        If the file is no readable table, lacks a required column, or holds several revisions of a study.
    """
    options, read = options or Options(), read_table(path)
    table = with_plain_scores(replace(tidied(read, options), form=read.form))
    name, header = table.name, table.header
    require_columns(header, name)
    repeat = () if options.repeat is None else (_named(header, options.repeat, name),)
    wanted = tuple(dict.fromkeys((*REQUIRED, *OPTIONAL, *extra, *repeat)))
    doubled = [column for column, count in Counter(header).items() if count > 1 and column in wanted]
    if doubled:
        raise TableError(f"{name}: line 1 names the column {doubled[0]} twice; keep one of them")
    columns: dict[str, list[str]] = {}
    padded: dict[str, Counter[str]] = {}
    for column in (one for one in wanted if one in header):
        cells = table.column(column)
        columns[column] = [cell.strip() for cell in cells]
        if column in TOLD_APART:
            padded[column] = Counter(raw for raw, cell in zip(cells, columns[column], strict=True) if cell != raw)
    revisions = sorted(set(columns.pop("revision", [])) - {""})
    if len(revisions) > 1:  # of the study: the question or the sounds were others
        raise RatingsError(
            f"{name}: holds ratings of {len(revisions)} revisions ({shorten(', '.join(revisions), 80)}); "
            "write one alone with earmark export --revision N, or delete the column revision to pool them"
        )
    return Sheet(name, table.sha256, columns, table.lines, padded, table, *repeat)


def _named(header: Sequence[str], asked: str, name: str) -> str:
    """Find the column that tells repeats apart, or list what there is."""
    found = [column for column in header if column.casefold() == asked.strip().casefold()]
    if not found:
        raise MissingColumnError(
            f"{name}: no column {shorten(asked, 40)!r}, which --repeat names; "
            f"the first line has {shorten(', '.join(header), 120)}"
        )
    return found[0]


def require_columns(found: Sequence[str], name: str) -> None:
    """Refuse a table without the required columns."""
    missing = [column for column in REQUIRED if column not in found]
    if missing:
        raise MissingColumnError(
            f"{name}: no column {', '.join(missing)}; the first line must name {', '.join(REQUIRED)}, "
            f"and has {shorten(', '.join(found), 120) or 'nothing'}"
        )


@dataclass(frozen=True)
class Sheet:
    """A file as columns of text.

    Parameters
    ----------
    name, sha256
        The file's name, and the hash of its bytes.
    columns
        The cells of each column in use, without spaces at their ends.
    lines
        The line on which each row ends.
    padded
        For columns of names, the cells that had spaces at their ends, as they stand in the file, and how often.
    table
        All of the file.
    repeat
        The column that tells the showings of a repeated clip apart; None where none was named.
    """

    name: str
    sha256: str
    columns: dict[str, list[str]]
    lines: list[int]
    padded: dict[str, Counter[str]]
    table: Table
    repeat: str | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """How the file was understood where that was not plain."""
        return self.table.notices

    def copies(self) -> list[bool]:
        """Tell of each row whether one before it is the same in every column of the file."""
        seen: set[tuple[str, ...]] = set()
        found = []
        for row in zip(*self.table.columns, strict=True):
            found.append(row in seen)
            seen.add(row)
        return found

    def trimmed(self) -> list[str]:
        """Say where taking spaces off made one name of two."""
        found = ((column, cells) for column, cells in self.padded.items() if cells)
        return [
            said for column, cells in found if (said := names.trimmed(column, cells, Counter(self.columns[column])))
        ]


@dataclass(frozen=True)
class Source:
    """Where ratings came from.

    Parameters
    ----------
    file
        The file's name.
    sha256
        Hash of the file's bytes.
    lines
        Answers that stand in it, of every kind.
    left_out
        How many lines of each kind other than trial were not analysed.
    remarks
        What must be known of its names, scores and times, in sentences with the remedy.
    notices
        How the file was understood where that was not plain: nothing to worry about, but to be checked.
    form
        What the file is: its format, encoding and separator; empty where it was not read.
    """

    file: str
    sha256: str
    lines: int
    left_out: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    form: str = ""
