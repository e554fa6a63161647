"""A driver that is light itself: many visitors in one process, each with a connection that is kept, as browsers do."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

# What Chromium sends with every request of a page.
HEADERS = (
    "Host: 127.0.0.1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
    "Origin: http://127.0.0.1\r\nReferer: http://127.0.0.1/study/\r\n"
    "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"
)
PATIENCE = 60.0  # seconds for an answer


class Line(asyncio.Protocol):
    """A connection on which one request is under way at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self._end = -1
        self.closed = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.closed = transport, False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits."""
        self.closed = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Hand over an answer once all of it is there; all of them say how long they are."""
        self._buffer += data
        if self._end < 0:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            lower = bytes(self._buffer[:head]).lower()
            length = lower.find(b"\r\ncontent-length:")
            said = 0 if length < 0 else int(lower[length + 17 :].split(b"\r\n", 1)[0])
            self._head, self._end = head, head + 4 + said
        if len(self._buffer) >= self._end and self._waiting is not None and not self._waiting.done():
            answer = bytes(self._buffer[: self._head]), bytes(self._buffer[self._head + 4 : self._end])
            del self._buffer[: self._end]
            self._end = -1
            self._waiting.set_result(answer)

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request, and return the head and the body of what comes back."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(PATIENCE):
            return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass
class Tally:
    """What all visitors saw: milliseconds by kind of request, errors, and the answers sent and acknowledged.

    Each answer bears a number of its own, as the milliseconds that it took, so that it can be found in the database.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    requests: int = 0
    received: int = 0  # bytes of sound
    numbers: count[int] = field(default_factory=lambda: count(1))


class Visitor:
    """One participant: cookies, an address behind the proxy, and the requests that the page makes."""

    def __init__(self, port: int, address: str, tally: Tally) -> None:
        self.port, self.tally = port, tally
        self.state: dict[str, Any] = {}
        self._cookies: dict[str, str] = {}
        self._address, self._line = address, Line()
        self._written = ""
        self.head = b""  # of the last answer

    async def ask(self, name: str, method: str, path: str, body: object = None, more: str = "") -> Any:
        """Send a request and note the milliseconds under `name`; JSON is read, of a refusal None is left."""
        data = b"" if body is None else json.dumps(body).encode()
        if data:
            more += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        if not self._written:
            cookies = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
            self._written = f"{HEADERS}X-Forwarded-For: {self._address}\r\n" + (
                f"Cookie: {cookies}\r\n" if cookies else ""
            )
        request = f"{method} {path} HTTP/1.1\r\n{self._written}{more}\r\n".encode() + data
        began = time.perf_counter()
        head, content = await self._over(request)
        self.head = head
        self.tally.times[name].append((time.perf_counter() - began) * 1000)
        self.tally.requests += 1
        if head[9:10] not in (b"2", b"3"):
            self.tally.errors.append(f"{method} {path}: {head[9:12].decode()} {content[:200].decode(errors='replace')}")
            return None
        if b"\r\nset-cookie:" in head.lower():
            for line in head.decode().split("\r\n"):
                if line.lower().startswith("set-cookie:"):
                    key, _, value = line[11:].strip().partition(";")[0].partition("=")
                    self._cookies[key], self._written = value, ""
        if b"application/json" not in head:
            return content
        return json.loads(zlib.decompress(content, 31) if b"gzip" in head else content)

    async def _over(self, request: bytes) -> tuple[bytes, bytes]:
        """Send over the connection that is kept; one that the server closed while it rested is opened anew."""
        for _ in range(2):
            if self._line.closed:
                await self.open()
            try:
                return await self._line.ask(request)
            except ConnectionError:
                continue  # closed while the request was on its way, as a browser's is
        raise ConnectionError("the server hung up twice")

    async def piece(self, url: str, start: int, most: int) -> tuple[int, int]:
        """Load a piece of a clip, as a player does; the bytes that came and those of the whole clip, 0 if refused."""
        sound = await self.ask("piece", "GET", url, more=f"Range: bytes={start}-{start + most - 1}\r\n")
        _, _, whole = self.head.lower().partition(b"content-range: bytes ")
        self.tally.received += len(sound or b"")
        return (len(sound), int(whole.split(b"\r\n")[0].rpartition(b"/")[2])) if whole else (0, 0)

    async def open(self) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        _, self._line = await loop.create_connection(Line, "127.0.0.1", self.port)

    async def begin(self) -> None:
        """Consent, and read what stands before the trials."""
        self.state = await self.ask("state", "GET", "/api/state") or {"stage": "refused"}
        await self._read_on()

    async def _read_on(self) -> None:
        """Go on past the pages that only want to be read: some stand between the practice and the trials."""
        while self.state["stage"] in ("consent", "sound_check", "instructions", "ready"):
            read = await self.ask("step", "POST", "/api/step", {"page": self.state["stage"]})
            self.state = read or {"stage": "refused"}

    @property
    def rating(self) -> bool:
        """Whether a clip is to be answered."""
        return self.state["stage"] in ("practice", "trials")

    async def hear(self) -> None:
        """Load the clip that comes next, as a browser does, and tell what is played."""
        trial = self.state["trial"]
        first = trial["urls"] if trial["position"] == 1 else []
        for url in [*first, *(self.state.get("upcoming") or [])]:
            sound = await self.ask("media", "GET", url, more="Range: bytes=0-\r\n")
            self.tally.received += len(sound or b"")
        await self.ask("event", "POST", "/api/event", {"kind": "play", "position": trial["position"]})

    async def heard(self) -> None:
        """Tell that the clip was played to its end, and look where the session stands, as a page that wakes does."""
        await self.ask("event", "POST", "/api/event", {"kind": "ended", "position": self.state["trial"]["position"]})
        await self.ask("state", "GET", "/api/state")

    async def rate(self) -> None:
        """Answer the open trial."""
        trial, number = self.state["trial"], next(self.tally.numbers)
        answer = {"media": trial["media"], "score": number % 5 + 1, "plays": 1, "heard_seconds": sum(trial["seconds"])}
        self.tally.sent.add(number)
        state = await self.ask("rate", "POST", "/api/rate", {**answer, "response_ms": number})
        if state is None:
            self.state = {"stage": "refused"}
            return
        if state.get("trial", {}).get("position") != trial["position"]:
            self.tally.acknowledged.add(number)
        self.state = state
        await self._read_on()

    def close(self) -> None:
        """Hang up."""
        self._line.close()


@asynccontextmanager
async def visiting(port: int, number: int, tally: Tally) -> AsyncIterator[Visitor]:
    """Give a visitor with an address of its own, who has begun."""
    visitor = Visitor(port, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", tally)
    try:
        await visitor.begin()
        yield visitor
    except (OSError, TimeoutError) as error:
        tally.errors.append(f"visitor {number}: {error or type(error).__name__}")
    finally:
        visitor.close()


async def asked_at_once(port: int, lines: int, seconds: float) -> float:
    """Ask a server for its first page over so many connections at once; requests a second: the driver's own ceiling."""
    tally = Tally()

    async def one(number: int, until: float) -> None:
        visitor = Visitor(port, f"10.0.0.{number}", tally)
        while time.monotonic() < until:
            await visitor.ask("echo", "GET", "/")
        visitor.close()

    began = time.monotonic()
    await asyncio.gather(*(one(number, began + seconds) for number in range(lines)))
    return tally.requests / (time.monotonic() - began)
