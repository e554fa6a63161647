"""The scripts and styles of Gradio's pages: compressed once, at their best, and named to the browser before it asks.

They are most of a first visit. Gradio compresses each of them anew for every visitor, and the browser finds them in
four rounds, as each round names the next.
"""

import re
from functools import cache
from gzip import compress
from pathlib import Path

import brotli
import gradio as gr
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

FOLDER = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
# What the participant's page is made of: Gradio's frame, and its one component.
ROOTS = ("Blocks-*.js", "HTML-*.js")
IMPORT = re.compile(r"""(?:from|import)["'`]\./([\w.-]+\.js)["'`]""")
QUALITY = 10  # brotli's 11 takes three times as long for 2 %


def assets_router() -> APIRouter:
    """Build the routes of both pages' scripts and styles; Gradio itself serves the fonts and pictures beside them."""
    router = APIRouter()

    @router.get("/study/assets/{name}.js")
    @router.get("/admin/assets/{name}.js")
    async def script(request: Request, name: str) -> Response:
        return _answer(request, f"{name}.js", "text/javascript")

    @router.get("/study/assets/{name}.css")
    @router.get("/admin/assets/{name}.css")
    async def style(request: Request, name: str) -> Response:
        return _answer(request, f"{name}.css", "text/css")

    return router


@cache
def preloads() -> str:
    """Return a `Link` header that names the scripts of the participant's page, as many of them as are found."""
    found = {path.name for pattern in ROOTS for path in FOLDER.glob(pattern)}
    unread = list(found)
    while unread:
        text = (FOLDER / unread.pop()).read_text(encoding="utf-8")
        new = {name for name in IMPORT.findall(text) if (FOLDER / name).is_file()} - found
        found |= new
        unread += new
    return ", ".join(f"<assets/{name}>; rel=modulepreload" for name in sorted(found))


def _answer(request: Request, name: str, kind: str) -> Response:
    if not (FOLDER / name).is_file():
        raise HTTPException(404)
    accepted = request.headers.get("accept-encoding", "")
    coding = next((coding for coding in ("br", "gzip") if coding in accepted), "")
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": coding} if coding else {})
    return Response(_encoded(name, coding), headers=headers, media_type=kind)


@cache
def _encoded(name: str, coding: str) -> bytes:
    data = (FOLDER / name).read_bytes()
    if coding == "br":
        data = brotli.compress(data, quality=QUALITY)
    return compress(data) if coding == "gzip" else data
