"""SQLite's file copied by its online backup, which lets others go on writing, and put back."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, select, table
from sqlalchemy.engine import URL

import atomic
from db.engine import BUSY_SECONDS
from db.errors import DatabaseUnavailable

BESIDE = ("", "-wal", "-shm", "-journal")  # a log that was left behind would be played into another database


def copy(url: URL, target: Path) -> dict[str, int]:
    """Copy a database to a file; the rows of each table."""
    source = Path(url.database or "")
    try:
        with closing(_opened(source)) as live, closing(sqlite3.connect(target)) as copied:
            live.execute("BEGIN")
            rows = _count(live)  # holds the moment: what is copied is what was counted
            live.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"{source}: cannot be copied ({error}); see that the disk has room") from error
    return rows


def rows_in(file: Path) -> dict[str, int]:
    """Count the rows of each table of a copy that is sound."""
    try:
        with closing(_opened(file)) as db:
            faults = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            faults += [f"{row[0]} points to no {row[2]}" for row in db.execute("PRAGMA foreign_key_check")]
            if faults:
                raise DatabaseUnavailable(f"{file.name}: is damaged ({faults[0]}); use another backup")
            return _count(db)
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"{file.name}: is damaged ({error}); use another backup") from error


def put_back(file: Path, url: URL) -> dict[str, int]:
    """Put a copy where there is no file; the rows of each table."""
    target = Path(url.database or "")
    if there := [path for path in map(Path, (f"{target}{end}" for end in BESIDE)) if path.exists()]:
        raise DatabaseUnavailable(f"{there[0]}: is already there; name an empty folder, or move it away")
    try:
        with atomic.replacing(target, private=True, new=True) as temporary:
            shutil.copyfile(file, temporary)
    except OSError as error:
        raise DatabaseUnavailable(f"{target}: cannot be written ({error.strerror}); make room for it") from error
    return rows_in(target)


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file that is there; none is made."""
    address = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _count(db: sqlite3.Connection) -> dict[str, int]:
    found = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
    names = sorted(str(row[0]) for row in found.fetchall())
    return {name: db.execute(str(select(func.count()).select_from(table(name)))).fetchone()[0] for name in names}
