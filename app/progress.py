"""The progress of a long piece of work on a study: a bar on the terminal, and ``progress.json`` for the page."""

import contextlib
import fcntl
import json
import math
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from tqdm import tqdm

import atomic
from app.errors import StudyBusy, UsageError

PROGRESS_FILE, LOCK_FILE = "progress.json", ".rendering.lock"
INTERVAL = 0.3
LINE_SECONDS = 30  # between lines where there is no terminal for a bar
SOON = 120  # seconds of work that need no word before they are begun
_held: set[IO[str]] = set()  # the locks of this process


@dataclass(frozen=True, slots=True)
class Report:
    """How a rendering stands; `state` is idle, starting, running, stopping, stopped, failed or done."""

    state: str = "idle"
    done: int = 0
    total: int = 0
    rate_per_s: float = 0.0
    eta_s: float | None = None
    message: str = ""
    pid: int = 0

    @property
    def busy(self) -> bool:
        """Whether the process is still there."""
        return self.state in ("starting", "running", "stopping")

    @property
    def share(self) -> float:
        """The part that is done, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class Progress:
    """Count denoising steps, or other units, of one run and tell whoever looks.

    Used as a context manager it holds the study's lock, so that two runs never write the same files, and leaves in
    ``progress.json`` how the work ended: done, failed, or stopped by Ctrl-C, which ends it as one also where a library
    took the interrupt for a fault of its own.

    Raises
    ------
    StudyBusy
        If another process holds the lock.
    UsageError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, total: int, unit: str = "step") -> None:
        self.folder, self.total, self.done = folder, total, 0
        self._unit = unit
        self._message, self._started, self._written = "starting", time.monotonic(), 0.0
        self._told = self._started
        self._lock: IO[str] | None = None
        self._interrupted = False
        self._handler: Any = None  # of Ctrl-C, before this

    def __enter__(self) -> "Progress":
        try:
            self._lock = (self.folder / LOCK_FILE).open("w")
        except OSError as error:
            raise UsageError(
                f"{self.folder}: cannot be written ({error.strerror}); copy the study to where it can"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StudyBusy(
                f"{self.folder}: another process is rendering this study; wait for it or stop it"
            ) from error
        _held.add(self._lock)
        self._bar = tqdm(
            total=self.total, unit=self._unit, smoothing=0.1, dynamic_ncols=True, disable=not sys.stderr.isatty()
        )
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, or another's
            self._handler = signal.signal(signal.SIGINT, self._interrupt)
        self._write("running", force=True)
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        signal.default_int_handler(number, frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        stopped = kind is not None and (self._interrupted or issubclass(kind, KeyboardInterrupt))
        if kind is None:
            self.done = self.total
            self._write("done", force=True)
        elif stopped:
            self._write("stopped", force=True)
        else:
            self._message = " ".join(str(error).split())[:500]
            self._write("failed", force=True)
        assert self._lock is not None
        _held.discard(self._lock)
        self._lock.close()
        if stopped and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error

    def say(self, message: str) -> None:
        """Name what is being done now."""
        self._message = message
        self._bar.set_description(message)
        self._write("running", force=True)

    def expect(self, total: int) -> None:
        """Correct how many steps there are in all, where that is known only on the way."""
        self.total = self._bar.total = total
        self._bar.refresh()

    def advance(self, steps: int) -> None:
        """Count ``steps`` more."""
        self.done += steps
        self._bar.update(steps)
        self._write("running")

    def _write(self, state: str, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._written < INTERVAL:
            return
        self._written = now
        if self._bar.disable and now - self._told >= LINE_SECONDS:
            self._told = now
            tqdm.write(f"{self._message}, {100 * self.done / max(self.total, 1):.0f}% is done", file=sys.stderr)
        rate = self.done / max(now - self._started, 1e-3)
        facts = {
            "state": state,
            "done": self.done,
            "total": self.total,
            "rate_per_s": round(rate, 3),
            "eta_s": round((self.total - self.done) / rate, 1) if rate else None,
            "message": self._message,
            "pid": os.getpid(),
        }
        # A full disk is for the work to say, which would be hidden by an error of this.
        with contextlib.suppress(OSError), atomic.replacing(self.folder / PROGRESS_FILE) as temporary:
            temporary.write_text(json.dumps(facts), encoding="utf-8")


class Estimate:
    """Says on the terminal, once, how long a piece of work takes at most, from the pace of its first step."""

    def __init__(self, what: str) -> None:
        self._what, self._first, self._said = what, (time.monotonic(), 0), False

    def look(self, done: int, total: int) -> None:
        """Look at the clock when ``done`` of ``total`` steps are done."""
        (began, before), now = self._first, time.monotonic()
        if not before:  # what the first step takes besides, such as packing weights, is no pace
            self._first = now, done
        elif not self._said:
            left = (now - began) / (done - before) * (total - done)
            self._said = True
            if left > SOON:
                tqdm.write(f"{self._what}: {left / 60:.0f} min at most, by the pace so far", file=sys.stderr)


def read_report(folder: Path) -> Report | None:
    """Read what a study's rendering last wrote of itself; None if there is nothing, or it is damaged."""
    try:
        raw = json.loads((folder / PROGRESS_FILE).read_text(encoding="utf-8"))
        eta = raw["eta_s"]
        if not all(math.isfinite(number) for number in (raw["rate_per_s"], eta or 0)):
            return None
        return Report(
            state=str(raw["state"]),
            done=max(0, int(raw["done"])),
            total=max(0, int(raw["total"])),
            rate_per_s=float(raw["rate_per_s"]),
            eta_s=None if eta is None else float(eta),
            message=str(raw["message"])[:500],
            pid=int(raw["pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _let_go() -> None:
    for lock in _held:
        lock.close()


# A lock is the open file's, which a fork has too: it would outlive the process that was killed.
os.register_at_fork(after_in_child=_let_go)


def runs(folder: Path, report: Report) -> bool:
    """Say whether the process that wrote this is still at it; a number alone may belong to another by now."""
    if report.state != "running" or report.pid <= 1 or report.pid == os.getpid():
        return False
    try:
        os.kill(report.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    except OverflowError:
        return False
    return _locked(folder)


def _locked(folder: Path) -> bool:
    """Say whether a rendering holds the study's lock."""
    try:
        with (folder / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
