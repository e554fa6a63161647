"""The scripts and styles of Gradio's pages: compressed once, at their best, and named to the browser before it asks.

They are most of a first visit. Gradio compresses each of them anew for every visitor, and the browser finds them in
four rounds, as each round names the next.
"""

import re
from collections.abc import Iterator
from functools import cache
from gzip import compress
from mimetypes import guess_type
from pathlib import Path

import brotli
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.gradio_fixes.stubs import gradio

FRONTEND = Path(gradio.__file__).parent / "templates" / "frontend"
TEXTS = {".js": "text/javascript", ".css": "text/css"}  # what the system calls them differs
FILES = {path.name: path for path in (FRONTEND / "assets").iterdir()}
QUALITY = 10  # brotli's 11 takes three times as long for 2 %

# What each part of the participant's page loads while it runs, as Gradio's bundler writes it: the page its frame, the
# frame the blocks, and the table of components the two kinds that are there.
LOADS = {
    "index": r"import\(`\./Index-[^{}]*?\]\)",
    "Index": r"import\(`\./Blocks-.*?\]\)",
    "core": r"\b(?:html|column):\{[^{}]*\}",
}
ENTRY = re.compile(r'src="\./assets/([\w.-]+\.js)"')
IMPORT = re.compile(r'(?:from|import)"\./([\w.-]+\.js)"')
TABLE = re.compile(r"m\.f=\[([^\]]*)\]")
ROWS = re.compile(r"__vite__mapDeps\(\[([\d,]*)\]\)")


async def assets(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with one of Gradio's files: an ASGI application to be mounted at a page's assets."""
    name = scope["path"].rpartition("/assets/")[2]
    if name not in FILES:
        raise HTTPException(404)
    text = TEXTS.get(Path(name).suffix)
    accepted = Headers(scope=scope).get("accept-encoding", "") if text else ""
    coding = next((each for each in ("br", "gzip") if each in accepted), "")
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": coding} if coding else {})
    answer = Response(_encoded(name, coding), headers=headers, media_type=text or guess_type(name)[0])
    await answer(scope, receive, send)


@cache
def preloads() -> str:
    """Return a `Link` header that names what the participant's page is made of, as far as it is found."""
    found: set[str] = set()
    unread = ENTRY.findall((FRONTEND / "index.html").read_text(encoding="utf-8"))
    while unread:
        name = unread.pop()
        if name not in found and name in FILES:
            found.add(name)
            unread += _loaded_by(name)
    kinds = {".js": "modulepreload", ".css": "preload; as=style; crossorigin"}
    return ", ".join(f"<assets/{name}>; rel={kinds[Path(name).suffix]}" for name in sorted(found))


def _loaded_by(name: str) -> Iterator[str]:
    if not name.endswith(".js"):
        return
    text = FILES[name].read_text(encoding="utf-8")
    yield from IMPORT.findall(text)
    part, table = LOADS.get(name.partition("-")[0]), TABLE.search(text)
    if part and table:
        names = re.findall(r'"\./([^"]+)"', table[1])
        for load in re.findall(part, text):
            yield from (names[int(row)] for rows in ROWS.findall(load) for row in rows.split(",") if row)


@cache
def _encoded(name: str, coding: str) -> bytes:
    data = FILES[name].read_bytes()
    if coding == "br":
        data = brotli.compress(data, quality=QUALITY)
    return compress(data) if coding == "gzip" else data
