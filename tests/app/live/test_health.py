"""A server that cannot store or play says so: once in the log, at the desk, to probes, and to whoever takes part."""

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from served import CONDITIONS, ROOT, Server, settings_of, until
from sqlalchemy import event, text
from taking_part import begin, body, rate, step

from app.live.health import Health
from app.researcher.overview import Overview
from app.server import create_app
from db.engine import writing

HOLD = """
import sys
from pathlib import Path
from app.progress import Progress
with Progress(Path(sys.argv[1]), 5):
    print("rendering", flush=True)
    sys.stdin.read()
"""
WAIT = {"error": "Nothing can be stored at the moment. Please try again in a minute."}


def health(client) -> Health:
    return client.app.state.study.health


def desk(client) -> Overview:
    state = client.app.state
    return Overview(state.study, state.rendering, state.reporting)


def ready(client):
    """Ask as a probe does, once what was known a moment ago is known anew."""
    health(client).look(fresh=True)
    answer = client.get("/readyz")
    assert answer.status_code == (200 if answer.json()["ready"] else 503)
    return answer.json()


@contextlib.contextmanager
def pragma(client, *words: str) -> Iterator[None]:
    """Have every connection of the server under a pragma."""
    engine = client.app.state.study.store.scope.engine

    def checkout(connection, record, proxy):
        for one in words:
            connection.execute(f"PRAGMA {one}")

    event.listen(engine, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(engine, "checkout", checkout)
        engine.dispose()


def said(caplog, start: str = "") -> list[str]:
    """Return what the log says of health; nothing there comes with a traceback."""
    records = [record for record in caplog.records if record.name in ("app.live.health", "app.web.guard")]
    assert not [record for record in records if record.exc_info], "a traceback"
    return [record.getMessage() for record in records if record.getMessage().startswith(start)]


def test_all_is_well(client, caplog):
    assert client.get("/healthz").json() == {"status": "ok", "ready": True}
    assert ready(client) == {"ready": True, "database": "ok", "clips": "ok"}
    assert client.head("/readyz").status_code == 200
    assert said(caplog) == []
    assert "alert" not in desk(client).head()


def test_probes_cost_nothing(client):
    """Of many in a row one alone writes."""
    store, written = client.app.state.study.store, []

    def executed(connection, cursor, statement, *rest):
        written.extend([statement] * statement.startswith("UPDATE"))

    event.listen(store.scope.engine, "before_cursor_execute", executed)
    health(client).look(fresh=True)
    assert len(written) == 1
    assert [client.get("/readyz").status_code for _ in range(50)] == [200] * 50
    assert len(written) <= 2, "an answer is good for some seconds, which may have passed once"


# --- the database -------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_a_read_only_database_is_said_once_and_no_answer_is_lost(client, caplog):
    state = begin(client)
    with pragma(client, "query_only = ON"):
        for _ in range(3):
            answer = rate(client, state)
            assert (answer.status_code, answer.json()) == (503, WAIT)
        assert client.post("/api/event", json={"kind": "play"}).status_code == 503
        assert client.get("/api/state").json()["stage"] == "practice", "what can be read is read"
        assert ready(client) == {"ready": False, "database": "the database is read-only", "clips": "ok"}
        assert client.get("/healthz").status_code == 200
        assert "The database is read-only" in desk(client).head()
        assert len(said(caplog)) == 1
    assert rate(client, state).json()["trial"]["number"] == 2
    assert ready(client)["ready"]
    assert "read-only" not in desk(client).head()
    assert said(caplog, "database: works again") == ["database: works again, after: the database is read-only"]
    with pragma(client, "query_only = ON"):
        assert rate(client, state).status_code == 503
    assert len(said(caplog, "database: the database is read-only")) == 2, "it was well between"


@pytest.mark.sqlite
def test_a_database_that_somebody_holds(client, study, caplog):
    state = begin(client)
    other = sqlite3.connect(study / "study.db", isolation_level=None)
    with pragma(client, "busy_timeout = 20"):
        other.execute("BEGIN IMMEDIATE")
        assert [rate(client, state).status_code for _ in range(2)] == [503, 503]
        assert ready(client)["database"] == "the database is locked"
        other.execute("ROLLBACK")
        assert rate(client, state).status_code == 200
    assert ready(client)["ready"]
    assert len(said(caplog, "database: the database is locked")) == 1
    other.close()


@pytest.mark.sqlite
def test_nobody_waits_for_ever_behind_who_writes(client, monkeypatch):
    """Whoever writes and does not end holds up none of the others, nor what asks no database."""
    monkeypatch.setattr("db.engine.BUSY_SECONDS", 0.2)
    state = begin(client)
    with ThreadPoolExecutor(6) as pool, writing(client.app.state.study.store.scope.engine):
        waiting = [pool.submit(rate, client, state) for _ in range(6)]
        assert client.get("/healthz").status_code == 200
        assert [one.result(timeout=60).status_code for one in waiting] == [503] * 6
    assert rate(client, state).status_code == 200


@pytest.mark.sqlite
def test_a_database_that_was_moved_away(client, study):
    state = begin(client)
    (study / "study.db").rename(study / "elsewhere.db")
    answer = ready(client)
    assert answer["database"] == "the database was moved or replaced"
    assert str(study) not in str(answer), "strangers see no path"
    assert str(study) in desk(client).head()
    assert rate(client, state).status_code == 503, "what is stored now would be lost"
    sqlite3.connect(study / "study.db").close()
    (study / "study.db").touch()
    assert ready(client)["database"] == "the database was moved or replaced"
    (study / "elsewhere.db").rename(study / "study.db")
    assert ready(client)["ready"]
    assert rate(client, state).status_code == 200


@pytest.mark.sqlite
def test_a_database_that_holds_nothing_any_more(client, study, caplog):
    """Another one in its place: the desk draws what is wrong, and not a traceback every few seconds."""
    state = begin(client)
    store = client.app.state.study.store
    store.scope.engine.dispose()
    for path in study.glob("study.db*"):
        path.unlink()
    shown = desk(client)
    for _ in range(2):
        for draw in (shown.head, shown.status, shown.people, shown.filling, shown.files):
            assert "The database was moved or replaced" in draw()
    assert rate(client, state).status_code == 503
    client.cookies.set("earmark-admin", "a login that cannot be looked up")
    assert client.get("/admin/").status_code == 503
    assert len(said(caplog, "database:")) == 1
    assert not [record for record in caplog.records if record.exc_info]


def test_a_database_of_another_version(client):
    with client.app.state.study.store.scope.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert ready(client)["database"] == "the database was changed to another version"
    assert "9999" in desk(client).head()


def test_a_bug_is_no_fault_of_the_disk(client, caplog):
    """What is none of the storage's is answered by the guard, with its traceback in the log."""
    state = begin(client)
    with client.app.state.study.store.scope.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rating RENAME COLUMN plays TO played"))
    assert rate(client, state).status_code == 500
    assert [record.name for record in caplog.records if record.exc_info] == ["app.web.guard"]
    assert health(client)._known == {}


def limit(server: Server, size: int) -> None:
    """Let no file of the server's grow beyond a size, as on a disk that is full."""
    _, hard = resource.prlimit(server._process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server._process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.sqlite
def test_a_disk_that_takes_no_more(study):
    server = Server(study)
    server.start()
    with httpx.Client(base_url=server.url) as client:
        state = begin(client)
        limit(server, 4096)
        for _ in range(5):
            answer = client.post("/api/rate", json=body(state))
            assert (answer.status_code, answer.json()) == (503, WAIT)
        assert client.get("/healthz").status_code == 200
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/readyz").json()["database"] == "the disk cannot be read or written"
        limit(server, resource.RLIM_INFINITY)
        state = client.post("/api/rate", json=body(state)).json()
        assert state["trial"]["number"] == 2
        until(lambda: client.get("/readyz").status_code == 200)
        assert step(client, "sound_check")["stage"] == "practice"
    server.stop()
    log = server.log.read_text()
    assert log.count("the disk cannot be read or written") == 2, log  # once as it came, once as it went
    assert "Traceback" not in log


# --- clips --------------------------------------------------------------------------------------


@pytest.fixture
def lost(client, study) -> Iterator[tuple[dict, Path, bytes]]:
    """Take the open clip away; give the state, its path and its content."""
    state = begin(client)
    token = client.cookies["earmark"]
    (clip,) = client.app.state.study.store.trials.at(token, state["trial"]["position"]).clips
    path = study / "clips" / clip.file
    content = path.read_bytes()
    path.unlink()
    return state, path, content


def test_a_missing_clip_is_not_being_replaced_for_ever(client, lost, caplog):
    state, path, content = lost
    for _ in range(3):
        answer = client.get(state["trial"]["urls"][0])
        assert answer.status_code == 500
        assert answer.json() == {"error": "this sound is missing on the server; it can be skipped"}
    assert len(said(caplog)) == 1
    assert path.name in said(caplog)[0]
    answer = ready(client)
    assert answer["clips"] == "1 of 15 clips missing on the server or not as they were rendered"
    assert not [name for name in (*CONDITIONS, "flac") if name in str(answer)]
    assert path.name in desk(client).head()
    client.post("/api/event", json={"kind": "error", "position": state["trial"]["position"]})
    skipped = client.post("/api/skip", json={"media": state["trial"]["media"], "reason": "status 500"}).json()
    assert skipped["trial"]["position"] == 2
    path.write_bytes(content)
    assert ready(client)["ready"]
    assert path.name not in desk(client).head()
    assert client.get(skipped["trial"]["urls"][0]).status_code == 200


def test_a_clip_that_was_exchanged_is_a_lost_one_and_one_that_was_touched_is_not(client, lost):
    _, path, content = lost
    path.write_bytes(content[::-1])
    assert "1 of 15" in ready(client)["clips"]
    path.write_bytes(content)
    os.utime(path, (1, 1))
    assert ready(client)["clips"] == "ok"


def test_while_a_rendering_runs_it_is_being_replaced(client, study, lost, caplog):
    state, *_ = lost
    renderer = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(study)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert renderer.stdout.readline() == b"rendering\n"
    answer = client.get(state["trial"]["urls"][0])
    assert (answer.status_code, answer.json()["error"][:28]) == (503, "this sound is being replaced")
    assert ready(client)["clips"] == "1 of 15 clips are being replaced"
    assert said(caplog) == []
    renderer.communicate()
    assert client.get(state["trial"]["urls"][0]).status_code == 500


def test_while_a_manifest_waits_for_the_gate_it_is_being_replaced(client, study, lost):
    state, *_ = lost
    os.utime(study / "clips" / "manifest.json")
    assert client.get(state["trial"]["urls"][0]).status_code == 503
    client.app.state.study.refresh(wait=True)
    assert ready(client)["clips"] == "the clips are faulty, so the study is closed"
    assert client.get(state["trial"]["urls"][0]).status_code == 500


def test_a_study_without_clips_is_not_ready(study):
    from fastapi.testclient import TestClient

    (study / "clips" / "manifest.json").unlink()
    with TestClient(create_app(study, settings_of(study))) as client:
        assert ready(client)["clips"] == "there are no clips yet"
        assert client.get("/healthz").json()["ready"] is False


def test_many_probes_at_once_look_once(client):
    """Who comes while one looks gets the last answer, so that a slow disk keeps nobody waiting in a row."""
    from concurrent.futures import ThreadPoolExecutor

    look: Callable[[], object] = health(client).look
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: look(), range(64)))
    assert found == [[]] * 64
