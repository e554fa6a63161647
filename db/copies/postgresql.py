"""A PostgreSQL database copied by pg_dump at the moment at which its rows are counted, and put back by pg_restore."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, func, inspect, select, table, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError

from db.errors import DatabaseUnavailable
from db.tables import Base

VERSION = "alembic_version"  # Alembic's own table
TABLE = re.compile(rb'COPY (?:"?\w+"?\.)?"?(\w+)"? \(.*\) FROM stdin;\n')

# A dump of tables holds their triggers, but not the function that these call: see migration 0014.
KEPT = """CREATE OR REPLACE FUNCTION action_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'lines of the log of actions are neither changed nor removed'; END $$"""


def copy(url: URL, target: Path) -> dict[str, int]:
    """Copy Earmark's tables to a file; the rows of each."""
    with _reading(url) as db:
        rows, schema = _count(db), db.scalar(text("SELECT current_schema()"))
        moment = db.scalar(text("SELECT pg_export_snapshot()"))
        tables = [f'--table="{schema}"."{name}"' for name in rows]
        _run(url, "pg_dump", "--format=custom", f"--snapshot={moment}", f"--file={target}", *tables, *_PLAIN)
    return rows


def rows_in(file: Path) -> dict[str, int]:
    """Count the rows of each table of a copy, by reading it to its end."""
    command = ["pg_restore", "--data-only", "--file=-", str(file)]
    rows: dict[str, int] = {}
    copied = ""
    with _started(command, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if copied and line == b"\\.\n":
                copied = ""
            elif copied:
                rows[copied] += 1
            elif found := TABLE.fullmatch(line):
                copied = found[1].decode()
                rows[copied] = 0
    if process.returncode:
        raise DatabaseUnavailable(f"{file.name}: is damaged (pg_restore cannot read it); use another backup")
    return rows


def put_back(file: Path, url: URL) -> dict[str, int]:
    """Put a copy into a database that has no table of Earmark's; the rows of each."""
    with _reading(url) as db:
        if there := _tables(db):
            shown = url.render_as_string()
            raise DatabaseUnavailable(f"{shown}: has a table {there[0]} already; name an empty database")
        db.execute(text(KEPT))
        db.commit()
    _run(url, "pg_restore", "--single-transaction", "--exit-on-error", *_PLAIN, str(file))
    with _reading(url) as db:
        return _count(db)


_PLAIN = ("--no-owner", "--no-privileges", "--no-password")  # whoever puts it back owns it; nobody is asked


@contextmanager
def _reading(url: URL) -> Iterator[Connection]:
    """Give a connection that sees one moment."""
    engine = create_engine(url, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as db:
            yield db
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise DatabaseUnavailable(f"{url.render_as_string()}: cannot be read ({reason})") from error
    finally:
        engine.dispose()


def _tables(db: Connection) -> list[str]:
    there = {*inspect(db).get_table_names()}
    return sorted(there & {VERSION, *Base.metadata.tables})


def _count(db: Connection) -> dict[str, int]:
    return {name: db.scalar(select(func.count()).select_from(table(name))) or 0 for name in _tables(db)}


def _run(url: URL, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's on a database; its password stays out of the list of processes.

    Raises
    ------
    DatabaseUnavailable
        If it is not there, or fails.
    """
    address = url.set(drivername="postgresql", password=None).render_as_string()
    secret = {"PGPASSWORD": url.password} if url.password else {}
    with _started([program, f"--dbname={address}", *arguments], secret) as process:
        assert process.stdout is not None
        said = process.stdout.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        raise DatabaseUnavailable(f"{program}: {said[0] if said else 'failed'}")


@contextmanager
def _started(
    command: list[str], secret: dict[str, str] | None = None, stderr: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        with subprocess.Popen(
            command,
            env={**os.environ, **(secret or {}), "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process:
            yield process
    except FileNotFoundError as error:
        raise DatabaseUnavailable(
            f"{command[0]}: is not installed; it comes with PostgreSQL (postgresql-client, libpq)"
        ) from error
