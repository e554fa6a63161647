"""Gradio's queue, left out: its loops look for work all the time although nobody is there, and show its progress.

Together with uvicorn's clock (:mod:`app.web.quiet`) they woke an idle server 1,500 times a second, which took 7 % of a
processor.
"""

from typing import Any

import gradio as gr
from gradio.queueing import Queue

DIRECT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""How an event is bound: answered by the request that brings it, with no veil over the page, and in no public API."""


def without_queue(page: gr.Blocks) -> gr.Blocks:
    """Let nothing run for a page whose events, if it has any, are answered by the request that brings them.

    Raises
    ------
    ValueError
        If an event was to wait in the queue.
    """
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
