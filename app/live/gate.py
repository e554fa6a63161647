"""The launch gate of a study that is served: new clips are checked beside the participants, who go on with the old."""

import hashlib
import logging
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from survey import Clip, Manifest, ManifestError, Problem, read_manifest
from survey.launch.protocol import Item, problems_of

AGAIN_SECONDS = 60  # after an error, where the manifest stays as it is

# Of a file: when it was changed, in nanoseconds, by its own word and by the file system's, which no copy sets back; and
# its size.
Stamp = tuple[int, int, int]

logger = logging.getLogger(__name__)


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes when a file does; None if it is not there, or is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def intact(path: Path, sha256: str) -> bool:
    """Say whether a file is there and is the one of this hash; it is read only if it was changed."""
    stamp = stamp_of(path)
    try:
        return stamp is not None and _sha256(path, stamp) == sha256
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _sha256(path: Path, stamp: Stamp) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A manifest with the gate's items on it, and the `sounds` that are served of it, with the stamps of their files.

    There is no manifest where it is damaged, or was never written.
    """

    manifest: Manifest | None = None
    items: tuple[Item, ...] = ()
    stamp: Stamp | None = None
    sounds: Sequence[tuple[Clip, Stamp | None]] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What fails; with any the study is closed."""
        return problems_of(self.items)


class Gate:
    """Checks clips in a thread of its own, and takes over what passes.

    Parameters
    ----------
    clips
        The folder of the clips and their manifest.
    check
        Judges the clips of a manifest, item by item.
    take
        Takes over the clips of one that passed, before it is served; gives the sounds that are served beside them.
    """

    def __init__(
        self, clips: Path, check: Callable[[Manifest], list[Item]], take: Callable[[Manifest], Sequence[Clip]]
    ) -> None:
        self.clips, self._check, self._take = clips, check, take
        self.taken = Taken()
        self.trouble = ""  # why what is there now could not be checked or taken over
        self._failed: Stamp | None = None
        self._again = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def behind(self) -> bool:
        """Whether there is a manifest that is not the one being served."""
        stamp = self._stamp()
        return stamp is not None and stamp != self.taken.stamp

    def open(self) -> None:
        """Check what is there before anything is served; what goes wrong is raised."""
        stamp = self._stamp()
        if stamp is not None:
            self._pass(stamp)

    def refresh(self, *, wait: bool = False) -> None:
        """See to it that clips rendered anew are checked, and `wait` for the end of that only if asked to."""
        with self._lock:
            if self._thread is None and self._due() is not None:
                # A daemon: the end of the server waits for no clip.
                self._thread = threading.Thread(target=self._run, daemon=True, name="launch gate")
                self._thread.start()
            thread = self._thread
        if wait and thread is not None:
            thread.join()

    def close(self) -> None:
        """Take over nothing more."""
        with self._lock:
            self._closed = True

    def _stamp(self) -> Stamp | None:
        return stamp_of(self.clips / "manifest.json")

    def _due(self) -> Stamp | None:
        """Return the stamp of a manifest that is to be checked now."""
        stamp = self._stamp()
        if self._closed or stamp is None or stamp == self.taken.stamp:
            return None
        return None if stamp == self._failed and time.monotonic() < self._again else stamp

    def _run(self) -> None:
        """Check until what is there is what is served: it may change while it is checked."""
        while True:
            with self._lock:
                stamp = self._due()
                if stamp is None:
                    self._thread = None
                    return
            try:
                self._pass(stamp)
                self.trouble, self._failed = "", None
            except Exception as error:  # a thread has nobody above it to tell
                said = " ".join(str(error).split())[:500] or type(error).__name__
                if said != self.trouble:
                    logger.error("the new clips could not be used: %s", said, exc_info=error)
                self.trouble, self._failed, self._again = said, stamp, time.monotonic() + AGAIN_SECONDS

    def _pass(self, stamp: Stamp) -> None:
        """Check the manifest of this stamp, and serve it; faulty clips close the study and are logged."""
        try:
            manifest = read_manifest(self.clips / "manifest.json")
        except ManifestError as error:
            logger.error("%s", error)
            self.taken = Taken(stamp=stamp)
            return
        sounds = self._stamped(manifest.clips)
        items = tuple(self._check(manifest))
        problems = problems_of(items)
        for problem in problems:
            logger.error("clip refused: %s: %s", problem.stimulus, problem.message)
        if self._closed:
            return
        if not problems:
            sounds += self._stamped(self._take(manifest))
        self.taken = Taken(manifest, items, stamp, sounds)

    def _stamped(self, clips: Sequence[Clip]) -> list[tuple[Clip, Stamp | None]]:
        return [(clip, stamp_of(self.clips / clip.file)) for clip in clips]
