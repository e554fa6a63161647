"""Clips of full length to many listeners, in ranges as players ask for them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from statistics import quantiles

from benchmarks.load.crowd import CONDITIONS, SEED, serving
from benchmarks.load.driver import Tally, Visitor
from benchmarks.load.single import processor_seconds

LISTENERS, CLIP_S, PAUSE_S, PIECE = 200, 10.0, 3.0, 256 * 1024
FLAT_S, PLAYING_S = 15.0, 60.0
NOTES = {
    "clips_mb_per_s": "MB a second of clips in ranges to 200 listeners, as fast as they come (target 20)",
    "clips_piece_p99_ms": "ms for a piece of 256 KiB meanwhile",
    "clips_playing_mb_per_s": "MB a second while the 200 play clips of 10 s, one each 13 s",
    "clips_cpu_percent": "% of a processor that the server takes for that",
    "clips_stalls": "pauses in the sound meanwhile (target 0)",
    "clips_errors": "requests refused or broken (target 0)",
}


async def load(visitor: Visitor, url: str) -> bool:
    """Load a clip piece by piece; say whether a player that began with the first would have stood still."""
    got, began, still = 0, 0.0, False
    while True:
        came, size = await visitor.piece(url, got, PIECE)
        if not came:
            return True
        still |= bool(began) and time.monotonic() - began > CLIP_S * got / size
        got, began = got + came, began or time.monotonic()
        if got >= size:
            return still


async def listen(visitor: Visitor, seconds: float, playing: bool, first: float) -> int:
    """Load clip after clip for some seconds; count the pauses in the sound."""
    urls, stalls = [*visitor.state["trial"]["urls"], *visitor.state["upcoming"]], 0
    until = time.monotonic() + seconds
    await asyncio.sleep(first)
    for url in itertools.cycle(urls):
        if time.monotonic() >= until:
            break
        began = time.monotonic()
        stalls += await load(visitor, url)
        if playing:
            await asyncio.sleep(max(0.0, began + CLIP_S + PAUSE_S - time.monotonic()))
    return stalls


def clips() -> dict[str, float]:
    """Have many listeners load clips as fast as they come, then at the pace of hearing."""
    fast, real = Tally(), Tally()
    drawn = random.Random(SEED)
    with serving(CONDITIONS[:2], CLIP_S) as server:

        async def run() -> tuple[float, int, float, float]:
            visitors = [Visitor(server.port, f"10.2.0.{number}", fast) for number in range(LISTENERS)]
            for visitor in visitors:
                await visitor.begin()
            began = time.monotonic()
            await asyncio.gather(*(listen(one, FLAT_S, False, 0.0) for one in visitors))
            flat = time.monotonic() - began
            for visitor in visitors:
                visitor.tally = real
            spent, began = processor_seconds(server.pid), time.monotonic()
            firsts = [drawn.uniform(0, CLIP_S + PAUSE_S) for _ in visitors]
            stalls = await asyncio.gather(
                *(listen(one, PLAYING_S, True, first) for one, first in zip(visitors, firsts, strict=True))
            )
            return flat, sum(stalls), time.monotonic() - began, processor_seconds(server.pid) - spent

        flat, stalls, taken, spent = asyncio.run(run())
    for line in [*fast.errors, *real.errors][:5]:
        print(f"  error: {line}")
    return {
        "clips_mb_per_s": fast.received / flat / 1e6,
        "clips_piece_p99_ms": quantiles(fast.times["piece"], n=100)[-1],
        "clips_playing_mb_per_s": real.received / taken / 1e6,
        "clips_cpu_percent": 100 * spent / taken,
        "clips_stalls": stalls,
        "clips_errors": len(fast.errors) + len(real.errors),
    }
