"""A study that is paused, closed, launched again and extended: what who comes and who is under way is told."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from served import settings_of, store_of, until, write_study
from taking_part import begin, finish, rate, step

from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app

RULES = "headphone_check: none, must_listen: false, practice: 0"


@pytest.fixture(scope="module")
def app(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Serve a study for two people."""
    folder = write_study(
        tmp_path_factory.mktemp("running") / "study", session=RULES, recruitment="target_participants: 2"
    )
    made = create_app(folder, settings_of(folder))
    yield made
    made.state.study.close()


@pytest.fixture
def owner(app: FastAPI) -> Iterator[TestClient]:
    client = visitor(app)
    token = Login(app.state.study.secrets, app.state.study.store).begin()
    client.cookies.set(LOGIN_COOKIE, token, path="/admin")
    yield client
    client.post("/admin/state", data={"do": "launch"})


def visitor(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)


def told(client: TestClient) -> tuple[str, str | None]:
    state = client.get("/api/state").json()
    return state["stage"], state.get("reason")


def test_a_paused_study_lets_nobody_begin_and_those_under_way_finish(app, owner):
    study, inside, ahead = app.state.study, visitor(app), visitor(app)
    (link,) = study.store.participants.invite(1)
    invited = visitor(app)
    invited.get(f"/p/{link}")
    assert told(ahead) == ("consent", None)
    state = begin(inside)
    assert owner.post("/admin/state", data={"do": "pause"}).status_code == 200
    assert [told(one) for one in (visitor(app), ahead, invited)] == [("closed", "paused")] * 3
    for one in (ahead, invited):
        answer = one.post("/api/step", json={"page": "consent"})
        assert (answer.status_code, answer.json()["error"][:20]) == (409, "This study is paused")
    assert "paused" in owner.get("/admin/state").text
    while state["stage"] != "done":
        state = step(inside, "ready") if state["stage"] == "ready" else rate(inside, state).json()
    assert told(inside) == ("done", None)
    owner.post("/admin/state", data={"do": "launch"})
    assert [told(one) for one in (ahead, invited)] == [("consent", None)] * 2


def test_a_closed_study_lets_nobody_go_on_until_it_is_launched_again(app, owner):
    owner.post("/admin/state", data={"do": "extend", "by": "5"})
    ended, inside = visitor(app), visitor(app)
    finish(ended)
    state = rate(inside, begin(inside)).json()
    assert owner.post("/admin/state", data={"do": "close"}).status_code == 200
    refused = rate(inside, state)
    assert (refused.status_code, refused.json()["error"][:21]) == (409, "This study has ended.")
    assert told(inside) == ("closed", "over")
    assert inside.post("/api/event", json={"kind": "hidden", "position": 1}).status_code == 204
    assert told(ended) == ("done", None)
    owner.post("/admin/state", data={"do": "launch"})
    assert told(inside) == ("trials", None)
    assert rate(inside, state).json()["trial"]["number"] == 3, "the first answer was kept, and the second is taken"
    owner.post("/admin/state", data={"do": "close"})
    assert inside.post("/api/withdraw", json={}).json()["stage"] == "withdrawn", "that right stays"


@pytest.mark.sqlite
def test_a_full_study_takes_so_many_more(backend, tmp_path):
    folder = write_study(tmp_path / "study", session=RULES, recruitment="target_participants: 1")
    app = create_app(folder, settings_of(folder))
    study = app.state.study
    try:
        finish(visitor(app))
        assert told(visitor(app)) == ("closed", "full")
        assert study.runs.run("owner", "extend", 1) == ""
        second = visitor(app)
        assert told(second) == ("consent", None)
        finish(second)
        assert told(visitor(app)) == ("closed", "full")
        assert [(one.kind, dict(one.detail)) for one in study.store.actions.newest()] == [("extend", {"by": 1})]
    finally:
        study.close()


def test_what_another_process_does_is_noticed(app, owner):
    inside = visitor(app)
    owner.post("/admin/state", data={"do": "extend", "by": "5"})
    state = begin(inside)
    other = store_of(app.state.study.folder)
    try:
        assert other.actions.run("somebody on the command line", "close") == ""
    finally:
        other.close()
    until(lambda: inside.post("/api/step", json={"page": "ready"}).status_code == 409, 10)
    assert rate(inside, state).status_code == 409


@pytest.mark.sqlite
def test_what_cannot_be_done_to_a_study_is_said_and_changes_nothing(app, owner):
    before, lines = app.state.study.store.actions.running(), len(app.state.study.store.actions.newest())
    for do, by in (("launch", ""), ("extend", "0"), ("extend", "-1"), ("extend", "100001"), ("extend", "1e5"),
                   ("extend", ""), ("extend", "٣" * 9), ("burn", ""), ("", "")):  # fmt: skip
        answer = owner.post("/admin/state", data={"do": do, "by": by})
        assert answer.status_code in (409, 422), (do, by)
        assert 'role="alert"' in answer.text
    assert app.state.study.store.actions.running() == before
    assert len(app.state.study.store.actions.newest()) == lines
