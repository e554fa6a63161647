"""What the store knows of listening: clips that were served, time that a trial was open, and no false flag."""

import time
from dataclasses import replace

import pytest
from going_through import ANNA, BERT, together
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as OrmSession

from db import Answer, Store, open_engine
from db.tables import Participant, Served, Session
from survey.config.session import SessionRules
from survey.trials.scale import Scale

PLAIN = SessionRules(headphone_check="none", practice=0, go_back=True)


@pytest.fixture
def study(url, manifest):
    opened = Store(open_engine(url), "s", PLAIN)
    opened.clips.sync(manifest())
    yield opened
    opened.close()


def begin(store, token=ANNA):
    state = store.sessions.start(token)
    while state.stage in ("sound_check", "instructions"):
        state = store.sessions.confirm(token, state.stage)
    return state


def fetch(store, trial, token=ANNA):
    """Ask for every clip of a trial, as the page does."""
    for place in range(len(trial.clips)):
        store.trials.note_served(store.trials.at(token, trial.position), place)


def pass_time(store, seconds, *, set_back=0.0, token=ANNA):
    """Let the open trial have been open for so long, during which somebody set the clock on the wall back."""
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        person = select(Participant.id).where(Participant.token == store.scope.tokens.digest(token))
        mine = Session.participant_id == person.scalar_subquery()
        wall, machine = db.scalar(select(Session.opened).where(mine))
        moved = [wall - seconds + set_back, machine - seconds]
        db.execute(update(Session).where(mine).values(opened=moved))


def heard(trial, score=4, *, seconds=1.0, response_ms=1500, plays=1, **changes):
    return Answer(trial.same, score, plays, seconds, response_ms, **changes)


def last(store, token=ANNA):
    code = store.participants.code_of(token)
    return [row for row in store.results.ratings() if row.participant == code][-1]


def test_who_listens_is_not_flagged_and_the_time_is_the_servers(study):
    state = begin(study)
    fetch(study, state.trial)
    pass_time(study, 9)
    study.sessions.rate(ANNA, heard(state.trial))
    row = last(study)
    assert 9_000 <= row.open_ms < 60_000
    assert row.flags == ""


def test_what_a_script_sends_is_flagged_and_counted(study):
    state = begin(study)
    state = study.sessions.rate(ANNA, heard(state.trial, seconds=999_999, response_ms=0, plays=0))
    assert last(study).flags.split() == [
        "not_served", "never_played", "too_soon", "heard_more_than_open", "response_shorter_than_heard",
    ]  # fmt: skip
    fetch(study, state.trial)
    pass_time(study, 3)
    study.sessions.rate(ANNA, heard(state.trial))
    begin(study, BERT)
    assert [(row.flagged, row.answered) for row in study.results.sessions()] == [(1, 2), (0, 0)]


def test_a_clip_is_noted_once_however_often_and_by_whomever_it_is_asked_for(study, url):
    trial = begin(study).trial
    other = Store(open_engine(url), "s", PLAIN)
    together([lambda s=s: fetch(s, trial) for s in (study, other) * 4])
    with OrmSession(study.scope.engine) as db:
        assert db.scalar(select(func.count()).select_from(Served)) == 1
        first = db.scalar(select(Served.at))
    fetch(other, trial)
    with OrmSession(study.scope.engine) as db:
        assert db.scalar(select(Served.at)) == first
    assert other.trials.at(ANNA, trial.position).served == {0}, "another process knows it, and one after a restart"
    other.close()


def test_each_clip_of_several_must_be_asked_for(url, manifest):
    store = Store(open_engine(url), "s", PLAIN, scale=Scale(type="abx"))
    store.clips.sync(manifest(2, ("baseline", "sqs-w8a8")))
    state = begin(store)
    for place in (0, 1):  # X is one of these two, at an address of its own
        store.trials.note_served(store.trials.at(ANNA, state.trial.position), place)
    pass_time(store, 9)
    state = store.sessions.rate(ANNA, heard(state.trial, 1, seconds=3.0, response_ms=4000, plays=3))
    assert last(store).flags == "not_served"
    fetch(store, state.trial)
    pass_time(store, 9)
    store.sessions.rate(ANNA, heard(state.trial, 1, seconds=3.0, response_ms=4000, plays=3))
    assert last(store).flags == ""
    store.close()


def test_going_back_adds_time_as_it_adds_plays(study):
    first = begin(study).trial
    fetch(study, first)
    pass_time(study, 5)
    state = study.sessions.rate(ANNA, heard(first, response_ms=4900))
    for again, score in enumerate((2, 3), 2):
        pass_time(study, 4)
        study.sessions.rate(ANNA, heard(first, score, seconds=3.5, response_ms=3900, revises=True))
        row = last(study)
        assert (row.flags, row.plays) == ("", again)
        assert row.open_ms >= row.response_ms
    # The trial after it has been open since the first answer, however often that was changed.
    fetch(study, state.trial)
    study.sessions.rate(ANNA, heard(state.trial, seconds=7.0, response_ms=7900))
    assert last(study).flags == ""


def test_looking_only_at_what_is_to_come_opens_nothing_anew(study):
    """An old tab that confirms its page, a state read again, an event: the trial opened when it did."""
    trial = begin(study).trial
    fetch(study, trial)
    pass_time(study, 8)
    study.sessions.confirm(ANNA, "instructions")
    study.sessions.state(ANNA)
    study.events.log(ANNA, "play", trial.position, {})
    study.sessions.start(ANNA)
    study.sessions.rate(ANNA, heard(trial, seconds=6.0, response_ms=7900))
    assert last(study).flags == ""


def test_a_day_later_on_another_device_or_sent_when_there_is_a_connection_again(study):
    trial = begin(study).trial
    fetch(study, trial)
    pass_time(study, 86_400)
    study.sessions.rate(ANNA, heard(trial, seconds=2.0, response_ms=2_500))
    assert last(study).flags == ""
    state = study.sessions.state(ANNA)
    fetch(study, state.trial)
    pass_time(study, 40 * 86_400)  # more milliseconds than a column of whole numbers holds
    study.sessions.rate(ANNA, heard(state.trial))
    assert (last(study).flags, last(study).open_ms) == ("", 2**31 - 1)


def test_after_a_skipped_clip_time_begins_anew(study):
    trial = begin(study).trial
    pass_time(study, 60)
    state = study.sessions.skip(ANNA, trial.position, "undecodable")
    study.sessions.rate(ANNA, heard(state.trial, seconds=20.0, response_ms=21_000))
    assert set(last(study).flags.split()) >= {"heard_more_than_open", "response_longer_than_open"}


@pytest.mark.parametrize("set_back", [3.0, 7.0, 3_600.0, 86_400.0])
def test_a_clock_set_back_makes_nobody_a_liar(study, set_back):
    trial = begin(study).trial
    fetch(study, trial)
    pass_time(study, 8, set_back=set_back)
    study.sessions.rate(ANNA, heard(trial, seconds=7.0, response_ms=7_900))
    row = last(study)
    assert row.flags == ""
    assert row.open_ms >= 8_000


def test_a_clock_set_back_while_the_machine_started_anew_cannot_be_judged(study):
    trial = begin(study).trial
    fetch(study, trial)
    with OrmSession(study.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.execute(update(Session).values(opened=[time.time() + 3600, time.monotonic() + 1e6]))
    state = study.sessions.rate(ANNA, heard(trial, seconds=7.0, response_ms=7_900))
    assert (last(study).open_ms, last(study).flags) == (None, "")
    study.sessions.rate(ANNA, heard(trial, 2, seconds=7.0, response_ms=7_900, revises=True))
    assert (last(study).open_ms, last(study).flags) == (None, "")
    fetch(study, state.trial)
    pass_time(study, 3)
    study.sessions.rate(ANNA, heard(state.trial))
    assert last(study).open_ms >= 3_000, "the next one can be judged again"


def test_a_clip_rendered_anew_must_be_asked_for_anew(study, manifest):
    trial = begin(study).trial
    late = study.trials.at(ANNA, trial.position)
    fetch(study, trial)
    study.clips.sync(manifest(mark="1"))
    study.trials.note_served(late, 0)
    trial = study.sessions.state(ANNA).trial
    pass_time(study, 8)
    study.sessions.rate(ANNA, heard(trial))
    assert last(study).flags == "not_served"
    # Rendered back to what a browser may still have: it was asked for then.
    trial = study.sessions.state(ANNA).trial
    fetch(study, trial)
    study.clips.sync(manifest())
    study.clips.sync(manifest(mark="1"))
    pass_time(study, 8)
    study.sessions.rate(ANNA, heard(study.sessions.state(ANNA).trial))
    assert last(study).flags == ""


def test_sessions_of_an_older_version_are_not_judged(study):
    """Their clips were asked for when nothing was noted."""
    state = begin(study)
    with OrmSession(study.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.connection().exec_driver_sql("UPDATE session SET opened = NULL")
    for _ in range(2):
        state = study.sessions.rate(ANNA, heard(state.trial))
    assert [(row.open_ms, row.flags) for row in study.results.ratings()] == [(None, "")] * 2
    assert [row.flagged for row in study.results.sessions()] == [0]


def test_practice_is_judged_but_not_counted(url, manifest):
    store = Store(open_engine(url), "s", replace(PLAIN, practice=1))
    store.clips.sync(manifest())
    state = begin(store)
    store.sessions.rate(ANNA, heard(state.trial, plays=0))
    assert "never_played" in last(store).flags
    assert [row.flagged for row in store.results.sessions()] == [0]
    # The page "ready" lies between: what follows opens when it is left.
    pass_time(store, 600)
    state = store.sessions.confirm(ANNA, "ready")
    store.sessions.rate(ANNA, heard(state.trial, seconds=9.0, response_ms=9_500))
    assert "heard_more_than_open" in last(store).flags
    store.close()


def test_nothing_of_it_is_left_of_who_withdraws(study):
    trial = begin(study).trial
    fetch(study, trial)
    study.participants.withdraw(ANNA)
    study.trials.note_served(trial, 0)
    with OrmSession(study.scope.engine) as db:
        assert db.scalar(select(func.count()).select_from(Served)) == 0
