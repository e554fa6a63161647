"""What a change of study.yaml does to sessions that run, and to those that come: key by key."""

from collections import Counter
from datetime import timedelta
from hashlib import sha256

import pytest
from changing import exported, served
from served import settings_of
from sqlalchemy import update
from sqlalchemy.orm import Session as OrmSession

from app.cli import main
from app.study import Study
from db.scope import now
from db.tables import Session

# --- scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [("abx", "acr"), ("acr", "mushra"), ("mushra", "acr"), ("ab", "text"), ("text", "ccr"), ("acr", "abx")],
)
def test_a_change_of_type_reaches_no_session_and_no_export(folder, before, after, capsys):
    routes = served(folder, scale=f"type: {before}")
    routes.rate("Anna", routes.begin("Anna"))
    routes.edit((f"type: {before}", f"type: {after}"))
    assert routes.study.ready
    types = []
    assert routes.finish("Anna", lambda state: types.append(state["question"]["type"]))["stage"] == "done"
    assert routes.begin("Bert")["question"]["type"] == before, "the change is not taken over in silence"
    assert set(types) == {before}
    rows = exported(folder)
    assert {row["question"] for row in rows} == {before}
    assert {row["revision"] for row in rows} == {"1"}
    assert Counter(row["kind"] for row in rows)["trial"] == {"ab": 10, "ccr": 10, "abx": 10, "mushra": 20}.get(
        before, 15
    )
    assert main(["status", str(folder)]) == 0
    assert f"scale.type is '{after}', was '{before}'" in capsys.readouterr().out


def test_the_words_of_a_question_are_the_sessions_own(folder):
    words = "question: 'How real?', labels: {5: a, 4: b, 3: c, 2: d, 1: e}"
    routes = served(folder, scale=words)
    before = routes.begin("Anna")["question"]
    assert [grade["label"] for grade in before["grades"]] == list("abcde")
    routes.edit((words, "question: 'Louder?'"))
    assert routes.begin("Anna")["question"] == before
    assert main(["revise", str(folder)]) == 0
    routes.edit()
    assert routes.begin("Anna")["question"] == before
    assert routes.begin("Bert")["question"]["question"] == "Louder?"


def test_no_preference_stays_an_answer_where_it_was_one(folder):
    routes = served(folder, scale="type: ab, no_preference: true")
    routes.begin("Anna")
    routes.edit((", no_preference: true", ""))
    state = routes.begin("Anna")
    assert [grade["score"] for grade in state["question"]["grades"]] == [-1, 0, 1]
    routes.rate("Anna", state, score=0)
    assert [row["score"] for row in exported(folder)] == ["0"]


# --- session -------------------------------------------------------------------------------------


def test_rules_of_listening_are_those_of_the_session(folder):
    routes = served(folder, session="comments: true, break_minutes: 5")
    state = routes.begin("Anna")
    routes.edit(("comments: true, break_minutes: 5", "must_listen: false, go_back: true"))
    again = routes.begin("Anna")
    assert again == state
    refused = routes.visitor("Anna").post(
        "/api/rate",
        json={"media": state["trial"]["media"], "score": 3, "plays": 0, "heard_seconds": 0, "response_ms": 9},
    )
    assert refused.status_code == 409
    assert "previous" not in routes.rate("Anna", state, comment="a bird")
    new = routes.begin("Bert")
    assert (new["must_listen"], new["comments"], new["break_minutes"]) == (False, False, 0)
    routes.rate("Bert", new, heard_seconds=0, comment="a cat")
    state = routes.visitor("Bert").post("/api/step", json={"page": "ready"}).json()
    assert "previous" in routes.rate("Bert", state, comment="a cat")
    rows = {(row["participant"], row["comment"]) for row in exported(folder)}
    assert rows == {("P001", "a bird"), ("P002", "")}


def test_sounds_that_instruct_are_kept_for_those_who_still_hear_them(folder):
    routes = served(folder, session="instructed_checks: 2")
    routes.begin("Anna")
    routes.edit((", instructed_checks: 2", ""))
    routes.finish("Anna")
    routes.finish("Bert")
    count = Counter((row["participant"], row["kind"]) for row in exported(folder))
    assert (count["P001", "instructed"], count["P002", "instructed"]) == (2, 0)


# --- recruitment ---------------------------------------------------------------------------------


def test_the_consent_is_the_one_that_was_given(folder):
    routes = served(folder, recruitment="consent: I agree")
    routes.begin("Anna")
    routes.edit(("I agree", "I am over 18"))
    routes.begin("Anna")
    routes.begin("Bert")
    assert [row.consent_sha256 for row in routes.study.store.results.sessions()] == [
        sha256(text.encode()).hexdigest() for text in ("I agree", "I am over 18")
    ]


def answer_once(routes, name):
    """Have somebody hold a place."""
    routes.rate(name, routes.begin(name))


def test_what_recruits_holds_at_once_for_all(folder):
    routes = served(folder, recruitment="target_participants: 1, language: de, codes: {finished: OLD}")
    answer_once(routes, "Anna")
    assert routes.visitor("Bert").get("/api/state").json()["reason"] == "busy"
    after = "target_participants: 2, language: fr, codes: {finished: NEW}, completion_url: https://x.org/"
    routes.edit(("target_participants: 1, language: de, codes: {finished: OLD}", after))
    assert routes.visitor("Bert").get("/api/state").json()["stage"] == "consent"
    end = routes.finish("Anna")
    assert (end["language"], end["code"], end["url"]) == ("fr", "NEW", "https://x.org/")
    routes.edit(("recruitment: {", "recruitment: {open_link: false, "))
    assert routes.visitor("Carla").get("/api/state").json()["reason"] == "link"
    routes.edit(("open_link: false", "platform: prolific"))
    assert routes.visitor("Dora").get("/api/state").json()["reason"] == "platform"
    assert routes.begin("Anna")["stage"] == "done", "who is in stays in"


def test_how_long_a_session_may_stand_still_holds_at_once(folder):
    routes = served(folder, recruitment="target_participants: 1, dropout_minutes: 60")
    answer_once(routes, "Anna")
    with OrmSession(routes.study.store.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.execute(update(Session).values(seen_at=now() - timedelta(minutes=10)))
    assert routes.visitor("Bert").get("/api/state").json()["reason"] == "busy"
    routes.edit(("dropout_minutes: 60", "dropout_minutes: 5"))
    assert routes.visitor("Bert").get("/api/state").json()["stage"] == "consent"


def test_questions_are_those_of_now_for_who_is_at_them(folder):
    routes = served(folder, recruitment="demographics: [age]")
    client = routes.visitor("Anna")
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}).json()["stage"] == "questions"
    routes.edit(("[age]", "[gender]"))
    client = routes.visitor("Anna")
    assert client.post("/api/questions", json={"answers": {"age": "30_44"}}).status_code == 422
    assert [item["name"] for item in client.get("/api/state").json()["questions"]] == ["gender"]
    assert client.post("/api/questions", json={"answers": {"gender": "woman"}}).json()["stage"] == "sound_check"
    routes.edit(("[gender]", "[]"))
    client = routes.visitor("Bert")
    client.get("/api/state")
    assert client.post("/api/step", json={"page": "consent"}).json()["stage"] == "sound_check"


def test_another_key_is_said_and_a_look_with_it_changes_nothing(folder, monkeypatch, capsys):
    routes = served(folder)
    state = routes.begin("Anna")
    monkeypatch.setenv("EARMARK_SECRET", "some other key of another shell")
    assert main(["status", str(folder)]) == 0
    assert "1 under way" in capsys.readouterr().out
    monkeypatch.delenv("EARMARK_SECRET")
    other = Study(folder, settings_of(folder, secret="some other key of another shell"))
    assert any("the key has changed" in line for line in other.changes())
    other.close()
    routes.open()
    assert routes.begin("Anna")["trial"] == state["trial"], "with the old key back all go on"
