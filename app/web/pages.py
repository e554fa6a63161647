"""The few pages that are not Gradio's, as plain HTML: notices and refusals, their shell, and the icon of all pages."""

from html import escape
from string import Template

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from app.folder import STATIC


def notice_page(title: str, text: str, status: int = 200) -> Response:
    """Return a page with one message."""
    return plain_page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>", status)


def refusal(request: Request, status: int, message: str) -> Response:
    """Return a refusal in one line: JSON to a script, a page to a person."""
    if request.scope["path"].startswith(("/api/", "/media/")) or request.method not in ("GET", "POST"):
        return JSONResponse({"error": message}, status)
    return notice_page("That did not work", message, status)


def plain_page(title: str, body: str, status: int = 200) -> Response:
    """Return a page of a title and HTML."""
    shell = Template((STATIC / "page.html").read_text(encoding="utf-8"))
    return HTMLResponse(shell.substitute(title=escape(title), body=body), status)


def icon_router() -> APIRouter:
    """Build the route for the icon."""
    router = APIRouter()

    @router.get("/favicon.ico")
    def icon() -> Response:
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": "public, max-age=86400"})

    return router
