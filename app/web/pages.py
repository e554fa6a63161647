"""The few pages that are not Gradio's: the login and notices, as plain HTML."""

from html import escape
from pathlib import Path
from string import Template

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

STATIC = Path(__file__).parents[1] / "static"


def notice_page(title: str, text: str, status: int = 200) -> Response:
    """Return a page with one message."""
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>", status)


def login_page(problem: str = "", status: int = 200) -> Response:
    """Return the researcher's login form."""
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    form = (
        "<h1>Researcher’s page</h1>"
        f'<form method="post" action="/admin/login">{alert}<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        '<button type="submit">Log in</button></form>'
    )
    return _page("Log in", form, status)


def refusal(request: Request, status: int, message: str) -> Response:
    """Return a refusal in one line: JSON to a script, a page to a person."""
    if request.scope["path"].startswith(("/api/", "/media/")) or request.method not in ("GET", "POST"):
        return JSONResponse({"error": message}, status)
    return notice_page("That did not work", message, status)


def _page(title: str, body: str, status: int) -> Response:
    shell = Template((STATIC / "page.html").read_text(encoding="utf-8"))
    return HTMLResponse(shell.substitute(title=escape(title), body=body), status)
