"""What proxies say of those whom they pass on: believed from the addresses that the user states, from nobody else."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.errors import UsageError
from app.gradio_fixes.headers import PROXY_HEADER

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

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


class Proxies:
    """ASGI middleware outside of everything: the true address and scheme of a request, as far as they are known."""

    def __init__(self, app: ASGIApp, stated: Sequence[Network]) -> None:
        self._app, self._stated, self._told = app, stated, False
        self._believing = ProxyHeadersMiddleware(app, [str(network) for network in stated])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take over what a stated proxy says, and leave out what others do."""
        if scope["type"] == "lifespan" or not any(_forwarded(name) for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        if self._states(scope["client"]):
            hosts = [value for name, value in scope["headers"] if name == b"x-forwarded-host"]
            if hosts:  # which the page's own address is compared with
                others = [(name, value) for name, value in scope["headers"] if name != b"host"]
                scope["headers"] = [*others, (b"host", hosts[-1])]
            await self._believing(scope, receive, send)  # type: ignore[arg-type]
            return
        if not self._told:
            self._told = True
            logger.warning(
                "X-Forwarded-For of %s is ignored; if that is your proxy, name it: earmark serve --proxy ADDRESS",
                scope["client"][0] if scope["client"] else "somebody",
            )
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _forwarded(name)]
        await self._app(scope, receive, send)

    def _states(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ipaddress.ip_address(client[0] if client else "")
        except ValueError:
            return False
        return any(address in network for network in self._stated)


def _forwarded(name: bytes) -> bool:
    """Say whether a header is one that Gradio or uvicorn reads as a proxy's."""
    return name.startswith(b"x-forwarded-") or name in (b"forwarded", PROXY_HEADER)
