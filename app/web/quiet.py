"""A server that is at rest while nobody is there, does not stand still while it looks for garbage, and stays small.

uvicorn's own clock wakes it ten times a second; and what it imported, which lives as long as it does, is hundreds of
thousands of objects to walk through for each full collection, while everybody waits for tenths of a second. Of glibc's
arenas each thread fills one of its own and keeps what it once took.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
from types import FrameType

import uvicorn

TICK_SECONDS = 1.0  # how old the date of an answer may be
M_ARENA_MAX, M_TRIM_THRESHOLD = -8, -1  # of mallopt(3)
KEPT = 1 << 24  # bytes that are not given back and asked for again with each request


def share_memory() -> None:
    """Have the threads that this process begins, of which one runs at a time, take memory from one place.

    glibc alone has several.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another system's library
        library = ctypes.CDLL(None)
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)


class QuietServer(uvicorn.Server):
    """uvicorn's server, which looks once a second whether it is to stop instead of ten times; a signal wakes it."""

    _wake: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop

    async def main_loop(self) -> None:
        """Keep the date of the answers until the server is to stop."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        gc.collect()
        gc.freeze()
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal, at once; a second one, of an impatient hand, changes nothing: it takes seconds at most."""
        if self.should_exit:
            return
        super().handle_exit(sig, frame)
        if self._wake is not None:
            self._loop.call_soon_threadsafe(self._wake.set)
