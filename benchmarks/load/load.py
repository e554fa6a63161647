"""The server under load, over real HTTP: one participant, nobody, an attack, and many at once; 15 minutes in all.

    earmark bench load [--only one|people|closed|memory|clips]

The driver runs on the same processors as the server, and its own ceiling is measured beside.
"""

import time
from collections.abc import Callable

from benchmarks.common.report import options, publish
from benchmarks.common.rounds import say
from benchmarks.load import crowd, listeners, single

Figures = tuple[dict[str, float], dict[str, str]]

PARTS: dict[str, Callable[[], Figures]] = {
    "one": lambda: (single.one(), {}),
    "people": lambda: (crowd.people(), {}),
    "closed": crowd.closed,
    "memory": lambda: (crowd.growth(), {}),
    "clips": lambda: (listeners.clips(), {}),
}
NOTES = {**single.NOTES, **crowd.NOTES, **listeners.NOTES}
PACKAGES = ("uvicorn", "fastapi", "starlette", "sqlalchemy", "psycopg")


def main() -> None:
    """Measure one part or all, one after the other, and write each as soon as it is known."""
    arguments = options(__doc__, PARTS)
    for part in [arguments.only] if arguments.only else PARTS:
        began = time.monotonic()
        figures, reasons = PARTS[part]()
        say(f"{part}: {time.monotonic() - began:.0f} s")
        publish(figures, NOTES, arguments.json, reasons, parts=[part], packages=PACKAGES)


if __name__ == "__main__":
    main()
