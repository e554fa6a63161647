"""The verb serve: take the port, serve a study until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.folder import read_study, studies_in
from app.settings import log_level
from app.verbs.options import address, count
from app.verbs.study.status import openness
from app.watch.logs import Objects, begin
from app.watch.summing import summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.types import ASGIApp

    from app.settings import Settings
    from app.several.entries import Entry
    from app.several.server import Several
    from app.study import Study
    from app.web.proxies import Network

LOCK_FILE = ".serving.lock"
BACKLOG = 2048  # connections that wait, until a server takes them, as many as uvicorn has; a browser may be quicker
MOST_WORKERS = 64
REQUEST_SECONDS = 20.0  # within which a request is to have come in full; an honest one is a few kB


def options(made: argparse.ArgumentParser) -> None:
    """Give the verb its options."""
    made.add_argument(
        "study",
        type=Path,
        nargs="?",
        metavar="STUDY",
        help="study folder, or a folder whose subfolders are studies; default: this folder, else demo-study",
    )
    address(made)
    made.add_argument(
        "--proxy", metavar="ADDRESS[,ADDRESS...]", help="proxies that are trusted to say where requests come from"
    )
    made.add_argument(
        "--root-path", metavar="PATH", default="", help="path under which a proxy serves the study, such as /listening"
    )
    made.add_argument(
        "--workers",
        type=count(MOST_WORKERS),
        default=1,
        metavar="N",
        help="processes that serve, on PostgreSQL alone; default: %(default)s",
    )
    made.add_argument(
        "--log",
        choices=("text", "json"),
        default="text",
        help="how the log is written: in plain words, or a JSON object a line with one for each request; default: "
        "%(default)s",
    )


def run(arguments: argparse.Namespace) -> None:
    """Open the survey: participants at /join, the researcher at /admin."""
    from app.web.prefix import read_prefix

    if arguments.log == "json":
        begin(log_level(usual="INFO"), Objects())
    several = arguments.study is not None and studies_in(arguments.study)
    folder = arguments.study if several else read_study(arguments.study)[0]
    prefix = read_prefix(arguments.root_path)
    proxies = []
    if arguments.proxy is not None:
        from app.web.proxies import read_proxies

        proxies = read_proxies(arguments.proxy)
    listener = listen(arguments.host, arguments.port)
    run_server(folder, listener, browser=False, proxies=proxies, prefix=prefix, workers=arguments.workers)


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
    workers: int = 1,
) -> None:
    """Serve a study, or every one of a folder of studies, on a bound socket until Ctrl-C.

    Parameters
    ----------
    proxies
        Whose word is taken on where a request comes from.
    prefix
        The path under which a proxy serves the study.
    request_seconds
        Within which a request is to have come in full; then its connection is closed.
    workers
        How many processes serve it.

    Raises
    ------
    UsageError
        If its answers are kept in SQLite, and there are several workers or another process that serves it. Of several
        studies also if a database is named for all of them.
    """
    from app.web.quiet import share_memory

    share_memory()  # before anything begins a thread
    with summed(workers):
        _serve(folder, listener, browser, proxies, prefix, request_seconds, workers)
    print("the server has stopped; every answer is in the database")


def _serve(
    folder: Path,
    listener: socket.socket,
    browser: bool,
    proxies: Sequence[Network],
    prefix: str,
    request_seconds: float,
    workers: int,
) -> None:
    import uvicorn

    from app.rehearsal.scratch import Scratch, clear_away
    from app.server import create_app
    from app.settings import load_settings
    from app.study import Study
    from app.web.protocol import timed
    from app.web.proxies import Proxies
    from app.web.quiet import QuietServer
    from app.web.workers import supervise

    def serve(application: ASGIApp) -> None:
        config = uvicorn.Config(
            Proxies(application, proxies, prefix),
            http=timed(request_seconds),
            log_config=None,  # its lines go where ours do
            log_level="warning",
            access_log=False,
            proxy_headers=False,  # uvicorn believes this whole machine; Proxies believes whom the user states
            timeout_graceful_shutdown=3,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn closes in order, then passes the signal on
            QuietServer(config).run(sockets=[listener])

    settings = load_settings()
    if found := studies_in(folder):
        with _several(folder, found, settings, workers) as (served, entries, password):
            clear_away()
            _announce_several(entries, password, listener, prefix)
            serve(served)
        return
    with _alone(folder, settings, workers):
        clear_away()
        if workers == 1:
            application = create_app(folder, settings)
            _announce(application.state.study, listener, prefix, browser)
            serve(application)
        else:
            study = Study(folder, settings)  # which is migrated and checked before there are several
            _announce(study, listener, prefix, browser)
            study.close()
            with Scratch() as scratch:
                supervise(lambda: serve(create_app(folder, settings, scratch)), workers)


def _announce(served: Study, listener: socket.socket, prefix: str, browser: bool) -> None:
    """Say where a study is served, and what stands against it."""
    listener.listen(BACKLOG)
    address = _address(listener, prefix)
    print(f"\n  participants  {address}/join")
    print(f"  researcher    {address}/admin  password: {served.secrets.admin_password}")
    if (how := openness(served)) != "open":
        print(f"\n  not open yet: {how}")
    for line in served.changes():
        print(f"\n  {line}")
    print("\n  Ctrl-C stops the server; answers are in the database at once and nothing is lost.\n", flush=True)
    if browser:
        import threading
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [f"{address}/join"]).start()


def _address(listener: socket.socket, prefix: str) -> str:
    host, port = listener.getsockname()[:2]
    return (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}") + prefix


@contextlib.contextmanager
def _several(
    folder: Path, found: Sequence[Path], settings: Settings, workers: int
) -> Iterator[tuple[Several, Sequence[Entry], str]]:
    """Open the studies of a folder and their desk; give both, and the password of the desk.

    The password and the database of the environment are not each study's: whoever has one of them has no other.
    """
    from app.server import create_app
    from app.several.desk import FOLDER, build_desk
    from app.several.entries import open_all
    from app.several.server import Several

    if settings.database_url is not None:
        raise UsageError(
            f"{folder}: holds several studies, and DATABASE_URL names one database; leave it out, so that each keeps "
            "its answers in its own study.db, or serve each by itself"
        )
    if workers > 1:
        raise UsageError(f"--workers {workers}: several studies are served by one process; leave --workers out")
    own = replace(settings, admin_password=None)
    with contextlib.ExitStack() as held:
        entries = open_all(found, lambda one: _alone(one, own, 1), lambda one: create_app(one, own), held)
        desk = build_desk(folder, entries, settings)
        held.enter_context(_alone(folder / FOLDER, own, 1))
        yield Several(entries, desk), entries, desk.state.secrets.admin_password


def _announce_several(entries: Sequence[Entry], password: str, listener: socket.socket, prefix: str) -> None:
    """Say where the desk is, and each study."""
    listener.listen(BACKLOG)
    address = _address(listener, prefix)
    print(f"\n  all studies   {address}/admin  password: {password}")
    for entry in entries:
        print(f"  {entry.name}: {entry.fault or f'{address}/{entry.name}/join'}")
    print("\n  Ctrl-C stops the server; answers are in the databases at once and nothing is lost.\n", flush=True)


@contextlib.contextmanager
def _alone(folder: Path, settings: Settings, workers: int) -> Iterator[None]:
    """Keep a study whose answers are in SQLite for this process: another would count guesses and people for itself."""
    from db import database_url

    if not database_url(folder, settings.database_url).drivername.startswith("sqlite"):
        yield
        return
    if workers > 1:
        raise UsageError(
            f"--workers {workers}: SQLite is for one process; name a PostgreSQL database in DATABASE_URL, or leave "
            "--workers out"
        )
    try:
        lock = (folder / LOCK_FILE).open("a+")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); make the folder writable") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UsageError(
                f"{folder}: is served already by process {lock.read(20)}, and SQLite is for one; stop that one, or "
                "keep the answers in PostgreSQL (DATABASE_URL)"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
