"""What a page never sends: numbers without bound, characters that no database stores, addresses that cannot be."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from routes import Routes
from served import write_study

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def routes(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routes]:
    """Give one participant at the first clip; nothing below brings them any further."""
    made = Routes(
        write_study(tmp_path_factory.mktemp("limits") / "study", session="headphone_check: none, comments: true")
    )
    made.begin("Anna")
    yield made
    assert list(made.study.store.results.ratings()) == []


def answer(routes: Routes, **changes: object) -> dict:
    media = routes.begin("Anna")["trial"]["media"]
    return {"media": media, "score": 3, "plays": 1, "heard_seconds": 60, "response_ms": 900} | changes


@pytest.mark.parametrize("number", ["9" * 30, "9" * 400, "9" * 5000, "NaN", "Infinity", "1e400", "-0.0", "-1"])
@pytest.mark.parametrize("key", ["score", "plays", "heard_seconds", "response_ms"])
def test_no_number_of_an_answer_is_too_large_to_be_refused(routes, key, number):
    text = json.dumps(answer(routes, **{key: "HERE"})).replace('"HERE"', number)
    refused = routes.visitor("Anna").post("/api/rate", content=text, headers=JSON)
    nothing_heard = key == "heard_seconds" and number == "-0.0"
    assert refused.status_code in ([409] if nothing_heard else [400, 422])
    assert "\n" not in refused.json()["error"]


@pytest.mark.parametrize("number", ["9" * 30, "9" * 400, "9" * 5000, "NaN", "Infinity", "-1e400"])
def test_no_number_of_an_event_is_too_large_to_be_refused(routes, number):
    for text in (f'{{"kind": "play", "position": {number}}}', f'{{"kind": "play", "detail": {{"at": {number}}}}}'):
        reply = routes.visitor("Anna").post("/api/event", content=text, headers=JSON)
        large_and_a_number = number == "9" * 30 and "detail" in text
        assert reply.status_code in ([204] if large_and_a_number else [400, 422])
    for row in routes.study.store.results.events():
        json.loads(row.detail, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("path", ["/api/rate", "/api/event"])
def test_a_body_that_is_not_said_to_be_json_is_refused_and_one_that_is_none_says_so(routes, path):
    """Another site's form can send text without asking; and a list or half an object is no answer."""
    anna, whole = routes.visitor("Anna"), json.dumps(answer(routes))
    for content, kind in ((whole, "text/plain"), (whole[:-2], JSON["content-type"]), ("[1]", JSON["content-type"])):
        refused = anna.post(path, content=content, headers={"content-type": kind})
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("body")
        assert "\n" not in refused.json()["error"]
    refused = anna.post("/api/rate", json=answer(routes, plays="often", media=7))
    assert (refused.status_code, refused.json()["error"].partition(":")[0]) == (422, "media")


def test_events_are_not_as_long_or_as_many_as_somebody_likes(routes):
    """Ten texts of 200 characters, each of which takes twelve bytes, would be 24 kB an event."""
    routes.begin("Dora")
    dora = routes.visitor("Dora")
    long = {f"{number}" * 40: "\U0001f600" * 200 for number in range(10)}
    assert dora.post("/api/event", json={"kind": "play", "detail": long}).status_code == 413
    fits = {"reason": "\u65e5" * 200}
    assert dora.post("/api/event", json={"kind": "error", "position": 1, "detail": fits}).status_code == 204
    sent = Counter(dora.post("/api/event", json={"kind": "pause"}).status_code for _ in range(400))
    assert sent[204] <= 310
    assert sent[429] == 400 - sent[204]
    assert dora.post("/api/event", json={"kind": "error", "position": 1}).status_code == 204
    assert routes.begin("Anna")["stage"] == "practice", "that is one's own account"
    assert routes.visitor("Anna").post("/api/event", json={"kind": "play"}).status_code == 204


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\ud800"])
def test_characters_that_no_database_stores_are_refused(routes, text):
    wanted = answer(routes, comment="HERE")
    for path, raw in (
        ("/api/rate", json.dumps(wanted).replace("HERE", text)),
        ("/api/skip", f'{{"media": "{wanted["media"]}", "reason": "{text}"}}'),
        ("/api/event", f'{{"kind": "play", "detail": {{"at": "{text}"}}}}'),
        ("/api/event", f'{{"kind": "play", "detail": {{"{text}": 1}}}}'),
        ("/api/questions", f'{{"answers": {{"age": "{text}"}}}}'),
    ):
        assert routes.visitor("Anna").post(path, content=raw, headers=JSON).status_code == 422, path


@pytest.mark.parametrize(
    "path",
    [
        *(f"/media/headphones/{number}/0" for number in ("9" * 30, "9" * 5000, "1e400", "-1", "%00")),
        *(f"/media/MEDIA/{number}" for number in ("9" * 30, "-1", "1e400", "%00")),
        *("/media/%00/0", "/media/" + "\u0660" * 44 + "/0", "/media/+1_1" + "0" * 40 + "/0"),
        *("/p/%00", "/p/" + "x" * 5000, "/p/%00/withdraw", "/texts/%00.json"),
    ],
)
def test_addresses_that_cannot_be_are_not_found(routes, path):
    media = routes.begin("Anna")["trial"]["media"]
    assert routes.visitor("Anna").get(path.replace("MEDIA", media)).status_code in (404, 422)


def test_a_cookie_that_cannot_be_is_none(routes):
    reply = routes.visitor("a stranger").get("/api/state", headers={"cookie": 'earmark="a\\000b"'})
    assert reply.json()["stage"] == "consent"
