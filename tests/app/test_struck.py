"""A server that is killed under load, its database restarted and its disk filled: acknowledged means stored once."""

import signal
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest
from databases import Postgres

from benchmarks.faults.striking import BETWEEN, Struck, disk_fills, strike, struck

KILLS = 20


def whole(server: Struck, strokes: int, stroke: Callable[[], None], seed: int) -> None:
    """Strike, and see that nothing is lost or doubled."""
    found = strike(server, strokes, stroke, seed)
    log = server.folder.with_name(f"{server.folder.name}.log").read_text()
    assert found["answers"] >= BETWEEN * (strokes + 1)
    assert (found["lost"], found["doubled"]) == (0, 0), log
    assert "Traceback" not in log


def test_killed_at_random(tmp_path: Path, seed: int) -> None:
    with struck(tmp_path) as server:
        whole(server, KILLS, server.kill, seed)


def test_the_disk_is_full_for_a_while(tmp_path: Path, seed: int) -> None:
    with struck(tmp_path) as server:
        whole(server, 2, disk_fills(server, 0.5), seed)


def test_postgresql_is_restarted_in_order_and_as_in_a_crash(tmp_path: Path, seed: int) -> None:
    try:
        postgres = Postgres()
    except FileNotFoundError as error:
        pytest.skip(f"{error}; `apt-get install postgresql` brings it")
    ways = cycle((signal.SIGINT, signal.SIGQUIT))
    try:
        with struck(tmp_path, postgres.url().render_as_string()) as server:
            whole(server, 3, lambda: postgres.restart(next(ways)), seed)
    finally:
        postgres.stop()
