"""What stands above every page of a rehearsal, so that nobody takes it for the study, nor the study for it."""

import re
from html import escape

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = re.compile(rb"<body\b[^>]*>")
BANNER = """<aside id="earmark-preview" lang="en" dir="ltr" aria-label="Preview"><style>
#earmark-preview { position: sticky; top: 0; z-index: 1000; display: flex; flex-wrap: wrap; justify-content: center;
  align-items: center; gap: 4px 16px; width: 100%; padding: 8px 14px; box-sizing: border-box; background: #7a3e00;
  color: #fff; font: 15px/1.4 system-ui, sans-serif; place-self: start; }
#earmark-preview form { margin: 0; } #earmark-preview button { all: unset; cursor: pointer; padding: 2px 10px;
  border: 1.5px solid #fff; border-radius: 8px; font-weight: 600; }
#earmark-preview button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; }
</style><span><b>Preview.</b> Nothing of it is stored or counted.</span>
<form method="post" action="{address}"><button name="do" value="end">End the preview</button></form></aside>"""


class Banner:
    """ASGI middleware that puts the banner into every page of an application that is mounted at its address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is asked, and mend the answer if it is a page; those come in one piece."""
        start: Message = {}
        address = escape(scope["root_path"])  # which routing changes

        async def mended(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start:
                headers = MutableHeaders(scope=start)
                if headers.get("content-type", "").startswith("text/html") and message.get("body"):
                    banner = BANNER.replace("{address}", address).encode()
                    message["body"] = BODY.sub(lambda found: found[0] + banner, message["body"], count=1)
                    headers["content-length"] = str(len(message["body"]))
                await send(start)
                start = {}
            await send(message)

        await self.app(scope, receive, mended)
