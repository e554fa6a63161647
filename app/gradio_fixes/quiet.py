"""What runs all the time although nobody is there, undone: Gradio's looks into its queue and uvicorn's clock.

Together they woke an idle server 1,500 times a second, which took 7 % of a processor.
"""

from __future__ import annotations

import asyncio
from types import FrameType

import gradio as gr
import uvicorn
from gradio.queueing import Queue

TICK_SECONDS = 1.0  # how old the date of an answer may be


def without_queue(page: gr.Blocks) -> gr.Blocks:
    """Let nothing run for a page whose events, if it has any, are answered by the request that brings them."""
    queued = [str(event.api_name) for event in page.fns.values() if event.queue]
    if queued:
        raise ValueError(f"{', '.join(queued)}: would wait for ever; give queue=False")
    page._queue = _NoQueue(
        live_updates=True, concurrency_count=1, update_intervals=1, max_size=1, blocks=page, default_concurrency_limit=1
    )
    return page


class _NoQueue(Queue):
    """A queue that nothing is put into, so that nothing needs to look into it."""

    def start(self) -> None:
        """Start none of the loops."""


class QuietServer(uvicorn.Server):
    """uvicorn's server, which looks once a second whether it is to stop instead of ten times; a signal wakes it."""

    _wake: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop

    async def main_loop(self) -> None:
        """Keep the date of the answers until the server is to stop."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal, at once."""
        super().handle_exit(sig, frame)
        if self._wake is not None:
            self._loop.call_soon_threadsafe(self._wake.set)
