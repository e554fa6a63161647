"""Clips beside the test: gold ones with a known answer, and ones for practice; and how often clips may be played."""

from collections import Counter
from dataclasses import replace

import pytest
from going_through import ANNA, RULES, answer, begin

from db import Answer, NotHeard
from survey.clips.manifest import Clip
from survey.config.session import SessionRules
from survey.errors import AnswerError

FACTS = {"seconds": 1.0, "sample_rate": 44_100, "channels": 2, "gain_db": 0.0, "loudness_lufs": -23.0}


def clip(name, kind, **more):
    return Clip(
        name, name, f"prompt of {name}", "baseline", 1, f"{name}.flac", name.ljust(64, "0"), **FACTS, kind=kind, **more
    )


def gold(count=3):
    return [clip(f"gold{n}", "gold", expected=4.5, tolerance=0.5) for n in range(count)]


def through(store, scores, rules, token=ANNA):
    state = begin(store, token, rules)
    while state.stage != "done":
        if state.stage == "ready":
            state = store.sessions.confirm(token, "ready")
            continue
        score = scores if state.trial.prompt.startswith("prompt of gold") else 3
        state = store.sessions.rate(token, answer(state.trial, score))
    return list(store.results.ratings())


@pytest.mark.parametrize(("score", "passed"), [(5, True), (4, True), (3, False), (1, False)])
def test_gold_clips_stand_among_the_others_and_pass_within_their_tolerance(store, manifest, score, passed):
    store.clips.sync(manifest(2), gold())
    rows = through(store, score, replace(RULES, gold_checks=2))
    trials = [row for row in rows if row.kind != "practice"]
    held = [place for place, row in enumerate(trials) if row.kind == "gold"]
    assert len(held) == 2
    assert 0 not in held
    assert len(trials) - 1 not in held, "at neither end"
    assert {row.passed for row in rows if row.kind == "gold"} == {passed}
    assert len({row.stimulus for row in rows if row.kind == "gold"}) == 2, "none twice before all had their turn"
    (session,) = store.results.sessions()
    assert (session.trials, session.checks, session.failed_checks) == (8, 2, 0 if passed else 2)
    assert sum(cell.ratings for cell in store.results.cells()) == 6
    assert not any(cell.stimulus.startswith("gold") for cell in store.results.cells())


def test_missed_gold_clips_can_end_a_session(store, manifest):
    store.clips.sync(manifest(2), gold(1))
    begin(store, ANNA, replace(RULES, practice=0, gold_checks=1, on_failure="end"))
    state = store.sessions.state(ANNA)
    while state.stage != "done":
        state = store.sessions.rate(ANNA, answer(state.trial, 1))
    assert state.outcome == "screened_out"


def test_gold_clips_of_a_manifest_are_taken_as_such(store, manifest):
    made = manifest(2)
    store.clips.sync(replace(made, clips=(*made.clips, *gold())))
    kinds = Counter(row.kind for row in through(store, 5, replace(RULES, gold_checks=3)))
    assert kinds == {"practice": 2, "trial": 6, "gold": 3}


def test_practice_has_its_own_clips_where_there_are_any(store, manifest):
    made = manifest(2)
    store.clips.sync(replace(made, clips=(*made.clips, *(clip(f"warm{n}", "practice") for n in range(3)))))
    rows = through(store, 3, replace(RULES, practice=2))
    assert all(row.stimulus.startswith("warm") for row in rows if row.kind == "practice")
    assert Counter(row.kind for row in rows) == {"practice": 2, "trial": 6}
    assert not any(row.stimulus.startswith("warm") for row in rows if row.kind == "trial")


def test_practice_without_enough_clips_of_its_own_takes_others_too(store, manifest):
    made = manifest(2)
    store.clips.sync(replace(made, clips=(*made.clips, clip("warm", "practice"))))
    rows = through(store, 3, replace(RULES, practice=3))
    assert ["warm" in row.stimulus for row in rows if row.kind == "practice"] == [True, False, False]


# --- plays -----------------------------------------------------------------------------------------


def played(trial, plays, score=3, **more):
    return Answer(trial.same, score, plays=plays, heard_seconds=1.0 * plays, response_ms=9000, **more)


@pytest.mark.parametrize(
    ("rules", "plays", "key"),
    [
        (SessionRules(min_plays=2), 1, "plays_few"),
        (SessionRules(min_plays=2), 2, None),
        (SessionRules(max_plays=2), 3, "plays_many"),
        (SessionRules(max_plays=2), 2, None),
        (SessionRules(min_plays=2, max_plays=2), 2, None),
        (SessionRules(), 50, None),
    ],
)
def test_an_answer_to_a_clip_that_was_played_too_few_or_too_many_times_is_refused(store, manifest, rules, plays, key):
    store.clips.sync(manifest(2))
    state = begin(store, ANNA, replace(rules, practice=0, headphone_check="none"))
    if key is None:
        assert store.sessions.rate(ANNA, played(state.trial, plays)).trial.number == 2
        return
    with pytest.raises(NotHeard) as refusal:
        store.sessions.rate(ANNA, played(state.trial, plays))
    assert (refusal.value.key, refusal.value.count) == (key, 2)
    assert list(store.results.ratings()) == []


def test_of_several_clips_each_has_its_plays(store, manifest):
    store.scope.frozen = {**store.scope.frozen, "scale": {**store.scope.frozen["scale"], "type": "ab"}}
    store.clips.sync(manifest(2))
    rules = SessionRules(practice=0, headphone_check="none", min_plays=1, max_plays=2)
    trial = begin(store, ANNA, rules).trial
    for each, key in (((3, 1), "plays_many"), ((2, 0), "plays_few")):
        with pytest.raises(NotHeard) as refusal:
            store.sessions.rate(ANNA, replace(played(trial, sum(each), 1), each=each, heard_seconds=9.0))
        assert refusal.value.key == key
    for each in ((1, 2), (1, 1, 1)):
        with pytest.raises(AnswerError, match="each: must be 2 whole numbers that make 4 plays"):
            store.sessions.rate(ANNA, replace(played(trial, 4, 1), each=each))
    assert store.sessions.rate(ANNA, replace(played(trial, 3, 1), each=(2, 1))).trial.number == 2


def test_going_back_the_plays_of_the_first_answer_count(store, manifest):
    store.clips.sync(manifest(2))
    rules = SessionRules(practice=0, headphone_check="none", go_back=True, min_plays=2, max_plays=3)
    trial = begin(store, ANNA, rules).trial
    store.sessions.rate(ANNA, played(trial, 2))
    state = store.sessions.rate(ANNA, replace(played(trial, 1, 5), revises=True, each=(1,)))
    assert (state.previous.score, state.previous.plays) == (5, 3)
    with pytest.raises(NotHeard):
        store.sessions.rate(ANNA, replace(played(trial, 1, 4), revises=True))
