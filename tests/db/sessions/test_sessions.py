"""Sessions that do not go the plain way: platforms, dropouts, checks, going back, skipping, withdrawing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish, together
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as OrmSession

from db import CHECK, Arrival, StudyClosed
from db.scope import now
from db.tables import Event, Participant, Rating, Session, Trial
from survey.clips.manifest import Clip
from survey.config.session import Recruitment
from survey.errors import AnswerError

FROM_PROLIFIC = Arrival(consent="I agree", platform="prolific", external_id="5f1", language="de", device="phone")
FIT = {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest())
    return store


def later(store, token, minutes):
    """Put back the moment at which somebody was seen last."""
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        person = select(Participant.id).where(Participant.token == store.scope.tokens.digest(token)).scalar_subquery()
        moved = update(Session).where(Session.participant_id == person)
        db.execute(moved.values(seen_at=now() - timedelta(minutes=minutes)))


def rows(store, table):
    with OrmSession(store.scope.engine) as db:
        return db.scalar(select(func.count()).select_from(table))


def indices(store):
    with OrmSession(store.scope.engine) as db:
        return sorted(db.scalars(select(Session.design_index)))


# --- arrival -----------------------------------------------------------------------------------


def test_one_identity_is_one_session(study):
    first = study.sessions.start(ANNA, FROM_PROLIFIC)
    assert study.sessions.start(BERT, FROM_PROLIFIC) == replace(first, owner=False), "another browser, the same person"
    (row,) = study.results.sessions()
    assert (row.source, row.external_id, row.language, row.device) == ("prolific", "5f1", "de", "phone")
    assert study.participants.resume("5f2") is None


def test_simultaneous_arrivals_of_one_identity_are_one_session(study):
    states = together([lambda n=n: study.sessions.start(f"{n:032}", FROM_PROLIFIC) for n in range(8)])
    assert len({state.session_id for state in states}) == 1
    assert len(list(study.results.sessions())) == 1


def test_the_consent_is_the_text_that_was_read(study):
    from hashlib import sha256

    study.scope.recruitment = Recruitment(consent="You may stop.")
    study.sessions.start(ANNA, FROM_PROLIFIC)
    study.sessions.start(BERT)
    read, own = (row.consent_sha256 for row in study.results.sessions())
    assert read == sha256(b"I agree").hexdigest()
    assert own == sha256(b"You may stop.").hexdigest()


# --- places ------------------------------------------------------------------------------------


def test_places_are_those_who_finished_and_those_who_are_there(study):
    study.scope.recruitment = Recruitment(target_participants=2, dropout_minutes=30)
    finish(study, ANNA, upto=1)
    finish(study, BERT)
    assert study.participants.closed() == "busy"
    with pytest.raises(StudyClosed) as caught:
        study.sessions.start("carla" * 8)
    assert caught.value.reason == "busy"
    later(study, ANNA, 31)
    assert study.participants.closed() == ""
    assert begin(study, "carla" * 8).stage == "practice"
    assert study.participants.closed() == "", "who has only consented holds no place"
    finish(study, "carla" * 8, upto=1)
    assert study.participants.closed() == "busy"


def test_consents_alone_never_close_a_study(study):
    study.scope.recruitment = Recruitment(target_participants=3)
    for number in range(20):
        begin(study, f"{number:032}")
    assert study.participants.closed() == ""
    assert finish(study, ANNA).outcome == "finished"


def test_the_next_takes_the_place_of_who_dropped_out(study):
    study.scope.recruitment = Recruitment(dropout_minutes=30)
    planned = begin(study, ANNA).trial.clips
    begin(study, BERT)
    later(study, ANNA, 31)
    assert begin(study, "carla" * 8).trial.clips == planned
    with OrmSession(study.scope.engine) as db:
        anna = db.scalar(select(Session.id).order_by(Session.id))
    assert indices(study) == [-anna, 0, 1]
    assert finish(study, ANNA).outcome == "finished", "who comes back may still end"


def test_who_was_there_of_late_keeps_the_place(study):
    begin(study, ANNA)
    later(study, ANNA, 59)
    begin(study, BERT)
    assert indices(study) == [0, 1]


def test_prompts_fill_evenly_whoever_comes(study):
    study.scope.rules = replace(RULES, prompts_per_participant=2, practice=0)
    for number in range(10):
        finish(study, f"{number:032}")
    assert {cell.ratings for cell in study.results.cells()} == {4}


def test_simultaneous_sign_ups_fill_evenly(study):
    study.scope.rules = replace(RULES, prompts_per_participant=1, practice=0)
    tokens = [f"{number:032}" for number in range(10)]
    together([lambda token=token: study.sessions.start(token) for token in tokens])
    for token in tokens:
        finish(study, token)
    assert {cell.ratings for cell in study.results.cells()} == {2}


# --- questions and headphones ------------------------------------------------------------------


def test_an_unfit_answer_ends_the_session_without_a_place(study):
    study.scope.recruitment = Recruitment(eligibility=True, target_participants=1)
    assert study.sessions.start(ANNA).stage == "questions"
    state = study.sessions.answer_questions(ANNA, FIT | {"recent_test": "yes"})
    assert (state.stage, state.outcome) == ("done", "screened_out")
    assert study.participants.closed() == ""
    assert study.sessions.start(BERT).stage == "questions"
    assert study.sessions.answer_questions(BERT, FIT).stage == "sound_check"
    assert study.sessions.answer_questions(BERT, FIT | {"hearing": "no"}).stage == "sound_check", (
        "it was answered already"
    )


def test_wrong_answers_change_nothing(study):
    study.scope.recruitment = Recruitment(eligibility=True)
    before = study.sessions.start(ANNA)
    with pytest.raises(AnswerError):
        study.sessions.answer_questions(ANNA, {"hearing": "yes"})
    assert study.sessions.state(ANNA) == before


@pytest.mark.parametrize(
    ("on_failure", "end"),
    [("flag", ("instructions", None)), ("replace", ("instructions", None)), ("end", ("done", "screened_out"))],
)
def test_headphones_that_are_not_heard(study, on_failure, end):
    study.scope.rules = replace(RULES, headphone_check="antiphase", on_failure=on_failure)
    study.sessions.start(ANNA)
    assert study.sessions.confirm(ANNA, "sound_check", 0.5).stage == "headphones"
    first = study.sessions.try_headphones(ANNA, 0, 4)
    assert (first.stage, first.tries) == ("headphones", 1)
    assert study.sessions.try_headphones(ANNA, 0, 6) == first, "the first try is over"
    state = study.sessions.try_headphones(ANNA, 1, 4)
    assert (state.stage, state.outcome) == end
    (row,) = study.results.sessions()
    assert (row.headphone_right, row.volume, row.counted) == ("4 4", 0.5, on_failure == "flag")


def test_headphones_that_are_heard_go_on_at_once(study):
    study.scope.rules = replace(RULES, headphone_check="huggins")
    study.sessions.start(ANNA)
    study.sessions.confirm(ANNA, "sound_check")
    assert study.sessions.try_headphones(ANNA, 0, 5).stage == "instructions"


def test_ratings_know_how_their_headphone_check_went(study):
    study.scope.rules = replace(RULES, headphone_check="antiphase", practice=0)
    for token, tries in ((ANNA, (4, 5)), (BERT, (4, 4))):
        study.sessions.start(token)
        study.sessions.confirm(token, "sound_check")
        for tried, right in enumerate(tries):
            study.sessions.try_headphones(token, tried, right)
        finish(study, token)
    finish(study, "cyd " * 8, replace(RULES, practice=0))
    told = {(row.participant, row.headphones) for row in study.results.ratings()}
    assert told == {("P001", "passed"), ("P002", "failed"), ("P003", "")}


# --- checks ------------------------------------------------------------------------------------


def instructed(count=3):
    facts = {"seconds": 1.0, "sample_rate": 44_100, "channels": 2, "gain_db": 0.0, "loudness_lufs": -23.0}
    return [
        Clip(
            f"instructed.{n}",
            f"instructed-{n}",
            f"choose {n}",
            CHECK,
            n,
            f"checks/{n}.flac",
            f"{n}".ljust(64, "c"),
            **facts,
            kind="instructed",
            expected=n,
        )
        for n in range(2, 2 + count)
    ]


def attend(store, token, attentive=True):
    """Answer every trial, the checks as somebody does who listens, or who does not."""
    state = begin(store, token)
    while state.stage != "done":
        if state.stage == "ready":
            state = store.sessions.confirm(token, "ready")
            continue
        with OrmSession(store.scope.engine) as db:
            check = db.scalar(
                select(Trial.check).where(Trial.session_id == state.session_id, Trial.position == state.trial.position)
            )
        low = (check or {}).get("low", 3)
        state = store.sessions.rate(token, answer(state.trial, low if attentive else 3 if low != 3 else 5))
    return state


def test_checks_are_counted_for_the_analyst_and_hidden_from_the_rest(study, manifest):
    study.scope.rules = replace(RULES, attention_checks=2, repeats=2, instructed_checks=2)
    study.clips.sync(manifest(), instructed())
    attend(study, ANNA)
    attend(study, BERT, attentive=False)
    good, bad = study.results.sessions()
    assert (good.trials, good.checks, good.failed_checks, good.counted) == (21, 6, 0, True)
    assert bad.failed_checks >= 4
    assert (bad.outcome, bad.counted) == ("finished", True), "flagged, no more"
    assert {cell.condition for cell in study.results.cells()} == {"baseline", "sqs-w8a8", "sqd-lora-w8a8"}
    kinds = [row.kind for row in study.results.ratings() if row.participant == "P001"]
    assert [kinds.count(kind) for kind in ("attention", "repeat", "instructed", "trial")] == [2, 2, 2, 15]


def test_failing_ends_or_replaces_as_the_study_says(study):
    study.scope.recruitment = Recruitment(target_participants=1)
    study.scope.rules = replace(RULES, attention_checks=3, allowed_failures=1, on_failure="end")
    state = attend(study, ANNA, attentive=False)
    assert state.outcome == "screened_out"
    (row,) = study.results.sessions()
    assert row.failed_checks == 2, "the second is one too many"
    assert row.answered < row.trials
    study.scope.rules = replace(study.scope.rules, on_failure="replace")
    assert attend(study, BERT, attentive=False).outcome == "finished"
    assert [row.counted for row in study.results.sessions()] == [False, False]
    assert {row.kind for row in study.results.ratings()} == {"practice", "attention", "uncounted"}, (
        "no analysis takes them"
    )
    assert {cell.ratings for cell in study.results.cells()} == {0}
    assert study.participants.closed() == "", "somebody else may take the place"
    attend(study, "carla" * 8)
    assert study.participants.closed() == "full"
    assert [index for index in indices(study) if index >= 0] == [0]


# --- going back, skipping, withdrawing ---------------------------------------------------------


def test_going_back_changes_the_last_answer_alone(study):
    study.scope.rules = replace(RULES, go_back=True, practice=0, comments=True)
    first = begin(study).trial
    second = study.sessions.rate(ANNA, answer(first, 2))
    assert (second.previous.trial.position, second.previous.score) == (first.position, 2)
    revised = replace(answer(first, 5), comment="louder than before", revises=True)
    changed = study.sessions.rate(ANNA, revised)
    assert study.sessions.rate(ANNA, revised) == changed, "a retry"
    assert study.sessions.rate(ANNA, answer(first, 1)) == changed, "an old tab"
    assert changed.trial == second.trial
    third = study.sessions.rate(ANNA, answer(second.trial, 3))
    assert study.sessions.rate(ANNA, replace(answer(first, 1), revises=True)) == third, "only the last can be changed"
    assert [(row.score, row.plays, row.comment) for row in study.results.ratings()] == [
        (5, 4, "louder than before"),
        (3, 2, ""),
    ]
    assert next(study.results.ratings()).heard_seconds == 3.0


def test_practice_is_not_gone_back_to_from_the_trials(study):
    study.scope.rules = replace(RULES, go_back=True)
    practised = finish(study, upto=1).trial
    assert study.sessions.rate(ANNA, answer(practised)).stage == "ready"
    state = study.sessions.confirm(ANNA, "ready")
    assert state.previous is None
    study.sessions.rate(ANNA, replace(answer(practised, 1), revises=True))
    assert [row.score for row in study.results.ratings()] == [3, 3]


def test_a_skipped_clip_is_left_out_and_the_session_goes_on(study):
    study.scope.rules = replace(RULES, practice=0)
    state = begin(study)
    assert study.sessions.skip(ANNA, state.trial.position + 1, "other") == state, "it is not the open one"
    after = study.sessions.skip(ANNA, state.trial.position, "undecodable")
    assert (after.trial.position, after.trial.number, after.trial.total) == (2, 1, 14)
    assert finish(study).outcome == "finished"
    assert len(list(study.results.ratings())) == 14


def test_who_withdraws_leaves_a_code_alone(study):
    study.sessions.start(ANNA, FROM_PROLIFIC)
    finish(study, ANNA, upto=5)
    study.events.log(ANNA, "play", 1, {})
    finish(study, BERT, upto=3)
    assert study.participants.withdraw(ANNA)
    assert (rows(study, Rating), rows(study, Session), rows(study, Event)) == (3, 1, 0)
    assert not study.participants.knows(ANNA)
    assert study.participants.resume("5f1") is None
    assert not study.participants.withdraw(ANNA)
    tombstone, other = study.results.progress()
    assert (tombstone.code, tombstone.stage, tombstone.source, tombstone.external_id) == (
        "P001",
        "withdrawn",
        "withdrawn",
        None,
    )
    assert (other.code, other.answered) == ("P002", 1)
    finish(study, "carla" * 8, upto=1)
    assert [person.code for person in study.results.progress()] == ["P001", "P002", "P003"], (
        "a code is never given twice"
    )
