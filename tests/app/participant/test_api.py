"""The routes, asked as the page asks them."""

import hashlib
import json
from dataclasses import replace

import pytest
from served import CONDITIONS, PROMPTS, SECONDS, settings_of
from taking_part import begin, body, exported, finish, rate, step


def test_a_visitor_is_stored_only_after_the_consent(client):
    state = client.get("/api/state")
    assert state.json()["stage"] == "consent"
    assert state.json()["consent"] is None, "the page has words of its own for a study that has none"
    assert client.app.state.study.store.results.progress() == []
    step(client, "consent")
    assert len(client.app.state.study.store.results.progress()) == 1


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor):
    cookie = visitor.get("/api/state").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # plain http here; see the next test
    assert "set-cookie" not in visitor.get("/api/state").headers, "a visitor keeps the cookie"


def test_the_cookie_is_secure_behind_tls(visitor):
    visitor.base_url = "https://testserver"
    assert "secure" in visitor.get("/api/state").headers["set-cookie"].lower()


def test_fifteen_answers_are_fifteen_ratings(client):
    state = finish(client)
    assert state["stage"] == "done"
    rows = [row for row in exported(client) if row["kind"] == "trial"]
    assert len(rows) == 15
    assert {(row["prompt"], row["condition"]) for row in rows} == {(p, c) for p in PROMPTS for c in CONDITIONS}


def test_answers_are_stored_before_the_next_clip_is_named(client):
    state = begin(client)
    after = rate(client, state, 2).json()
    assert after["trial"]["urls"] == state["upcoming"]
    assert [row.score for row in client.app.state.study.store.results.ratings()] == [2]


def test_a_clip_must_have_been_heard(visitor):
    state = begin(visitor)
    refused = rate(visitor, state, heard_seconds=SECONDS / 2)
    assert refused.status_code == 409
    assert refused.json() == {"error": "Please listen to the sound to its end first."}
    assert list(visitor.app.state.study.store.results.ratings()) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"score": 6}, "score"),
        ({"score": "4"}, "score"),
        ({"score": None}, "score"),
        ({"score": 3.5}, "score"),
        ({"plays": -1}, "plays"),
        ({"heard_seconds": "a lot"}, "heard_seconds"),
        ({"response_ms": 2**40}, "response_ms"),
        ({"extra": 1}, "extra"),
    ],
)
def test_impossible_answers_are_refused_in_one_line(visitor, changes, place):
    state = begin(visitor)
    refused = visitor.post("/api/rate", json=body(state) | changes)
    assert refused.status_code == 422
    assert refused.json()["error"].startswith(place)
    assert "\n" not in refused.json()["error"]
    assert list(visitor.app.state.study.store.results.ratings()) == []


def test_an_old_tab_learns_where_the_session_stands(client):
    first = begin(client)
    second = rate(client, first, 4).json()
    assert rate(client, first, 1).json() == second
    assert [row.score for row in client.app.state.study.store.results.ratings()] == [4]


def test_two_participants_hear_the_same_clip_under_different_addresses(client):
    seen = {}
    for _ in range(2):
        client.cookies.clear()
        state = begin(client)
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = step(client, "ready")
                continue
            sound = client.get(state["trial"]["urls"][0]).content
            seen.setdefault(hashlib.sha256(sound).hexdigest(), set()).add(state["trial"]["urls"][0])
            state = rate(client, state).json()
    assert len(seen) == 15
    assert all(len(urls) >= 2 for urls in seen.values())


def test_a_personal_link_leads_in_and_stays_private(client):
    (token,) = client.app.state.study.store.participants.invite(1)
    arrival = client.get(f"/p/{token}")
    assert (arrival.status_code, arrival.headers["location"]) == (303, "/study/")
    assert begin(client)["stage"] == "practice"
    client.cookies.clear()
    client.get(f"/p/{token}")
    assert client.get("/api/state").json()["stage"] == "practice", "the same link resumes on another device"
    assert client.get("/p/nonsense").status_code == 404


def test_a_study_by_invitation_has_no_open_door(client):
    store = client.app.state.study.store
    assert store.participants.closed() == ""
    store.scope.recruitment = replace(store.scope.recruitment, open_link=False)
    assert store.participants.closed() == "link"
    state = client.get("/api/state").json()
    assert (state["stage"], state["reason"]) == ("closed", "link")


def test_without_a_cookie_nothing_is_stored(client):
    assert client.post("/api/step", json={"page": "consent"}).status_code == 400
    assert client.post("/api/rate", json={}).status_code == 422
    assert client.app.state.study.store.results.progress() == []


def test_events_are_stored_and_checked(visitor):
    begin(visitor)
    assert visitor.post("/api/event", json={"kind": "hidden", "position": 1, "detail": {"at": 1.5}}).status_code == 204
    assert visitor.post("/api/event", json={"kind": "hack"}).status_code == 422
    assert visitor.post("/api/event", json={"kind": "play", "detail": {"x": "y" * 500}}).status_code == 422
    assert (
        visitor.post("/api/event", json={"kind": "play", "detail": {str(n): 1 for n in range(20)}}).status_code == 422
    )


def test_no_state_names_a_condition(client):
    state = client.get("/api/state").json()
    texts = [json.dumps(state)]
    while state["stage"] != "done":
        state = rate(client, state).json() if state.get("trial") else step(client, state["stage"])
        texts.append(json.dumps(state))
    assert len(texts) > 17
    for text in texts:
        assert not [name for name in (*CONDITIONS, "flac", "w8a8") if name in text]


def test_rendering_anew_reaches_the_running_study(client, study):
    """The manifest is replaced under a running server: the page gets new addresses, or is told to wait."""
    from survey.clips.manifest import read_manifest, write_manifest

    before = begin(client)
    path = study / "clips" / "manifest.json"
    manifest = read_manifest(path)
    clip = study / "clips" / manifest.clips[0].file
    sound = clip.read_bytes()
    clip.unlink()
    write_manifest(path, manifest)
    client.app.state.study.refresh(wait=True)
    waiting = client.get("/api/state").json()
    assert (waiting["stage"], waiting["reason"]) == ("closed", "not_ready")
    clip.write_bytes(sound)
    write_manifest(path, manifest)
    client.app.state.study.refresh(wait=True)
    assert client.get("/api/state").json() == before


def test_a_study_without_clips_waits_for_them(client, study):
    from fastapi.testclient import TestClient

    from app.server import create_app

    path = study / "clips" / "manifest.json"
    text = path.read_text()
    path.unlink()
    with TestClient(create_app(study, settings_of(study))) as waiting:
        assert waiting.get("/api/state").json()["reason"] == "not_ready"
        assert waiting.get("/healthz").json() == {"status": "ok", "ready": False}
        waiting.get("/api/state")
        path.write_text(text)
        waiting.app.state.study.refresh(wait=True)
        assert waiting.get("/api/state").json()["stage"] == "consent"
