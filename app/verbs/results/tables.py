"""Tables that are exported, each in the format of its file's suffix, row by row: a million need little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError

if TYPE_CHECKING:
    from survey.columns import Described

TABLES = ("ratings", "wide", "sessions", "events")  # of what people did, by the names of their files
FORMATS = (".csv", ".json", ".xlsx", ".ods", ".parquet")


def format_of(target: Path) -> str:
    """Return the suffix of a file's format, CSV where it has none.

    Raises
    ------
    UsageError
        If it is none that can be written.
    """
    suffix = target.suffix.lower() or ".csv"
    if suffix not in FORMATS:
        raise UsageError(f"{target}: {suffix} is none of the formats; write {', '.join(FORMATS)}")
    return suffix


def write(target: Path, columns: Sequence[Described], rows: Iterable[Sequence[object]], *, private: bool = True) -> int:
    """Write rows of cells, whole or not at all, and return how many there were.

    A `private` file can be read by its owner alone.

    Raises
    ------
    UsageError
        If it cannot be written, or the format cannot hold as much.
    """
    from survey.records import write_cells

    number = 0

    def counted() -> Iterator[Sequence[object]]:
        nonlocal number
        for row in rows:
            number += 1
            yield row

    try:
        if format_of(target) == ".csv":
            write_cells(target, columns, counted(), private=private)
        else:
            from analysis.errors import TableError
            from analysis.files.writing import write_table

            try:
                write_table(target, {one.name: one.type for one in columns}, counted(), private=private)
            except TableError as error:
                raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}); choose another with -o") from error
    return number
