"""How long a request may take to come, and how much of it is taken: nobody holds a connection by sending slowly."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# What follows a refused body is read so far, for a client that writes to its end before it reads the refusal.
MOST_BYTES = 1 << 20
COMING = (h11.IDLE, h11.SEND_BODY)
UNANSWERED = (h11.IDLE, h11.SEND_RESPONSE)


def timed(seconds: float) -> type[H11Protocol]:
    """Return the protocol with its limit."""
    return type("Timed", (TimedProtocol,), {"seconds": seconds})


class TimedProtocol(H11Protocol):
    """uvicorn's connection, on which a request has some seconds from its first byte to its last.

    The first request's count from the opening of the connection. Between requests uvicorn's own limit holds. Whoever
    is too slow is answered 408 if anything came at all; then the connection is closed.
    """

    seconds: float
    _limit: asyncio.TimerHandle | None = None
    _taken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take the next piece."""
        self._taken += len(data)
        if self._taken > MOST_BYTES:
            self.transport.abort()
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on with the next request, of which something may have come already."""
        super().on_response_complete()
        if self.conn.their_state is not h11.IDLE:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state not in COMING:
            self._rest()
        elif self._limit is None:
            self._limit = self.loop.call_later(self.seconds, self._end)

    def _rest(self) -> None:
        self._taken = 0
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _end(self) -> None:
        if self._taken and self.conn.our_state in UNANSWERED:
            text = b"This request took too long to come."
            headers = [("content-type", "text/plain"), ("content-length", str(len(text))), ("connection", "close")]
            for event in (
                h11.Response(status_code=408, reason=b"Request Timeout", headers=headers),
                h11.Data(data=text),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
            if self.cycle is not None:
                self.cycle.disconnected = True  # what waits for the body is told that it will not come
                self.cycle.message_event.set()
        self.transport.close()
