"""Whether the database can be read and written, and which errors say that it cannot."""

from dataclasses import dataclass
from functools import cache

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from db.engine import MIGRATIONS, file_of, writing
from db.scope import Scope, now
from db.tables import Study

FULL, READ_ONLY, LOCKED = "the disk is full", "the database is read-only", "the database is locked"
GONE, DAMAGED, BROKEN = "the database is gone", "the database is damaged", "the disk cannot be read or written"
MOVED, NEWER = "the database was moved or replaced", "the database was changed to another version"
# How the names of SQLite's errors and the codes of PostgreSQL's (SQLSTATE) begin.
SQLITE = {
    "SQLITE_FULL": FULL,
    "SQLITE_READONLY_DBMOVED": MOVED,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_CANTOPEN": GONE,
    "SQLITE_IOERR": BROKEN,
    "SQLITE_PERM": READ_ONLY,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
}
POSTGRESQL = {
    "53100": FULL,
    "25006": READ_ONLY,
    "40P01": LOCKED,
    "40001": LOCKED,
    "55P03": LOCKED,
    "53": GONE,
    "57P": GONE,
    "08": GONE,
    "58": BROKEN,
    "XX": DAMAGED,
}


def fault_of(error: BaseException) -> str:
    """Say in plain words what of the storage made this error; empty if it was something else, such as a bug."""
    if isinstance(error, NoConnection):
        return LOCKED
    if not isinstance(error, DBAPIError):
        return ""
    if error.connection_invalidated:
        return GONE
    cause = error.orig
    if name := getattr(cause, "sqlite_errorname", None):
        found = next((words for start, words in SQLITE.items() if name.startswith(start)), "")
        return found or (MOVED if "no such table" in str(cause) else "")  # the file is another one
    state = getattr(cause, "sqlstate", "")
    if state is None:  # the server did not even answer
        return GONE if isinstance(error, OperationalError) else ""
    return next((words for start, words in POSTGRESQL.items() if state.startswith(start)), "")


def detail_of(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0][:300] if said else type(error).__name__


@cache
def newest_version() -> str | None:
    """Return the version that this program brings a database to."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head()


@dataclass(frozen=True)
class Soundness:
    """Whether the store works: its file, as it was when it was opened, is tried."""

    scope: Scope
    file: tuple[int, int] | None

    @property
    def moved(self) -> bool:
        """Whether another file is in the place of SQLite's, or none; who has it open reads what was there."""
        return self.file != file_of(self.scope.engine)

    def faults(self) -> list[tuple[str, str]]:
        """Write the moment, and say what stood against that: in plain words, and in detail.

        It must be something new: SQLite writes nothing where nothing changes, and so would find no fault.
        """
        if self.moved:
            return [
                (
                    MOVED,
                    f"{self.scope.engine.url.database} is not the file that was opened; "
                    "put it back, or restart the server",
                )
            ]
        try:
            with writing(self.scope.engine) as db:
                version = db.scalar(text("SELECT version_num FROM alembic_version"))
                db.execute(update(Study).where(Study.id == self.scope.study_id).values(tried_at=now()))
        except SQLAlchemyError as error:
            return [(fault_of(error) or "the database cannot be used", detail_of(error))]
        if version != newest_version():
            return [(NEWER, f"it has version {version}, this server needs {newest_version()}; restart the server")]
        return []
