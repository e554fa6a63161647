"""Time from a clone to an open survey: the first ``./earmark demo``, the second, and one of clips of one's own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common.report import options, publish

ROOT = Path(__file__).parent.parent
LIMIT = 1800


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def opened(server: subprocess.Popen[bytes], port: int, path: str, began: float) -> None:
    """Wait until a server that was started at a moment answers under a path."""
    while time.monotonic() - began < LIMIT:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
                page.read()
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the page was not open after {LIMIT} s")


def seconds_to_open(clone: Path, verb: Sequence[str], before: Sequence[str] = ()) -> float:
    """Run a verb that serves in ``clone``, another one before, and measure until its page answers; then stop it."""
    port, began = free_port(), time.monotonic()
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if before:
        subprocess.run(["./earmark", *before], cwd=clone, env=environment, check=True)
    command = ["./earmark", *verb, "--port", str(port)]
    process = subprocess.Popen(command, cwd=clone, env=environment, start_new_session=True)
    try:
        opened(process, port, "/study/", began)
        return time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def main() -> None:
    """Clone, run the demo twice, make a study of own clips and serve it, print the times."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "earmark"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        demo = ["demo", "--no-browser"]
        figures = {"first_demo_s": seconds_to_open(clone, demo), "second_demo_s": seconds_to_open(clone, demo)}
        new = ["new", "my-study", "--clips", "examples/clips"]
        figures["new_study_s"] = seconds_to_open(clone, ["serve", "my-study"], before=new)
        shutil.rmtree(clone, ignore_errors=True)
    notes = {
        "first_demo_s": "s from a fresh clone to the open page, installation included (target 300)",
        "second_demo_s": "s the second time (target 15)",
        "new_study_s": "s from `earmark new` with nine clips of one's own to the open page, installed (target 60)",
    }
    publish(figures, notes, arguments.json)


if __name__ == "__main__":
    main()
