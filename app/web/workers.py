"""Several processes that serve one study on one socket: started, started again when one is lost, ended together."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess

AGAIN_SECONDS = 2.0  # between the starts of one worker, lest what cannot start is started without a pause
END_SECONDS = 40  # for the requests in hand, and for a rendering that ends in order; then it is killed

logger = logging.getLogger(__name__)


def supervise(serve: Callable[[], None], count: int) -> None:
    """Have so many workers serve until SIGINT or SIGTERM; each is a copy of this process as it is now.

    So this one must have no other thread, and neither has opened the database: a connection cannot be shared. What
    the workers import is imported once, and in memory once. They end if this process does, however that ends.
    """
    context = get_context("fork")
    woken, wake = os.pipe()
    living, dying = os.pipe()  # closed when this process is gone, since the workers close its second end

    def work() -> None:
        for end in (dying, woken, wake):
            os.close(end)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        threading.Thread(target=_end_with, args=[living], daemon=True, name="supervisor").start()
        with contextlib.suppress(KeyboardInterrupt):
            serve()

    before = {
        number: signal.signal(number, lambda *_: os.write(wake, b".")) for number in (signal.SIGINT, signal.SIGTERM)
    }
    workers: list[ForkProcess | None] = [None] * count
    due = [0.0] * count
    try:
        while True:
            now = time.monotonic()
            for place, worker in enumerate(workers):
                if worker is None and due[place] <= now:
                    workers[place] = started = context.Process(target=work, name=f"worker {place + 1}")
                    started.start()
                    due[place] = now + AGAIN_SECONDS
            waiting = [due[place] - now for place, worker in enumerate(workers) if worker is None]
            sentinels = [worker.sentinel for worker in workers if worker is not None]
            ready = connection.wait([woken, *sentinels], min(waiting, default=None))
            if woken in ready:
                return
            for place, worker in enumerate(workers):
                if worker is not None and worker.sentinel in ready:
                    logger.error("%s (process %d) ended by itself (%s); it is started again", *_told(worker))
                    workers[place] = None
    finally:
        _end([worker for worker in workers if worker is not None])
        for number, handler in before.items():
            signal.signal(number, handler)
        for end in (woken, wake, living, dying):
            os.close(end)


def _told(worker: ForkProcess) -> tuple[str, int, str]:
    worker.join()
    code = worker.exitcode or 0
    return worker.name, worker.pid or 0, signal.Signals(-code).name if code < 0 else f"code {code}"


def _end(workers: list[ForkProcess]) -> None:
    """Ask all to end, and wait for it."""
    for worker in workers:
        worker.terminate()
    until = time.monotonic() + END_SECONDS
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
        if worker.exitcode is None:
            worker.kill()
            worker.join()


def _end_with(living: int) -> None:
    """End this worker when the process that started it is gone."""
    os.read(living, 1)
    os.kill(os.getpid(), signal.SIGTERM)
