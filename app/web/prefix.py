"""The path under which a study is reached, where a proxy gives it only a part of an address: ``/listening``.

A proxy may take the path off before it passes a request on, as nginx and Caddy are told to, or leave it on, as
cloudflared always does. Either way a request here has it in ``scope["root_path"]`` and at the head of
``scope["path"]``, as ASGI wants it, and all that decides by a path asks :func:`route_of`.
"""

from __future__ import annotations

import re

from fastapi import Request
from starlette._utils import get_route_path  # what routing itself uses: nothing else may read a path in another way
from starlette.types import Scope

from app.errors import UsageError

PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
OWN = {
    "",
    "admin",
    "api",
    "favicon.ico",
    "healthz",
    "join",
    "kiosk",
    "media",
    "p",
    "readyz",
    "study",
    "texts",
    "withdraw",
}
"""What addresses of a study begin with: a path like it would not be told from them once a proxy has taken it off."""


def read_prefix(text: str, where: str = "--root-path") -> str:
    """Read a path such as ``/listening`` or ``/lab/listening/``; ``/`` is the empty one. Errors name the ``where``.

    Raises
    ------
    UsageError
        If it is no such path, or one of the study's own.
    """
    path = text.strip().rstrip("/")
    if not path:
        return ""
    if not PATH.fullmatch(path):
        raise UsageError(f"{where}: {text[:60]!r} is no path; write it like /listening, of letters, digits and -._~")
    if path.split("/")[1] in OWN:
        raise UsageError(f"{where}: {path[:60]} is an address of the study itself; take another, such as /listening")
    return path


def place(scope: Scope, prefix: str) -> None:
    """Write into a request under which path it was made, whether or not the proxy has left that on."""
    path = scope["path"]
    if path != prefix and not path.startswith(f"{prefix}/"):
        scope["path"] = prefix + path
        scope["raw_path"] = prefix.encode() + scope.get("raw_path", path.encode())
    scope["root_path"] = prefix


def route_of(scope: Scope) -> str:
    """Return a request's path as routing reads it, without the path that a proxy gave the study."""
    return get_route_path(scope)


def nearest(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers with each cookie once, that of the longest path, which browsers name first (RFC 6265, 5.4).

    Above a study another may be served, or the study itself above its preview. Whoever takes part in both has cookies
    of the same names from there, of which routing would read the last.
    """
    cookies: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"cookie":
            for pair in value.split(b";"):
                cookies.setdefault(pair.strip().partition(b"=")[0], pair.strip())
    others = [(name, value) for name, value in headers if name != b"cookie"]
    return [*others, (b"cookie", b"; ".join(cookies.values()))] if cookies else others


def address(request: Request, path: str = "") -> str:
    """Return a path of the study as browsers have to ask for it."""
    return str(request.scope.get("app_root_path", request.scope.get("root_path", ""))) + path
