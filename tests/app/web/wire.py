"""Requests as they go over the wire, good and bad."""

import contextlib
import http.client
import socket
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from served import Server

SECONDS = 1.0  # for a request to come, instead of twenty
LIMIT = 64 * 1024
FORM = "application/x-www-form-urlencoded"
EVENT = b'{"kind": "play"}'


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str


def ask(server: Server, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """Send a request whose headers are named like `content_type`; an iterator as its body is sent in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    chunked = isinstance(body, Iterator)
    connection.request(method, path, body, named, encode_chunked=chunked)
    answer = connection.getresponse()
    found = Answer(answer.status, answer.headers, answer.read().decode())
    connection.close()
    return found


def opened(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """Read until the server closes, which fails where it never does."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            found += piece
    return found
