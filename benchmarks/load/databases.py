"""The databases that the server is measured on: SQLite, PostgreSQL started for it, and what their disk could bear."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMITS = 500
BLOCK = b"x" * 4096


@contextmanager
def on_sqlite() -> Iterator[None]:
    """Let servers that are started keep their answers in study.db."""
    before = os.environ.pop("DATABASE_URL", None)
    yield
    if before is not None:
        os.environ["DATABASE_URL"] = before


@contextmanager
def on_postgresql() -> Iterator[None]:
    """Start PostgreSQL as it is installed, with nothing tuned, and let servers keep their answers in it.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="earmark-load-"))
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    made = [programs / "initdb", "-D", data, "-U", "earmark", "-A", "trust", "--no-instructions"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
    run = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(run, stdout=log, stderr=log, user=user, cwd=folder)
    before = os.environ.get("DATABASE_URL")
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode:
            if server.poll() is not None:
                raise SystemExit(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
            time.sleep(0.1)
        os.environ["DATABASE_URL"] = f"postgresql+psycopg://earmark@127.0.0.1:{port}/postgres"
        yield
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)
        if before is None:
            os.environ.pop("DATABASE_URL", None)
        else:
            os.environ["DATABASE_URL"] = before


def _programs() -> Path:
    """Find the newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    return found[-1].parent if found else Path(str(on_path)).parent


def commits_per_s(folder: Path) -> dict[str, float]:
    """Measure how often a second this disk takes a block for good, and SQLite a row, one after the other."""
    import sqlite3

    path = folder / "floor"
    with path.open("wb", buffering=0) as file:
        file.write(BLOCK * COMMITS)
        file.seek(0)
        began = time.perf_counter()
        for _ in range(COMMITS):
            file.write(BLOCK)
            os.fsync(file.fileno())
        synced = COMMITS / (time.perf_counter() - began)
    path.unlink()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE answer (id INTEGER PRIMARY KEY, words TEXT)")
    began = time.perf_counter()
    for _ in range(COMMITS):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO answer (words) VALUES (?)", ("x" * 100,))
        database.execute("COMMIT")
    stored = COMMITS / (time.perf_counter() - began)
    database.close()
    return {"fsync_per_s": synced, "sqlite_commits_per_s": stored}
