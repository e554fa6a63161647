"""Trials of several clips in the store: planned, answered, moved to clips rendered anew, exported and withdrawn."""

import pytest
from sqlalchemy import func, select

from db import Answer, Store, open_engine
from db.engine import reading
from db.tables import TrialClip
from survey.config.session import SessionRules
from survey.trials.scale import Scale

ANNA = "anna" * 10
CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")


def open_study(url, manifest, kind: str, *conditions: str, mark: str = "0", **rules) -> Store:
    plain = SessionRules(headphone_check="none", practice=0, **rules)
    store = Store(open_engine(url), "s", plain, scale=Scale(type=kind))
    store.clips.sync(manifest(2, conditions or CONDITIONS, mark))
    return store


def begin(store):
    state = store.sessions.start(ANNA)
    while state.stage in ("sound_check", "instructions"):
        state = store.sessions.confirm(ANNA, state.stage)
    return state


def given(trial, score=None, scores=None) -> Answer:
    return Answer(trial.same, score if scores is None else list(scores), 2, 5.0, 4000)


def test_pairs_are_rated_once_a_prompt_and_condition_and_turned_towards_the_condition(url, manifest):
    store = open_study(url, manifest, "ccr")
    state, second_was = begin(store), []
    while state.stage == "trials":
        assert len(state.trial.clips) == 2
        second_was.append(state.trial.clips[1].file.split(".")[1])
        state = store.sessions.rate(ANNA, given(state.trial, 2))
    rows = list(store.results.ratings())
    assert [row.score for row in rows] == [-2 if second == "baseline" else 2 for second in second_was]
    assert sorted((row.prompt_id, row.condition) for row in rows) == [
        (prompt, condition) for prompt in ("p1", "p2") for condition in sorted(CONDITIONS[1:])
    ]
    assert {(row.reference, row.question) for row in rows} == {("baseline", "ccr")}
    assert [row.first == "baseline" for row in rows] == [second != "baseline" for second in second_was]
    # Both clips of a pair were rated.
    ratings = {cell.stimulus: cell.ratings for cell in store.results.cells()}
    assert ratings["p1.baseline.1000"] == 2
    assert ratings["p1.sqs-w8a8.1000"] == 1


def test_over_participants_both_come_first_equally_often(url, manifest):
    store, firsts = open_study(url, manifest, "ab"), []
    for number in range(4):
        token = f"{number}" * 30
        state = store.sessions.start(token)
        while state.stage in ("sound_check", "instructions"):
            state = store.sessions.confirm(token, state.stage)
        while state.stage == "trials":
            firsts.append(state.trial.clips[0].file.split(".")[1] == "baseline")
            state = store.sessions.rate(token, given(state.trial, 1))
    assert sum(firsts) == len(firsts) / 2


def test_sliders_become_a_row_each(url, manifest):
    store = open_study(url, manifest, "mushra", *CONDITIONS, "anchor")
    state = begin(store)
    assert len(state.trial.clips) == 5
    assert (
        state.trial.clips[-1].file == "p1.baseline.1000.flac" or state.trial.clips[-1].file == "p2.baseline.1000.flac"
    )
    wanted = {}
    while state.stage == "trials":
        *rated, _ = state.trial.clips
        scores = tuple(10 * place for place in range(len(rated)))
        wanted |= {clip.file.removesuffix(".flac"): score for clip, score in zip(rated, scores, strict=True)}
        state = store.sessions.rate(ANNA, given(state.trial, scores=scores))
    assert {row.stimulus: row.score for row in store.results.ratings()} == wanted
    assert len(wanted) == 8


def test_clips_rendered_anew_take_the_place_of_the_old_in_what_is_still_open(url, manifest):
    store = open_study(url, manifest, "abx")
    before = begin(store).trial
    store.clips.sync(manifest(2, CONDITIONS, "1"))
    after = store.sessions.state(ANNA).trial
    assert [clip.file for clip in after.clips] == [clip.file for clip in before.clips]
    assert all(old.sha256 != new.sha256 for old, new in zip(before.clips, after.clips, strict=True))
    # An answer to the old clips is not one to the new.
    assert store.sessions.rate(ANNA, given(before, 0)).trial == after
    assert store.sessions.rate(ANNA, given(after, 0)).trial != after


def test_a_dropped_baseline_takes_its_pairs_along(url, manifest):
    store = open_study(url, manifest, "ab")
    begin(store)
    store.clips.sync(manifest(2, CONDITIONS[1:], "0"))
    assert store.sessions.state(ANNA).stage == "done"


def test_a_withdrawal_leaves_no_clip_of_a_trial(url, manifest):
    store = open_study(url, manifest, "ab")
    begin(store)
    assert store.participants.withdraw(ANNA)
    with reading(store.scope.engine) as db:
        assert db.scalar(select(func.count()).select_from(TrialClip)) == 0


@pytest.mark.parametrize(
    ("kind", "passing"), [("ab", lambda own: 1 if own else -1), ("ccr", lambda own: 3 if own else -3)]
)
def test_a_check_beside_another_prompts_clip_is_judged(url, manifest, kind, passing):
    store = open_study(url, manifest, kind, attention_checks=2)
    state, prompts = begin(store), {"prompt 1": "p1", "prompt 2": "p2"}
    while state.stage == "trials":
        own = [clip.file.startswith(prompts[state.trial.prompt] + ".") for clip in state.trial.clips]
        # In a check only one of the two clips belongs to the text.
        state = store.sessions.rate(ANNA, given(state.trial, 1 if all(own) else passing(own[1])))
    session = next(iter(store.results.sessions()))
    assert (session.checks, session.failed_checks) == (2, 0)
    assert [row.passed for row in store.results.ratings() if row.kind == "attention"] == [True, True]
    assert {row.passed for row in store.results.ratings() if row.kind == "trial"} == {None}


def test_a_failed_check_is_exported_as_such(url, manifest):
    store = open_study(url, manifest, "acr", attention_checks=2)
    state = begin(store)
    while state.stage == "trials":
        state = store.sessions.rate(ANNA, given(state.trial, 5))  # nothing is that good under a wrong text
    assert [row.passed for row in store.results.ratings() if row.kind == "attention"] == [False, False]
    assert next(iter(store.results.sessions())).failed_checks == 2
