"""What proxies say of those whom they pass on: believed from the addresses that the user states, from nobody else."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence

from fastapi import Request
from starlette.datastructures import Address
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.errors import UsageError
from app.gradio_fixes.headers import PROXY_HEADER
from app.web.prefix import place, read_prefix

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SPOKE = "earmark.proxy"  # of a request's scope: which stated proxy spoke for it

logger = logging.getLogger(__name__)


def read_proxies(text: str) -> list[Network]:
    """Read addresses and networks with commas between.

    Raises
    ------
    UsageError
        If one is neither.
    """
    found: list[Network] = []
    for part in (part.strip() for part in text.split(",")):
        try:
            network = ipaddress.ip_network(part)
        except ValueError:
            raise UsageError(
                f"--proxy: {part[:60]!r} is not an IP address or network; write it like 127.0.0.1 or 10.1.0.0/16"
            ) from None
        if not network.prefixlen:
            raise UsageError(f"--proxy: {part} means everybody; name only your proxy, such as 127.0.0.1 or 10.1.0.0/16")
        found.append(network)
        if network.version == 4:  # as a socket for both versions writes it
            mapped = f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            found.append(ipaddress.ip_network(mapped))
    return found


def address_of(request: Request) -> str:
    """Return where a request comes from, as one person has it; behind a stated proxy it is what that proxy says.

    That is an IPv4 address, or the network of 2**64 addresses that IPv6 gives a household.
    """
    host = request.client.host if request.client else "?"
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    found = getattr(found, "ipv4_mapped", None) or found
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found.packed, 64), strict=False))


def peer_of(client: tuple[str, int] | Address | None) -> str:
    """Return who sent a request if that is in a network of one's own, as proxies are; visitors are not for the log."""
    try:
        return str(client[0]) if client and ipaddress.ip_address(client[0]).is_private else ""
    except ValueError:
        return ""


class Proxies:
    """ASGI middleware outside of everything: where a request comes from and what it asks for, as far as it is known.

    Parameters
    ----------
    stated
        Whose word is taken.
    prefix
        The path under which the study is reached, unless a stated proxy names another in X-Forwarded-Prefix.
    """

    def __init__(self, app: ASGIApp, stated: Sequence[Network], prefix: str = "") -> None:
        self._app, self._stated, self._prefix, self._told = app, stated, prefix, False
        addresses = [str(network) for network in stated]
        self._believing = ProxyHeadersMiddleware(self._plain, addresses)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take over what a stated proxy says, and leave out what others do."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        stated = self._states(scope["client"])
        if stated:
            scope[SPOKE] = scope["client"][0]
        told = any(_forwarded(name) for name, _ in scope["headers"])
        if told and stated:
            if host := _said(scope, b"x-forwarded-host"):  # which the page's own address is compared with
                others = [(name, value) for name, value in scope["headers"] if name != b"host"]
                scope["headers"] = [*others, (b"host", host)]
            place(scope, self._under(_said(scope, b"x-forwarded-prefix")))
            await self._believing(scope, receive, send)  # type: ignore[arg-type]
            return
        if told and not self._told:
            self._told = True
            logger.warning(
                "X-Forwarded-For of %s is ignored; if that is your proxy, name it: earmark serve --proxy ADDRESS",
                peer_of(scope["client"]) or "somebody",
            )
        place(scope, self._prefix)
        await self._plain(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without what Gradio would read in its own way."""
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _forwarded(name)]
        await self._app(scope, receive, send)

    def _under(self, said: bytes) -> str:
        if not said:
            return self._prefix
        try:
            return read_prefix(said.decode("latin-1"), "X-Forwarded-Prefix")
        except UsageError as error:
            if not self._told:
                self._told = True
                logger.warning("%s; it is ignored", error)
            return self._prefix

    def _states(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ipaddress.ip_address(client[0] if client else "")
        except ValueError:
            return False
        return any(address in network for network in self._stated)


def _said(scope: Scope, wanted: bytes) -> bytes:
    """Return the last word of a header: proxies append theirs, and what stands before may be anybody's."""
    said = b",".join(value for name, value in scope["headers"] if name == wanted)
    return said.rpartition(b",")[2].strip()


def _forwarded(name: bytes) -> bool:
    """Say whether a header is one that Gradio or uvicorn reads as a proxy's."""
    return name.startswith(b"x-forwarded-") or name in (b"forwarded", PROXY_HEADER)
