"""A page of another site that frames the study, and a proxy with TLS before the study's server."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Site(ThreadingHTTPServer):
    """A site on localhost, on a port that is its own until it ends."""

    page = b""

    def show(self, inside: str) -> None:
        """Serve a page that shows `inside` in a frame, as docs/study.md has it, and keeps what it is told."""
        self.page = (
            "<!doctype html><title>A survey</title><p>A survey of another site.</p>"
            f'<iframe src="{inside}" allow="autoplay; fullscreen; clipboard-write" width="100%" height="900"></iframe>'
            "<script>window.told = []; window.addEventListener('message', ({ origin, data }) => {"
            f" if (origin === new URL('{inside}').origin && data.earmark) told.push(data); }});</script>"
        ).encode()


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def framing_site() -> Iterator[Site]:
    """Serve another site."""
    with Site(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def tls_before(port: int, folder: Path) -> Iterator[int]:
    """Pass what comes over TLS, by a certificate that nobody trusts, on to a port, as a proxy; give its own port."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plain: socket.socket) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) as outside:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = outside.recv(65_536)
                    if not more:
                        return
                    head += more
                first, _, rest = head.partition(b"\r\n")
                headers, _, body = rest.partition(b"\r\n\r\n")
                # All that is read is read before anything is written: one thread at a time may use such a socket.
                length = re.search(rb"(?im)^content-length: *(\d+)", headers)
                while length and len(body) < int(length[1]):
                    body += outside.recv(65_536)
                kept = [line for line in headers.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                said = [*kept, b"Connection: close", b"X-Forwarded-Proto: https", b"X-Forwarded-For: 127.0.0.1"]
                with socket.create_connection(("127.0.0.1", port)) as inside:
                    inside.sendall(b"\r\n".join([first, *said, b"", body]))
                    while data := inside.recv(65_536):
                        outside.sendall(data)
        except OSError:
            return  # the browser changed its mind

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()
