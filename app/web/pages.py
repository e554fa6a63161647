"""The few pages that are not Gradio's, as plain HTML: notices and refusals, their shell, and the icon of all pages."""

from html import escape
from string import Template
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from app.folder import STATIC
from app.texts import texts
from app.watch.logs import NUMBER
from app.web.prefix import route_of


def refusal(request: Request, status: int, message: str, language: str = "en") -> Response:
    """Return a refusal in one line of a language: JSON to a script, a page to a person."""
    if route_of(request.scope).startswith(("/api/", "/media/")) or request.method not in ("GET", "POST"):
        return JSONResponse({"error": message}, status)
    say, number = texts(language), NUMBER.get()  # by which the log's lines of it are found
    title = say["refused_title"]
    below = f'<p class="number">{escape(say["refused_number"].replace("{number}", number))}</p>' if number else ""
    return plain_page(title, f"<h1>{escape(title)}</h1><p>{escape(message)}</p>{below}", status, language)


def plain_page(title: str, body: str, status: int = 200, language: str = "en", *, wide: bool = False) -> Response:
    """Return a page of a title and HTML, ``wide`` where it holds tables."""
    shell = Template((STATIC / "page.html").read_text(encoding="utf-8"))
    direction = texts(language)["direction"]
    icon = quote((STATIC / "icon.svg").read_text(encoding="utf-8").strip())  # within: pages stand at any depth
    words = {"title": escape(title), "language": language, "direction": direction}
    page = shell.substitute(words, body=body, icon=icon, kind="wide" if wide else "")
    return HTMLResponse(page, status)


def icon_router() -> APIRouter:
    """Build the route for the icon."""
    router = APIRouter()

    @router.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": "public, max-age=86400"})

    return router
