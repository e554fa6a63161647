"""The server as users run it: sent at once, idle when nobody is there, and not to be held or filled by anybody."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from served import PASSWORD, ROOT, Server, store_of, write_study
from wire import EVENT, FORM, LIMIT, SECONDS, ask, opened, rest

from app.rehearsal.scratch import PREFIX, clear_away
from app.verbs.study.serve import listen


def resident(server: Server) -> int:
    """Return the bytes of memory that the server takes."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def woken(server: Server) -> int:
    """Count how often any thread of the server was woken so far."""
    tasks = Path(f"/proc/{server.pid}/task").glob("*/status")
    lines = [line for task in tasks for line in task.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


# --- at once, and idle --------------------------------------------------------------------------------


def test_small_answers_do_not_wait_for_an_acknowledgement():
    async def accepted() -> int:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int] = loop.create_future()

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                inside = transport.get_extra_info("socket")
                found.set_result(inside.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        listener = listen("127.0.0.1", 0)
        async with await loop.create_server(Connection, sock=listener):
            with socket.create_connection(listener.getsockname()):
                return await asyncio.wait_for(found, 20)

    assert asyncio.run(accepted())


def test_an_idle_server_sleeps(served):
    before = woken(served)
    time.sleep(2)  # what is measured is that nothing happens meanwhile
    assert woken(served) - before < 40


def test_the_researchers_page_keeps_nothing_busy(served):
    entered = ask(served, "POST", "/admin/login", f"password={PASSWORD}", content_type=FORM)
    cookie = entered.headers["set-cookie"].partition(";")[0]
    page = ask(served, "GET", "/admin/", cookie=cookie)
    assert page.status == 200
    assert '"queue":true' not in page.text.replace(" ", "")


def test_a_signal_stops_it_in_order_and_no_preview_outlives_it(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def left() -> set[Path]:
        return set(tmp_path.glob(f"{PREFIX}*"))

    make = "from app.rehearsal.scratch import Scratch; made = Scratch(); print(made.folder, flush=True); input()"
    killed = subprocess.Popen([sys.executable, "-c", make], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    theirs = {Path(killed.stdout.readline().decode().strip())}
    server = Server(write_study(tmp_path / "study"))
    server.start()
    assert left() == theirs, "it is in use by another process"
    with httpx.Client(base_url=server.url) as client:
        client.post("/admin/login", data={"password": PASSWORD})
        client.post("/admin/preview", data={"do": "begin"})
        assert client.get("/admin/preview/api/state").json()["stage"] == "consent"
    (ours,) = left() - theirs
    assert (ours / "study.db").stat().st_mode & 0o077 == ours.stat().st_mode & 0o077 == 0
    server.stop()  # fails where it takes long
    assert left() == theirs
    killed.kill()
    killed.communicate()
    assert left() == theirs
    clear_away_in(tmp_path, monkeypatch)
    assert left() == set()
    assert server.log.read_text() == ""


def clear_away_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a server does when it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    clear_away()


def test_who_comes_as_soon_as_the_address_is_said_is_answered(tmp_path):
    server = Server(write_study(tmp_path / "study"))
    with subprocess.Popen(server.command(), stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert any("Ctrl-C stops the server" in line for line in process.stdout)
            assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        finally:
            process.terminate()


def test_a_second_signal_changes_nothing(tmp_path):
    server = Server(write_study(tmp_path / "study"))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as busy:
        busy.sendall(WHOLE)
        assert busy.recv(65536).startswith(b"HTTP/1.1 200 ")
        busy.sendall(b"GET /healthz HTTP/1.1\r\n")  # a request under way, for which the server waits
        os.kill(server.pid, signal.SIGINT)
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):  # until it takes nobody any more
            while True:
                socket.create_connection(("127.0.0.1", server.port)).close()
        os.kill(server.pid, signal.SIGINT)
        server.wait()
    assert server.log.read_text() == ""


def test_the_benchmarks_participant_takes_part_to_the_end(served):
    from benchmarks.load.single import Browser

    visitor = Browser(served.port, "203.0.113.7")
    rated = visitor.take_part()
    visitor.close()
    store = store_of(served.folder)
    assert len(list(store.results.ratings())) == rated == len(visitor.times["rate"]) > 0
    assert len(visitor.times["media"]) == rated, "each clip is loaded once"
    assert [row.kind for row in store.results.events()] == ["play", "ended"] * rated
    store.close()


# --- bodies -------------------------------------------------------------------------------------------


def test_an_honest_proxys_chunks_are_taken(served):
    cookie = ask(served, "GET", "/api/state").headers["set-cookie"].partition(";")[0]
    for pieces in ([EVENT], [EVENT[:5], EVENT[5:]]):
        answer = ask(served, "POST", "/api/event", iter(pieces), content_type="application/json", cookie=cookie)
        assert answer.status == 204, answer.text


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", ["/api/event", "/healthz", "/admin/login", "/study/"])
@pytest.mark.parametrize("lie", ["", "Content-Length: 2\r\n"])
def test_no_body_fills_the_memory(served, method, path, lie):
    piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    ask(served, "GET", path)  # what a first visit loads is not the body's doing
    before = resident(served)
    with opened(served) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lie}"
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(piece * 320)  # 20 MiB
        answer = rest(connection)
    assert resident(served) - before < 5e6
    assert not answer or answer.startswith(b"HTTP/1.1 ")


def test_a_body_that_grows_too_large_is_refused_and_told_so(served):
    for path, kind in (("/api/event", "application/json"), ("/admin/login", FORM)):
        assert ask(served, "POST", path, iter([b"x" * 5000] * 20), content_type=kind).status == 413


@pytest.mark.parametrize("length", [LIMIT + 1, 10**9, 10**19])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(served, method, length):
    with opened(served) as connection:
        head = f"{method} /api/state HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_the_largest_body_is_taken(served):
    body = b"{" + b" " * (LIMIT - 2) + b"}"
    assert ask(served, "POST", "/api/step", body, content_type="application/json").status == 422
    assert ask(served, "POST", "/api/step", iter([body]), content_type="application/json").status == 422


# --- slowly -------------------------------------------------------------------------------------------

HEAD = b"POST /api/event HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b""),
        (b"G", b"HTTP/1.1 408 "),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (HEAD + b'{"kind"', b"HTTP/1.1 408 "),
        (HEAD.replace(b"Content-Length: 50", b"Transfer-Encoding: chunked") + b"5\r\n{", b"HTTP/1.1 408 "),
        (WHOLE + b"GET /heal", b"HTTP/1.1 200 "),
        (WHOLE + b"\r\n", b"HTTP/1.1 200 "),
        (WHOLE + HEAD, b"HTTP/1.1 200 "),
        (HEAD.replace(b"POST /api/event", b"GET /healthz") + b"x", b"HTTP/1.1 200 "),
        (HEAD.replace(b"/api/event", b"/admin/config") + b"x", b"HTTP/1.1 401 "),
        (HEAD.replace(b": 50", b": 99999") + b"x", b"HTTP/1.1 413 "),
    ],
)
def test_who_stops_sending_is_sent_away(served, sent, answered):
    with opened(served) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith(answered)
    if not answered:
        assert answer == b""


@pytest.mark.parametrize(
    ("head", "answered"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (HEAD.replace(b"POST /api/event", b"GET /healthz"), b"HTTP/1.1 200 "),
    ],
)
def test_who_sends_drop_by_drop_is_sent_away(served, head, answered):
    with opened(served) as connection:
        connection.sendall(WHOLE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(head)
        connection.settimeout(SECONDS / 10)
        began = time.monotonic()
        found = b""
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < began + 20:
                connection.sendall(b"a")
                with contextlib.suppress(TimeoutError):
                    if not (piece := connection.recv(65536)):
                        break
                    found += piece
        assert time.monotonic() < began + 10
        assert answered in found


def test_a_long_answer_is_not_cut_off(served):
    entered = ask(served, "POST", "/admin/login", f"password={PASSWORD}", content_type=FORM)
    cookie = entered.headers["set-cookie"].partition(";")[0]
    with opened(served) as connection:
        connection.sendall(
            f"GET /admin/gradio_api/heartbeat/x HTTP/1.1\r\nHost: x:{served.port}\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        found = b""
        while b"ALIVE" not in found:
            piece = connection.recv(65536)
            assert piece, found
            found += piece
        connection.settimeout(2 * SECONDS)
        with pytest.raises(TimeoutError):  # nothing more comes for a while, and it stays open
            connection.recv(65536)
