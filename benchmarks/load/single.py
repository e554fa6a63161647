"""The server with one participant, with nobody, and under attack: milliseconds, idle time, memory.

A participant goes through whole sessions as the page does, over one connection that is kept: the state, the sounds of
this clip and of the next, what was played, the answer. The driver runs on the same processors as the server.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.common.borrowed import borrow

LOAD_SECONDS, MOST_SESSIONS, FLOOR_REQUESTS = 25, 40, 300
IDLE_SECONDS = 20
CLIP_SECONDS = 0.08  # at the least; quicker than hands can be, and what the server takes of events
BODY, PIECE = 300_000_000, b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
GUESSES = 300
PLACES, CONSENTS = 20, 40
NOTES = {
    "rate_p50_ms": "ms until an answer is stored and the next state is there, half of the time (target 8)",
    "rate_p95_ms": "the same, 95 % of the time",
    "state_p50_ms": "ms for the state of a session (target 4)",
    "state_p95_ms": "the same, 95 % of the time",
    "media_p50_ms": "ms for a clip",
    "event_p50_ms": "ms to log that something was played",
    "route_p50_ms": "ms for a request of this server that asks no database",
    "echo_p50_ms": "ms for a request of a server in 10 lines of asyncio: the floor",
    "idle_cpu_percent": "% of a processor that the server takes with nobody there (target 0.5)",
    "body_growth_mb": "MB that the server grows by at most while somebody sends a body of 300 MB in chunks (target 5)",
    "guesses_compared": "of 300 wrong passwords that come at once, how many were compared (target 5)",
    "closing_consents": "1 if 40 consents with invented cookies and 40 with given ones close 20 places (target 0)",
}
ECHO = """
import asyncio, sys
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Browser:
    """One visitor: a connection that is kept, the cookies, an address behind the proxy, and how long all took."""

    def __init__(self, port: int, address: str) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}
        self._address = address

    def ask(self, name: str, method: str, path: str, body: object = None) -> Any:
        """Send a request, note the milliseconds under `name`, and return what came: JSON read, all else as it is."""
        headers = {
            "Cookie": "; ".join(f"{key}={value}" for key, value in self._cookies.items()),
            "X-Forwarded-For": self._address,
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        began = time.perf_counter()
        self._line.request(method, path, data, headers)
        answer = self._line.getresponse()
        content = answer.read()
        self.times[name].append((time.perf_counter() - began) * 1000)
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:200].decode(errors='replace')}")
        for cookie in answer.headers.get_all("Set-Cookie", []):
            key, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[key] = value
        return json.loads(content) if answer.headers.get_content_type() == "application/json" else content

    def take_part(self) -> int:
        """Go through a session from the consent to the thanks, and return how many clips were rated."""
        rated, state = 0, self.ask("state", "GET", "/api/state")
        while state["stage"] != "done":
            if state["stage"] not in ("practice", "trials"):
                state = self.ask("step", "POST", "/api/step", {"page": state["stage"]})
                continue
            trial, began = state["trial"], time.monotonic()
            for url in (trial["urls"] if not rated else []) + (state.get("upcoming") or []):  # one is loaded ahead
                self.ask("media", "GET", url)
            for kind in ("play", "ended"):
                self.ask("event", "POST", "/api/event", {"kind": kind, "position": trial["position"]})
            self.ask("state", "GET", "/api/state")
            answer = {"media": trial["media"], "score": 4, "plays": 1, "heard_seconds": sum(trial["seconds"])}
            state = self.ask("rate", "POST", "/api/rate", {**answer, "response_ms": 900})
            rated += 1
            time.sleep(max(0.0, began + CLIP_SECONDS - time.monotonic()))
        return rated

    def close(self) -> None:
        """Hang up."""
        self._line.close()


def load(port: int) -> dict[str, float]:
    """Let one participant after the other go through sessions, and say how long requests take."""
    times: dict[str, list[float]] = defaultdict(list)
    began, rated = time.monotonic(), 0
    for number in range(MOST_SESSIONS):
        browser = Browser(port, f"203.0.113.{number + 1}")
        rated += browser.take_part()
        for _ in range(FLOOR_REQUESTS // MOST_SESSIONS):
            browser.ask("route", "GET", "/texts/en.json")
        browser.close()
        if number:  # the first warms up
            for name, taken in browser.times.items():
                times[name] += taken
        if time.monotonic() > began + LOAD_SECONDS:
            break
    print(f"{number + 1} sessions, {rated} answers")
    figures = {f"{name}_p50_ms": median(taken) for name, taken in times.items() if name != "step"}
    return figures | {f"{name}_p95_ms": quantiles(times[name], n=20)[-1] for name in ("rate", "state")}


@contextmanager
def echo() -> Iterator[int]:
    """Serve two letters with asyncio alone; the port."""
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def floor() -> float:
    """Milliseconds of a request that nothing is done for."""
    with echo() as port:
        browser = Browser(port, "203.0.113.1")
        for _ in range(FLOOR_REQUESTS):
            browser.ask("echo", "GET", "/")
        browser.close()
        return median(browser.times["echo"])


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process and its workers have taken."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(worker)) for worker in workers)


def idle(pid: int) -> float:
    """Share of a processor that a server takes with nobody there, in percent."""
    time.sleep(2)  # what a start leaves to be done is no idling
    began, spent = time.monotonic(), processor_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return 100 * (processor_seconds(pid) - spent) / (time.monotonic() - began)


def memory(pid: int, field: str) -> float:
    """Megabytes of memory: VmRSS now, VmHWM at the most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1000


def body_growth(pid: int, port: int) -> float:
    """Megabytes that the server grows by at most while an anonymous body of 300 MB is sent to it in chunks."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # from here on the most is counted anew
    before = memory(pid, "VmRSS")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        head = "POST /api/event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        line.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(BODY // 0x10000):
                line.sendall(PIECE)
            line.sendall(b"0\r\n\r\n")
            line.recv(1)
    return max(0.0, memory(pid, "VmHWM") - before)


def guesses_compared(port: int) -> int:
    """Have many wrong passwords come at the same moment; how many were compared rather than sent away."""
    lines = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(GUESSES)]
    for line in lines:
        head = "POST /admin/login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\nContent-Length: 14\r\n"
        line.sendall(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
    Browser(port, "203.0.113.98").ask("health", "GET", "/healthz")  # by now all of them are being waited for
    for line in lines:
        line.sendall(b"password=wrong")
    answers = [line.recv(12) for line in lines]
    for line in lines:
        line.close()
    return answers.count(b"HTTP/1.1 401")


def closing_consents(port: int) -> int:
    """Consent again and again, under invented cookies and under such as the server gives; 1 if that closes the study.

    It is closed if a newcomer from elsewhere cannot begin.
    """
    for number in range(2 * CONSENTS):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        cookie = f"earmark={secrets.token_urlsafe(24)}"
        headers = {"X-Forwarded-For": "198.51.100.1"}
        if number >= CONSENTS:
            line.request("GET", "/api/state", headers=headers)
            answer = line.getresponse()
            answer.read()
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
        headers |= {"Content-Type": "application/json", "Cookie": cookie}
        line.request("POST", "/api/step", b'{"page": "consent"}', headers)
        line.getresponse().read()
        line.close()
    newcomer = Browser(port, "203.0.113.99")
    closed = newcomer.ask("state", "GET", "/api/state")["stage"] == "closed"
    if not closed:
        newcomer.ask("step", "POST", "/api/step", {"page": "consent"})
    newcomer.close()
    return int(closed)


@contextmanager
def written(
    folder: Path,
    target: int,
    conditions: tuple[str, ...] | None = None,
    seconds: float | None = None,
    workers: int = 1,
) -> Iterator[Any]:
    """Write the tests' study into a folder, for so many participants, and serve it by so many processes; the server."""
    borrow()
    from served import CONDITIONS, SECONDS, Server, write_study

    study = write_study(
        folder / f"study-{target}",
        session="headphone_check: none",
        recruitment=f"target_participants: {target}",
        conditions=conditions or CONDITIONS,
        seconds=seconds or SECONDS,
    )
    server = Server(study, proxies="127.0.0.1", workers=workers)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def one() -> dict[str, float]:
    """Serve two studies, one after the other: to one participant after the other, to nobody, and to attackers."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with written(Path(folder), 1000) as server:
            figures["idle_cpu_percent"] = idle(server.pid)
            figures |= load(server.port)
            figures["body_growth_mb"] = body_growth(server.pid, server.port)
        with written(Path(folder), PLACES) as server:
            figures["guesses_compared"] = guesses_compared(server.port)
            figures["closing_consents"] = closing_consents(server.port)
    figures["echo_p50_ms"] = floor()
    return {name: figures[name] for name in NOTES}
