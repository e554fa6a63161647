"""The verb serve: take the port, serve a study until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.folder import read_study
from app.verbs.options import address, study
from app.verbs.study.status import openness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.study import Study
    from app.web.proxies import Network

REQUEST_SECONDS = 20.0  # within which a request is to have come in full; an honest one is a few kB


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    study(made)
    address(made)
    made.add_argument(
        "--proxy", metavar="ADDRESS[,ADDRESS...]", help="proxies that are trusted to say where requests come from"
    )
    made.add_argument(
        "--root-path", metavar="PATH", default="", help="path under which a proxy serves the study, such as /listening"
    )


def run(arguments: argparse.Namespace) -> None:
    """Open the survey: participants at /join, the researcher at /admin."""
    from app.web.prefix import read_prefix

    folder, _ = read_study(arguments.study)
    prefix = read_prefix(arguments.root_path)
    proxies = []
    if arguments.proxy is not None:
        from app.web.proxies import read_proxies

        proxies = read_proxies(arguments.proxy)
    run_server(folder, listen(arguments.host, arguments.port), browser=False, proxies=proxies, prefix=prefix)


def listen(host: str, port: int) -> socket.socket:
    """Take hold of the port before any work is done, so that a port in use is said at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sends small answers at once; else each waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        option = "--host" if isinstance(error, socket.gaierror) else "--port"
        raise UsageError(f"{host}:{port}: cannot be used ({error.strerror}); give another with {option}") from error
    return listener


def run_server(
    folder: Path,
    listener: socket.socket,
    browser: bool,
    proxies: Sequence[Network] = (),
    prefix: str = "",
    request_seconds: float = REQUEST_SECONDS,
) -> None:
    """Serve a study on a bound socket until Ctrl-C.

    Parameters
    ----------
    proxies
        Whose word is taken on where a request comes from.
    prefix
        The path under which a proxy serves the study.
    request_seconds
        Within which a request is to have come in full; then its connection is closed.
    """
    import uvicorn

    from app.server import create_app
    from app.web.protocol import timed
    from app.web.proxies import Proxies
    from app.web.quiet import QuietServer

    application = create_app(folder)
    host, port = listener.getsockname()[:2]
    address = (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}") + prefix
    print(f"\n  participants  {address}/join")
    print(f"  researcher    {address}/admin  password: {application.state.study.secrets.admin_password}")
    served: Study = application.state.study
    if not served.ready:
        print(f"\n  not open yet: {openness(served)}")
    for line in served.changes():
        print(f"\n  {line}")
    print("\n  Ctrl-C stops the server; answers are in the database at once and nothing is lost.\n", flush=True)
    if browser:
        import threading
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [f"{address}/join"]).start()
    config = uvicorn.Config(
        Proxies(application, proxies, prefix),
        http=timed(request_seconds),
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # uvicorn believes every process of this machine; Proxies believes whom the user states
        timeout_graceful_shutdown=3,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn closes in order, then passes the signal on
        QuietServer(config).run(sockets=[listener])
    print("the server has stopped; every answer is in the database")
