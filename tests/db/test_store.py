"""The store: what a participant, a researcher and an analyst rely on."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish, together

from db import Answer, Store, StudyClosed, UnknownParticipant, open_engine
from survey.config.session import Recruitment
from survey.trials.design import plan_session
from survey.trials.stimulus import Stimulus

OPEN = Recruitment()


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest())
    return store


# --- the way through ---------------------------------------------------------------------------


def test_a_participant_goes_from_consent_to_the_end(study):
    assert study.sessions.start(ANNA).stage == "sound_check"
    assert study.sessions.confirm(ANNA, "sound_check").stage == "instructions"
    state = study.sessions.confirm(ANNA, "instructions")
    assert (state.stage, state.trial.practice, state.trial.number, state.trial.total) == ("practice", True, 1, 2)
    state = finish(study)
    assert (state.stage, state.trial, state.upcoming) == ("done", None, None)
    rows = list(study.results.ratings())
    assert Counter(row.kind for row in rows) == {"practice": 2, "trial": 15}
    assert len({row.stimulus for row in rows if row.kind == "trial"}) == 15
    assert [row.position for row in rows] == list(range(1, 18))


def test_the_session_is_the_one_that_the_design_planned(study, manifest):
    finish(study)
    pool = [Stimulus(clip.stimulus, clip.prompt_id, clip.condition, clip.seed) for clip in manifest().clips]
    planned = plan_session(pool, 0, study="s", practice=2)
    assert [row.stimulus for row in study.results.ratings()] == [trial.stimulus for trial in planned]


def test_the_next_clip_is_known_ahead(study):
    state = begin(study)
    after = study.sessions.rate(ANNA, answer(state.trial))
    assert after.trial.sha256 == state.upcoming.sha256
    assert after.trial.position == 2


def test_numbers_count_trials_without_practice(study):
    state = finish(study, upto=3)
    assert (state.stage, state.trial.number, state.trial.total, state.trials) == ("trials", 2, 15, 15)


def test_a_row_tells_all_of_an_answer(study):
    state = begin(study)
    before = datetime.now(UTC)
    study.sessions.rate(ANNA, Answer(state.trial.same, 4, 3, 2.25, 5555))
    (row,) = study.results.ratings()
    assert (row.participant, row.session, row.kind, row.study) == ("P001", "S001", "practice", "s")
    assert (row.score, row.plays, row.heard_seconds, row.response_ms) == (4, 3, 2.25, 5555)
    assert row.clip_sha256 == state.trial.sha256
    assert row.stimulus == f"{row.prompt_id}.{row.condition}.{row.seed}"
    assert row.prompt == state.trial.prompt
    assert timedelta(0) <= row.rated_at - before < timedelta(minutes=1)
    assert ANNA not in repr(row), "the token opens the session and must not be exported"


# --- nothing twice, nothing lost ---------------------------------------------------------------


def test_the_same_answer_twice_is_one_row(study):
    state = begin(study)
    once = study.sessions.rate(ANNA, answer(state.trial, 4))
    twice = study.sessions.rate(ANNA, answer(state.trial, 4))
    assert once == twice
    assert [row.score for row in study.results.ratings()] == [4]


def test_a_second_tab_cannot_change_an_answer(study):
    state = begin(study)
    now = study.sessions.rate(ANNA, answer(state.trial, 4))
    assert study.sessions.rate(ANNA, answer(state.trial, 1)) == now
    assert [row.score for row in study.results.ratings()] == [4]


def test_an_answer_ahead_of_its_turn_changes_nothing(study):
    state = begin(study)
    assert study.sessions.rate(ANNA, answer(state.upcoming)) == state
    assert list(study.results.ratings()) == []


def test_no_trial_is_answered_before_its_stage(study):
    state = finish(study, upto=2)
    assert state.stage == "ready"
    assert study.sessions.rate(ANNA, answer(state.upcoming)) == state
    assert len(list(study.results.ratings())) == 2


def test_confirming_twice_goes_on_once(study):
    study.sessions.start(ANNA)
    assert study.sessions.confirm(ANNA, "sound_check").stage == "instructions"
    assert study.sessions.confirm(ANNA, "sound_check").stage == "instructions"


def test_consenting_twice_is_one_session(study):
    first = study.sessions.start(ANNA)
    assert study.sessions.start(ANNA) == first
    assert len(study.results.progress()) == 1


def test_simultaneous_double_clicks_store_one_answer(study):
    state = begin(study)
    states = together([lambda: study.sessions.rate(ANNA, answer(state.trial, 5))] * 6)
    assert len(list(study.results.ratings())) == 1
    assert {found.trial.position for found in states} == {2}


def test_the_same_clip_twice_in_a_row_needs_two_answers(store, manifest):
    """With many checks over two clips, a clip follows itself: an answer given twice still counts once."""
    rules = replace(RULES, attention_checks=8)
    store.clips.sync(manifest(2, ("baseline",)))
    state, given = begin(store, ANNA, rules), 0
    followed = False
    while state.stage != "done":
        if state.stage == "ready":
            state = store.sessions.confirm(ANNA, "ready")
            continue
        trial = state.trial
        followed |= state.upcoming is not None and state.upcoming.sha256 == trial.sha256
        state = store.sessions.rate(ANNA, answer(trial))
        given += 1
        assert store.sessions.rate(ANNA, answer(trial)) == state
        assert len(list(store.results.ratings())) == given
    assert followed


# --- allocation --------------------------------------------------------------------------------


def test_simultaneous_sign_ups_never_share_a_row_of_the_design(study):
    tokens = [f"{number:032}" for number in range(12)]
    states = together([lambda token=token: study.sessions.start(token) for token in tokens])
    assert all(state.stage == "sound_check" for state in states), states
    people = study.results.progress()
    assert sorted(person.code for person in people) == [f"P{number:03}" for number in range(1, 13)]
    for token in tokens:
        finish(study, token, upto=3)
    rows = [row for row in study.results.ratings() if row.kind == "trial"]
    assert len({row.session for row in rows}) == 12
    # Three conditions: over twelve participants each stands four times in the first place.
    assert Counter(row.condition for row in rows) == {"baseline": 4, "sqs-w8a8": 4, "sqd-lora-w8a8": 4}


def test_two_servers_share_a_database(study, url):
    """Without the lock that threads of one process share, the database alone keeps them apart."""
    servers = [study, Store(open_engine(url), "s", RULES)]
    tokens = [f"{number:032}" for number in range(16)]
    states = together([lambda token=token, n=n: servers[n % 2].sessions.start(token) for n, token in enumerate(tokens)])
    servers[1].close()
    assert all(getattr(state, "stage", state) == "sound_check" for state in states), states
    assert sorted(person.code for person in study.results.progress()) == [f"P{number:03}" for number in range(1, 17)]


# --- who may take part -------------------------------------------------------------------------


def test_personal_links_are_unguessable_and_known(study):
    tokens = study.participants.invite(3)
    assert len(set(tokens)) == 3
    assert all(len(token) >= 32 and study.participants.knows(token) for token in tokens)
    assert not study.participants.knows(ANNA)
    assert study.sessions.state(tokens[0]).stage == "consent"
    assert [person.stage for person in study.results.progress()] == ["invited"] * 3


def test_a_closed_study_takes_personal_links_only(study):
    study.scope.recruitment = replace(OPEN, open_link=False)
    with pytest.raises(StudyClosed):
        study.sessions.start(ANNA)
    assert study.results.progress() == []
    (token,) = study.participants.invite(1)
    assert study.sessions.start(token).stage == "sound_check"


def test_the_open_link_closes_when_enough_have_finished(study):
    study.scope.recruitment = replace(OPEN, target_participants=2)
    for token in (ANNA, BERT):
        assert study.participants.closed() == ""
        finish(study, token)
    assert study.participants.closed() == "full"
    with pytest.raises(StudyClosed):
        study.sessions.start("carla" * 8)
    assert study.sessions.state(ANNA).stage == "done"


def test_without_clips_nobody_begins(store):
    with pytest.raises(StudyClosed, match="no clips"):
        store.sessions.start(ANNA)
    assert store.results.progress() == []


def test_strangers_have_no_state(study):
    for call in (
        lambda: study.sessions.state(ANNA),
        lambda: study.sessions.confirm(ANNA, "sound_check"),
        lambda: study.sessions.rate(ANNA, Answer(lambda trial: True, 3, 1, 1.0, 1)),
    ):
        with pytest.raises(UnknownParticipant):
            call()
    assert study.trials.at(ANNA, 1) is None
    assert not study.events.log(ANNA, "play", 1, {})


# --- clips rendered anew -----------------------------------------------------------------------


def test_answers_keep_the_clip_that_was_heard(study, manifest):
    state = finish(study, upto=5)
    heard = {row.position: row.clip_sha256 for row in study.results.ratings()}
    study.clips.sync(manifest(mark="1"))
    assert {row.position: row.clip_sha256 for row in study.results.ratings()} == heard
    after = study.sessions.state(ANNA)
    assert after.trial.position == state.trial.position
    assert after.trial.sha256 != state.trial.sha256
    assert study.sessions.rate(ANNA, answer(state.trial)) == after, "an answer to the old sound was stored for the new"


def test_the_same_clips_again_change_nothing(study, manifest):
    state = finish(study, upto=5)
    study.clips.sync(manifest())
    assert study.sessions.state(ANNA) == state
    assert len(study.results.cells()) == 15


def test_a_dropped_condition_ends_its_open_trials(study, manifest):
    finish(study, upto=4)
    study.clips.sync(manifest(conditions=("baseline",)))
    state = study.sessions.state(ANNA)
    while state.stage == "trials":
        assert state.trial.clips[0].file.split(".")[1] == "baseline"
        state = study.sessions.rate(ANNA, answer(state.trial))
    assert state.stage == "done"
    assert {cell.condition for cell in study.results.cells()} == {"baseline"}


def test_a_session_with_nothing_left_is_finished(study, manifest):
    rules = replace(RULES, practice=0)
    begin(study, ANNA, rules)
    study.clips.sync(manifest(conditions=("other",)))
    assert study.sessions.state(ANNA).stage == "done"


# --- what the researcher sees ------------------------------------------------------------------


def test_cells_count_trials_but_not_practice(study):
    finish(study)
    finish(study, BERT, upto=2)
    assert [cell.ratings for cell in study.results.cells()] == [1] * 15


def test_progress_counts_answers(study):
    study.participants.invite(1)
    finish(study, ANNA)
    finish(study, BERT, upto=5)
    invited, done, live = study.results.progress()
    assert (invited.source, invited.stage, invited.total) == ("link", "invited", 0)
    assert (done.source, done.stage, done.answered, done.total) == ("open", "done", 15, 15)
    assert done.finished_at >= done.started_at
    assert (live.stage, live.answered, live.finished_at) == ("trials", 3, None)


def test_attention_checks_are_marked_and_not_counted(study):
    rules = replace(RULES, attention_checks=2)
    finish(study, ANNA, rules)
    rows = list(study.results.ratings())
    checks = [row for row in rows if row.kind == "attention"]
    assert len(rows) == 19
    assert len(checks) == 2
    assert all(row.stimulus.split(".")[0] != row.prompt_id for row in checks)
    assert sum(cell.ratings for cell in study.results.cells()) == 15


def test_two_studies_share_a_database_without_meeting(study, url, manifest):
    finish(study)
    other = Store(open_engine(url), "t", RULES)
    other.clips.sync(manifest())
    assert list(other.results.ratings()) == []
    assert other.results.progress() == []
    with pytest.raises(UnknownParticipant):
        other.sessions.state(ANNA)
    assert other.sessions.start(BERT).stage == "sound_check"
    other.close()
