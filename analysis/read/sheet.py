"""Sheet: the columns in use of a table of ratings, or a refusal that says what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten

from analysis.errors import MissingColumnError, RatingsError, TableError
from analysis.foreign.options import Options
from analysis.foreign.tidying import tidied
from analysis.read import names
from analysis.table.numbers import with_plain_scores
from analysis.table.reading import read_table
from survey.records import REQUIRED

OPTIONAL = ("study", "kind", "prompt_id", "seed", "passed", "rated_at", "headphones", "revision", "flags")
# Columns whose cells are names: they may be written in more than one way.
TOLD_APART = ("participant", "prompt", "prompt_id", "condition", "reference", "seed")


def read_columns(path: Path, extra: Sequence[str] = (), options: Options | None = None) -> Sheet:
    """Read the columns in use, and the `extra` ones, of a file about which somebody says the `options`.

    Raises
    ------
    RatingsError
        If the file is no readable table, lacks a required column, or holds several revisions of a study.
    """
    read = read_table(path)
    table = with_plain_scores(replace(tidied(read, options or Options()), form=read.form))
    name, header = table.name, table.header
    wanted = (*REQUIRED, *OPTIONAL, *extra)
    require_columns(header, name)
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
    return Sheet(name, table.sha256, columns, table.lines, padded, table.notices, table.form)


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
    notices
        How the file was understood where that was not plain.
    form
        What the file is: its format, encoding and separator.
    """

    name: str
    sha256: str
    columns: dict[str, list[str]]
    lines: list[int]
    padded: dict[str, Counter[str]]
    notices: tuple[str, ...] = ()
    form: str = ""

    def trimmed(self) -> list[str]:
        """Say where taking spaces off made one name of two."""
        found = ((column, cells) for column, cells in self.padded.items() if cells)
        return [
            said for column, cells in found if (said := names.trimmed(column, cells, Counter(self.columns[column])))
        ]
