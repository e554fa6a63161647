"""What stands before every page: the allow-list, the origin check and the headers.

Gradio serves more than a study may show (uploads, file proxies, its own API, permissive CORS), so that only
what the two pages need is let through, and nothing under /admin without a login.
"""

import logging
import re
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

from app.gradio_fixes.assets import preloads
from app.web.health import Health, out_of_order
from app.web.login import LOGIN, Login
from app.web.pages import refusal

MAX_BODY = 64 * 1024

ASSETS = r"/assets/.*|/static/.*|/theme\.css|/gradio_api/theme\.css|/favicon\.ico"
STUDY_PATHS = re.compile(rf"/study(/|{ASSETS})?")
# Of Gradio's API the researcher's page needs its events; never upload, file=, proxy= or component_server.
ADMIN_API = re.compile(r"/admin/gradio_api/(theme\.css|run/\w+|heartbeat/[^/]+|startup-events|cancel|reset)")
# Gradio's page loads a script for pages that frame it, which ours forbids (frame-ancestors below).
NO_FRAMES = "/study/static/js/iframeResizer.contentWindow.min.js"
LONG_LIVED = re.compile(r"/(study|admin)/(assets|static)/.*")

PERSONAL = re.compile(r"/p/[^/']*")  # a personal link, which the log must not hold
COMPRESSED = re.compile(r"/study/|/api/.*|/texts/.*")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a personal link must not travel on
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

logger = logging.getLogger(__name__)


class Guard:
    """ASGI middleware round the whole application."""

    def __init__(self, app: ASGIApp, login: Login, health: Health) -> None:
        # It counts the bytes of a body as they come, whatever the headers say.
        self.app = RequestBodyLimitMiddleware(app, MAX_BODY)
        self.login, self.health = login, health
        # Gradio compresses its own files; the page itself and what the routes say is left to us.
        self._compressed = GZipMiddleware(self.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it here; never show an error's inside."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page uses web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        request, path = Request(scope), scope["path"]  # what routing uses; a URL also holds what a Host header says
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                _set_headers(headers, path)
                if message["status"] == 307:  # a slash too few or too many
                    _stay_here(headers)
            await send(message)

        try:
            refused = await self._refuse(request, path)
            if refused is not None:
                await refused(scope, receive, guarded)
                return
            app = self._compressed if COMPRESSED.fullmatch(path) else self.app
            await app(scope, receive, guarded)
        except ClientDisconnect:
            return  # whoever asked is gone
        except Exception as error:
            out = isinstance(error, SQLAlchemyError) and self.health.take(error)
            if not out:
                logger.exception("%s %s failed", request.method, PERSONAL.sub("/p/...", ascii(path)))
            if started:
                raise
            failed = refusal(request, 500, "Something went wrong here. Please try again.")
            await (out_of_order(request) if out else failed)(scope, receive, guarded)

    async def _refuse(self, request: Request, path: str) -> Response | None:
        if path == NO_FRAMES:
            return Response("", media_type="text/javascript")
        if request.method not in ("GET", "HEAD", "POST"):
            return refusal(request, 405, "This is not possible here.")
        if request.method == "POST" and _foreign(request):
            return refusal(request, 403, "This request came from another site.")
        if _announced(request) > MAX_BODY:
            return refusal(request, 413, "This request is too large.")
        if _under(path, "/study"):
            allowed = request.method != "POST" and STUDY_PATHS.fullmatch(path)
            return None if allowed else refusal(request, 404, "There is no such page.")
        if _under(path, "/admin") and path != LOGIN:
            if not await run_in_threadpool(self.login.holds, request):
                if request.method == "GET" and path in ("/admin", "/admin/"):
                    return RedirectResponse(LOGIN, 303)
                return refusal(request, 401, "Please log in first.")
            if path.startswith("/admin/gradio_api") and not ADMIN_API.fullmatch(path):
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


def _announced(request: Request) -> float:
    """Return how many bytes a request says that its body has; what is no such number is not read at all."""
    given = request.headers.get("content-length", "0")
    return int(given) if given.isdecimal() and len(given) < 20 else inf


def _stay_here(headers: MutableHeaders) -> None:
    """Redirect to a path alone: routing writes before it whatever the request gave as its host."""
    target = urlsplit(headers["location"])
    headers["location"] = "/" + target._replace(scheme="", netloc="").geturl().lstrip("/")


def _set_headers(headers: MutableHeaders, path: str) -> None:
    for name in [name for name in headers if name.lower().startswith("access-control-")]:
        del headers[name]
    for name, value in HEADERS.items():
        headers[name] = value
    if path == "/study/":
        headers["Link"] = preloads()
    if LONG_LIVED.fullmatch(path):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        headers.setdefault("Cache-Control", "no-store")
