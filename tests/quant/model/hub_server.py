"""A Hugging Face hub of one's own: serves files, or refuses them as the real one refuses gated repositories."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40


@contextmanager
def hub(files: dict[str, bytes], refuse: str = "", requests: list[tuple[str, str]] | None = None) -> Iterator[str]:
    """Serve ``repository/file`` contents; with ``refuse`` every answer is 401 with this error code.

    Yields the address to set as HF_ENDPOINT. ``requests`` collects (path, authorization) of what was asked.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            if requests is not None:
                requests.append((self.path, self.headers.get("Authorization", "")))
            content = files.get(re.sub("/resolve/[^/]+/", "/", self.path.strip("/")))
            code = refuse or ("" if content is not None else "EntryNotFound")
            self.send_response(401 if refuse else 404 if code else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            if code:
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", "Access to this model is restricted.")
            content = b"" if code or content is None else content
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
