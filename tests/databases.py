"""PostgreSQL for the tests: a server of their own, and where the studies that tests write keep their answers."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from os import geteuid
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from db import open_engine

# What a crash of the machine could take is not missed, and many studies are open at once.
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "max_connections=300",
         "wal_level=minimal", "max_wal_senders=0", "listen_addresses=")  # fmt: skip
MIGRATED = "migrated"  # the database that others are copies of


def programs() -> Path | None:
    """Find the folder of the newest PostgreSQL's programs, which Debian keeps off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class Cluster:
    """A PostgreSQL server that is reached by a socket in a folder of its own, so that none can be in its way.

    It is as quick as can be, unless other `settings` are given.
    """

    def __init__(self, bin: Path, settings: Sequence[str] = QUICK) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="earmark-pg-"))  # short: a socket's path has 107 characters at most
        user = "nobody" if geteuid() == 0 else None  # it refuses to run as root
        if user:
            shutil.chown(self.folder, user)
        made = [bin / "initdb", "-D", "data", "-U", "earmark", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*made, "--no-instructions"], check=True, stdout=subprocess.DEVNULL, user=user, cwd=self.folder)
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [bin / "postgres", "-D", "data", "-k", self.folder, *options],
                stdout=log, stderr=log, user=user, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        while subprocess.run([bin / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert self._process.poll() is None, f"PostgreSQL did not start: {(self.folder / 'log').read_text()}"
            time.sleep(0.05)  # polling, not timing: the condition above decides
        self._admin = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        self._numbers = count(1)
        self._run(f"CREATE DATABASE {MIGRATED}")
        open_engine(self.url(MIGRATED)).dispose()

    def url(self, name: str) -> URL:
        return URL.create("postgresql+psycopg", "earmark", database=name, query={"host": str(self.folder)})

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
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.folder)

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
