"""The database opened, migrated, read and written: the only code that knows a dialect."""

import contextlib
import json
import logging
import os
import sqlite3
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Pool, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, ExceptionContext, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session as OrmSession

from db.errors import DatabaseUnavailable
from db.turns.turn import Turn

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 15
FOLD_SECONDS, FOLD_AGAIN = 0.1, 1.0  # how long SQLite's log waits for its readers, and until it is tried again
OLDEST = {"study", "condition", "participant", "session", "stimulus", "event", "trial", "rating"}  # the first tables
MIGRATION_LOCK = 0x6561726D61726B  # "earmark"; any number that no other program takes

MOST_TOGETHER = 64  # works in one transaction

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
Work = Callable[[OrmSession, V | None], T]  # on what was found

logger = logging.getLogger(__name__)


def database_url(folder: Path, environment_url: str | None = None) -> URL:
    """Return the address of a study's database: study.db in its folder, or what the environment says."""
    if environment_url is None:
        return URL.create("sqlite", database=str(folder / "study.db"))
    try:
        url = make_url(environment_url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise DatabaseUnavailable(
            "DATABASE_URL: not an address of a database; use postgresql://user:password@host/name"
        ) from None
    if url.drivername.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise DatabaseUnavailable(f"DATABASE_URL: {url}: a database in memory forgets every answer; name a file")
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def open_engine(url: URL) -> Engine:
    """Open a database and migrate it to the present version; create it if it is SQLite and not there."""
    shown = url.render_as_string(hide_password=True)
    try:
        engine = _connected(url)
        _upgrade(engine, shown)
        _folded(engine)  # what a killed server left
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise DatabaseUnavailable(f"{shown}: cannot be opened ({reason}); check that it is writable") from error
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseUnavailable(f"{shown}: no such kind of database; use sqlite or postgresql") from error
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[OrmSession]:
    """Give a session on one consistent state of the database."""
    with OrmSession(engine) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[OrmSession]:
    """Give a session whose work is committed at the end, or undone if it raises."""
    with _turn(engine), OrmSession(engine.execution_options(writes=True)) as session, session.begin():
        _refuse_another(engine)
        yield session


class Together(Generic[K, V]):
    """Writers that wait at the same time, done in one transaction: one commit, and one wait for the disk, for all.

    Who waits is told after the commit that holds their work. If anybody's is refused, all is undone, and each is done
    in a transaction of its own; if the database fails, all are told so.

    Parameters
    ----------
    find
        Finds, and locks, what works are on, by their keys: all at once, and in one order for all processes.
    end
        Writes what the works left to be written for all of them.
    """

    def __init__(
        self,
        engine: Engine,
        find: Callable[[OrmSession, Collection[K]], Mapping[K, V]],
        end: Callable[[OrmSession], None],
    ) -> None:
        self._engine, self._find, self._end = engine, find, end
        self._waiting: deque[tuple[K | None, Work[V, Any], Future[Any]]] = deque()
        self._thread = ThreadPoolExecutor(1, "writer")

    def soon(self, key: K | None, work: Work[V, T]) -> Future[T]:
        """Have something done, to what has this key if there is one; the end comes after the commit."""
        future: Future[T] = Future()
        self._waiting.append((key, work, future))
        self._thread.submit(self._write)
        return future

    def close(self) -> None:
        """Do what waits, and end."""
        self._thread.shutdown()

    def _write(self) -> None:
        batch: list[tuple[K | None, Work[V, Any], Future[Any]]] = []
        while self._waiting and len(batch) < MOST_TOGETHER:
            batch.append(self._waiting.popleft())
        batch = [one for one in batch if one[2].set_running_or_notify_cancel()]
        if not self._written(batch, alone=len(batch) == 1):
            for one in batch:
                self._written([one], alone=True)

    def _written(self, batch: Sequence[tuple[K | None, Work[V, Any], Future[Any]]], alone: bool) -> bool:
        """Do works in one transaction, and tell how that went; False, and nothing, if they are to be tried alone."""
        if not batch:
            return True
        try:
            with writing(self._engine) as db, db.no_autoflush:
                keys = {key for key, _, _ in batch if key is not None}
                found = self._find(db, keys) if keys else {}
                results = [work(db, found.get(key) if key is not None else None) for key, work, _ in batch]
                self._end(db)
        except Exception as error:
            if not alone and (not isinstance(error, SQLAlchemyError) or isinstance(error, IntegrityError)):
                return False
            for _, _, future in batch:
                future.set_exception(error)
        else:
            for (_, _, future), result in zip(batch, results, strict=True):
                future.set_result(result)
        return True


def erase(engine: Engine) -> None:
    """Overwrite what was deleted: SQLite keeps it in study.db-wal until that is folded into the file and cut off.

    While somebody reads what was there before, it is tried again in the background. What PostgreSQL keeps for how long
    is its administrator's to say.
    """
    if not _folded(engine):
        threading.Thread(target=_fold_later, args=[engine, engine.pool], daemon=True, name="erase").start()


def overwritten(engine: Engine, seconds: float) -> bool:
    """Overwrite what was deleted before this returns; False if somebody goes on reading it for so many seconds."""
    until = time.monotonic() + seconds
    while not _folded(engine):
        if time.monotonic() > until:
            return False
        time.sleep(FOLD_SECONDS)
    return True


def _fold_later(engine: Engine, pool: Pool) -> None:
    while engine.pool is pool:  # once it is closed, SQLite has done so itself
        time.sleep(FOLD_AGAIN)
        if _folded(engine):
            return


def _folded(engine: Engine) -> bool:
    """Fold SQLite's log into its file, and cut it off; False if that has to wait."""
    if engine.dialect.name != "sqlite":
        return True
    with (
        contextlib.suppress(DBAPIError, sqlite3.Error),
        _turn(engine),
        contextlib.closing(engine.raw_connection()) as db,
    ):
        cursor = db.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(FOLD_SECONDS * 1000)}")  # every writer waits meanwhile
        try:
            return not cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    return False


def file_of(engine: Engine) -> tuple[int, int] | None:
    """Return what tells SQLite's file from another one in its place; None for other databases and if it is gone."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    try:
        found = Path(engine.url.database).stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


_opened: WeakKeyDictionary[Pool, tuple[int, int] | None] = WeakKeyDictionary()


def _refuse_another(engine: Engine) -> None:
    """Refuse to write to a file that was moved away or replaced: whoever opens the study next finds nothing of it."""
    now = file_of(engine)
    if _opened.setdefault(engine.pool, now) != now:
        raise _sqlite_error("SQLITE_READONLY_DBMOVED", "the file was moved or replaced")


def _sqlite_error(name: str, words: str) -> OperationalError:
    """Return an error as SQLAlchemy raises it."""
    cause = sqlite3.OperationalError(words)
    cause.sqlite_errorname = name
    return OperationalError(None, None, cause)


_turns: dict[int, Turn] = {}


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let SQLite's writers of one process queue up fairly: its own busy waiting lets some starve."""
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns.setdefault(id(engine.pool), Turn())
    if not turn.acquire(timeout=BUSY_SECONDS):  # else all that wait behind a locked file would hold up the server
        raise _sqlite_error("SQLITE_BUSY", "database is locked")
    try:
        yield
    finally:
        turn.release()


def _options(url: URL) -> dict[str, Any]:
    if url.drivername.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"pool_pre_ping": True}  # a server may have been started anew; a file is there or not


def _connected(url: URL) -> Engine:
    """Make the engine, and see whether the driver can use the address at all."""
    try:
        engine = create_engine(url, pool_size=20, hide_parameters=True, json_deserializer=_read_json, **_options(url))
        event.listen(engine, "handle_error", _hide_values)
        if engine.dialect.name == "sqlite":
            _keep_private(url)
            _prepare_sqlite(engine)
        engine.connect().close()
    except (TypeError, ValueError) as error:
        raise DatabaseUnavailable(
            f"{url.render_as_string()}: not a valid database address ({error}); correct it"
        ) from error
    return engine


def _read_json(text: str | bytes) -> Any:
    """Read JSON; most of what is stored is nothing, in every trial that is no check."""
    return None if text in ("null", b"null") else json.loads(text)


def _hide_values(context: ExceptionContext) -> None:
    """Cut an error, which may be logged, to what it says of no row: PostgreSQL quotes the values in what follows."""
    state = getattr(context.original_exception, "sqlstate", None) or ""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args and isinstance(error.args[0], str):
            line = error.args[0].partition("\n")[0]
            line = line.partition(": ")[0] if state.startswith("22") else line  # a value that cannot be
            error.args = (line, *error.args[1:])


def _keep_private(url: URL) -> None:
    """Keep the database's files for their owner alone, whoever made them: they know who people are."""
    if url.database:
        with contextlib.suppress(OSError, ValueError):  # it is there already, or what opens it says why not
            os.close(os.open(url.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        for name in (url.database, f"{url.database}-wal", f"{url.database}-shm"):
            with contextlib.suppress(OSError, ValueError):  # it is not there, or another's
                os.chmod(name, os.stat(name).st_mode & 0o700)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: object) -> None:
        # The driver's own transactions begin too late (at the first write), so it is told to begin none.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read lock later fails if somebody wrote in between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upgrade(engine: Engine, shown: str) -> None:
    """Bring a database to the present version, or leave it as it is and say what to do."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    newest, found = scripts.get_current_head(), None
    try:
        with engine.execution_options(writes=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            found = MigrationContext.configure(connection).get_current_revision()
            if found is None and (others := sorted(set(inspect(connection).get_table_names()) & OLDEST)):
                raise DatabaseUnavailable(
                    f"{shown}: holds tables that Earmark did not make ({', '.join(others)}); name an empty database "
                    "in DATABASE_URL"
                )
            if found and found not in {one.revision for one in scripts.walk_revisions()}:
                raise DatabaseUnavailable(
                    f"{shown}: made by a newer Earmark (version {found}, this one knows {newest}); update this one: "
                    "git pull"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        if found in (None, newest):
            raise
        owner = ", or give the owner of its tables in DATABASE_URL" if engine.dialect.name == "postgresql" else ""
        raise DatabaseUnavailable(
            f"{shown}: has version {found} and cannot be brought to {newest} "
            f"({str(error.orig).strip().splitlines()[0]}), nothing was changed; mend that{owner}, then run: "
            "earmark status STUDY"
        ) from error
