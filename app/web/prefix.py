"""The path under which a study is reached, where a proxy gives it only a part of an address: ``/listening``.

A proxy may take the path off before it passes a request on, as nginx and Caddy are told to, or leave it on, as
cloudflared always does. Either way a request here has it in ``scope["root_path"]`` and at the head of
``scope["path"]``, as ASGI wants it, and all that decides by a path asks :func:`route_of`.

Studies at the ports of one host have one path, and browsers send cookies to all of them: there the names of a study's
cookies end with a mark of its own, as browsers keep them. In here they are called as ever.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

from fastapi import Request
from starlette._utils import get_route_path  # what routing itself uses: nothing else may read a path in another way
from starlette.datastructures import MutableHeaders
from starlette.types import Scope

from app.errors import UsageError
from app.settings import Secrets

PORT = re.compile(rb":[0-9]+$")
OURS = re.compile(r"earmark(-[a-z]+)?(?==)")
GONE = re.compile(r"(; expires=[^;]*)?; Max-Age=0(?=;|$)")
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

Headers = list[tuple[bytes, bytes]]


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


def mark_of(secrets: Secrets, study: str) -> str:
    """Return what the names of a study's cookies end with at a host where others may be served at other ports."""
    return hmac.new(secrets.key, f"cookies:{study}".encode(), sha256).hexdigest()[:8]


def mark_here(headers: Headers, mark: str) -> str:
    """Return the mark if a request was made to a host with a port; else nothing, since that host is the study's own."""
    host = next((value for name, value in headers if name == b"host"), b"")
    return mark if PORT.search(host) else ""


def nearest(headers: Headers, mark: str = "") -> Headers:
    """Return headers with each cookie once, that of the longest path, which browsers name first (RFC 6265, 5.4).

    Above a study another may be served, or the study itself above its preview. Whoever takes part in both has cookies
    of the same names from there, of which routing would read the last. A name with the study's ``mark`` loses it, and
    goes before the same name without it, under which a browser may keep what it was given before there were marks.
    """
    cookies, end = _cookies(headers), f".{mark}".encode()
    for name in [name for name in cookies if mark and name.endswith(end)]:
        own = name.removesuffix(end)
        cookies[own] = own + cookies.pop(name).removeprefix(name)
    others = [(name, value) for name, value in headers if name != b"cookie"]
    return [*others, (b"cookie", b"; ".join(cookies.values()))] if cookies else others


def set_apart(headers: MutableHeaders, mark: str, asked: Headers) -> None:
    """Have a browser keep the cookies of an answer under the study's own names; changes the headers in place.

    One that is taken back is kept empty if what was ``asked`` brought the same name without the mark: that would be
    read again, and may be another study's, which is not ours to delete.
    """
    given, brought = headers.getlist("set-cookie"), _cookies(asked)
    del headers["set-cookie"]
    for cookie in given:
        name = OURS.match(cookie)
        if name and name[0].encode() in brought:
            cookie = GONE.sub(f"; Max-Age={90 * 86_400}", cookie)  # as long as a participant's
        headers.append("set-cookie", OURS.sub(rf"\g<0>.{mark}", cookie, count=1) if name else cookie)


def _cookies(headers: Headers) -> dict[bytes, bytes]:
    """Return the first cookie of each name, as it was sent."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"cookie":
            for pair in value.split(b";"):
                found.setdefault(pair.strip().partition(b"=")[0], pair.strip())
    return found


def address(request: Request, path: str = "") -> str:
    """Return a path of the study as browsers have to ask for it."""
    return str(request.scope.get("app_root_path", request.scope.get("root_path", ""))) + path
