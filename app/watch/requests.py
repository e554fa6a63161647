"""What is known of every request: a number to find it by, a line in the log, and its place in the counts."""

import logging
import re
import time
from functools import cache
from secrets import token_hex

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.watch.counters import REQUESTS, TOOK
from app.watch.logs import NUMBER

HEADER = "X-Request-ID"
FITS = re.compile(r"[A-Za-z0-9_-]{1,64}")
METHODS = {"GET", "HEAD", "POST"}
GONE = 499  # as nginx says that whoever asked did not wait for the answer
NOWHERE = "other"  # what no route answered

logger = logging.getLogger(__name__)


class Requests:
    """ASGI middleware outside of everything that answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request its number, pass it on, then log and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        number = given if FITS.fullmatch(given) else token_hex(8)
        under, status, began = scope.get("root_path", ""), GONE, time.perf_counter()

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        before = NUMBER.set(number)
        try:
            await self._app(scope, receive, told)
        finally:
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else NOWHERE
            route = template(scope, under)
            count, took = _of(method, route, status)
            count.inc()
            took.observe(seconds)
            if logger.isEnabledFor(logging.INFO):
                facts = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
                logger.info("%s %s %d %.1f ms", *facts.values(), extra=facts)
            NUMBER.reset(before)


@cache
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts requests of a kind: finding them takes longer than counting."""
    return REQUESTS.labels(method, route, status), TOOK.labels(route)


def template(scope: Scope, under: str) -> str:
    """Return the template of the address that was asked, such as ``/p/{token}``, below the path of the study.

    Of what is mounted, such as Gradio's files, it is where that is mounted.
    """
    below = scope.get("root_path", "").removeprefix(under)
    found = getattr(scope.get("route"), "path", "")
    return f"{below}{found}" or NOWHERE
