"""Serving a study from the command line: take the port, run until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from app.errors import UsageError


def listen(host: str, port: int) -> socket.socket:
    """Take hold of the port before any work is done, so that a port in use is said at once."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(f"{host}:{port}: cannot be used ({error.strerror}); give another with --port") from error
    return listener


def run_server(folder: Path, listener: socket.socket, browser: bool) -> None:
    """Serve a study on a bound socket until Ctrl-C."""
    import uvicorn

    from app.server import create_app

    application = create_app(folder)
    host, port = listener.getsockname()[:2]
    address = f"http://{host}:{port}"
    print(f"\n  participants  {address}/join")
    print(f"  researcher    {address}/admin  password: {application.state.study.secrets.admin_password}")
    for line in application.state.study.changes():
        print(f"\n  {line}")
    print("\n  Ctrl-C stops the server; answers are in the database at once and nothing is lost.\n", flush=True)
    if browser:
        import threading
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [f"{address}/join"]).start()
    config = uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn closes in order, then passes the signal on
        uvicorn.Server(config).run(sockets=[listener])
    print("the server has stopped; every answer is in the database")
