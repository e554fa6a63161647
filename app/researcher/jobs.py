"""Work of the researcher's page that runs in a process of its own, so that no participant waits for it.

A job gets a session of its own: Ctrl-C on the terminal reaches the server alone, which passes it on when it
closes. So a rendering ends with the server that started it, once and in order; one that was started from a
terminal is shown and can be stopped here, but outlives the server. What runs is noted in the study's folder, so that
whichever process of a server somebody asks knows it.
"""

import contextlib
import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from app.errors import JobError
from app.folder import ROOT
from app.progress import PROGRESS_FILE, Report, read_report, runs

COMMAND = (sys.executable, "-m", "app")
NICE = 10  # participants come first
GRACE_SECONDS = 10  # after Ctrl-C, for the clip in hand
LOG_TAIL = 4000
READ_SECONDS = 0.5  # that reading a note takes at most
NOTE_BYTES = 100
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]+")

logger = logging.getLogger(__name__)


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds Earmark wherever it was started, with `more`."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


class Job:
    """One verb of the command line on one study, run at most once at a time.

    Its note holds the process, and how that ended. It is locked by the process itself, as long as that runs: whoever
    started it may be gone, and its number another's.
    """

    def __init__(self, folder: Path, verb: str, on_end: Callable[[], None] = lambda: None) -> None:
        self.folder, self.verb, self.on_end = folder, verb, on_end
        self.command: Sequence[str] = COMMAND
        self.log, self.note = folder / f"{verb}.log", folder / f".{verb}.job"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether a process that a server started is still there."""
        try:
            with self.note.open("rb") as note:
                fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def failure(self) -> str:
        """What the last process said when it failed, in one line; empty if it did not, or runs."""
        code = self._noted()["code"]
        if not code or self.alive:
            return ""
        return self._last_words() or f"{self.verb} ended with code {code}; see {self.log}"

    def start(self, *options: str, account: str = "") -> None:
        """Start the process; what it logs, it logs as done by this account.

        Raises
        ------
        JobError
            If one is running already, or none can be started.
        """
        with self._lock:
            self._refuse()
            try:
                with contextlib.ExitStack() as undone:
                    held = self._hold()
                    undone.callback(os.close, held)
                    with self.log.open("wb") as log:
                        os.fchmod(log.fileno(), 0o600)  # what an analysis says when it fails may be about people
                        self._process = subprocess.Popen(
                            [*self.command, self.verb, str(self.folder), *options],
                            stdin=subprocess.DEVNULL,
                            stdout=log,
                            stderr=subprocess.STDOUT,
                            start_new_session=True,
                            env=environment(EARMARK_ACCOUNT=account),
                            pass_fds=[held],
                        )
                    undone.pop_all()
                self._write(pid=self._process.pid, code=None, stopped=0)
            except BlockingIOError:
                raise JobError(f"{self.verb} is running already; wait for it or stop it") from None
            except OSError as error:
                raise JobError(f"{self.verb}: cannot be started ({error}); make {self.folder} writable") from error
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
            threading.Thread(target=self._wait, args=[self._process, held], daemon=True, name=self.verb).start()

    def close(self) -> None:
        """Stop the process that this server started, in order if it can, and wait for its end."""
        self.on_end = lambda: None
        process = self._process
        if process is None or process.returncode is not None:
            return
        for ending in (signal.SIGINT, signal.SIGKILL):
            process.send_signal(ending)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
                return

    def _refuse(self) -> None:
        if self.alive:
            raise JobError(f"{self.verb} is running already; wait for it or stop it")

    def _wait(self, process: subprocess.Popen[bytes], held: int) -> None:
        """Take the process off the system's table when it ends, and say so."""
        code = process.wait()
        with contextlib.suppress(OSError):
            self._write(code=code)
        os.close(held)
        try:
            self.on_end()
        except Exception:  # a thread has nobody above it to tell
            logger.exception("after %s", self.verb)

    def _hold(self) -> int:
        """Lock the note, for whoever holds what this returns; readers do for a moment.

        Raises
        ------
        BlockingIOError
            If somebody else holds it.
        """
        held, until = os.open(self.note, os.O_RDWR | os.O_CREAT, 0o600), time.monotonic() + READ_SECONDS
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return held
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(held)
                    raise
                time.sleep(0.01)

    def _write(self, **changes: int | None) -> None:
        text = json.dumps(self._noted() | changes).ljust(NOTE_BYTES)  # at once, so that nobody reads half of it
        note = os.open(self.note, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(note, text.encode())
        finally:
            os.close(note)

    def _noted(self) -> dict[str, int | None]:
        """Return the last process, how it ended if that is known, and whom somebody asked to stop."""
        noted: dict[str, int | None] = {"pid": 0, "code": None, "stopped": 0}
        with contextlib.suppress(OSError, ValueError, TypeError):
            found = json.loads(self.note.read_text())
            noted |= {key: found[key] for key in noted if isinstance(found.get(key), int)}
        return noted

    def _last_words(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(-min(LOG_TAIL, os.fstat(log.fileno()).st_size), os.SEEK_END)
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        lines = [line for raw in re.split(r"[\r\n]", text) if (line := CONTROL.sub(" ", raw).strip())]
        refused = list(takewhile(lambda line: line.startswith("earmark: "), reversed(lines)))  # a line for each fault
        return "; ".join(line.removeprefix("earmark: ") for line in reversed(refused or lines[-1:]))[:500]


class Rendering(Job):
    """The generation of a study's clips, wherever it was started."""

    def __init__(self, folder: Path, on_end: Callable[[], None] = lambda: None) -> None:
        super().__init__(folder, "generate", on_end)

    def report(self) -> Report:
        """Say how the rendering stands, from what it writes and from who is alive."""
        report, noted = read_report(self.folder) or Report(), self._noted()
        ours, code, stopped = noted["pid"] or 0, noted["code"], noted["stopped"]
        if runs(self.folder, report):
            return replace(report, state="stopping" if report.pid == stopped else "running")
        if self.alive:
            if ours == stopped:
                return Report("stopping", pid=ours)
            if report.pid == ours:  # it has finished its account, not yet itself
                return replace(report, state="running", eta_s=None, message="checking the clips")
            return Report("starting", pid=ours)
        if code and report.pid != ours and self._later():  # it ended before it could write
            asked = ours == stopped
            return Report("stopped" if asked else "failed", message="" if asked else self.failure, pid=ours)
        if report.state == "running":  # it was killed
            return replace(report, state="stopped", message="")
        return report

    def stop(self) -> None:
        """Ask the running process to stop; asked again, end it at once. Nothing finished is lost either way."""
        report = self.report()
        if not report.busy or not report.pid:
            return
        again = report.pid == self._noted()["stopped"]
        with contextlib.suppress(OSError):  # then asking again ends it no sooner
            self._write(stopped=report.pid)
        try:
            os.kill(report.pid, signal.SIGTERM if again else signal.SIGINT)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise JobError("generate: runs under another account; stop it there") from error

    def _refuse(self) -> None:
        if self.report().busy:
            raise JobError("the clips are being rendered already; wait for that or stop it")

    def _later(self) -> bool:
        """Say whether the note was written after the last account of a rendering."""
        account = self.folder / PROGRESS_FILE
        return not account.exists() or self.note.stat().st_mtime_ns > account.stat().st_mtime_ns
