"""How long a request may take to come, and how much of it is taken: nobody holds a connection by sending slowly."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# What follows a refused body is read so far, for a client that writes to its end before it reads the refusal.
MOST_BYTES = 1 << 20
LATE = b"This request took too long to come."
REFUSED = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(LATE), LATE)
)


def timed(seconds: float) -> type[HttpToolsProtocol]:
    """Return the protocol with its limit."""
    return type("Timed", (TimedProtocol,), {"seconds": seconds})


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's connection, on which a request has some seconds from its first byte to its last.

    The first request's count from the opening of the connection. Between requests uvicorn's own limit holds. Whoever
    is too slow is answered 408 if anything came at all; then the connection is closed.
    """

    seconds: float
    _limit: asyncio.TimerHandle | None = None
    _taken = 0
    _whole = False  # whether all has come of the last request that began to
    _headed = False  # whether its head has

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
        if self._whole and self.cycle.response_complete:  # be it a line that is empty, which begins nothing yet
            self._whole = self._headed = False
        super().data_received(data)
        self._watch()

    def on_message_begin(self) -> None:
        """Note that a request begins, be it behind one that is not answered yet."""
        self._whole = self._headed = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it can be answered."""
        super().on_headers_complete()
        self._headed = True

    def on_message_complete(self) -> None:
        """Note that it has come."""
        super().on_message_complete()
        self._whole = True

    def on_response_complete(self) -> None:
        """Go on with the next request, of which something may have come already."""
        super().on_response_complete()
        if not self._whole:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._whole:
            self._rest()
        elif self._limit is None:
            self._limit = self.loop.call_later(self.seconds, self._end)

    def _rest(self) -> None:
        self._taken = 0
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _end(self) -> None:
        before = self.cycle is None or self.cycle.response_complete  # nothing else is being answered
        if self._taken and (not self.cycle.response_started if self._headed else before):
            self.transport.write(REFUSED)
            if self._headed:
                self.cycle.disconnected = True  # what waits for the body is told that it will not come
                self.cycle.message_event.set()
        self.transport.close()
