"""A clock that is set back gives no place away for long, and puts nobody before whom they came after."""

from datetime import timedelta

import pytest
from going_through import ANNA, BERT, answer, begin, finish
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from db import StudyClosed
from db.scope import now
from db.tables import Participant, Rating, Session, Trial
from survey.config.session import Recruitment

CARLA = "carla" * 8


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest(1))
    return store


def set_back(store, token, minutes):
    """Leave what was stored of somebody as far in what is now the future."""
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        mine = select(Session.id).join(Participant).where(Participant.token == store.scope.tokens.digest(token))
        (session,) = db.scalars(mine)
        seen = now() + timedelta(minutes=minutes)
        db.execute(update(Session).where(Session.id == session).values(seen_at=seen))
        trials = select(Trial.id).where(Trial.session_id == session)
        db.execute(update(Rating).where(Rating.trial_id.in_(trials)).values(rated_at=seen))


def test_who_left_before_the_clock_was_set_back_holds_no_place(study):
    study.scope.recruitment = Recruitment(target_participants=1, dropout_minutes=30)
    finish(study, ANNA, upto=1)
    assert study.participants.closed() == "busy"
    set_back(study, ANNA, 24 * 60)
    assert study.participants.closed() == ""
    assert begin(study, BERT).stage == "practice"


def test_who_is_there_keeps_the_place_and_gets_it_back_with_the_next_answer(study):
    study.scope.recruitment = Recruitment(target_participants=1, dropout_minutes=30)
    state = finish(study, ANNA, upto=1)
    set_back(study, ANNA, 10)
    assert study.participants.closed() == "busy"
    set_back(study, ANNA, 24 * 60)
    study.sessions.rate(ANNA, answer(state.trial))
    assert study.participants.closed() == "busy"
    with pytest.raises(StudyClosed):
        study.sessions.start(BERT)


def test_exports_and_the_order_of_finishing_are_those_of_the_answers(study):
    begin(study, CARLA)
    for token in (ANNA, BERT, CARLA):
        finish(study, token)
    rows, sessions = list(study.results.ratings()), [row.participant for row in study.results.sessions()]
    set_back(study, ANNA, 60)  # rated before the clock was set back by an hour
    assert [(row.participant, row.position) for row in study.results.ratings()] == [
        (r.participant, r.position) for r in rows
    ]
    assert [row.participant for row in study.results.sessions()] == sessions
    assert study.results.finishing_order() == [study.participants.code_of(token) for token in (ANNA, BERT, CARLA)]
