"""Work of the researcher's page that runs in a process of its own, so that no participant waits for it.

A job gets a session of its own: Ctrl-C on the terminal reaches the server alone, which passes it on when it
closes. So a rendering ends with the server that started it, once and in order; one that was started from a
terminal is shown and can be stopped here, but outlives the server.
"""

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from app.errors import JobError
from app.folder import ROOT
from app.progress import Report, read_report, runs

COMMAND = (sys.executable, "-m", "app")
GRACE_SECONDS = 10  # after Ctrl-C, for the clip in hand
LOG_TAIL = 4000
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]+")

logger = logging.getLogger(__name__)


class Job:
    """One verb of the command line on one study, run at most once at a time."""

    def __init__(self, folder: Path, verb: str, on_end: Callable[[], None] = lambda: None) -> None:
        self.folder, self.verb, self.on_end = folder, verb, on_end
        self.command: Sequence[str] = COMMAND
        self.log = folder / f"{verb}.log"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process that this server started is still there."""
        return self._process is not None and self._process.returncode is None

    @property
    def failure(self) -> str:
        """What the last process said when it failed, in one line; empty if it did not."""
        if self._process is None or not self._process.returncode:
            return ""
        return self._last_line() or f"{self.verb} ended with code {self._process.returncode}; see {self.log}"

    def start(self, *options: str) -> None:
        """Start the process.

        Raises
        ------
        JobError
            If one is running already, or none can be started.
        """
        with self._lock:
            self._refuse()
            paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            try:
                with self.log.open("wb") as log:
                    os.fchmod(log.fileno(), 0o600)  # what an analysis says when it fails may be about people
                    self._process = subprocess.Popen(
                        [*self.command, self.verb, str(self.folder), *options],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                    )
            except OSError as error:
                raise JobError(f"{self.verb}: cannot be started ({error}); make {self.folder} writable") from error
            with contextlib.suppress(OSError):  # participants come first
                os.setpriority(os.PRIO_PROCESS, self._process.pid, 10)
            threading.Thread(target=self._wait, args=[self._process], daemon=True, name=self.verb).start()

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

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Take the process off the system's table when it ends, and say so."""
        process.wait()
        try:
            self.on_end()
        except Exception:  # a thread has nobody above it to tell
            logger.exception("after %s", self.verb)

    def _last_line(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(-min(LOG_TAIL, os.fstat(log.fileno()).st_size), os.SEEK_END)
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        lines = [line for raw in re.split(r"[\r\n]", text) if (line := CONTROL.sub(" ", raw).strip())]
        return lines[-1].removeprefix("earmark: ")[:500] if lines else ""


class Rendering(Job):
    """The generation of a study's clips, wherever it was started."""

    def __init__(self, folder: Path, on_end: Callable[[], None] = lambda: None) -> None:
        super().__init__(folder, "generate", on_end)
        self._stopped = 0  # the process that was asked to stop

    def report(self) -> Report:
        """Say how the rendering stands, from what it writes and from who is alive."""
        report = read_report(self.folder) or Report()
        if runs(self.folder, report):
            return replace(report, state="stopping" if report.pid == self._stopped else "running")
        ours = self._process
        if self.alive and ours is not None:
            if ours.pid == self._stopped:
                return Report("stopping", pid=ours.pid)
            if report.pid == ours.pid:  # it has finished its account, not yet itself
                return replace(report, state="running", eta_s=None, message="checking the clips")
            return Report("starting", pid=ours.pid)
        if ours is not None and ours.returncode and report.pid != ours.pid:  # it ended before it could write
            stopped = ours.pid == self._stopped
            return Report("stopped" if stopped else "failed", message="" if stopped else self.failure, pid=ours.pid)
        if report.state == "running":  # it was killed
            return replace(report, state="stopped", message="")
        return report

    def stop(self) -> None:
        """Ask the running process to stop; asked again, end it at once. Nothing finished is lost either way."""
        report = self.report()
        if not report.busy:
            return
        again, self._stopped = report.pid == self._stopped, report.pid
        try:
            os.kill(report.pid, signal.SIGTERM if again else signal.SIGINT)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise JobError("generate: runs under another account; stop it there") from error

    def _refuse(self) -> None:
        if self.report().busy:
            raise JobError("the clips are being rendered already; wait for that or stop it")
