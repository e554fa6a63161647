"""Who a request comes from: tokens made here alone, identities that open no more than rating, several people at one
computer."""

import re
from collections import Counter

import pytest
from routes import Routes
from served import write_study

from app.participant.visitor import NEW_SESSIONS, deletion_code

PROLIFIC = "platform: prolific, codes: {finished: DONE7}, completion_url: 'https://x.org/?cc={code}'"

pytestmark = pytest.mark.usefixtures("backend")


def make(tmp_path, recruitment: str = "", session: str = "headphone_check: none, practice: 0, go_back: true") -> Routes:
    return Routes(write_study(tmp_path / "study", session=session, recruitment=recruitment))


def consent(client) -> object:
    return client.post("/api/step", json={"page": "consent"})


def people(routes: Routes) -> int:
    return len(routes.study.store.results.progress())


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["x" * 32, "chosen-by-somebody-else-000000000", "a" * 32 + "." + "b" * 43, ""])
def test_a_cookie_that_was_not_made_here_begins_nothing(tmp_path, cookie):
    routes = make(tmp_path)
    client = routes.visitor("Eve")
    client.cookies.set("earmark", cookie)
    assert consent(client).status_code == 400
    assert people(routes) == 0
    state = client.get("/api/state")
    assert state.json()["stage"] == "consent"
    made = re.search(r"earmark=([^;]+)", state.headers["set-cookie"])[1]
    assert made != cookie
    client.cookies.clear()
    client.cookies.set("earmark", made)
    assert consent(client).status_code == 200


def test_one_made_for_another_study_begins_nothing_here(tmp_path):
    here, there = make(tmp_path / "a"), make(tmp_path / "b")
    there.visitor("Eve").get("/api/state")
    here.visitor("Eve").cookies.update(there.visitor("Eve").cookies)
    assert consent(here.visitor("Eve")).status_code == 400


def test_a_consent_sent_twice_is_one_session(tmp_path):
    routes = make(tmp_path)
    client = routes.visitor("Anna")
    client.get("/api/state")
    assert consent(client).json() == consent(client).json()
    assert people(routes) == 1


# --- places ------------------------------------------------------------------------------------


def test_consents_close_no_study(tmp_path):
    routes = make(tmp_path, "target_participants: 20")
    for number in range(min(NEW_SESSIONS[0][0] - 1, 39)):
        client = routes.visitor(f"bot {number}")
        client.get("/api/state")
        assert consent(client).status_code == 200
    assert routes.finish("Anna")["outcome"] == "finished"


def test_one_address_begins_only_so_many_sessions_and_those_under_way_go_on(tmp_path):
    routes = make(tmp_path)
    state = routes.begin("Anna")
    codes = Counter()
    for number in range(NEW_SESSIONS[0][0] + 5):
        client = routes.visitor(f"bot {number}")
        client.get("/api/state")
        codes[consent(client).status_code] += 1
    assert codes == {200: NEW_SESSIONS[0][0] - 1, 429: 6}
    assert people(routes) == NEW_SESSIONS[0][0]
    assert routes.rate("Anna", state)["trial"]["position"] == 2
    (link,) = routes.study.store.participants.invite(1)
    routes.visitor("Bert").get(f"/p/{link}")
    assert consent(routes.visitor("Bert")).status_code == 200, "a personal link always leads in"


# --- identities --------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path) -> Routes:
    """Give a person of a platform who began at home, and somebody elsewhere who knows the identity."""
    routes = make(tmp_path, PROLIFIC)
    for name in ("home", "elsewhere"):
        routes.visitor(name).get("/join?PROLIFIC_PID=5f1")
        routes.begin(name)
    assert people(routes) == 1
    return routes


def test_another_browser_rates_on_and_sees_no_answer(two):
    after = two.rate("home", two.begin("home"), score=2)
    assert after["previous"]["score"] == 2
    elsewhere = two.begin("elsewhere")
    assert elsewhere["trial"] == after["trial"]
    assert "previous" not in elsewhere
    two.rate("elsewhere", elsewhere | {"trial": after["previous"] | {"urls": ["x"]}}, score=5, revises=True)
    assert [row.score for row in two.study.store.results.ratings()] == [2]
    assert two.rate("elsewhere", elsewhere)["trial"]["position"] == 3


def test_code_and_way_back_are_for_whoever_began(two):
    end = two.finish("elsewhere")
    assert (end["owner"], end["code"], end["url"], end["deletion"]) == (False, None, None, None)
    assert end["elsewhere"]
    end = two.begin("home")
    assert (end["owner"], end["code"], end["url"]) == (True, "DONE7", "https://x.org/?cc=DONE7")
    assert not end["elsewhere"]


def test_whoever_knows_an_identity_deletes_nothing(two):
    two.rate("home", two.begin("home"))
    refused = two.visitor("elsewhere").post("/api/withdraw", json={})
    assert refused.status_code == 403
    assert two.finish("home")["deletion"]
    assert two.visitor("elsewhere").post("/api/withdraw", json={}).status_code == 403
    assert "deletion" not in two.begin("elsewhere") or two.begin("elsewhere")["deletion"] is None
    assert len(list(two.study.store.results.ratings())) == 15


def test_the_browser_that_began_is_not_taken_for_another_by_its_own_address(two):
    two.visitor("home").get("/join?PROLIFIC_PID=5f1")
    assert two.begin("home")["owner"]


def test_a_signed_link_opens_all_in_any_browser(two):
    two.finish("home")
    (person,) = two.study.store.results.progress()
    other = two.visitor("lost the first one")
    assert other.get(f"/p/{person.link}").headers["location"] == "/study/"
    end = other.get("/api/state").json()
    assert (end["owner"], end["code"]) == (True, "DONE7")
    location = other.get(f"/p/{person.link}/withdraw").headers["location"]
    page, _, code = location.partition("=")
    assert page == "/study/#withdraw"
    assert other.post("/api/withdraw", json={"code": code}).json()["stage"] == "withdrawn"
    assert list(two.study.store.results.ratings()) == []
    assert other.get(f"/p/{person.link}").status_code == 404


def test_the_link_that_resumes_gives_no_code_for_deleting(two):
    two.finish("home")
    token = two.visitor("elsewhere").cookies["earmark"]
    assert two.visitor("elsewhere").get(f"/p/{token}/withdraw").headers["location"] == "/study/#withdraw"


def test_two_browsers_that_consent_at_once_are_one_person_and_one_owner(tmp_path):
    routes = make(tmp_path, PROLIFIC)
    for name in ("home", "elsewhere"):
        routes.visitor(name).get("/join?PROLIFIC_PID=5f1")
        assert routes.visitor(name).get("/api/state").json()["stage"] == "consent"
    owners = [consent(routes.visitor(name)).json()["owner"] for name in ("home", "elsewhere")]
    assert owners == [True, False]
    assert routes.begin("elsewhere")["trial"] == routes.begin("home")["trial"]
    assert people(routes) == 1


# --- several people at one computer ------------------------------------------------------------


def test_the_open_link_asks_whoever_comes_after_somebody(tmp_path):
    routes = make(tmp_path)
    client = routes.visitor("the computer")
    assert client.get("/join").headers["location"] == "/study/"
    client.get("/api/state")
    assert client.get("/join").headers["location"] == "/study/", "nobody has begun"
    first = routes.begin("the computer")
    assert client.get("/join").headers["location"] == "/study/#again"
    assert routes.begin("the computer") == first, "who goes on as before is where they were"
    assert client.get("/join?new").headers["location"] == "/study/"
    assert client.get("/api/state").json()["stage"] == "consent"
    second = routes.begin("the computer")
    assert second["trial"]["position"] == 1
    assert people(routes) == 2
    assert second["trial"]["media"] != first["trial"]["media"]


def test_a_personal_link_asks_nobody_for_it_says_who_comes(tmp_path):
    routes = make(tmp_path)
    routes.begin("the computer")
    (link,) = routes.study.store.participants.invite(1)
    client = routes.visitor("the computer")
    assert client.get(f"/p/{link}").headers["location"] == "/study/"
    assert client.get("/api/state").json()["stage"] == "consent"


def test_the_next_person_deletes_nothing_of_the_one_before(tmp_path):
    routes = make(tmp_path, "lab: true")
    end = routes.finish("the computer")
    assert end["next"], "the last page offers to begin anew"
    client = routes.visitor("the computer")
    for given in ("", "AAAA-AAAA"):
        assert client.post("/api/withdraw", json={"code": given}).status_code == 403
    assert len(list(routes.study.store.results.ratings())) == 15
    typed = f" {end['deletion'][:4].lower()}-{end['deletion'][4:]}"
    assert client.post("/api/withdraw", json={"code": typed}).status_code == 200
    assert list(routes.study.store.results.ratings()) == []


def test_codes_for_deleting_are_not_guessed(tmp_path):
    routes = make(tmp_path)
    end = routes.finish("Anna")
    client = routes.visitor("Anna")
    for _ in range(5):
        assert client.post("/api/withdraw", json={"code": "AAAAAAAA"}).status_code == 403
    late = client.post("/api/withdraw", json={"code": end["deletion"]})
    assert (late.status_code, late.json()["error"]) == (
        409, "Too many codes were tried. Please try again in a few minutes.",
    )  # fmt: skip
    assert re.fullmatch(r"[A-Z2-7]{8}", end["deletion"])
    codes = {deletion_code(routes.study, link) for link in routes.study.store.participants.invite(500)}
    assert len(codes) == 500


def test_a_code_deletes_its_own_answers_whoever_sits_at_the_computer_by_then(tmp_path):
    routes = make(tmp_path)
    code = routes.finish("the computer")["deletion"]
    client = routes.visitor("the computer")
    client.get("/join?new")
    state = routes.rate("the computer", routes.begin("the computer"))
    assert client.post("/api/withdraw", json={"code": code}).json()["stage"] == "withdrawn"
    assert [row.participant for row in routes.study.store.results.ratings()] == ["P002"]
    assert routes.begin("the computer")["trial"] == state["trial"], "who is under way goes on"
    other = routes.visitor("a browser that was never here")
    assert other.post("/api/withdraw", json={"code": code}).status_code == 403, "it is gone"
    assert other.post("/api/withdraw", json={}).status_code == 400


def test_who_has_not_ended_deletes_without_a_code(tmp_path):
    routes = make(tmp_path)
    routes.rate("Anna", routes.begin("Anna"))
    assert routes.visitor("Anna").post("/api/withdraw", json={}).json()["stage"] == "withdrawn"


def test_the_code_is_shown_once_to_whoever_ended(tmp_path):
    routes = make(tmp_path)
    state = routes.begin("Anna")
    while state["stage"] != "done":
        last, state = state, routes.rate("Anna", state)
    assert state["deletion"]
    assert routes.begin("Anna")["deletion"] is None, "somebody else may sit there by now"
    assert routes.rate("Anna", last)["deletion"] == state["deletion"], "the reply was lost, the answer is sent again"


def test_whoever_said_by_mistake_that_they_are_somebody_else_can_go_on(tmp_path):
    routes = make(tmp_path)
    first = routes.begin("Anna")
    client = routes.visitor("Anna")
    client.get("/join?new")
    assert client.get("/api/state").json()["stage"] == "consent"
    assert client.get("/join").headers["location"] == "/study/#again"
    assert routes.begin("Anna") == first
    client.get("/join?new")
    second = routes.begin("Anna")
    assert client.get("/join").headers["location"] == "/study/#again"
    assert routes.begin("Anna") == second, "once somebody else has begun, it is theirs"


def test_nobody_is_asked_where_nobody_else_may_begin(tmp_path):
    routes = make(tmp_path, "target_participants: 1")
    routes.finish("Anna")
    assert routes.visitor("Anna").get("/join").headers["location"] == "/study/"
    routes = make(tmp_path / "platform", PROLIFIC)
    routes.visitor("Bert").get("/join?PROLIFIC_PID=5f1")
    routes.begin("Bert")
    assert routes.visitor("Bert").get("/join").headers["location"] == "/study/"


def test_nobody_enters_a_platforms_study_without_an_identity(tmp_path):
    routes = make(tmp_path, PROLIFIC)
    client = routes.visitor("Eve")
    client.get("/join?new")
    assert consent(client).status_code == 409
    assert people(routes) == 0


def test_a_shared_browser_does_not_fall_back_into_the_session_before(tmp_path):
    routes = make(tmp_path, PROLIFIC)
    for name, identity in (("home", "AAA"), ("shared", "BBB"), ("shared", "AAA")):
        routes.visitor(name).get(f"/join?PROLIFIC_PID={identity}")
        routes.begin(name)
    routes.visitor("home").post("/api/withdraw", json={})
    assert routes.visitor("shared").get("/api/state").json()["stage"] == "consent"


def test_a_session_in_which_nothing_was_heard_takes_no_place(tmp_path):
    routes = make(tmp_path, "target_participants: 1")
    state = routes.begin("bot")
    client = routes.visitor("bot")
    while state["stage"] != "done":
        client.post("/api/event", json={"kind": "error", "position": state["trial"]["position"]})
        state = client.post("/api/skip", json={"media": state["trial"]["media"], "reason": "no sound"}).json()
    assert routes.finish("Anna")["outcome"] == "finished"
    assert [row.counted for row in routes.study.store.results.sessions()] == [False, True]


def test_nobody_new_begins_while_a_clip_is_missing(tmp_path):
    routes = make(tmp_path)
    state = routes.begin("Anna")
    next((routes.folder / "clips").glob("*.flac")).unlink()
    routes.study.health.look(fresh=True)
    assert routes.visitor("Bert").get("/api/state").json()["reason"] == "not_ready"
    assert routes.begin("Anna")["stage"] == state["stage"]


@pytest.mark.parametrize(
    ("recruitment", "offered"), [
        ("lab: true", True), ("", False), ("lab: true, platform: prolific", False),
        ("lab: true, target_participants: 1", False),
    ],
)  # fmt: skip
def test_the_last_page_offers_the_next_only_in_a_laboratory_where_somebody_may_begin(tmp_path, recruitment, offered):
    routes = make(tmp_path, recruitment)
    routes.visitor("Anna").get("/join?PROLIFIC_PID=5f1")
    assert routes.finish("Anna")["next"] is offered


@pytest.mark.sqlite
def test_a_code_of_a_database_that_was_begun_anew_deletes_nobody(tmp_path):
    """After a pilot the database is deleted, the key is not: participants have their first codes again."""
    routes = make(tmp_path)
    pilot = routes.finish("pilot")["deletion"]
    routes.study.close()
    for path in routes.folder.glob("study.db*"):
        path.unlink()
    routes.open()
    code = routes.finish("Anna")["deletion"]
    assert code != pilot
    assert routes.visitor("pilot").post("/api/withdraw", json={"code": pilot}).status_code == 403
    assert len(list(routes.study.store.results.ratings())) == 15
