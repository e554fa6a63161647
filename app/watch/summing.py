"""Where several workers count so that their sums can be told; asked for before what counts is imported."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import atomic

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks, once, when it is imported


@contextmanager
def summed(workers: int) -> Iterator[None]:
    """Have what so many workers count be summed, in files that go when they have ended; one alone needs none."""
    if workers == 1:
        yield
        return
    with atomic.scratch(Path(tempfile.gettempdir()), "earmark-counts-") as folder:
        os.environ[FOLDER] = str(folder)
        try:
            yield
        finally:
            del os.environ[FOLDER]
