"""What stands before every page: nothing under /admin for who is not admitted, the origin check, headers, the limits.

What Gradio serves and a study may not show is kept back in :mod:`app.gradio_fixes.paths`.
"""

import logging
import re
from collections.abc import Callable
from functools import cache
from math import inf
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gradio_fixes.headers import mend
from app.gradio_fixes.paths import FRAME_SCRIPT, opens_admin, opens_study
from app.texts import texts
from app.watch.requests import template
from app.web.framing import ANYBODY, NOBODY, Framing, link_page
from app.web.pages import refusal
from app.web.prefix import address, mark_here, nearest, route_of, set_apart
from app.web.proxies import SPOKE, peer_of
from app.web.refusals import out_of_order
from app.web.throttle import Throttle

MAX_BODY = 64 * 1024
TOLD = [(1, 60.0)]  # lines in the log

LOGIN = "/admin/login"  # the one page under /admin that is open to all
KIOSK = "/kiosk"  # where the experimenter leads a browser in kiosk mode elsewhere
COMPRESSED = re.compile(r"/study/|/api/.*|/texts/.*")
WORTH = 2048  # bytes; what goes with its headers in two packets comes no sooner for being smaller

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a personal link must not travel on
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

OURS = {name.lower() for name in HEADERS}

logger = logging.getLogger(__name__)


class Guard:
    """ASGI middleware round the whole application.

    Parameters
    ----------
    admit
        Answers a request under /admin that whoever sent it may not make; else None. It may look into the database.
    kept
        Names the browser of a request if it is in kiosk mode, which opens nothing under /admin.
    failed
        Takes notice of an error of the database; False if it is something else.
    mark
        What tells the study's cookies from those of others at the ports of its host.
    """

    def __init__(
        self,
        app: ASGIApp,
        admit: Callable[[Request, str], Response | None],
        kept: Callable[[Request], str | None],
        failed: Callable[[SQLAlchemyError], bool],
        framing: Framing,
        language_of: Callable[[Request], str],
        mark: str = "",
    ) -> None:
        # It counts the bytes of a body as they come, whatever the headers say.
        self.app = RequestBodyLimitMiddleware(app, MAX_BODY)
        self.admit, self.kept, self.failed = admit, kept, failed
        self.framing, self.language_of, self.mark = framing, language_of, mark
        # Gradio compresses its own files; the page itself and what the routes say is left to us.
        self._compressed = GZipMiddleware(self.app, minimum_size=WORTH)
        self._told = Throttle(TOLD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it here; never show an error's inside."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page uses web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        asked, mark = scope["headers"], mark_here(scope["headers"], self.mark)
        scope["headers"] = nearest(asked, mark)
        request, path = Request(scope), route_of(scope)  # a URL also holds what a Host header says
        started, ancestors, under = False, self.framing.ancestors(request, path), scope.get("root_path", "")

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                _set_headers(headers, path, ancestors)
                if mark and "set-cookie" in headers:
                    set_apart(headers, mark, asked)
                self.framing.partition(request, path, headers)
                if message["status"] == 307:  # a slash too few or too many
                    _stay_here(headers)
            await send(message)

        try:
            framed = ancestors == ANYBODY and request.method in ("GET", "HEAD")
            refused = link_page(request, self.language_of(request)) if framed else await self._refuse(request, path)
            if refused is not None:
                await refused(scope, receive, guarded)
                return
            app = self._compressed if COMPRESSED.fullmatch(path) else self.app
            await app(scope, receive, guarded)
        except ClientDisconnect:
            return  # whoever asked is gone
        except Exception as error:
            out = isinstance(error, SQLAlchemyError) and self.failed(error)
            if not out:
                logger.exception("%s %s failed", ascii(request.method), template(scope, under))
            if started:
                raise
            failed = refusal(request, 500, "Something went wrong here. Please try again.")
            await (out_of_order(request) if out else failed)(scope, receive, guarded)

    async def _refuse(self, request: Request, path: str) -> Response | None:
        if path == FRAME_SCRIPT:
            return Response("", media_type="text/javascript")
        if request.method not in ("GET", "HEAD", "POST"):
            return refusal(request, 405, "This is not possible here.")
        if request.method == "POST" and _foreign(request):
            if not _misled(request):
                return refusal(request, 403, "This request came from another site.")
            language = self.language_of(request)
            if not self._told.take("misled"):
                logger.warning("a POST was refused: %s", _behind(request))
            return refusal(request, 403, texts(language)["refused_proxy"], language)
        if _announced(request) > MAX_BODY:
            return refusal(request, 413, "This request is too large.")
        if _under(path, "/study"):
            if opens_study(request.method, path):
                return None
            language = self.language_of(request)
            return refusal(request, 404, texts(language)["refused_page"], language)
        if _under(path, "/admin") and self.kept(request) is not None:
            return RedirectResponse(address(request, KIOSK), 303)
        if _under(path, "/admin") and path != LOGIN:
            refused = await run_in_threadpool(self.admit, request, path)
            if refused is not None:
                return refused
            if not opens_admin(request.method, path):
                return refusal(request, 404, "There is no such page.")
        return None


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _foreign(request: Request) -> bool:
    """Say whether a browser sent this from another site's page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _misled(request: Request) -> bool:
    """Say whether it may be a proxy that makes a request look foreign; where browsers say so themselves, it is not."""
    origin = request.headers.get("origin", "")
    return "sec-fetch-site" not in request.headers and origin.startswith(("http://", "https://"))


def _behind(request: Request) -> str:
    """Say to the operator what to do if a proxy stands between."""
    page, host = ascii(request.headers["origin"][:100]), ascii(request.headers.get("host", "")[:100])
    proxy = request.scope.get(SPOKE)
    said = f"it came from a page of {page} and was sent to {host}. "
    if proxy is None:
        peer = peer_of(request.client) or "ADDRESS"
        return f"{said}Behind a proxy? Name it: earmark serve --proxy {peer}"
    return f"{said}Have the proxy {proxy} pass on the host that the browser asked, in Host or X-Forwarded-Host"


def _announced(request: Request) -> float:
    """Return how many bytes a request says that its body has; what is no such number is not read at all."""
    given = request.headers.get("content-length", "0")
    return int(given) if given.isdecimal() and len(given) < 20 else inf


def _stay_here(headers: MutableHeaders) -> None:
    """Redirect to a path alone: routing writes before it whatever the request gave as its host."""
    target = urlsplit(headers["location"])
    headers["location"] = "/" + target._replace(scheme="", netloc="").geturl().lstrip("/")


def _set_headers(headers: MutableHeaders, path: str, ancestors: str) -> None:
    mend(headers, path)
    for name in [name for name in headers if name.lower() in OURS]:
        del headers[name]
    headers.raw.extend(_ours(ancestors, _under(path, "/admin")))
    headers.setdefault("Cache-Control", "no-store")


@cache
def _ours(ancestors: str, desk: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of all answers of a kind, as they are sent."""
    said = HEADERS | {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; frame-ancestors {ancestors}"}
    if ancestors != NOBODY:  # it knows no list
        del said["X-Frame-Options"]
    if desk:  # over plain HTTP a form whose page sends no referrer has no origin, as a foreign one
        said["Referrer-Policy"] = "same-origin"
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in said.items())
