"""Several processes that serve one study on PostgreSQL behind one address, and one alone on SQLite."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from databases import KEPT
from served import PASSWORD, ROOT, SECONDS, Server, store_of, until, write_study

from app.researcher.login import ACCOUNT, ONE

WORKERS = 2


@pytest.fixture
def several(cluster, tmp_path) -> Iterator[Server]:
    """Serve a study by two processes."""
    KEPT.on(cluster)
    running = Server(write_study(tmp_path / "study"), workers=WORKERS)
    running.start()
    until(lambda: len(workers(running)) == WORKERS)
    yield running
    running.stop()
    KEPT.on(None)


def workers(server: Server) -> set[int]:
    """Return the processes that a server has started."""
    found = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return {int(one) for one in found if alive(int(one))}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answerer(server: Server, port: int) -> int:
    """Return the process that holds the other end of a connection from a local port."""
    ends = (f"0100007F:{server.port:04X}", f"0100007F:{port:04X}")
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = (line[9] for line in lines if (line[1], line[2]) == ends)
    for pid in workers(server):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            if file.is_symlink() and os.readlink(file) == f"socket:[{inode}]":
                return pid
    return 0


class Line:
    """A connection to one of the processes, which stays."""

    def __init__(self, server: Server) -> None:
        self.wire = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.cookies: dict[str, str] = {}
        self.ask("GET", "/healthz")
        self.pid = answerer(server, self.wire.sock.getsockname()[1])

    def ask(self, method: str, path: str, body: dict | None = None, form: dict | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Content-Type"] = "application/json" if form is None else "application/x-www-form-urlencoded"
        sent = urlencode(form) if form else json.dumps(body) if body is not None else None
        self.wire.request(method, path, sent, headers)
        answer = self.wire.getresponse()
        for header in answer.headers.get_all("set-cookie") or []:
            self.cookies |= {name: one.value for name, one in SimpleCookie(header).items()}
        return answer.status, answer.read().decode(errors="replace")  # a clip is no text

    def post(self, path: str, body: dict) -> dict:
        status, text = self.ask("POST", path, body)
        assert status == 200, text
        return json.loads(text)


def both(server: Server) -> list[Line]:
    """Give a connection to each of the processes, with one visitor's cookies."""
    lines: dict[int, Line] = {}
    tried: list[Line] = []

    def found() -> bool:
        tried.append(Line(server))
        lines[tried[-1].pid] = tried[-1]
        return set(lines) == workers(server)

    until(found)
    made = list(lines.values())
    for line in made:
        line.cookies = made[0].cookies
    return made


def test_a_session_goes_on_over_all_of_them(several):
    lines = both(several)
    assert len({line.pid for line in lines}) == WORKERS
    state, turn = json.loads(lines[0].ask("GET", "/api/state")[1]), 0
    answered = {line.pid: 0 for line in lines}
    while state["stage"] != "done":
        turn += 1
        line = lines[turn % WORKERS]
        if state.get("trial"):
            answer = {"media": state["trial"]["media"], "score": 1 + turn % 5, "plays": 1}
            line.ask("GET", state["trial"]["urls"][0])
            state = line.post("/api/rate", answer | {"heard_seconds": SECONDS, "response_ms": 900})
            answered[line.pid] += 1
        else:
            state = line.post("/api/step", {"page": state["stage"]})
    store = store_of(several.folder)
    assert len(list(store.results.ratings())) == sum(answered.values())
    assert all(answered.values())
    store.close()


def test_guesses_logins_and_previews_are_of_all_together(several):
    lines = both(several)
    tried = [lines[n % WORKERS].ask("POST", "/admin/login", form={"password": f"guess {n}"})[0] for n in range(8)]
    assert tried == [401] * ONE[0][0] + [429] * (8 - ONE[0][0])
    assert ACCOUNT[0][0] > ONE[0][0]
    again = both(several)
    store = store_of(several.folder)
    with store.scope.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempt SET at = at - interval '61 seconds'")
    store.close()
    assert again[0].ask("POST", "/admin/login", form={"password": PASSWORD})[0] == 303
    assert [line.ask("GET", "/admin/export.csv")[0] for line in again] == [200] * WORKERS
    for line in again:  # whichever answers tells of all
        told = line.ask("GET", "/admin/metrics")[1]
        assert 'earmark_requests_total{method="GET",route="/admin/export.csv",status="200"} 2.0' in told
        assert 'earmark_requests_total{method="POST",route="/admin/login",status="429"} 3.0' in told
        assert 'earmark_request_seconds_count{route="/admin/export.csv"} 2.0' in told
    assert again[0].ask("POST", "/admin/preview", form={"do": "begin"})[0] == 303
    assert '"stage":"consent"' in again[0].ask("GET", "/admin/preview/api/state")[1]
    assert again[1].post("/admin/preview/api/step", {"page": "consent"})["stage"] == "sound_check"
    assert '"stage":"sound_check"' in again[0].ask("GET", "/admin/preview/api/state")[1]
    assert again[1].ask("POST", "/admin/logout", form={"everywhere": "1"})[0] == 303
    assert [line.ask("GET", "/admin/export.csv")[0] for line in again] == [401] * WORKERS


def test_a_killed_one_is_started_again_and_the_others_go_on(several):
    one, other = both(several)
    os.kill(one.pid, signal.SIGKILL)
    assert other.ask("GET", "/api/state")[0] == 200
    until(lambda: len(workers(several)) == WORKERS)
    assert {line.pid for line in both(several)} == workers(several)
    assert one.pid not in workers(several)
    assert f"(process {one.pid}) ended by itself (SIGKILL); it is started again" in several.log.read_text()


@pytest.mark.parametrize("how", ["Ctrl-C", "terminate", "kill"])
def test_all_end_together(several, how):
    pids = workers(several)
    if how == "Ctrl-C":  # a terminal tells every process of the group
        for pid in (several.pid, *pids):
            os.kill(pid, signal.SIGINT)
    else:
        os.kill(several.pid, signal.SIGTERM if how == "terminate" else signal.SIGKILL)
    until(lambda: not any(map(alive, pids)))
    if how == "kill":
        several.kill()
    else:
        assert several._process.wait(60) == 0
    assert "Traceback" not in several.log.read_text()


def serve(folder: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "app", "serve", str(folder), "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": ""}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_on_sqlite_a_second_process_is_refused_by_name(tmp_path):
    server = Server(write_study(tmp_path / "study"))
    server.start()
    refused = serve(server.folder)
    assert refused.returncode == 2
    assert f"study: is served already by process {server.pid}, and SQLite is for one; stop that one" in refused.stderr
    server.kill()
    server.start()  # what a killed server leaves holds up nobody
    server.stop()
    refused = serve(server.folder, "--workers", "2")
    assert refused.returncode == 2
    assert refused.stderr.strip().splitlines() == [
        "earmark: --workers 2: SQLite is for one process; name a PostgreSQL database in DATABASE_URL, or leave "
        "--workers out"
    ]


def test_a_port_in_use_is_said_before_anything_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = serve(write_study(tmp_path / "study"), "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 2
    assert "cannot be used" in refused.stderr
