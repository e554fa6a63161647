"""A server of 20 studies with 100,000 ratings: how soon its desk answers, and what paths cost participants' requests.

One participant goes through a study; the session is copied, and the study 20 times. Requests are asked of one study by
itself and of the same among the others, in turns.
"""

from __future__ import annotations

import http.client
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks.common.report import options, publish
from benchmarks.load.desk import copied
from benchmarks.load.single import Browser, processor_seconds, written

STUDIES, RATINGS, ROUNDS, TURNS, REQUESTS = 20, 100_000, 9, 6, 1500
NOTES = {
    "studies": "studies that are there",
    "ratings": "ratings in all of them",
    "start_s": "s from the start of the server to its first answer",
    "first_ms": "ms for the desk, the first time after the server was started (target 300)",
    "desk_ms": "ms for the desk, when nothing has changed (target 300)",
    "alone_us": "µs of processor for a request for where a session stands, of a study served by itself",
    "among_us": "the same of one among the others (target: no more than noise beside it)",
    "spread_us": "how far the turns of the study by itself lie apart",
}


def ask(line: http.client.HTTPConnection, method: str, path: str, cookie: str, body: str | None = None) -> str:
    """Ask for something, and return the cookie that came with it."""
    line.request(method, path, body, {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})
    answer = line.getresponse()
    content = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {answer.status} {content[:200].decode(errors='replace')}")
    return (answer.headers.get("Set-Cookie") or "").partition(";")[0]


def spent(port: int, pid: int, under: str) -> float:
    """Ask where a session stands again and again; the microseconds of processor that each takes."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    cookie = ask(line, "GET", f"{under}/api/state", "")
    began = processor_seconds(pid)
    for _ in range(REQUESTS):
        ask(line, "GET", f"{under}/api/state", cookie)
    line.close()
    return (processor_seconds(pid) - began) / REQUESTS * 1e6


def main() -> None:
    """Serve the studies, open their desk, and print how long it takes."""
    arguments = options(__doc__)
    with tempfile.TemporaryDirectory() as folder, written(Path(folder), 100_000) as server:
        from served import PASSWORD, Server

        Browser(server.port, "203.0.113.1").take_part()
        server.stop()
        ratings = copied(server.folder, RATINGS // STUDIES)
        studies = Path(folder) / "studies"
        for number in range(STUDIES):
            shutil.copytree(server.folder, studies / f"study-{number + 1}")
        several = Server(studies)
        began = time.monotonic()
        several.start()
        try:
            figures = {"studies": STUDIES, "ratings": ratings * STUDIES, "start_s": time.monotonic() - began}
            line = http.client.HTTPConnection("127.0.0.1", several.port, timeout=60)
            line.request(
                "POST",
                "/admin/login",
                urlencode({"password": PASSWORD}),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
            answer = line.getresponse()
            answer.read()
            held = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or []]
            cookie = next(one for one in held if one.startswith("earmark-admin"))
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                ask(line, "GET", "/admin/", cookie)
                times.append((time.perf_counter() - began) * 1000)
            figures |= {"first_ms": times[0], "desk_ms": median(times[1:])}
            server.start()
            alone, among = [], []
            for _ in range(TURNS):
                alone.append(spent(server.port, server.pid, ""))
                among.append(spent(several.port, several.pid, "/study-7"))
            figures |= {
                "alone_us": median(alone),
                "among_us": median(among),
                "spread_us": max(alone) - min(alone),
            }
        finally:
            several.stop()
    publish({name: float(figures[name]) for name in NOTES}, NOTES, arguments.json)


if __name__ == "__main__":
    main()
