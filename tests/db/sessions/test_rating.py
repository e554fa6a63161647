"""One answer: what it asks of the database, and what refuses it."""

import random
from contextlib import contextmanager

import pytest
from going_through import ANNA
from sqlalchemy import event

from db import Answer, NotHeard, Store, open_engine
from survey.config.session import SessionRules
from survey.errors import AnswerError
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import NUMBERS, Scale

CONDITIONS = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")
RULES = SessionRules(headphone_check="none", practice=0, go_back=True, comments=True)


@pytest.fixture(params=QUESTION_TYPES)
def kind(request):
    return request.param


@pytest.fixture
def store(url, manifest, kind):
    span = {"low": 0.0, "high": 5.0, "step": 0.5} if kind == "numeric" else {"low": 1.0, "high": 5.0}
    opened = Store(open_engine(url), "s", RULES, scale=Scale(type=kind, **(span if kind in NUMBERS else {})))
    opened.clips.sync(manifest(3, QUESTION_TYPES[kind].conditions(CONDITIONS)))
    yield opened
    opened.close()


def begin(store):
    state = store.sessions.start(ANNA)
    while state.stage in ("sound_check", "instructions"):
        state = store.sessions.confirm(ANNA, state.stage)
    return state


def answer(trial, kind, rng, share=1.0, **changes):
    """Answer at random, as the page of a question of this kind does, having heard a share of the clips."""
    grades = QUESTION_TYPES[kind].describe(trial.terms.asked.first)["grades"]
    score = rng.choice(grades)["score"] if grades else None
    if kind == "slider":
        score = round(rng.uniform(1, 5), 3)
    if kind == "mushra":
        score = [rng.randint(0, 100) for _ in trial.clips[1:]]
    return Answer(trial.same, score, 1, share * trial.seconds, 9000, "words", **changes)


@contextmanager
def watched(store):
    """Give what the database is asked meanwhile, transactions beginning and ending among it."""
    asked, engine = [], store.scope.engine
    heard = {
        "begin": lambda connection: asked.append("begin"),
        "commit": lambda connection: asked.append("commit"),
        "rollback": lambda connection: asked.append("rollback"),
        "before_cursor_execute": lambda *about: asked.append(about[2].split()[0]),
    }
    for name, note in heard.items():
        event.listen(engine, name, note)
    yield asked
    for name, note in heard.items():
        event.remove(engine, name, note)


def statements(asked):
    return [one for one in asked if one.isupper() and one != "BEGIN"]


def test_an_answer_is_one_transaction_of_at_most_eight_statements(store, kind, seed):
    rng, state = random.Random(seed), begin(store)
    for _ in range(2):  # the first, and one that another can be gone back to from
        with watched(store) as asked:
            after = store.sessions.rate(ANNA, answer(state.trial, kind, rng))
        assert after.previous.trial.position == state.trial.position
        assert asked.count("begin") == asked.count("commit") == 1, asked
        assert len(statements(asked)) <= 8, asked
        before, state = state, after
    with watched(store) as asked:
        store.sessions.rate(ANNA, answer(before.trial, kind, rng, revises=True))
    assert asked.count("begin") == asked.count("commit") == 1, asked
    assert len(statements(asked)) <= 8, asked


def test_what_is_refused_is_judged_within_the_transaction_and_leaves_nothing(store, kind, seed):
    rng, state = random.Random(seed), begin(store)
    for refused, share, score in ((NotHeard, 0.5, None), (AnswerError, 1.0, 10**6)):
        given = answer(state.trial, kind, rng, share)
        if score is not None:
            given = Answer(given.names, score, 1, given.heard_seconds, 9000, "")
        with watched(store) as asked, pytest.raises(refused):
            store.sessions.rate(ANNA, given)
        assert asked.count("begin") == 1, asked
        assert asked[-1] == "rollback", asked
        assert "commit" not in asked
        assert store.sessions.state(ANNA) == state
    assert list(store.results.ratings()) == []


def test_what_was_heard_before_counts_when_an_answer_is_changed(store, kind, seed):
    rng, state = random.Random(seed), begin(store)
    store.sessions.rate(ANNA, answer(state.trial, kind, rng, 0.85))
    changed = answer(state.trial, kind, rng, 0.0, revises=True)
    assert store.sessions.rate(ANNA, changed).previous.comment == "words"


def test_an_answer_is_stored_as_the_question_asks_for_it(store, kind, seed):
    """Words only where the study asks for them, and seconds to the millisecond."""
    rng, state = random.Random(seed), begin(store)
    store.scope.rules = SessionRules()  # a session keeps the rules that it began under
    given = answer(state.trial, kind, rng, 1.00004)
    previous = store.sessions.rate(ANNA, given).previous
    assert (previous.score, previous.comment) == (given.score, "words")
    assert {row.heard_seconds for row in store.results.ratings()} == {round(given.heard_seconds, 3)}
