"""Many participants at once: with human hands, without any pause, and over 100,000 requests."""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import select

from benchmarks.load.databases import commits_per_s, on_postgresql, opened
from benchmarks.load.driver import Tally, Visitor, asked_at_once, visiting
from benchmarks.load.single import echo, memory, processor_seconds, written
from db.tables import Rating

CONDITIONS = ("baseline", "sqs-w8a8", "sqd-w8a8", "sqd-lora-w8a8", "sqs-w4a8", "sqd-lora-w4a8")  # 30 trials a session
SEED = 19
PEOPLE, MINUTES, ARRIVING_S = 200, 3, 30
LISTENING_S, THINKING_S, SPREAD = 4.0, 2.5, 0.5  # the second is the median of a log-normal with this sigma
AT_ONCE, LOOP_S, READY = 16, 15.0, 28  # the last: sessions begun beforehand for each
REQUESTS, FIRST, MOST_S = 100_000, 20_000, 400.0
NOTES = {
    "people_rate_p99_ms": "200 participants with human think times for 3 minutes: ms until an answer is acknowledged "
    "(target 50)",
    "people_rate_p50_ms": "the same, half of the time",
    "people_answers": "answers that they gave",
    "people_cpu_percent": "% of a processor that the server took for them",
    "people_errors": "requests refused or broken (target 0)",
    "people_lost": "answers that were acknowledged and are not stored (target 0)",
    "people_doubled": "answers stored twice, or never sent (target 0)",
    "sqlite_ratings_per_s": "16 at once, answer after answer, SQLite with synchronous=FULL (target 400)",
    "sqlite_rate_p99_ms": "ms until one is acknowledged",
    "sqlite_rate_cpu_ms": "ms of processor that the server takes for one",
    "sqlite_faults": "errors, lost and doubled (target 0)",
    "postgresql_ratings_per_s": "the same on PostgreSQL, one process (target 500)",
    "postgresql_rate_p99_ms": "ms until one is acknowledged",
    "postgresql_rate_cpu_ms": "ms of processor that the server takes for one, PostgreSQL's own not counted",
    "postgresql_faults": "errors, lost and doubled (target 0)",
    "two_processes_ratings_per_s": "the same on PostgreSQL, two processes (target 800)",
    "two_processes_rate_p99_ms": "ms until one is acknowledged",
    "two_processes_rate_cpu_ms": "ms of processor that both take for one, PostgreSQL's own not counted",
    "two_processes_faults": "errors, lost and doubled (target 0)",
    "driver_per_s": "requests a second of the driver against a server of 10 lines of asyncio: its own ceiling",
    "fsync_per_s": "blocks a second that the disk takes for good, one after the other",
    "sqlite_commits_per_s": "rows a second that SQLite commits, bare, one after the other",
    "memory_requests": "requests of whole trials: clip, two events, state and answer (target 100,000)",
    "memory_growth_mb": "MB that the server grew by from the 20,000th to the last (target: flat)",
    "memory_trials_per_s": "whole trials a second meanwhile, 16 at once",
    "memory_faults": "errors, lost and doubled (target 0)",
}


@contextmanager
def serving(conditions: tuple[str, ...] = CONDITIONS, seconds: float = 0.6, workers: int = 1) -> Iterator[Any]:
    """Serve a study of short clips, for as many participants as come."""
    with (
        tempfile.TemporaryDirectory() as folder,
        written(Path(folder), 100_000, conditions, seconds, workers) as server,
    ):
        yield server


def misses(server: Any, tally: Tally) -> tuple[int, int]:
    """Count the answers that were acknowledged and are not stored, and those stored twice or never sent."""
    engine = opened(server.folder)
    with engine.connect() as database:
        stored = Counter(database.scalars(select(Rating.response_ms)))
    engine.dispose()
    doubled = sum(count - 1 for count in stored.values()) + len(stored.keys() - tally.sent)
    return len(tally.acknowledged - stored.keys()), doubled


def told(tally: Tally) -> None:
    """Print the first errors."""
    for line in tally.errors[:5]:
        print(f"  error: {line}")


def people() -> dict[str, float]:
    """Let many take part at once, who listen and think as people do; whoever is through is followed by another."""
    with serving() as server:
        tally, numbers, drawn = Tally(), itertools.count(1), random.Random(SEED)
        spent = processor_seconds(server.pid)

        async def seat(until: float) -> None:
            await asyncio.sleep(drawn.uniform(0, ARRIVING_S))
            while time.monotonic() < until:
                async with visiting(server.port, next(numbers), tally) as visitor:
                    while visitor.rating and time.monotonic() < until:
                        await visitor.hear()
                        await asyncio.sleep(LISTENING_S)
                        await visitor.heard()
                        await asyncio.sleep(THINKING_S * drawn.lognormvariate(0, SPREAD))
                        await visitor.rate()

        async def all_seats() -> None:
            until = time.monotonic() + 60 * MINUTES
            await asyncio.gather(*(seat(until) for _ in range(PEOPLE)))

        asyncio.run(all_seats())
        spent = processor_seconds(server.pid) - spent
        server.stop()
        told(tally)
        lost, doubled = misses(server, tally)
    return {
        "people_rate_p99_ms": quantiles(tally.times["rate"], n=100)[-1],
        "people_rate_p50_ms": median(tally.times["rate"]),
        "people_answers": len(tally.acknowledged),
        "people_cpu_percent": 100 * spent / (60 * MINUTES),
        "people_errors": len(tally.errors),
        "people_lost": lost,
        "people_doubled": doubled,
    }


def closed_loop(name: str, workers: int = 1) -> dict[str, float]:
    """Answer as quickly as the server acknowledges, 16 at once, in sessions that were begun beforehand."""
    with serving(workers=workers) as server:
        preparing, tally = Tally(), Tally()
        spent = ended = 0.0

        async def run() -> None:
            nonlocal spent, ended
            begun = await asyncio.gather(*(ready(line) for line in range(AT_ONCE)))
            spent, began = processor_seconds(server.pid), time.monotonic()
            await asyncio.gather(*(rate_on(visitors, began + LOOP_S) for visitors in begun))
            spent, ended = processor_seconds(server.pid) - spent, time.monotonic() - began

        async def ready(line: int) -> deque[Visitor]:
            visitors: deque[Visitor] = deque()
            for number in range(READY):
                visitor = Visitor(server.port, f"10.1.{line}.{number}", preparing)
                await visitor.begin()
                visitor.tally = tally
                visitors.append(visitor)
            return visitors

        async def rate_on(visitors: deque[Visitor], until: float) -> None:
            while visitors and time.monotonic() < until:
                visitor = visitors.popleft()
                while visitor.rating and time.monotonic() < until:
                    await visitor.rate()
                visitor.close()

        asyncio.run(run())
        server.stop()
        told(preparing)
        told(tally)
        lost, doubled = misses(server, tally)
    answers = len(tally.acknowledged)
    return {
        f"{name}_ratings_per_s": answers / ended,
        f"{name}_rate_p99_ms": quantiles(tally.times["rate"], n=100)[-1],
        f"{name}_rate_cpu_ms": 1000 * spent / max(answers, 1),
        f"{name}_faults": len(preparing.errors) + len(tally.errors) + lost + doubled,
    }


def closed() -> tuple[dict[str, float], dict[str, str]]:
    """Measure the closed loop on each database that is there, and in the same run what driver and disk could bear."""
    figures, reasons = closed_loop("sqlite"), {}
    try:
        with on_postgresql():
            figures |= closed_loop("postgresql")
        with on_postgresql():
            figures |= closed_loop("two_processes", workers=2)
    except FileNotFoundError as error:
        reasons = {name: str(error) for name in NOTES if name.startswith(("postgresql", "two_processes"))}
    with echo() as port, tempfile.TemporaryDirectory() as folder:
        figures["driver_per_s"] = asyncio.run(asked_at_once(port, AT_ONCE, 5.0))
        figures |= commits_per_s(Path(folder))
    return figures, reasons


def growth() -> dict[str, float]:
    """Go through whole trials without a pause, 16 at once, and watch the server's memory."""
    with serving() as server:
        tally, numbers = Tally(), itertools.count(1)
        sizes: list[tuple[int, float]] = []
        began = time.monotonic()

        def goes_on() -> bool:
            if tally.requests >= (len(sizes) + 1) * FIRST:
                sizes.append((tally.requests, memory(server.pid, "VmRSS")))
            return tally.requests < REQUESTS and time.monotonic() < began + MOST_S

        async def line() -> None:
            while goes_on():
                async with visiting(server.port, next(numbers), tally) as visitor:
                    while visitor.rating and goes_on():
                        await visitor.hear()
                        await visitor.heard()
                        await visitor.rate()

        asyncio.run(gathered(line, AT_ONCE))
        taken, last = time.monotonic() - began, memory(server.pid, "VmRSS")
        server.stop()
        told(tally)
        print("  memory: " + ", ".join(f"{size:.0f} MB at {count:,}" for count, size in sizes))
        lost, doubled = misses(server, tally)
    return {
        "memory_requests": tally.requests,
        "memory_growth_mb": last - (sizes[0][1] if sizes else float("nan")),
        "memory_trials_per_s": len(tally.acknowledged) / taken,
        "memory_faults": len(tally.errors) + lost + doubled,
    }


async def gathered(line: Callable[[], Any], count: int) -> None:
    """Run so many of them at once."""
    await asyncio.gather(*(line() for _ in range(count)))
