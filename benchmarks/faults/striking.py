"""People who rate on as their page does, whatever happens to the server, and what strikes it meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.common.borrowed import borrow
from benchmarks.load.driver import Tally, Visitor
from db import database_url, open_engine
from db.tables import Rating

ROOT = Path(__file__).parents[2]
AT_ONCE = 8
PATIENCE = 60.0  # seconds until a server that was started must answer, or a request be acknowledged
BETWEEN = 5  # answers that are acknowledged at least between two strokes
STRIKING = ThreadPoolExecutor(1, "striking")  # which lives on: what a thread has started ends with that thread
AGAIN = 0.05  # seconds until a request is sent again
ROOM = 4096  # bytes that files may have on the full disk

# One process imports the server once, and forks it as often as it is killed: a start takes a second less.
STARTER = """
import os, sys
from pathlib import Path
import app.server, app.web.protocol, app.web.quiet, uvicorn
from app.verbs.study.serve import listen, run_server
from app.web.proxies import read_proxies
folder, port = Path(sys.argv[1]), int(sys.argv[2])
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        run_server(folder, listen("127.0.0.1", port), browser=False, proxies=read_proxies("127.0.0.1"))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
"""


class Struck:
    """A server over a study's folder that can be killed and started again quickly."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder, self.database, self.pid = folder, database, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        with folder.with_name(f"{folder.name}.log").open("wb") as log:
            self._starter = subprocess.Popen(
                [sys.executable, "-c", STARTER, str(folder), str(self.port)],
                env={**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": database},
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0,
            )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(b"start\n")
        self.pid = int(self._starter.stdout.readline())

    def kill(self) -> None:
        """Kill it as it is, and start it again."""
        os.kill(self.pid, signal.SIGKILL)
        self.start()

    def stop(self) -> None:
        """End it for good."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._starter.kill()
        self._starter.communicate()

    def limit(self, size: int) -> None:
        """Let no file of the server's grow beyond a size, as on a disk that is full."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))


class Steadfast(Visitor):
    """A participant whose page sends a request again until the server says that it is done."""

    async def sure(self, name: str, method: str, path: str, body: object = None) -> Any:
        """Send a request until it is answered.

        Raises
        ------
        TimeoutError
            If it is not within a minute.
        SystemExit
            If it is refused for another reason than a server that cannot store.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(OSError, TimeoutError):
                given = await self.ask(name, method, path, body)
                if given is not None:
                    return given
                if self.head[9:10] != b"5":
                    raise SystemExit(self.tally.errors[-1])
            await asyncio.sleep(AGAIN)
        raise TimeoutError(f"{path}: not answered within {PATIENCE:.0f} s")

    async def take_part(self, goes_on: Callable[[], bool]) -> None:
        """Go through a session, as long as it goes on."""
        state = await self.sure("state", "GET", "/api/state")
        while state["stage"] != "done" and goes_on():
            trial = state.get("trial")
            if not trial:
                state = await self.sure("step", "POST", "/api/step", {"page": state["stage"]})
                continue
            number = next(self.tally.numbers)
            answer = {"media": trial["media"], "score": number % 5 + 1, "plays": 1, "response_ms": number}
            self.tally.sent.add(number)
            state = await self.sure("rate", "POST", "/api/rate", {**answer, "heard_seconds": sum(trial["seconds"])})
            self.tally.acknowledged.add(number)


async def _struck(server: Struck, strokes: int, strike: Callable[[], Awaitable[None]], seed: int) -> Tally:
    """Let people rate while the server is struck so many times, each time after some answers more."""
    tally, drawn, over, numbers = Tally(), random.Random(seed), False, count(1)

    async def seat() -> None:
        while not over:
            number = next(numbers)
            visitor = Steadfast(server.port, f"10.{number >> 8 & 255}.{number & 255}.1", tally)
            await visitor.take_part(lambda: not over)
            visitor.close()

    async def acknowledged(more: int) -> None:
        wanted, until = len(tally.acknowledged) + more, time.monotonic() + PATIENCE
        while len(tally.acknowledged) < wanted:
            if time.monotonic() > until:
                raise TimeoutError(f"no answer was acknowledged within {PATIENCE:.0f} s")
            await asyncio.sleep(0.01)

    async def strokes_fall() -> None:
        nonlocal over
        for _ in range(strokes):
            await acknowledged(drawn.randrange(BETWEEN, 3 * BETWEEN))
            await asyncio.sleep(drawn.random() * 0.02)  # anywhere between two statements
            await strike()
        await acknowledged(BETWEEN)
        over = True

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(seat())
        group.create_task(strokes_fall())
    return tally


def strike(server: Struck, strokes: int, stroke: Callable[[], None], seed: int) -> dict[str, int]:
    """Strike a server under load, and count what was acknowledged, lost and doubled."""

    async def one() -> None:
        await asyncio.get_running_loop().run_in_executor(STRIKING, stroke)

    tally = asyncio.run(_struck(server, strokes, one, seed))
    server.stop()
    engine = open_engine(database_url(server.folder, server.database or None))
    with engine.connect() as db:
        stored = Counter(db.scalars(select(Rating.response_ms)))
    engine.dispose()
    return {
        "answers": len(tally.acknowledged),
        "lost": len(tally.acknowledged - stored.keys()),
        "doubled": sum(number - 1 for number in stored.values()) + len(stored.keys() - tally.sent),
    }


def disk_fills(server: Struck, seconds: float) -> Callable[[], None]:
    """Return a stroke that fills the disk for some seconds."""

    def stroke() -> None:
        server.limit(ROOM)
        time.sleep(seconds)
        server.limit(resource.RLIM_INFINITY)

    return stroke


@contextmanager
def struck(folder: Path, database: str = "") -> Iterator[Struck]:
    """Give a server over the tests' study, for as many participants as come."""
    borrow()
    from served import write_study

    study = write_study(folder / "study", recruitment="target_participants: 100000")
    server = Struck(study, database)
    try:
        yield server
    finally:
        server.stop()
