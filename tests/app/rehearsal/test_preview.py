"""A study that a researcher goes through as a participant would, of which nothing is kept."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from route_table import LINES
from served import CONDITIONS, PASSWORD, settings_of, write_study
from sqlalchemy import MetaData, inspect, select
from taking_part import finish

from app.accounts.passwords import hashed
from app.accounts.roles import ROLES
from app.participant.visitor import COOKIE
from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.study import Study
from app.watch.counters import CLIPS
from db.engine import reading

ANYBODYS = ("/healthz", "/texts/de.json", "/media/sound-check", "/study/", "/join", "/withdraw", "/")


def everything(study: Study) -> dict[str, list]:
    """Return all that is in a study's database but who is logged in."""
    engine, tables = study.store.scope.engine, MetaData()
    tables.reflect(engine)
    assert {"participant", "rating", "event", "attempt", "action"} <= set(inspect(engine).get_table_names())
    with reading(engine) as db:
        names = sorted(set(tables.tables) - {"login"})
        return {name: [tuple(row) for row in db.execute(select(tables.tables[name]))] for name in names}


def logged_in(app: FastAPI, role: str = "owner") -> TestClient:
    """Give a browser of somebody, who has no cookie of a participant."""
    study, client = app.state.study, TestClient(app, follow_redirects=False)
    if role != "owner":
        study.store.accounts.add(role, role, hashed(PASSWORD))
    client.cookies.set(LOGIN_COOKIE, Login(study.secrets, study.store).begin(role), path="/admin")
    return client


class Below:
    """A browser that asks for everything below the preview, as the page there does."""

    def __init__(self, client: TestClient) -> None:
        self.client, self.cookies = client, client.cookies

    def get(self, path: str, **more):
        return self.client.get(f"/admin/preview{path}", **more)

    def post(self, path: str, **more):
        return self.client.post(f"/admin/preview{path}", **more)


def begin(client: TestClient, language: str = "") -> Below:
    answer = client.post("/admin/preview", data={"do": "begin", "language": language})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/preview/join")
    assert client.get(answer.headers["location"]).headers["location"] == "/admin/preview/study/"
    return Below(client)


@pytest.mark.parametrize("state", ["open", "pause", "close"])
def test_nothing_of_a_preview_is_stored_or_counted_whatever_state_the_study_is_in(shared_app, state):
    study = shared_app.state.study
    if state != "open":
        study.runs.run("owner", state)
    before, served = everything(study), CLIPS._value.get()
    client = logged_in(shared_app)
    seen = begin(client)
    assert seen.get("/api/state").json()["stage"] == "consent"
    last = finish(seen)
    assert last["stage"] == "done"
    assert last["deletion"]
    assert seen.get("/media/sound-check").status_code == 200
    assert client.post("/admin/preview", data={"do": "end"}).headers["location"] == "/admin/"
    assert seen.get("/api/state").json()["stage"] == "consent"
    assert everything(study) == before
    assert CLIPS._value.get() == served
    if state != "open":
        study.runs.run("owner", "launch")


def test_clips_are_those_of_the_study_and_are_not_counted(shared_app):
    seen, served = begin(logged_in(shared_app, "assistant")), CLIPS._value.get()
    state = finish(seen, upto=1)
    heard = seen.get(state["trial"]["urls"][0])
    files = [path.read_bytes() for path in shared_app.state.study.clips.glob("*.flac")]
    assert heard.content in files
    assert CLIPS._value.get() == served
    assert not [name for name in CONDITIONS if name in str(state)]
    assert seen.client.get(state["trial"]["urls"][0]).status_code == 404, "it is none of the study's own addresses"


def test_a_participants_cookie_is_not_the_previews_nor_the_other_way_round(shared_app):
    client = logged_in(shared_app)
    finish(client, upto=1)  # the researcher takes part as well, in the same browser
    theirs = client.get("/api/state").json()
    seen = begin(client)
    assert seen.get("/api/state").json()["stage"] == "consent"
    mine = finish(seen, upto=3)
    assert (mine["trial"]["position"], theirs["trial"]["position"]) == (4, 2)
    assert client.get("/api/state").json() == theirs
    (token,) = [one.value for one in client.cookies.jar if (one.name, one.path) == (COOKIE, "/admin/preview")]
    stranger = TestClient(shared_app, cookies={COOKIE: token}, follow_redirects=False)
    assert stranger.post("/api/step", json={"page": "consent"}).status_code == 400, "a token of nobody"


@pytest.mark.parametrize("who", ["logged out", "reader", "assistant"])
def test_the_preview_opens_with_the_login_of_an_assistant_or_an_owner_alone(shared_app, who):
    client = logged_in(shared_app, who if who in ROLES else "owner")
    if who == "logged out":
        begin(client)
        client.post("/admin/logout")
    may = {"reader": 403, "assistant": 200}.get(who, 401)
    assert client.get("/admin/preview").status_code == may
    for path in ANYBODYS:
        status = client.get(f"/admin/preview{path}").status_code
        assert status in ((200, 303) if may == 200 else (may,)), path
    for line in LINES:
        if line.path.startswith("/admin"):
            path = re.sub(r"{\w+}", "x", line.path)
            assert client.request(line.method, f"/admin/preview{path}").status_code in (401, 403, 404), line.path


def test_every_page_says_that_it_is_a_preview_and_ends_it(shared_app):
    seen, banner = begin(logged_in(shared_app)), '<form method="post" action="/admin/preview">'
    for path in ("/study/", "/p/nobody", "/nowhere"):
        page = seen.get(path)
        assert page.text.count(banner) == 1, path
        assert int(page.headers["content-length"]) == len(page.content) or "content-encoding" in page.headers
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert banner not in seen.client.get("/study/").text


def test_the_page_is_in_the_language_that_was_chosen(shared_app):
    client = logged_in(shared_app)
    for code, name in (("ja", "Japanese"), ("ar", "Arabic")):
        assert f'<option value="{code}">{name}</option>' in client.get("/admin/preview").text
        assert begin(client, code).get("/api/state").json()["language"] == code
    assert begin(client).get("/api/state", headers={"Accept-Language": "pl"}).json()["language"] == "pl"


def test_somebody_whom_a_panel_would_send_is_rehearsed_too(backend, tmp_path):
    recruitment = "platform: prolific, codes: {finished: DONE7}, language: fr, target_participants: 1"
    folder = write_study(
        tmp_path / "study", session="headphone_check: none, prompts_per_participant: 1", recruitment=recruitment
    )
    app = create_app(folder, settings_of(folder))
    for _ in range(2):  # no place is taken
        last = finish(begin(logged_in(app)))
        assert (last["language"], last["code"]) == ("fr", "DONE7")
        assert last["url"].endswith("?cc=DONE7")
    assert app.state.study.store.results.progress() == []
    (folder / "clips" / "manifest.json").rename(folder / "manifest.json")
    closed = create_app(folder, settings_of(folder))
    client = logged_in(closed)
    assert "no clips yet" in client.get("/admin/preview").text
    assert begin(client).get("/api/state").json()["stage"] == "closed"
    for one in (app, closed):
        one.state.study.close()
