"""Ten thousand sessions that nobody goes on with: start, pages and places stay quick, and right."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import PASSWORD, store_of, write_study
from sqlalchemy import insert, select
from sqlalchemy.orm import Session as OrmSession
from taking_part import finish, step

from app.researcher.overview import Overview
from app.server import create_app
from app.settings import Settings
from db.tables import Participant, Rating, Session, Trial

ABANDONED = 10_000
SECONDS = 15.0  # for anything, on a busy machine; alone nothing takes more than two
SETTINGS = Settings(admin_password=PASSWORD)


def within(what: str, act: Callable[[], Any]) -> Any:
    """Do something, and see that it did not take long."""
    began = time.monotonic()
    given = act()
    taken = time.monotonic() - began
    print(f"{what}: {taken:.2f} s")
    assert taken < SECONDS, what
    return given


def changed(row: Any, **changes: object) -> dict[str, object]:
    """Return a row's values with some of them changed."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns} | changes


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let one person answer three clips and leave, and put as many like them as there are to be beside, days ago."""
    folder = write_study(tmp_path_factory.mktemp("abandoned") / "study", recruitment="target_participants: 50")
    with TestClient(create_app(folder, SETTINGS), follow_redirects=False) as client:
        finish(client, upto=3)
    store, past = store_of(folder), datetime.now(UTC) - timedelta(days=2)
    with OrmSession(store.scope.engine) as db, db.begin():
        (person,), (session,) = db.scalars(select(Participant)), db.scalars(select(Session))
        trials, ratings = list(db.scalars(select(Trial))), list(db.scalars(select(Rating)))
        session.seen_at = session.started_at = past
        places = {trial.id: place for place, trial in enumerate(trials, 1)}
        others = range(1, ABANDONED)
        people = [
            changed(person, id=n + 1, code=f"P{n + 1:03d}", token=f"t{n}", link=f"l{n}", resume=f"r{n}") for n in others
        ]
        sessions = [changed(session, id=n + 1, participant_id=n + 1, design_index=n) for n in others]
        shown = [
            changed(trial, id=n * len(trials) + places[trial.id], session_id=n + 1) for n in others for trial in trials
        ]
        given = [
            changed(rating, id=n * len(ratings) + place, trial_id=n * len(trials) + places[rating.trial_id])
            for n in others
            for place, rating in enumerate(ratings, 1)
        ]
        for table, rows in ((Participant, people), (Session, sessions), (Trial, shown), (Rating, given)):
            db.execute(insert(table), rows)
    store.close()
    return folder


def test_start_pages_and_places_stay_quick_and_right(study):
    app = within("start", lambda: create_app(study, SETTINGS))
    state = app.state
    desk = Overview(state.study, state.rendering, state.reporting)
    with TestClient(app, follow_redirects=False) as client:
        drawn = {part: within(part, getattr(desk, part)) for part in ("head", "status", "people", "filling", "files")}
        assert f"{ABANDONED} inactive" in drawn["head"]
        assert drawn["people"].count("<tr>") < 600, "a browser draws it every few seconds"
        assert f"{ABANDONED - 500} who came before" in drawn["people"]
        assert client.get("/api/state").json()["stage"] == "consent", "they hold no place"
        within("first consent", lambda: step(client, "consent"))
        for number in (1, 2):
            other = TestClient(app)
            other.get("/api/state")
            within(f"consent {number}", lambda other=other: step(other, "consent"))
        assert within("session", lambda: finish(client))["stage"] == "done"
        with OrmSession(state.study.store.scope.engine) as db:
            held = db.execute(select(Session.design_index, Session.id).where(Session.design_index >= 0)).all()
        assert sorted(held) == [(place, ABANDONED + place + 1) for place in range(3)], (
            "the first places were free again"
        )
        assert f"<dd>{ABANDONED + 15}</dd>" in within("head", desk.head), "every answer that counts"
