"""A page's head, written into the page: Gradio has a script put it there, once its own scripts have come and run."""

from starlette._utils import get_route_path
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIRST = b"<script>"
# It names a file that no page needs, at the root of the host, and leaves the icon to be asked for there as well.
MANIFEST, ICON = b'<link rel="manifest" href="/manifest.json" />', b'<link rel="icon" href="../favicon.ico">'


class Head:
    """ASGI middleware that puts a page's head before the first script of Gradio's.

    Parameters
    ----------
    path
        Of the page.
    head
        HTML.
    """

    def __init__(self, app: ASGIApp, path: str, head: str) -> None:
        self.app, self.path, self.head = app, path, head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is asked, and mend the answer if it is the page; it comes in one piece."""
        start: Message = {}

        async def mended(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body = message.get("body", b"")
            if start and FIRST in body:
                message["body"] = body.replace(FIRST, self.head + FIRST, 1).replace(MANIFEST, ICON, 1)
                MutableHeaders(scope=start)["content-length"] = str(len(message["body"]))
            if start:
                await send(start)
                start = {}
            await send(message)

        page = scope["type"] == "http" and get_route_path(scope) == self.path
        await self.app(scope, receive, mended if page else send)
