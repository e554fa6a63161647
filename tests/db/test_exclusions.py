"""Sessions that the researcher excludes, and includes again."""

import pytest
from going_through import ANNA, BERT, begin, finish
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from db.tables import Session
from survey.config.session import Recruitment


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest())
    return store


def indices(store):
    with OrmSession(store.scope.engine) as db:
        return sorted(db.scalars(select(Session.design_index)))


def test_an_excluded_session_counts_no_more_and_frees_its_place(study):
    study.scope.recruitment = Recruitment(target_participants=2)
    finish(study, ANNA)
    finish(study, BERT, upto=4)
    assert study.participants.closed() == "busy"
    assert study.sessions.exclude(["P002", "P009"], "a machine") == ["P002"]
    assert study.participants.closed() == ""
    state = study.sessions.state(BERT)
    assert (state.stage, state.outcome) == ("done", "discarded")
    assert study.sessions.exclude(["P001"], "too quick") == ["P001"], "one that has ended, too"
    assert study.sessions.state(ANNA).outcome == "finished", "who took part to the end leaves as they did"
    assert [row.counted for row in study.results.sessions()] == [False, False]
    assert {row.kind for row in study.results.ratings()} == {"practice", "uncounted"}
    assert [row.excluded for row in study.results.sessions()] == ["too quick", "a machine"]
    assert begin(study, "carla" * 8).stage == "practice"
    assert 0 in indices(study), "the design has its row again"


def test_an_excluded_session_is_included_again_as_it_was(study):
    finish(study, ANNA)
    finish(study, BERT, upto=4)
    before, places, stood = list(study.results.sessions()), indices(study), study.sessions.state(BERT)
    assert study.sessions.exclude(["P001", "P002"], "two browsers") == ["P001", "P002"]
    assert study.sessions.exclude(["P001"], "again") == [], "the first reason stays"
    assert study.sessions.include(["P001", "P002", "P009"]) == ["P001", "P002"]
    assert (list(study.results.sessions()), indices(study)) == (before, places)
    assert study.sessions.state(BERT) == stood, "who was under way goes on"
    assert study.sessions.include(["P001"]) == []
    finish(study, BERT)
    assert {cell.ratings for cell in study.results.cells()} == {2}


def test_a_place_that_was_given_away_stays_with_who_has_it(study):
    finish(study, ANNA)
    study.sessions.exclude(["P001"], "a mistake")
    finish(study, BERT)
    assert 0 in indices(study)
    study.sessions.include(["P001"])
    assert sorted(indices(study))[1:] == [0]
    assert [row.counted for row in study.results.sessions()] == [True, True]
