"""Kiosk mode: nothing but the study's pages, and the next participant by the experimenter's PIN alone."""

from pathlib import Path

import pytest
from databases import KEPT
from fastapi.testclient import TestClient
from served import PASSWORD, settings_of, write_study

from app.errors import SettingsError
from app.participant.kiosk import ONE
from app.researcher.login import LOGIN_COOKIE, Login
from app.server import create_app
from app.settings import Settings, load_settings

PIN = "314159"
SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"


@pytest.fixture
def make(tmp_path: Path):
    def made(recruitment: str = "lab: true", pin: str | None = PIN) -> TestClient:
        folder = write_study(tmp_path / "study", session=SESSION, recruitment=recruitment)
        return TestClient(create_app(folder, Settings(admin_password=PASSWORD, kiosk_pin=pin)), follow_redirects=False)

    return made


def begin(client: TestClient) -> str:
    """Agree to take part, and return whose session it is."""
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}).status_code == 200
    return client.app.state.study.store.participants.code_of(client.cookies["earmark"])


def enter(client: TestClient) -> str:
    assert client.get("/join?seat=3&kiosk").headers["location"] == "/study/"
    return begin(client)


def stage(client: TestClient) -> str:
    return client.get("/api/state").json()["stage"]


def press(client: TestClient, pin: str, wish: str = "next"):
    return client.post("/kiosk", data={"pin": pin, "do": wish})


def test_the_next_participant_begins_by_the_pin_alone(make):
    client = make()
    first = enter(client)
    assert client.get("/join?new").headers["location"] == "/kiosk"
    assert client.get("/api/state").json()["kiosk"] is True
    wrong = press(client, "000000")
    assert (wrong.status_code, "That is not the PIN." in wrong.text) == (403, True)
    assert stage(client) == "sound_check", "whoever sits there goes on"
    assert press(client, PIN).headers["location"] == "/study/"
    assert stage(client) == "consent"
    assert begin(client) != first
    assert [row.seat for row in client.app.state.study.store.results.sessions()] == ["3", "3"]
    assert client.get("/join?new").headers["location"] == "/kiosk", "it is in kiosk mode still"


def test_processes_count_tries_of_the_pin_together_and_events_each_for_itself(cluster, tmp_path):
    KEPT.on(cluster)
    folder = write_study(tmp_path / "study", session=SESSION, recruitment="lab: true")
    one, other = (
        TestClient(create_app(folder, settings_of(folder, kiosk_pin=PIN)), follow_redirects=False) for _ in range(2)
    )
    enter(one)
    other.cookies.update(one.cookies)
    tried = [press((one, other)[number % 2], "000000").status_code for number in range(ONE[0][0] + 2)]
    assert tried == [403] * ONE[0][0] + [429] * 2
    event = {"kind": "pause"}
    assert any(one.post("/api/event", json=event).status_code == 429 for _ in range(400))
    assert other.post("/api/event", json=event).status_code == 204
    for client in (one, other):
        client.app.state.study.close()
    KEPT.on(None)


def test_nothing_under_admin_opens_in_kiosk_mode_not_even_with_a_login(make):
    client = make()
    enter(client)
    study = client.app.state.study
    client.cookies.set(LOGIN_COOKIE, Login(study.secrets, study.store).begin(), path="/admin")
    for path in ("/admin", "/admin/", "/admin/login", "/admin/files/ratings.csv", "/admin/config"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/kiosk"), path
    assert client.post("/admin/login", data={"password": PASSWORD}).headers["location"] == "/kiosk"
    assert press(client, "000000", "leave").status_code == 403
    assert client.get("/admin/").status_code == 303
    assert "Kiosk mode has ended" in press(client, PIN, "leave").text
    assert client.get("/admin/").status_code == 200
    assert client.get("/join?new").headers["location"] == "/study/"
    assert client.get("/kiosk").headers["location"] == "/study/"
    assert press(client, PIN).status_code == 404, "there is nothing to lead elsewhere"


def test_kiosk_mode_ends_where_it_was_entered_before_cookies_had_a_mark(make):
    client = make()
    enter(client)
    client.base_url = "http://testserver:8001"
    assert client.get("/join?new").headers["location"] == "/kiosk"
    assert "Kiosk mode has ended" in press(client, PIN, "leave").text
    assert client.get("/kiosk").headers["location"] == "/study/"


def test_pins_are_not_guessed(make):
    client = make()
    enter(client)
    tries = ONE[0][0]
    assert [press(client, f"{guess:06}").status_code for guess in range(tries + 1)] == [403] * tries + [429]
    late = press(client, PIN)
    assert (late.status_code, "Too many codes were tried" in late.text) == (429, True)
    assert stage(client) == "sound_check"
    client.get("/join?kiosk")
    assert press(client, PIN).status_code == 429, "the link gives no further tries"


def test_a_cookie_that_was_not_made_here_is_no_kiosk(make):
    client = make()
    client.cookies.set("earmark-kiosk", "mine.aaaa")
    assert client.get("/admin/login").status_code == 200
    assert press(client, PIN).status_code == 404


def test_without_a_pin_the_experimenters_page_asks_for_none(make):
    client = make(pin=None)
    enter(client)
    page = client.get("/kiosk").text
    assert ("password" in page, "Next participant" in page) == (False, True)
    assert press(client, "").headers["location"] == "/study/"
    assert stage(client) == "consent"


def test_elsewhere_than_in_a_laboratory_there_is_no_kiosk(make):
    client = make("")
    enter(client)
    assert client.get("/api/state").json()["kiosk"] is False
    assert client.get("/admin/login").status_code == 200


def test_other_browsers_of_the_laboratory_are_free(make):
    client = make()
    client.get("/join?seat=3")
    begin(client)
    assert client.get("/join?new").headers["location"] == "/study/"
    assert stage(client) == "consent"


def test_a_short_pin_is_refused():
    with pytest.raises(SettingsError, match="EARMARK_KIOSK_PIN: shorter than 6 characters"):
        load_settings({"EARMARK_KIOSK_PIN": "31415"})
    assert load_settings({"EARMARK_KIOSK_PIN": PIN}).kiosk_pin == PIN
