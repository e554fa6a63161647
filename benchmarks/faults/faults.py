"""The server killed 50 times under load, PostgreSQL restarted 6 times, and a disk that fills up: what is lost.

    earmark bench faults

Eight people rate at once and send an answer again until it is acknowledged, as the page does.
"""

from __future__ import annotations

import signal
import tempfile
import time
from itertools import cycle
from pathlib import Path

from benchmarks.common.borrowed import borrow
from benchmarks.common.report import options, publish
from benchmarks.faults.striking import disk_fills, strike, struck

KILLS, RESTARTS, FULL = 50, 6, 3
FULL_SECONDS = 2.0
SEED = 19
COUNTED = {
    "answers": "answers that were acknowledged",
    "lost": "of them not stored (target 0)",
    "doubled": "answers stored twice, or never sent (target 0)",
}
PARTS = {
    "kills": f"the server killed {KILLS} times",
    "restarts": f"PostgreSQL restarted {RESTARTS} times, every other time as in a crash",
    "full": f"the disk full {FULL} times for {FULL_SECONDS:.0f} s",
}
NOTES = {f"{part}_{name}": f"{told}: {note}" for part, told in PARTS.items() for name, note in COUNTED.items()} | {
    f"{part}_s": "s that it took" for part in PARTS
}


def kills(folder: Path) -> dict[str, int]:
    """Kill the server on SQLite."""
    with struck(folder) as server:
        return strike(server, KILLS, server.kill, SEED)


def restarts(folder: Path) -> dict[str, int]:
    """Restart PostgreSQL under the server, in order and as in a crash."""
    borrow()
    from databases import Postgres

    postgres, ways = Postgres(), cycle((signal.SIGINT, signal.SIGQUIT))
    try:
        with struck(folder, postgres.url().render_as_string()) as server:
            return strike(server, RESTARTS, lambda: postgres.restart(next(ways)), SEED)
    finally:
        postgres.stop()


def full(folder: Path) -> dict[str, int]:
    """Fill the disk under SQLite."""
    with struck(folder) as server:
        return strike(server, FULL, disk_fills(server, FULL_SECONDS), SEED)


def main() -> None:
    """Strike, and publish the figures."""
    arguments = options(__doc__)
    figures: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for part, run in {"kills": kills, "restarts": restarts, "full": full}.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = run(Path(folder))
            except FileNotFoundError as error:
                reasons |= {f"{part}_{name}": str(error) for name in COUNTED}
                continue
        figures |= {f"{part}_{name}": found[name] for name in COUNTED}
        figures[f"{part}_s"] = time.monotonic() - began
    publish(figures, NOTES, arguments.json, reasons)


if __name__ == "__main__":
    main()
