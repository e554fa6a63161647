"""Revisions in the store: frozen at the first session, kept by the sessions that run, apart in every count."""

from collections import Counter
from dataclasses import replace

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from db import Answer, Store, StudyClosed, open_engine
from db.tables import Rating, Session, Trial
from survey.config.session import Recruitment
from survey.trials.scale import Scale

CARLA = "carla" * 8
CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")


def part(scale: Scale | None = None, baseline: str = "baseline") -> dict:
    """Return what is frozen, as the store takes it."""
    asked = scale or Scale()
    return {"scale": {"type": asked.type, "question": asked.question}, "analysis": {"baseline": baseline}}


def opened(url, frozen, rules=RULES, recruitment=None) -> Store:
    return Store(open_engine(url), "s", rules, recruitment, frozen=frozen)


def trials(store, token) -> list[Trial]:
    session = store.sessions.state(token).session_id
    with OrmSession(store.scope.engine) as db:
        return list(db.scalars(select(Trial).where(Trial.session_id == session).order_by(Trial.position)))


# --- the launch --------------------------------------------------------------------------------


def test_the_first_session_freezes_and_an_invitation_does_not(url, manifest):
    store = opened(url, part())
    store.clips.sync(manifest())
    (token,) = store.participants.invite(1)
    assert store.revisions.find() is None
    store.sessions.start(token)
    first = store.revisions.find()
    assert (first.number, first.frozen, first.complete) == (1, part(), True)
    store.sessions.start(ANNA)
    assert store.revisions.find() == first


def test_a_study_without_clips_is_not_launched(url):
    store = opened(url, part())
    with pytest.raises(StudyClosed):
        store.sessions.start(ANNA)
    assert store.revisions.find() is None


def test_nobody_begins_at_a_server_of_an_older_revision(url, manifest):
    old = opened(url, part())
    old.clips.sync(manifest())
    running = begin(old, ANNA)
    (invited,) = old.participants.invite(1)
    assert opened(url, part()).revisions.revise(part(Scale(question="Louder?"))) == 2
    assert old.revisions.outdated()
    assert old.participants.closed() == "not_ready"
    for token in (invited, BERT):
        with pytest.raises(StudyClosed, match="revision 2 of the study was made; restart"):
            old.sessions.start(token)
    assert old.sessions.rate(ANNA, answer(running.trial)).trial.position == 2, "who had begun goes on"


def test_two_servers_of_one_configuration_launch_once(url, manifest):
    servers = [opened(url, part()), opened(url, part())]
    servers[0].clips.sync(manifest())
    for server, token in zip(servers, (ANNA, BERT), strict=True):
        server.sessions.start(token)
    assert servers[1].revisions.find().number == 1


# --- the question ------------------------------------------------------------------------------


def test_a_session_asks_its_own_question_to_the_end(url, manifest):
    asked = Scale(question="How real?", labels={5: "a", 4: "b", 3: "c", 2: "d", 1: "e"})
    frozen = part() | {
        "scale": {"type": "acr", "question": "How real?", "labels": {str(n): "edcba"[n - 1] for n in (1, 2, 3, 4, 5)}}
    }
    store = opened(url, frozen)
    store.clips.sync(manifest())
    begin(store, ANNA)
    store.revisions.revise(part(Scale(type="ab", no_preference=True)))
    state = store.sessions.state(ANNA)
    assert (
        state.terms.asked.first == state.trial.terms.asked.first == store.trials.at(ANNA, 1).terms.asked.first == asked
    )
    assert begin(store, BERT).terms.asked.first.type == "ab"
    assert len(store.sessions.state(BERT).trial.clips) == 2
    assert finish(store, ANNA).stage == "done"
    rows = [row for row in store.results.ratings() if row.participant == "P001"]
    assert len(rows) == 17
    assert {(row.question, row.revision) for row in rows} == {("acr", 1)}


def test_answers_that_an_older_version_stored_to_another_type_are_left_out_of_the_export(url, manifest, caplog):
    """ABX was changed to grades while a session ran: answers up to 5 were stored where 0 and 1 are meant."""
    store = Store(open_engine(url), "s", RULES, scale=Scale(type="abx"))
    store.clips.sync(manifest())
    state = begin(store, ANNA)
    for score in (0, 1, 1):
        state = store.sessions.rate(ANNA, Answer(state.trial.same, score, 1, 3.0, 900))
        state = store.sessions.confirm(ANNA, "ready") if state.stage == "ready" else state
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        last = db.scalar(select(Rating.id).order_by(Rating.id.desc()))
        db.execute(update(Rating).where(Rating.id == last).values(score=4))
    assert [row.position for row in store.results.ratings()] == [1, 2]
    list(store.results.ratings())
    (line,) = [record.getMessage() for record in caplog.records if record.name == "db.results.ratings"]
    assert line == "P001: the answer at position 3 is left out: it does not fit a question of type abx"


# --- clips -------------------------------------------------------------------------------------


def test_older_sessions_keep_the_clips_that_stayed_and_lose_the_others(url, manifest):
    store = opened(url, part(), rules=replace(RULES, practice=0))
    store.clips.sync(manifest(3))
    state = begin(store, ANNA)
    store.sessions.rate(ANNA, answer(state.trial))
    before = {trial.position: trial.stimulus.sha256 for trial in trials(store, ANNA)}
    store.revisions.revise(part(baseline="sqs-w8a8"))
    # One condition is rendered anew, one prompt has another text and sound under its old number.
    kept = [clip for clip in manifest(3).clips if clip.condition == "baseline" and clip.prompt_id != "p3"]
    fresh = [
        replace(clip, sha256="f" + clip.sha256[1:], prompt=clip.prompt.replace("3", "three"))
        for clip in manifest(3).clips
        if clip not in kept
    ]
    store.clips.sync(replace(manifest(3), clips=(*kept, *fresh)))
    left = {trial.position: trial.stimulus.sha256 for trial in trials(store, ANNA)}
    there = {clip.sha256 for clip in kept}
    assert left == {position: sha for position, sha in before.items() if position == 1 or sha in there}
    assert {trial.prompt for trial in trials(store, ANNA)} <= {"prompt 1", "prompt 2", "prompt 3"}
    assert finish(store, ANNA).outcome == "finished", "it ends where nothing of its own is left"
    heard = {row.clip_sha256 for row in store.results.ratings() if row.revision == 1}
    assert not heard & {clip.sha256 for clip in fresh}


def test_clips_rendered_anew_in_the_same_revision_take_the_place_of_the_old(url, manifest):
    store = opened(url, part())
    store.clips.sync(manifest())
    planned = len(trials(store, store_begin(store)))
    store.clips.sync(manifest(mark="1"))
    assert len(trials(store, ANNA)) == planned
    assert store.sessions.state(ANNA).trial.sha256.split("-")[-1].startswith("1")


def store_begin(store) -> str:
    begin(store, ANNA)
    return ANNA


# --- the design and the counts -------------------------------------------------------------------


def test_a_revision_fills_a_design_of_its_own(url, manifest):
    store = opened(url, part(), recruitment=Recruitment(target_participants=2))
    store.clips.sync(manifest())
    orders = [[trial.stimulus.name for trial in trials(store, finish_as(store, token))] for token in (ANNA, BERT)]
    assert store.participants.closed() == "full"
    assert [cell.ratings for cell in store.results.cells()] == [2] * 15
    store.revisions.revise(part(baseline="sqs-w8a8"))
    assert store.participants.closed() == "", "the target is the new revision's"
    assert {cell.ratings for cell in store.results.cells()} == {0}
    again = [trial.stimulus.name for trial in trials(store, finish_as(store, CARLA))]
    assert again == orders[0], "the first of a revision gets the first row of the design"
    assert Counter(row.revision for row in store.results.ratings() if row.kind == "trial") == {1: 30, 2: 15}
    assert {row.participant for row in store.results.ratings(2)} == {"P003"}
    assert [row.revision for row in store.results.sessions()] == [1, 1, 2]
    assert [person.revision for person in store.results.progress()] == [1, 1, 2]


def finish_as(store, token) -> str:
    finish(store, token)
    return token


def test_prompts_fill_evenly_within_a_revision(url, manifest):
    store = opened(url, part(), rules=replace(RULES, prompts_per_participant=2, practice=0))
    store.clips.sync(manifest())
    for number in range(3):
        finish(store, f"{number:032}")
    store.revisions.revise(part(baseline="sqs-w8a8"))
    for number in range(3, 8):
        finish(store, f"{number:032}")
    assert {cell.ratings for cell in store.results.cells()} == {2}


# --- the rules of a session ----------------------------------------------------------------------


def kinds(store, token) -> Counter:
    return Counter(trial.kind for trial in trials(store, token))


def order(store, token) -> list[str]:
    return [trial.stimulus.name for trial in trials(store, token) if trial.kind == "trial"]


FIXED = [f"p{prompt}.{condition}.1000" for prompt in range(1, 6) for condition in CONDITIONS]
PLANNED = {
    "order": ("balanced", "fixed", lambda store, token: order(store, token) == FIXED, False, True),
    "prompts_per_participant": (0, 2, lambda store, token: kinds(store, token)["trial"], 15, 6),
    "practice": (2, 1, lambda store, token: kinds(store, token)["practice"], 2, 1),
    "attention_checks": (1, 3, lambda store, token: kinds(store, token)["attention"], 1, 3),
    "repeats": (0, 2, lambda store, token: kinds(store, token)["repeat"], 0, 2),
    "go_back": (False, True, lambda store, token: finish(store, token, upto=1).previous is not None, False, True),
    "must_listen": (
        True,
        False,
        lambda store, token: store.sessions.state(token).trial.terms.rules.must_listen,
        True,
        False,
    ),
    "comments": (False, True, lambda store, token: store.sessions.state(token).terms.rules.comments, False, True),
    "break_minutes": (0, 9, lambda store, token: store.sessions.state(token).terms.rules.break_minutes, 0, 9),
}


@pytest.mark.parametrize("key", PLANNED)
def test_a_changed_rule_holds_for_sessions_that_come(url, manifest, key):
    before, after, look, running, coming = PLANNED[key]
    store = opened(url, part(), rules=replace(RULES, **{key: before}))
    store.clips.sync(manifest())
    begin(store, ANNA)
    store.close()
    store = opened(url, part(), rules=replace(RULES, **{key: after}))
    store.clips.sync(manifest())
    begin(store, BERT)
    assert store.revisions.find().number == 1
    assert (look(store, ANNA), look(store, BERT)) == (running, coming)


@pytest.mark.parametrize(
    ("key", "before", "after", "outcomes"),
    [
        ("on_failure", "flag", "end", [("finished", True), ("screened_out", False)]),
        ("allowed_failures", 9, 0, [("finished", True), ("screened_out", False)]),
    ],
)
def test_a_session_is_judged_by_the_rules_that_it_began_under(url, manifest, key, before, after, outcomes):
    rules = replace(RULES, attention_checks=2, on_failure="end")
    store = opened(url, part(), rules=replace(rules, **{key: before}))
    store.clips.sync(manifest())
    begin(store, ANNA)
    store.scope.rules = replace(rules, **{key: after})
    for token in (ANNA, BERT):
        state = begin(store, token)
        while state.stage != "done":
            state = (
                store.sessions.confirm(token, "ready")
                if state.stage == "ready"
                else store.sessions.rate(token, answer(state.trial, 5))
            )
    assert [(row.outcome, row.counted) for row in store.results.sessions()] == outcomes


def test_headphones_are_checked_as_when_the_session_began(url, manifest):
    store = opened(url, part(), rules=replace(RULES, headphone_check="antiphase", headphone_pass=5))
    store.clips.sync(manifest())
    store.sessions.start(ANNA)
    store.scope.rules = replace(RULES, headphone_check="none")
    assert store.sessions.confirm(ANNA, "sound_check").stage == "headphones"
    store.scope.rules = replace(RULES, headphone_check="antiphase", headphone_pass=6)
    assert store.sessions.try_headphones(ANNA, 0, 5).stage == "instructions"
    store.sessions.start(BERT)
    store.sessions.confirm(BERT, "sound_check")
    assert store.sessions.try_headphones(BERT, 0, 5).stage == "headphones"


def test_sessions_of_an_older_version_have_the_rules_of_now(url, manifest):
    store = opened(url, part())
    store.clips.sync(manifest())
    begin(store, ANNA)
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        db.execute(update(Session).values(rules=None))
    store.scope.rules = replace(RULES, must_listen=False)
    assert not store.sessions.state(ANNA).terms.rules.must_listen
