"""Files that are written whole or not at all: the one module that every package may import.

Own code, because the libraries that do this leave their temporary file behind when the disk fills up at the last flush
(boltons 26.2), or do not flush to the disk at all.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give the place of a temporary file beside `path`, and put it there when the block has ended without an error.

    A reader sees the old file or the new one, after a loss of power too. The folder is made where it is missing. A
    `private` file can be read by its owner alone. Raises OSError; whatever is raised, nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:200]}.{uuid4().hex[:12]}.tmp")
    try:
        temporary.touch(0o600)
        yield temporary
        temporary.chmod(0o600 if private else 0o644)  # safetensors makes its files private to their owner
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
