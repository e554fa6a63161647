"""What Prometheus is told: by whom it may be asked, and that its numbers are those of what happened."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from route_table import LINES
from served import settings_of, write_study

from app.errors import SettingsError
from app.researcher.metrics import METRICS
from app.server import create_app
from app.settings import load_settings

TOKEN = "watching-is-not-logging-in"
Told = dict[tuple[str, ...], float]


@pytest.fixture
def client(backend: str, tmp_path) -> Iterator[TestClient]:
    folder = write_study(tmp_path / "study", session="headphone_check: none, must_listen: false")
    with TestClient(create_app(folder, settings_of(folder, metrics_token=TOKEN)), follow_redirects=False) as client:
        yield client


def told(client: TestClient) -> Told:
    """Return every number by its name and labels."""
    answer = client.get(METRICS, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_only_the_login_and_the_token_open_them_and_the_token_nothing_else(client):
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}):
        assert client.get(METRICS, headers=given).status_code == 401, given
    assert client.get(METRICS, headers={"Authorization": b"Bearer \xe9"}).status_code == 401
    assert told(client)
    for line in LINES:
        if line.path.startswith("/admin/") and line.may["anonymous"] == "no" and line.path != METRICS:
            path = line.path.replace("{", "").replace("}", "")
            answer = client.request(line.method, path, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 401 or answer.headers.get("location") == "/admin/login", line


def test_without_a_token_there_is_none(shared_app, researcher, visitor):
    for given in ("Bearer ", "Bearer", "Bearer None"):
        assert visitor.get(METRICS, headers={"Authorization": given}).status_code == 401
    assert "earmark_open 1.0" in researcher.get(METRICS).text


def test_a_short_token_is_refused():
    with pytest.raises(SettingsError, match="EARMARK_METRICS_TOKEN: shorter than 16 characters"):
        load_settings({"EARMARK_METRICS_TOKEN": "short"})


def test_the_numbers_are_of_what_happened(client):
    before = told(client)
    state, clips, answers = client.get("/api/state").json(), 0, 0
    while state["stage"] in ("consent", "sound_check", "instructions"):
        state = client.post("/api/step", json={"page": state["stage"]}).json()
    for _ in range(2):
        trial = state["trial"]
        for given in ({}, {"Range": "bytes=0-"}, {"Range": "bytes=100-"}):  # the last goes on with what was begun
            assert client.get(trial["urls"][0], headers=given).status_code in (200, 206)
        clips += 2
        answer = {"media": trial["media"], "score": 4, "plays": 1, "heard_seconds": 9, "response_ms": 9}
        state = client.post("/api/rate", json=answer).json()
        answers += 1
    client.get("/p/nobody")
    client.get("/nowhere/at/all")
    now = told(client)

    def more(*names: str) -> float:
        return now.get(names, 0) - before.get(names, 0)

    assert now["earmark_answers",] == answers
    assert {name: now[name] for name in now if name[0] == "earmark_sessions"} == {("earmark_sessions", "ready"): 1}
    assert more("earmark_clips_served_total") == clips
    assert more("earmark_requests_total", "POST", "/api/rate", "200") == answers
    assert more("earmark_requests_total", "GET", "/media/{opaque}/{place}", "206") == 4
    assert more("earmark_requests_total", "GET", "/p/{token}", "404") == 1
    assert more("earmark_requests_total", "GET", "other", "404") == 1
    assert more("earmark_request_seconds_count", "/api/rate") == answers
    assert 0 < more("earmark_request_seconds_sum", "/api/rate") < 60 * answers
    assert (now["earmark_open",], now["earmark_gate_problems",]) == (1, 0)
    assert (now["earmark_works", "database"], now["earmark_works", "clips"]) == (1, 1)


@pytest.mark.sqlite
def test_they_tell_that_the_database_fails_and_go_on(client):
    before, study = told(client), client.app.state.study
    study.store.close()
    study.folder.rename(study.folder.with_name("elsewhere"))  # so that its file cannot be opened again
    client.cookies.set("earmark", "x" * 30)
    assert client.post("/api/step", json={"page": "instructions"}).status_code == 503
    now = told(client)
    assert now["earmark_database_faults_total",] > before["earmark_database_faults_total",]
    assert now["earmark_works", "database"] == 0
    assert ("earmark_answers",) not in now
