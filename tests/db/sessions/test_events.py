"""The log of what happens on a page: as long as people make it, and no longer."""

import pytest
from going_through import ANNA, BERT, RULES, answer, begin
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from db.sessions.events import EVENT_BYTES, MAX_DETAIL, MAX_LOG
from db.tables import Session


@pytest.fixture
def study(store, manifest):
    store.scope.rules = RULES
    store.clips.sync(manifest())
    return store


def log_bytes(store, set_to=None):
    """Return what a session's log is counted to hold, or say that it held so much."""
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        if set_to is not None:
            db.execute(update(Session).values(log_bytes=set_to))
        return db.scalar(select(Session.log_bytes))


def test_a_log_ends_at_a_bound_of_bytes(study):
    begin(study)
    longest = {"reason": "x" * (MAX_DETAIL - len('{"reason": ""}'))}
    assert study.events.log(ANNA, "play", 1, longest)
    assert log_bytes(study) == EVENT_BYTES + MAX_DETAIL
    assert not study.events.log(ANNA, "play", 1, {"reason": longest["reason"] + "x"})
    log_bytes(study, set_to=MAX_LOG - EVENT_BYTES - 2)
    assert [study.events.log(ANNA, "hidden", None, {}) for _ in range(2)] == [True, False]
    assert len(list(study.results.events())) == 2
    assert study.sessions.rate(ANNA, answer(study.sessions.state(ANNA).trial)).trial.position == 2, (
        "nothing else is disturbed"
    )
    assert study.events.log(ANNA, "error", 2, {"reason": "undecodable"}), "or nobody could skip a broken clip"
    assert MAX_LOG // EVENT_BYTES == 5000


def test_a_long_session_stays_far_below_that(study):
    """A hundred clips, each heard twice with a jump, a stall and a turn to another page."""
    begin(study)
    heard = [
        ("play", {"plays": 1, "at": 0}), ("seek", {"at": 3.4567890123456}), ("stall", {"at": 4.0123456789012}),
        ("hidden", {}), ("visible", {}), ("ended", {"heard": 10.0123456789012, "whole": True}),
        ("play", {"plays": 2, "at": 0}), ("ended", {"heard": 20.0123456789012, "whole": True}),
    ]  # fmt: skip
    assert all(study.events.log(ANNA, kind, 1, detail) for kind, detail in heard)
    assert 100 * log_bytes(study) < MAX_LOG / 4


def test_events_say_what_happened_where(study):
    begin(study)
    study.events.log(ANNA, "error", 1, {"reason": "undecodable"})
    assert study.events.holds(ANNA, "error", 1)
    assert not study.events.holds(ANNA, "error", 2)
    assert not study.events.holds(BERT, "error", 1)
