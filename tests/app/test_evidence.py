"""Listening is judged by what this server saw: over its routes, at the desk, in the exports and in the report."""

import pytest
from fastapi.testclient import TestClient
from served import settings_of, write_study
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession
from taking_part import begin, exported, rate, step

from app.cli import main
from app.researcher.overview import Overview
from app.server import create_app
from db.tables import Session


def pass_time(client, seconds=5.0):
    """Let the open trials have been open for so long."""
    with OrmSession(client.app.state.study.store.scope.engine.execution_options(writes=True)) as db, db.begin():
        for number, opened in db.execute(select(Session.id, Session.opened)).all():
            moved = [moment - seconds for moment in opened]
            db.execute(update(Session).where(Session.id == number).values(opened=moved))


def listen(client, state, **request):
    for url in state["trial"]["urls"]:
        answer = client.get(url, **request)
        assert answer.status_code in (200, 206), answer.text
    pass_time(client)


def last(client):
    return exported(client)[-1]


def test_the_answer_of_a_script_is_taken_and_flagged(backend, tmp_path):
    folder = write_study(tmp_path / "study", seconds=20)  # far longer than a busy machine takes for two requests
    with TestClient(create_app(folder, settings_of(folder)), follow_redirects=False) as client:
        state = begin(client)
        assert rate(client, state, heard_seconds=999_999, plays=0, response_ms=0).status_code == 200
        row = last(client)
    assert row["flags"].split() == [
        "not_served", "never_played", "too_soon", "heard_more_than_open", "response_shorter_than_heard",
    ]  # fmt: skip
    assert 0 <= int(row["open_ms"]) < 60_000


@pytest.mark.parametrize(
    ("request_", "flags"),
    [
        ({}, ""),
        ({"headers": {"Range": "bytes=0-99"}}, ""),
    ],
)
def test_a_clip_that_was_asked_for_was_served_in_part_or_whole(client, request_, flags):
    state = begin(client)
    listen(client, state, **request_)
    rate(client, state)
    assert last(client)["flags"] == flags


def test_to_ask_only_whether_it_is_there_is_not_to_hear_it(client):
    state = begin(client)
    assert client.head(state["trial"]["urls"][0]).status_code == 200
    pass_time(client)
    rate(client, state)
    assert last(client)["flags"] == "not_served"


def test_what_was_fetched_ahead_is_played_from_memory(client):
    """The page fetches the next clip while this one plays; a browser asks for none of them twice."""
    state, seen = begin(client), set()
    while state["stage"] in ("practice", "ready", "trials"):
        if state["stage"] == "ready":
            state = step(client, "ready")
            continue
        for url in (*state["trial"]["urls"], *state.get("upcoming", ())):
            if url not in seen:
                seen.add(url)
                assert client.get(url).status_code == 200
        pass_time(client)
        state = rate(client, state).json()
    rows = exported(client)
    assert len(rows) == 17
    assert {row["flags"] for row in rows} == {""}
    assert all(int(row["open_ms"]) >= 5_000 for row in rows)


def test_a_restart_forgets_nothing_of_it(client, study):
    state = begin(client)
    listen(client, state)
    with TestClient(create_app(study, settings_of(study)), follow_redirects=False) as other:
        other.cookies.update(client.cookies)
        state = other.get("/api/state").json()
        rate(other, state)
        assert last(other)["flags"] == ""


def test_who_need_not_listen_is_held_to_nothing(backend, tmp_path):
    folder = write_study(tmp_path / "study", session="headphone_check: none, must_listen: false, practice: 0")
    with TestClient(create_app(folder, settings_of(folder)), follow_redirects=False) as client:
        state = begin(client)
        client.get(state["trial"]["urls"][0])
        rate(client, state, heard_seconds=0, response_ms=0)
        assert last(client)["flags"] == ""


def test_the_desk_the_files_and_the_report_say_how_many(client, study, verbs_find, capsys):
    for honest in (True, False):
        client.cookies.clear()
        state, answered = begin(client), 0
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = step(client, "ready")
                continue
            if honest or answered >= 5:
                listen(client, state)
                state = rate(client, state, 1 + answered % 5).json()
            else:
                state = rate(client, state, 1 + answered % 5, plays=0).json()
            answered += 1
    app = client.app
    people = Overview(app.state.study, app.state.rendering, app.state.reporting).people()
    assert "Flagged" in people
    verbs_find(study)
    assert main(["export", str(study), "--sessions"]) == 0
    header, anna, bert = (study / "sessions.csv").read_text().splitlines()
    place = header.split(",").index("flagged")
    assert (anna.split(",")[place], bert.split(",")[place]) == ("0", "3"), "practice is not counted"
    assert people.count("<td>3</td>") == 1
    capsys.readouterr()
    assert main(["analyze", str(study), "--peek"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 of 30 ratings: the sounds cannot have been heard as the page said" in said
    assert "3 of 30 ratings: the sounds cannot have been heard" in (study / "report" / "report.html").read_text()
    report = (study / "report" / "ratings.csv").read_text().splitlines()
    assert "flags" in report[0]
    assert "open_ms" not in report[0]
