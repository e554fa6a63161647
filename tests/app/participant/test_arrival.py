"""How people arrive and leave: platforms, devices, codes and the way back."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import CONDITIONS, PASSWORD, PROMPTS, SECONDS, settings_of, write_study
from taking_part import rate, step

from app.participant.arrival import browser_of, device_of, leaving
from app.participant.media import headphone_answers
from app.server import create_app
from app.texts import texts
from survey import load_config

AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36": (
        "computer", "Chrome 131"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.2903.86": ("computer", "Edge 131"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0": ("computer", "Firefox 133"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1": ("phone", "Safari 18"),
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36": (
        "tablet", "Chrome 131"),
    "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 "
    "Chrome/125.0.0.0 Mobile Safari/537.36": ("phone", "Samsung 27"),
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 "
    "Safari/604.1": ("tablet", "Chrome 131"),
    "curl/8.5": ("computer", "other"),
    "": ("computer", "other"),
}  # fmt: skip
CODES = "codes: {finished: DONE7, screened_out: OUT7, no_consent: NO7}"


@pytest.fixture
def served(backend: str, tmp_path: Path) -> Iterator:
    opened: list[TestClient] = []

    def open_study(session: str = "headphone_check: none", recruitment: str = "") -> TestClient:
        folder = write_study(tmp_path / f"study{len(opened)}", session=session, recruitment=recruitment)
        client = TestClient(create_app(folder, settings_of(folder)), follow_redirects=False)
        opened.append(client.__enter__())
        return opened[-1]

    yield open_study
    for client in opened:
        client.__exit__(None, None, None)


def stage(client: TestClient) -> dict:
    return client.get("/api/state").json()


def enter(client: TestClient) -> dict:
    """Go up to the first page that wants more than a confirmation."""
    state = stage(client)
    while state["stage"] in ("consent", "sound_check", "instructions"):
        state = step(client, state["stage"])
    return state


@pytest.mark.parametrize("agent", AGENTS)
def test_device_and_browser_are_told_apart(agent):
    assert (device_of(agent), browser_of(agent)) == AGENTS[agent]


@pytest.mark.parametrize(
    ("platform", "address", "identity"),
    [
        ("prolific", "/join?PROLIFIC_PID=5f1&STUDY_ID=a&SESSION_ID=b", "5f1"),
        ("connect", "/join?participantId=A1&assignmentId=B2&projectId=C3", "A1"),
        ("connect", "/join?PROLIFIC_PID=5f1", None),
        ("sona", "/?survey_code=777", "777"),
        ("prolific", "/join", None),
        ("prolific", "/join?PROLIFIC_PID=" + "x" * 201, None),
        ("none", "/join?PROLIFIC_PID=5f1", ""),
    ],
)
def test_platforms_say_who_somebody_is(served, platform, address, identity):
    client = served(recruitment=f"platform: {platform}")
    assert client.get(address).headers["location"] == "/study/"
    state = stage(client)
    if identity is None:
        assert (state["stage"], state["reason"]) == ("closed", "platform")
        return
    assert state["stage"] == "consent"
    step(client, "consent")
    (row,) = client.app.state.study.store.results.sessions()
    assert (row.external_id, row.source) == (identity, platform if identity else "open")


def test_a_placeholder_and_a_preview_count_nothing_and_are_told_apart(served, caplog):
    client = served(recruitment="platform: prolific")
    study = client.app.state.study
    for address in ("PROLIFIC_PID={{%PROLIFIC_PID%}}", "PROLIFIC_PID=5f1&SESSION_ID=preview") * 2:
        answer = client.get(f"/join?{address}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/study/#preview")
    assert not client.cookies, "nobody came"
    assert list(study.store.results.progress()) == []
    told = ["the placeholder of Prolific", "a preview from Prolific"]
    logged = [record.getMessage() for record in caplog.records if "somebody came" in record.getMessage()]
    lines = [line for line in study.changes() if "in the last week" in line]
    assert [kind in line for kind, line in zip(told, logged, strict=True)] == [True, True], "once each"
    assert [kind in line for kind, line in zip(told, lines, strict=True)] == [True, True]
    assert all(line.startswith("2 times in the last week") for line in lines)


def test_people_from_a_panel_that_the_study_does_not_name_are_told_of(served, caplog):
    client = served()
    assert client.get("/join?PROLIFIC_PID=5f1").headers["location"] == "/study/"
    assert stage(client)["stage"] == "consent"
    step(client, "consent")
    study = client.app.state.study
    (row,) = study.store.results.sessions()
    assert row.external_id == ""
    (line,) = [line for line in study.changes() if "in the last week" in line]
    assert line.startswith("once in the last week")
    assert "a person from Prolific" in line
    assert "set recruitment.platform: prolific" in line
    assert "5f1" not in line + caplog.text
    client.get("/join?participantId=7")
    assert study.changes() == [line], "a laboratory's own number is no panel's"


def test_nobody_can_write_an_identity_of_their_own(served):
    client = served(recruitment="platform: prolific")
    client.cookies.set("earmark-from", '"5f1".forged')
    assert stage(client)["reason"] == "platform"


def test_a_second_person_at_the_same_browser_is_a_second_session(served):
    client = served(recruitment="platform: prolific")
    for name in ("one", "two", "one"):
        client.get(f"/join?PROLIFIC_PID={name}")
        step(client, "consent")
    assert [row.external_id for row in client.app.state.study.store.results.sessions()] == ["one", "two"]


@pytest.mark.parametrize(
    ("recruitment", "outcome", "code", "url"),
    [
        ("", "finished", None, None),
        ("completion_url: https://x.org/end", "finished", None, "https://x.org/end"),
        ("completion_url: https://x.org/end", "screened_out", None, None),
        (f"platform: prolific, {CODES}", "finished", "DONE7", "https://app.prolific.com/submissions/complete?cc=DONE7"),
        (f"platform: prolific, {CODES}", "no_consent", "NO7", "https://app.prolific.com/submissions/complete?cc=NO7"),
        (f"platform: connect, {CODES}", "screened_out", "OUT7", None),
        ("platform: sona, completion_url: 'https://s.org/?code={id}'", "finished", None, "https://s.org/?code=777"),
        ("completion_url: 'https://x.org/?c={code}'", "finished", None, None),
    ],
)
def test_everybody_leaves_with_what_belongs_to_the_outcome(tmp_path, recruitment, outcome, code, url):
    config = load_config(write_study(tmp_path / "study", recruitment=recruitment) / "study.yaml")
    assert leaving(config, outcome, "777") == {"code": code, "url": url}


def test_the_page_comes_in_the_browsers_language_or_the_studys(served):
    client = served()
    german = {"accept-language": "de-DE,de;q=0.9,en;q=0.8"}
    assert client.get("/api/state", headers=german).json()["language"] == "de"
    assert client.get("/texts/de.json").json()["next"] == "Weiter"
    assert client.get("/texts/xx.json").status_code == 404
    fixed = served(recruitment="language: fr")
    assert fixed.get("/api/state", headers=german).json()["language"] == "fr"


def test_headphone_sounds_are_the_sessions_own_and_answers_stay_here(served):
    client = served("headphone_check: huggins, practice: 0")
    state = enter(client)
    assert state["stage"] == "headphones"
    check = state["headphones"]
    assert set(check) == {"kind", "tried", "again", "urls"}
    sounds = {client.get(url).content for url in check["urls"]}
    assert len(sounds) == 6
    assert client.get(check["urls"][0]).headers["cache-control"] == "no-store", "another's have the same address"
    study = client.app.state.study
    session = study.store.sessions.state(client.cookies["earmark"]).session_id
    right = headphone_answers(study, session, 0)
    wrong = [(place + 1) % 3 for place in right]
    again = client.post("/api/headphones", json={"tried": 0, "answers": wrong}).json()
    assert (again["stage"], again["headphones"]["tried"]) == ("headphones", 1)
    assert client.post("/api/headphones", json={"tried": 0, "answers": right}).json() == again, "an old tab"
    second = headphone_answers(study, session, 1)
    five = [*second[:5], (second[5] + 1) % 3]
    assert client.post("/api/headphones", json={"tried": 1, "answers": five}).json()["stage"] == "instructions"
    client.cookies.clear()
    assert client.get(check["urls"][0]).status_code == 404


def test_of_both_headphone_checks_the_second_follows_the_first_that_is_passed(served):
    client = served("headphone_check: both, practice: 0")
    check = enter(client)["headphones"]
    study = client.app.state.study
    session = study.store.sessions.state(client.cookies["earmark"]).session_id
    right = [headphone_answers(study, session, tried) for tried in range(3)]
    assert (check["kind"], check["again"]) == ("antiphase", False)
    wrong = [(place + 1) % 3 for place in right[0]]
    check = client.post("/api/headphones", json={"tried": 0, "answers": wrong}).json()["headphones"]
    assert (check["kind"], check["again"]) == ("antiphase", True)
    check = client.post("/api/headphones", json={"tried": 1, "answers": right[1]}).json()["headphones"]
    assert (check["kind"], check["tried"], check["again"]) == ("huggins", 2, False)
    assert all(client.get(url).status_code == 200 for url in check["urls"][:2])
    assert client.post("/api/headphones", json={"tried": 2, "answers": right[2]}).json()["stage"] == "instructions"
    (row,) = study.store.results.sessions()
    assert row.headphone_right == "0 6 6"


def test_answers_differ_between_sessions_and_tries(served):
    study = served().app.state.study
    drawn = {tuple(headphone_answers(study, session, tried)) for session in range(20) for tried in range(2)}
    assert len(drawn) > 20
    assert {tuple(sorted(answers)) for answers in drawn} == {(0, 0, 1, 1, 2, 2)}, "a favourite answer could pass"


def test_a_clip_is_skipped_only_after_it_failed(served):
    client = served("headphone_check: none, practice: 0")
    state = enter(client)
    skip = {"media": state["trial"]["media"], "reason": "undecodable"}
    assert client.post("/api/skip", json=skip).status_code == 409
    client.post("/api/event", json={"kind": "error", "position": state["trial"]["position"]})
    after = client.post("/api/skip", json=skip).json()
    assert after["trial"]["total"] == state["trial"]["total"] - 1


def test_comments_are_kept_only_where_the_study_asks_for_them(served):
    for asked, kept in (("true", "a bird?"), ("false", "")):
        client = served(f"headphone_check: none, practice: 0, comments: {asked}")
        state = enter(client)
        assert state["comments"] == (asked == "true")
        rate(client, state, comment=" a bird? ")
        assert [row.comment for row in client.app.state.study.store.results.ratings()] == [kept]


def test_an_answer_can_be_changed_without_listening_again(served):
    client = served("headphone_check: none, practice: 0, go_back: true")
    state = enter(client)
    after = rate(client, state, 2).json()
    before = after["previous"]
    assert (before["media"], before["score"]) == (state["trial"]["media"], 2)
    change = {
        "media": before["media"],
        "score": 5,
        "plays": 0,
        "heard_seconds": 0.0,
        "response_ms": 800,
        "revises": True,
    }
    assert client.post("/api/rate", json=change).json()["trial"] == after["trial"]
    (row,) = client.app.state.study.store.results.ratings()
    assert (row.score, row.plays, row.heard_seconds, row.response_ms) == (5, 1, SECONDS, 1700)


def test_withdrawing_forgets_the_browser_too(served):
    client = served(recruitment="platform: prolific")
    client.get("/join?PROLIFIC_PID=5f1")
    step(client, "consent")
    assert client.post("/api/withdraw", json={}).json()["stage"] == "withdrawn"
    assert not [name for name in client.cookies if name.startswith("earmark")]
    assert list(client.app.state.study.store.results.sessions()) == []
    (token,) = client.app.state.study.store.participants.invite(1)
    link = client.get(f"/p/{token}/withdraw")
    assert (link.status_code, link.headers["location"]) == (303, "/study/#withdraw")
    assert client.get("/p/nobody/withdraw").status_code == 404


def test_recordings_of_the_researcher_say_what_to_answer(backend, tmp_path):
    folder = write_study(tmp_path / "study", session="headphone_check: none, practice: 0, instructed_checks: 2")
    clips = sorted((folder / "clips").glob("*.flac"))[:2]
    (folder / "spoken").mkdir()
    for answer, clip in zip("25", clips, strict=True):
        (folder / "spoken" / f"{answer}.flac").write_bytes(clip.read_bytes())
    with TestClient(create_app(folder, settings_of(folder))) as client:
        state = enter(client)
        heard = []
        while state["stage"] == "trials":
            heard.append((state["trial"]["prompt"], client.get(state["trial"]["urls"][0]).content))
            state = rate(client, state, heard_seconds=60).json()
    told = [sound for prompt, sound in heard if prompt == "Please do as the voice says."]
    assert len(told) == 2
    assert {*told} <= {clip.read_bytes() for clip in clips}


@pytest.mark.parametrize("words", ["do_listen", "do_count"])
def test_a_sound_that_says_what_to_answer_is_known_by_its_kind(backend, tmp_path, words):
    """Not by the words beside it: a prompt of the study may be the same sentence."""
    session = "headphone_check: none, practice: 0, instructed_checks: 1"
    folder = write_study(tmp_path / "study", session=session)
    if words == "do_listen":
        (folder / "spoken").mkdir()
        (folder / "spoken" / "2.flac").write_bytes(next((folder / "clips").glob("*.flac")).read_bytes())
    for name in ("study.yaml", "clips/manifest.json"):
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(PROMPTS[1], texts("en")[words]), encoding="utf-8")
    with TestClient(create_app(folder, settings_of(folder))) as client:
        state = enter(client)
        shown = []
        while state["stage"] == "trials":
            shown.append(state["trial"])
            state = rate(client, state, heard_seconds=60).json()
    alike = [trial["words"] for trial in shown if trial["prompt"] == texts("en")[words]]
    assert sorted(alike, key=str) == [None] * len(CONDITIONS) + [words]
    assert {trial["words"] for trial in shown if trial["prompt"] != texts("en")[words]} == {None}


def test_sessions_are_exported_with_the_ratings(served):
    client = served(recruitment="platform: prolific")
    client.get("/join?PROLIFIC_PID=5f1", headers={"user-agent": next(iter(AGENTS))})
    step(client, "consent")
    client.post("/admin/login", data={"password": PASSWORD})
    (row,) = csv.DictReader(io.StringIO(client.get("/admin/sessions.csv?identities=true").text))
    assert (row["participant"], row["external_id"], row["outcome"]) == ("P001", "5f1", "under way")


def test_what_happened_on_the_page_is_exported_and_counted(served):
    client = served()
    client.get("/api/state")
    step(client, "consent")
    for kind, position, detail in (("stall", 1, {"ms": 2000}), ("hidden", None, {}), ("hidden", None, {})):
        answer = client.post("/api/event", json={"kind": kind, "position": position, "detail": detail})
        assert answer.status_code == 204
    assert client.get("/admin/events.csv").status_code == 401
    client.post("/admin/login", data={"password": PASSWORD})
    rows = list(csv.DictReader(io.StringIO(client.get("/admin/events.csv").text)))
    assert [(row["participant"], row["session"], row["kind"], row["position"], row["detail"]) for row in rows] == [
        ("P001", "S001", "stall", "1", '{"ms": 2000.0}'),
        ("P001", "S001", "hidden", "", "{}"),
        ("P001", "S001", "hidden", "", "{}"),
    ]
    (row,) = csv.DictReader(io.StringIO(client.get("/admin/sessions.csv").text))
    assert (row["stalls"], row["seeks"], row["hidden"]) == ("1", "0", "2")
