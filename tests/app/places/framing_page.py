"""A page of another site that frames the study, and a proxy with TLS before the study's server."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def framing_site(port: int, inside: str) -> Iterator[None]:
    """Serve a page on localhost that shows `inside` in a frame, as docs/study.md has it, and keeps what it is told."""
    page = (
        "<!doctype html><title>A survey</title><p>A survey of another site.</p>"
        f'<iframe src="{inside}" allow="autoplay; fullscreen; clipboard-write" width="100%" height="900"></iframe>'
        "<script>window.told = []; window.addEventListener('message', (event) => {"
        f" if (event.origin === new URL('{inside}').origin && event.data.earmark) told.push(event.data); }});</script>"
    ).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
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

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # a side is gone

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
                kept = [line for line in headers.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                said = [*kept, b"Connection: close", b"X-Forwarded-Proto: https", b"X-Forwarded-For: 127.0.0.1"]
                with socket.create_connection(("127.0.0.1", port)) as inside:
                    inside.sendall(b"\r\n".join([first, *said, b"", body]))
                    threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
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
