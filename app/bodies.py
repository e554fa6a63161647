"""The body of a request, counted as it comes: what its headers say of it may be false or missing."""

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

MOST_BYTES = 64 * 1024


class BodyTooLarge(Exception):
    """More bytes have come, or are announced, than any request of ours has."""


async def read_body(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body of a request and return what gives it to the application in one piece.

    Raises
    ------
    BodyTooLarge
        As soon as it is known; nothing more is read then.
    ClientDisconnect
        If it does not come to its end.
    """
    headers = dict(scope["headers"])
    announced = headers.get(b"content-length", b"0")
    if b"transfer-encoding" not in headers and announced == b"0":
        return receive
    if len(announced) > len(str(MOST_BYTES)) or int(announced) > MOST_BYTES:
        raise BodyTooLarge
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size, more = size + len(pieces[-1]), message.get("more_body", False)
        if size > MOST_BYTES:
            raise BodyTooLarge
    whole: list[Message] = [{"type": "http.request", "body": b"".join(pieces), "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay
