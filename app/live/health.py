"""How the server is: whether it can store and play, said once to whoever should know."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.live.gate import Gate, intact, stamp_of
from app.progress import read_report, runs
from app.watch.counters import FAULTS
from db import Store, detail_of, fault_of

FRESH_SECONDS = 5  # that an answer is good for, so that probes cost nothing
LOOK_SECONDS = 10  # between looks while something is wrong
NAMED = 8  # clips
DATABASE, CLIPS = "database", "clips"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a `part`: `words` for anybody, and the `detail` for the desk and the log alone.

    One that is `expected` passes or is shown at the desk in another way: it is neither logged nor shown there.
    """

    part: str
    words: str
    detail: str = ""
    expected: bool = False

    @property
    def kind(self) -> tuple[str, str]:
        """What tells it from others: how many clips are lost does not."""
        return self.part, "" if self.part == CLIPS else self.words


def lost_clips(files: Sequence[str], of: int | None = None) -> Fault:
    """Say that clips are missing, or are not the ones that were rendered."""
    count = f"{len(files)} of {of} clips" if of else "clips"
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    detail = f"{', '.join(files[:NAMED])}{more}; put them back, or render them again"
    return Fault(CLIPS, f"{count} missing on the server or not as they were rendered", detail)


class Health:
    """What is known to be wrong; each kind is logged once until it is well again."""

    def __init__(self, store: Store, gate: Gate, folder: Path) -> None:
        self._store, self._gate, self._folder = store, gate, folder
        self._known: dict[tuple[str, str], Fault] = {}
        self._found: list[Fault] = []
        self._looked = float("-inf")
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._closed, self._watching = threading.Event(), False

    def look(self, *, fresh: bool = False) -> list[Fault]:
        """Try whether all is well, unless that was done a moment ago; whoever comes meanwhile gets the last answer."""
        if not fresh and time.monotonic() - self._looked < FRESH_SECONDS:
            return self._found
        if not self._looking.acquire(blocking=fresh or self._looked == float("-inf")):
            return self._found
        try:
            if fresh or time.monotonic() - self._looked >= FRESH_SECONDS:
                self._found = self._database() + self._clips()
                self._looked = time.monotonic()
                self._settle(self._found)
            return self._found
        finally:
            self._looking.release()

    def known(self) -> list[Fault]:
        """Return what is wrong and not expected, for the desk."""
        self.look()
        with self._lock:
            return list(self._known.values())

    def note(self, fault: Fault) -> None:
        """Take notice of a fault that a request met; it is looked after until it is gone."""
        with self._lock:
            if fault.kind in self._known:
                return
            self._known[fault.kind] = fault
            logger.error("%s: %s (%s)", fault.part, fault.words, fault.detail)
            if not self._watching and not self._closed.is_set():
                self._watching = True
                threading.Thread(target=self._watch, daemon=True, name="health").start()

    def take(self, error: SQLAlchemyError) -> bool:
        """Take notice of what made the database fail; False if that was something else, such as a bug."""
        words = fault_of(error)
        if words:
            FAULTS.inc()
            self.note(Fault(DATABASE, words, detail_of(error)))
        return bool(words)

    def replacing(self) -> bool:
        """Say whether clips are being rendered anew, or wait to be taken over."""
        report = read_report(self._folder)
        return self._gate.behind or (report is not None and runs(self._folder, report))

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _database(self) -> list[Fault]:
        return [Fault(DATABASE, words, detail) for words, detail in self._store.soundness.faults()]

    def _clips(self) -> list[Fault]:
        taken = self._gate.taken
        if taken.manifest is None:
            return [Fault(CLIPS, "there are no clips yet", expected=True)]
        if taken.problems:
            return [Fault(CLIPS, "the clips are faulty, so the study is closed", expected=True)]
        folder = self._gate.clips
        lost = [
            clip.file
            for clip, stamp in taken.sounds
            if stamp_of(folder / clip.file) != stamp and not intact(folder / clip.file, clip.sha256)
        ]
        if not lost:
            return []
        if self.replacing():
            return [Fault(CLIPS, f"{len(lost)} of {len(taken.sounds)} clips are being replaced", expected=True)]
        return [lost_clips(lost, len(taken.sounds))]

    def _settle(self, found: Sequence[Fault]) -> None:
        """Take notice of what was found, and of what is gone."""
        now = {fault.kind for fault in found}
        with self._lock:
            for kind in [kind for kind in self._known if kind not in now]:
                logger.warning("%s: works again, after: %s", kind[0], self._known.pop(kind).words)
            # How many clips are lost may have changed since.
            self._known |= {fault.kind: fault for fault in found if fault.kind in self._known and not fault.expected}
        for fault in found:
            if not fault.expected:
                self.note(fault)

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            self.look(fresh=True)
            with self._lock:
                if not self._known:
                    self._watching = False
                    return
