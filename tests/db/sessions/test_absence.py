"""Coming back late: going on, beginning anew, or not at all; the clock is set by what is stored of who was there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from db import Arrival
from db.scope import now
from db.tables import Participant, Session
from db.tokens import LINK
from survey.config.items import Item
from survey.config.session import Recruitment

LATE = replace(RULES, resume_hours=24)
RESTART, REFUSE = replace(LATE, resume="restart"), replace(LATE, resume="refuse")


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest(2))  # six trials, two of practice
    return store


def away(store, hours, token=ANNA):
    """Let somebody have been there last so many hours ago."""
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        mine = select(Session.id).join(Participant).where(Participant.token == store.scope.tokens.digest(token))
        seen = now() - timedelta(hours=hours)
        db.execute(update(Session).where(Session.id.in_(mine)).values(seen_at=seen))


@pytest.mark.parametrize("rules", [RULES, LATE, RESTART, REFUSE], ids=["none", "resume", "restart", "refuse"])
def test_who_is_back_in_time_goes_on_where_they_were(study, rules):
    state = finish(study, ANNA, rules, upto=4)
    away(study, 23.9)
    assert study.sessions.state(ANNA) == state
    away(study, 23.9)
    assert study.sessions.rate(ANNA, answer(state.trial)).trial.position == state.trial.position + 1


@pytest.mark.parametrize("rules", [RULES, LATE], ids=["none", "resume"])
def test_a_study_that_lets_everybody_go_on_does_so_after_any_time(study, rules):
    state = finish(study, ANNA, rules, upto=4)
    away(study, 24 * 365)
    assert study.sessions.state(ANNA) == state


def test_who_begins_anew_has_a_whole_session_and_the_answers_before_do_not_count(study):
    assert not begin(study, ANNA, RESTART).anew
    finish(study, ANNA, RESTART, upto=5)
    away(study, 25)
    state = study.sessions.state(ANNA)
    assert (state.stage, state.trials, state.tries, state.anew) == ("sound_check", 6, 0, True)
    away(study, 1)
    state = begin(study, ANNA)
    assert not state.anew, "it is said once"
    assert (state.trial.number, state.trial.total, state.trial.practice) == (1, 2, True)
    assert finish(study, ANNA).outcome == "finished"
    rows = list(study.results.ratings())
    assert [row.kind for row in rows] == ["uncounted"] * 5 + ["practice"] * 2 + ["trial"] * 6
    assert [row.position for row in rows] == [*range(1, 6), *range(9, 17)], "the log names positions"
    (session,) = study.results.sessions()
    assert (session.answered, session.trials, session.counted) == (6, 6, True)
    (person,) = study.results.progress()
    assert (person.answered, person.total) == (6, 6)
    assert sum(cell.ratings for cell in study.results.cells()) == 6


def test_who_begins_anew_gets_the_first_free_place_of_the_design(study):
    study.scope.recruitment = Recruitment(dropout_minutes=30)
    finish(study, ANNA, RESTART, upto=5)
    away(study, 25)
    finish(study, BERT, RESTART)  # takes the first, which was given back
    study.sessions.state(ANNA)
    with OrmSession(study.scope.engine) as db:
        assert list(db.scalars(select(Session.design_index).order_by(Session.id))) == [1, 0]
    conditions = [row.condition for row in study.results.ratings() if row.participant == "P002" and row.kind == "trial"]
    finish(study, ANNA)
    mine = [row.condition for row in study.results.ratings() if row.participant == "P001" and row.kind == "trial"]
    assert sorted(mine) == sorted(conditions)
    assert mine != conditions, "another row of the square"


def test_checks_of_the_new_start_alone_are_judged(study):
    rules = replace(RESTART, practice=0, repeats=2, on_failure="replace")
    finish(study, ANNA, rules, upto=3)
    away(study, 25)
    state = begin(study, ANNA)
    while state.stage != "done":
        state = study.sessions.rate(ANNA, answer(state.trial, 4))
    (session,) = study.results.sessions()
    assert (session.checks, session.failed_checks, session.counted) == (2, 0, True)
    assert [row.passed for row in study.results.ratings() if row.kind == "repeat"] == [True, True]


def test_who_is_refused_has_ended_and_is_not_counted(study):
    finish(study, ANNA, REFUSE, upto=5)
    away(study, 25)
    state = study.sessions.state(ANNA)
    assert (state.stage, state.outcome, state.trial) == ("done", "lapsed", None)
    assert study.sessions.state(ANNA) == state
    (session,) = study.results.sessions()
    assert (session.outcome, session.counted) == ("lapsed", False)
    assert [row.kind for row in study.results.ratings()] == ["practice"] * 2 + ["uncounted"] * 3
    assert study.participants.withdraw(ANNA)


@pytest.mark.parametrize(("rules", "stage"), [(RESTART, "sound_check"), (REFUSE, "done")], ids=["restart", "refuse"])
def test_an_old_tab_changes_nothing_and_learns_where_it_stands(study, rules, stage):
    state = finish(study, ANNA, rules, upto=5)
    late = [
        lambda: study.sessions.rate(ANNA, answer(state.trial)),
        lambda: study.sessions.skip(ANNA, state.trial.position, "broken"),
        lambda: study.sessions.confirm(ANNA, "ready"),
        lambda: study.sessions.answer_questions(ANNA, {}),
        lambda: study.sessions.try_headphones(ANNA, 0, 6),
        lambda: study.sessions.start(ANNA),
    ]
    for call in late:
        away(study, 25)
        assert call().stage == stage
    assert len(list(study.results.ratings())) == 5
    away(study, 25)
    assert not study.events.log(ANNA, "visible", None, {}) or stage == "done", "coming back is no being there"


def test_it_is_the_same_by_the_personal_link_and_by_the_identity_on_a_platform(study):
    study.scope.recruitment, study.scope.rules = Recruitment(platform="prolific"), RESTART
    study.sessions.start(ANNA, Arrival(platform="prolific", external_id="anna"))
    finish(study, ANNA, RESTART, upto=3)
    with OrmSession(study.scope.engine) as db:
        link = study.scope.tokens.derived(LINK, db.scalar(select(Participant)))
    tokens = (link, study.participants.resume("anna"))
    for token in tokens:
        away(study, 25)
        assert study.sessions.state(token).stage == "sound_check"
    assert begin(study, tokens[1]).trial.number == 1


def test_what_was_said_before_is_asked_again(study):
    study.scope.questions = (Item("device", "On what?", options=("headphones", "speakers")),)
    study.scope.rules = RESTART
    study.sessions.start(ANNA)
    study.sessions.answer_questions(ANNA, {"device": "speakers"})
    away(study, 25)
    assert [item.name for item in study.sessions.state(ANNA).page] == ["device"]
    (session,) = study.results.sessions()
    assert session.answers == "{}"


def test_who_had_failed_begins_no_new_session(study):
    rules = replace(RESTART, practice=0, attention_checks=4, on_failure="replace")
    state = begin(study, ANNA, rules)
    while study.results.progress()[0].counted:
        state = study.sessions.rate(ANNA, answer(state.trial, 5))
    assert state.stage == "trials"
    away(study, 25)
    assert study.sessions.state(ANNA).trial.position == state.trial.position
