"""The folder in which rehearsals are kept: of one server alone, and gone with it; if that is killed, with the next."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from app.errors import UsageError

PREFIX, LOCK = "earmark-preview-", "lock"


class Scratch:
    """A new folder, which goes when this is closed.

    Its lock is held as long as any process lives that this one has started meanwhile, such as workers.

    Raises
    ------
    UsageError
        If none can be made.
    """

    def __init__(self) -> None:
        try:
            self._kept = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
            self.folder = Path(self._kept.name)
            self._lock = (self.folder / LOCK).open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise UsageError(
                f"{tempfile.gettempdir()}: cannot be written ({error.strerror}); name a folder for temporary files in "
                "TMPDIR"
            ) from error

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._kept.cleanup()
        self._lock.close()

    def __enter__(self) -> Scratch:
        """Give the folder to whoever begins with it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it, however that ended."""
        self.close()


def clear_away() -> None:
    """Remove the folders of servers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / LOCK).open("r+") as lock:  # it is another's, or is being made
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
