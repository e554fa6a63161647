"""The databases that the server is measured on: SQLite, PostgreSQL started for it, and what their disk could bear."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from benchmarks.common.borrowed import borrow
from db import database_url, open_engine

COMMITS = 500
BLOCK = b"x" * 4096


@contextmanager
def on_postgresql() -> Iterator[None]:
    """Start PostgreSQL as it is installed, with nothing tuned, and let servers keep their answers in it.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """
    borrow()
    from databases import KEPT, Cluster

    cluster = Cluster(settings=())
    KEPT.on(cluster)
    try:
        yield
    finally:
        KEPT.on(None)
        cluster.stop()


def opened(folder: Path) -> Engine:
    """Open the database in which a served study keeps its answers."""
    borrow()
    from databases import KEPT

    return open_engine(database_url(folder, KEPT.address(folder)))


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
