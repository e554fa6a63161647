"""Pages of other sites that show the study in a frame: who may, what a frame shows else, and the cookies in it."""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders

from app.texts import texts
from app.web.pages import plain_page

PAGES = re.compile(r"/|/join|/study/?|/withdraw|/p/[^/]+(/withdraw)?")
FRAMES = ("iframe", "frame", "embed", "object")  # what a browser says that a page is for
NOBODY, ANYBODY = "'none'", "*"
SAME_SITE = re.compile(r"; samesite=\w+|; secure", re.IGNORECASE)


class Framing:
    """Who may frame the participants' pages; nobody may frame another.

    Parameters
    ----------
    origins
        Of the pages that may, such as ``https://lab.eu.qualtrics.com``.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = origins

    def ancestors(self, request: Request, path: str) -> str:
        """Return who may frame the answer, as a Content-Security-Policy says it; `*` if it is to be a link alone.

        Without TLS no browser keeps a frame's cookies. Which page frames is known from the referrer; where there is
        none, the browser alone holds the page to those that may.
        """
        if not PAGES.fullmatch(path):
            return NOBODY
        allowed = self._origins if request.url.scheme == "https" else ()
        referrer = urlsplit(request.headers.get("referer", ""))
        origin = f"{referrer.scheme}://{referrer.netloc}"
        if request.headers.get("sec-fetch-dest") in FRAMES and (
            not allowed or (referrer.netloc and origin not in allowed)
        ):
            return ANYBODY
        return " ".join(allowed) or NOBODY

    def partition(self, request: Request, path: str, headers: MutableHeaders) -> None:
        """Have a frame keep the cookies of an answer, for the site that frames alone; changes the headers in place."""
        if not self._origins or request.url.scheme != "https" or path.startswith("/admin"):
            return
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", f"{SAME_SITE.sub('', cookie)}; SameSite=None; Secure; Partitioned")


def link_page(request: Request, language: str) -> Response:
    """Return a page that leads to the study in a tab of its own, for frames that may not show it."""
    say, address = texts(language), request.url.path + (f"?{request.url.query}" if request.url.query else "")
    body = (
        f"<h1>{escape(say['title'])}</h1><p>{escape(say['frame_text'])}</p>"
        f'<a class="button" href="{escape(address)}" target="_blank" rel="noopener">{escape(say["frame_open"])}</a>'
    )
    return plain_page(say["title"], body, language=language)
