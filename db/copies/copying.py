"""A database copied at one moment, held against the rows that it had then, and put back."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import URL

from db.copies import postgresql, sqlite
from db.errors import DatabaseUnavailable

FILES = {"sqlite": "study.db", "postgresql": "study.dump"}
"""What a copy is called, by the kind of the database that it is of."""


def kind_of(url: URL) -> str:
    """Return the kind of a database: a key of FILES.

    Raises
    ------
    DatabaseUnavailable
        If it is another.
    """
    kind = url.get_backend_name()
    if kind not in FILES:
        raise DatabaseUnavailable(f"{url.render_as_string()}: no such kind of database; use sqlite or postgresql")
    return kind


def copy(url: URL, folder: Path) -> tuple[Path, dict[str, int]]:
    """Copy a database into a folder while others write to it; the file, and the rows of each table at that moment.

    Raises
    ------
    DatabaseUnavailable
        If it cannot be read or the copy not be written.
    """
    kind = kind_of(url)
    target = folder / FILES[kind]
    return target, (sqlite.copy(url, target) if kind == "sqlite" else postgresql.copy(url, target))


def check(file: Path, rows: Mapping[str, int]) -> None:
    """Hold a copy against the rows of each table that it must have.

    Raises
    ------
    DatabaseUnavailable
        If it is damaged, or a table has other rows.
    """
    found = sqlite.rows_in(file) if file.name == FILES["sqlite"] else postgresql.rows_in(file)
    if differing := {name for name in {*rows, *found} if rows.get(name) != found.get(name)}:
        name = min(differing)
        raise DatabaseUnavailable(
            f"{file.name}: {name} has {found.get(name, 'no')} rows in the copy and {rows.get(name, 'no')} in the "
            "database; make another"
        )


def put_back(file: Path, url: URL) -> dict[str, int]:
    """Put a copy where there is no database yet, whole or not at all; the rows that are there then, counted anew.

    Raises
    ------
    DatabaseUnavailable
        If something is there already, or the copy is of another kind of database or cannot be put there.
    """
    kind = kind_of(url)
    if file.name != FILES[kind]:
        raise DatabaseUnavailable(
            f"{file.name}: is not of the kind of {url.render_as_string()}; DATABASE_URL must name a PostgreSQL "
            "database for a copy of one, and nothing for a copy of a file"
        )
    return sqlite.put_back(file, url) if kind == "sqlite" else postgresql.put_back(file, url)
