"""PostgreSQL for tests and benchmarks: a server of their own, and where the studies of tests keep their answers."""

import fcntl
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from os import geteuid
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from db import open_engine

# What a crash of the machine could take is not missed, and many studies are open at once.
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "max_connections=300",
         "wal_level=minimal", "max_wal_senders=0")  # fmt: skip
MIGRATED = "migrated"  # the database that others are copies of
FOLDERS = "earmark-pg-"


def programs() -> Path | None:
    """Find the folder of the newest PostgreSQL's programs, which Debian keeps off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class Postgres:
    """A PostgreSQL server in a folder of its own, reached by a socket there; it ends with this process, killed or not.

    `settings` are such as ``fsync=off``; with none it is as it is installed.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """

    def __init__(self, *settings: str) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        self._programs, self._settings = found, ("listen_addresses=", *settings)
        clear_away()
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDERS))  # short: a socket's path has 107 characters at most
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._user = "nobody" if geteuid() == 0 else None  # it refuses to run as root
        if self._user:
            shutil.chown(self.folder, self._user)
        made = [self._programs / "initdb", "-D", "data", "-U", "earmark", "-A", "trust", "-E", "UTF8", "--locale=C"]
        command = [*made, "--no-sync", "--no-instructions"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self.folder)
        self.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = [part for setting in self._settings for part in ("-c", setting)]
        # The kernel tells it when this process is gone, also by SIGKILL.
        run = [
            "setpriv",
            "--pdeathsig",
            "QUIT",
            self._programs / "postgres",
            "-D",
            "data",
            "-k",
            self.folder,
            *settings,
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                run, stdout=log, stderr=log, user=self._user, cwd=self.folder, start_new_session=True
            )
        while subprocess.run([self._programs / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert self._process.poll() is None, f"PostgreSQL did not start: {(self.folder / 'log').read_text()}"
            time.sleep(0.05)  # polling, not timing: the condition above decides

    def restart(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once, as in a crash, or with SIGINT in order, and start it again."""
        self._process.send_signal(how)
        self._process.wait()
        self.start()

    def url(self, name: str = "postgres") -> URL:
        return URL.create("postgresql+psycopg", "earmark", database=name, query={"host": str(self.folder)})

    def stop(self) -> None:
        """End it for good."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        shutil.rmtree(self.folder)
        self._lock.close()


def clear_away() -> None:
    """Remove what servers left whose processes were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(OSError), (folder / "lock").open("r+") as lock:  # it is another's, or is being made
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


class Cluster:
    """A PostgreSQL server with Earmark's tables made once, and databases that are copies of that.

    It is as quick as can be, unless other `settings` are given.
    """

    def __init__(self, settings: Sequence[str] = QUICK) -> None:
        self._server = Postgres(*settings)
        self._admin = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        self._numbers = count(1)
        self._run(f"CREATE DATABASE {MIGRATED}")
        open_engine(self.url(MIGRATED)).dispose()

    def url(self, name: str) -> URL:
        return self._server.url(name)

    def create(self, template: str = MIGRATED) -> URL:
        """Make another database, with the tables or, of the template1, without; return its address."""
        name = f"test{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: URL) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def stop(self) -> None:
        self._admin.dispose()
        self._server.stop()

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


class Kept:
    """Where studies keep their answers: in study.db, or while a `cluster` is set in a database each of it."""

    def __init__(self) -> None:
        self.cluster: Cluster | None = None
        self._made: dict[Path, URL] = {}

    def address(self, folder: Path) -> str | None:
        """Return what DATABASE_URL is to say for a study."""
        if self.cluster is None:
            return None
        if folder not in self._made:
            self._made[folder] = self.cluster.create()
        return self._made[folder].render_as_string(hide_password=False)

    def on(self, cluster: Cluster | None) -> None:
        """Keep those of the next studies there, and forget those of the ones before."""
        for url in self._made.values():
            assert self.cluster is not None
            self.cluster.drop(url)
        self._made, self.cluster = {}, cluster


KEPT = Kept()
