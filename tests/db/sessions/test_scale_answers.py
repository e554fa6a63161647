"""Answers on several scales, with fractions and beyond scores: one rating a trial, a row for each scale."""

import csv
import io
import random

import pytest
from going_through import ANNA, BERT

from db import Answer, Store, open_engine
from survey import write_csv
from survey.config.session import SessionRules
from survey.errors import AnswerError
from survey.trials.scale import Scale

CONDITIONS = ("baseline", "sqs-w8a8")
SCALES = (
    Scale(name="quality", type="slider", low=0, high=100, question="How good?"),
    Scale(name="match", type="numeric", low=1, high=5, step=0.5),
    Scale(name="why", type="text", required=False),
)
WHOLE = {"quality": 62.5, "match": 3, "why": "it rings"}


def frozen_part(*scales: Scale) -> dict:
    stored = [one.stored() for one in scales]
    for one in stored:
        one["labels"] = {str(grade): label for grade, label in one["labels"].items()}
    more = {"scales": stored, "layout": "together"} if len(scales) > 1 else {}
    return {"scale": stored[0], "analysis": {"baseline": "baseline"}, **more}


@pytest.fixture
def study(url, manifest):
    opened = []

    def start(*scales: Scale, **rules) -> Store:
        plain = SessionRules(headphone_check="none", practice=0, go_back=True, **rules)
        store = Store(open_engine(url), "s", plain, frozen=frozen_part(*scales))
        store.clips.sync(manifest(3, CONDITIONS))
        opened.append(store)
        return store

    yield start
    for store in opened:
        store.close()


def begin(store, token=ANNA):
    state = store.sessions.start(token)
    while state.stage in ("sound_check", "instructions"):
        state = store.sessions.confirm(token, state.stage)
    return state


def answer(trial, score, **changes):
    return Answer(trial.same, score, 2, trial.seconds, 4000, **changes)


def rows(store):
    return [(row.position, row.scale, row.question, row.score, row.comment) for row in store.results.ratings()]


def test_a_trial_has_one_rating_and_a_row_for_each_scale(study):
    store = study(*SCALES)
    first = begin(store).trial
    state = store.sessions.rate(ANNA, answer(first, WHOLE))
    assert state.previous.score == WHOLE
    assert store.sessions.rate(ANNA, answer(first, WHOLE)).trial == state.trial, "sent again, it is the same answer"
    store.sessions.rate(ANNA, answer(state.trial, {"quality": 100, "match": 4.5, "why": None}))
    assert rows(store) == [
        (1, "quality", "slider", 62.5, ""),
        (1, "match", "numeric", 3, ""),
        (1, "why", "text", None, "it rings"),
        (2, "quality", "slider", 100, ""),
        (2, "match", "numeric", 4.5, ""),
    ]
    assert sum(cell.ratings for cell in store.results.cells()) == 2
    assert store.results.progress()[0].answered == 2
    text = io.StringIO()
    write_csv(text, store.results.ratings())
    written = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [(row["score"], row["low"], row["high"]) for row in written] == [
        ("62.5", "0", "100"), ("3", "1", "5"), ("", "", ""), ("100", "0", "100"), ("4.5", "1", "5"),
    ]  # fmt: skip


def test_of_an_answer_all_is_stored_or_nothing(study, seed):
    store, rng = study(*SCALES, comments=True), random.Random(seed)
    state = begin(store)
    for name in ("quality", "match"):
        for wrong in (WHOLE | {name: rng.choice([None, "3", 101, -1, 3.3 if name == "match" else 1e9])}, {name: 3}):
            with pytest.raises(AnswerError):
                store.sessions.rate(ANNA, answer(state.trial, wrong))
    assert rows(store) == []
    assert store.sessions.state(ANNA) == state


def test_going_back_changes_any_of_the_scales(study):
    store = study(*SCALES, comments=True)
    first = begin(store).trial
    store.sessions.rate(ANNA, answer(first, WHOLE, comment="a remark"))
    changed = WHOLE | {"match": 1.5}
    after = store.sessions.rate(ANNA, answer(first, changed, comment="a remark", revises=True))
    assert after.previous.score == changed
    assert rows(store) == [
        (1, "quality", "slider", 62.5, "a remark"),
        (1, "match", "numeric", 1.5, "a remark"),
        (1, "why", "text", None, "it rings"),
    ]
    with pytest.raises(AnswerError):
        store.sessions.rate(ANNA, answer(first, changed | {"match": None}, comment="", revises=True))
    assert store.sessions.state(ANNA).previous.score == changed


def test_checks_are_judged_by_the_first_scale(study):
    store = study(*SCALES, attention_checks=1, repeats=1)
    state, firsts = begin(store), {}
    while state.stage == "trials":
        own = state.trial.prompt == f"prompt {state.trial.clips[0].file[1]}"
        before = firsts.get(state.trial.sha256) if own else None
        given = 25 if not own else 40 if before is None else before + 25  # what just passes
        firsts.setdefault(state.trial.sha256, given) if own else None
        state = store.sessions.rate(ANNA, answer(state.trial, {"quality": given, "match": 5, "why": None}))
    passed = {row.kind: row.passed for row in store.results.ratings() if row.scale == "quality"}
    assert (passed["attention"], passed["repeat"], passed["trial"]) == (True, True, None)
    state = begin(store, BERT)
    while state.stage == "trials":
        given = {"quality": 26 if state.trial.position <= 3 else 52, "match": 1, "why": None}
        state = store.sessions.rate(BERT, answer(state.trial, given))
    assert [row.failed_checks for row in store.results.sessions()] == [0, 2]


def test_both_bad_is_kept_apart_from_no_preference(study):
    store = study(Scale(type="ab", both_bad=True, no_preference=True))
    state = store.sessions.rate(ANNA, answer(begin(store).trial, "both_bad"))
    assert state.previous.score == "both_bad"
    state = store.sessions.rate(ANNA, answer(state.trial, 0))
    found = [(row.score, row.answer, row.scale, row.low) for row in store.results.ratings()]
    assert found == [(0, "both_bad", "", None), (0, "", "", None)]
    store.sessions.rate(ANNA, answer(state.previous.trial, "both_bad", revises=True))
    assert [row.answer for row in store.results.ratings()] == ["both_bad", "both_bad"]


def test_of_degradation_the_open_reference_is_not_counted(study):
    store, state = (opened := study(Scale(type="dcr"))), begin(opened)
    while state.stage == "trials":
        reference, _ = state.trial.clips
        assert ".baseline." in reference.file
        state = store.sessions.rate(ANNA, answer(state.trial, 4))
    assert {cell.ratings for cell in store.results.cells()} == {1}
    found = {(row.condition, row.reference, row.first, row.score) for row in store.results.ratings()}
    assert found == {(name, "baseline", "baseline", 4) for name in CONDITIONS}


def test_a_revision_may_ask_other_scales_and_sessions_keep_theirs(study):
    store = study(*SCALES)
    first = begin(store).trial
    store.revisions.revise(frozen_part(Scale(type="numeric", low=0, high=10)))
    store.sessions.rate(ANNA, answer(first, WHOLE))
    store.sessions.rate(BERT, answer(begin(store, BERT).trial, 7))
    assert [(row[1], row[3]) for row in rows(store)] == [("quality", 62.5), ("match", 3), ("why", None), ("", 7)]
