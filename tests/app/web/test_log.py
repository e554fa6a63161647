"""What the log gives away when everything goes wrong: neither a token nor an identity nor an answer."""

import logging
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from served import PASSWORD, settings_of, write_study
from sqlalchemy import text

from app.server import create_app
from app.watch.logs import Objects
from db.engine import writing

COLUMNS = {"rating": "plays", "event": "detail", "participant": "code", "login": "digest"}
REMARK, IDENTITY = "a-remark-that-tells-who", "5f1-an-identity"


@pytest.fixture
def tell(backend, tmp_path, caplog) -> Callable[[str, str], tuple[str, list[str]]]:
    """Let a participant go to the first clip, break a table, and send everything once more; return the log."""

    def run(table: str, sent: str) -> tuple[str, list[str]]:
        folder = write_study(
            tmp_path / "study",
            session="headphone_check: none, comments: true, must_listen: false",
            recruitment="platform: prolific, demographics: [language]",
        )
        app = create_app(folder, settings_of(folder))
        store = app.state.study.store
        client = TestClient(app, follow_redirects=False)
        client.get(f"/join?PROLIFIC_PID={IDENTITY}")
        state = client.post("/api/step", json={"page": "consent"}).json()
        state = client.post("/api/questions", json={"answers": {"language": "Klingon"}}).json()
        while state["stage"] in ("sound_check", "instructions"):
            state = client.post("/api/step", json={"page": state["stage"]}).json()
        (token,) = store.participants.invite(1)
        with writing(store.scope.engine) as db:
            db.execute(text(f"ALTER TABLE {table} RENAME COLUMN {COLUMNS[table]} TO gone"))
        caplog.clear()
        caplog.set_level(logging.DEBUG)
        body = {"media": state["trial"]["media"], "score": 3, "plays": 1, "heard_seconds": 9, "response_ms": 900}
        answers = {
            "rate": lambda: client.post("/api/rate", json=body | {"comment": REMARK}),
            "link": lambda: client.get(f"/p/{token}"),
            "leave": lambda: client.get(f"/p/{token}/withdraw"),
            "join": lambda: client.get(f"/join?PROLIFIC_PID={IDENTITY}"),
            "event": lambda: client.post("/api/event", json={"kind": "play", "detail": {"reason": REMARK}}),
            "login": lambda: client.post("/admin/login", data={"password": PASSWORD}),
        }
        assert answers[sent]().status_code in (500, 503)
        ours = [
            record for record in caplog.records if not record.name.startswith("httpx")
        ]  # not the test's own browser
        log = "\n".join(map(Objects().format, ours))
        return log, [token, IDENTITY, REMARK, PASSWORD, *filter(None, client.cookies.values())]

    return run


@pytest.mark.parametrize(
    ("table", "sent"),
    [
        ("rating", "rate"),
        ("event", "event"),
        ("participant", "rate"),
        ("participant", "link"),
        ("participant", "leave"),
        ("participant", "join"),
        ("login", "login"),
    ],
)
def test_a_failure_is_logged_without_what_was_sent(tell, table, sent):
    log, private = tell(table, sent)
    assert [secret for secret in private if secret in log] == []
    if sent != "login":
        assert "failed" in log
        assert "Traceback" in log
