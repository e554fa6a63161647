"""What waits at the same time is committed together: each is told after its commit, and refused alone."""

import random
import threading
from collections import Counter
from dataclasses import replace

import pytest
from going_through import RULES, answer, begin
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from db import NotHeard
from db.engine import reading
from db.tables import Event, Rating
from db.turns.turn import Turn
from survey.config.session import Recruitment

PEOPLE = 8


@pytest.fixture
def study(store, manifest):
    store.scope.rules, store.scope.recruitment = RULES, Recruitment(target_participants=10_000)
    store.clips.sync(manifest())
    return store


class Held:
    """The writer, held up until it is let go, so that others have to wait for it."""

    def __init__(self, store) -> None:
        self.go = threading.Event()
        self._first = store.together.soon(None, lambda db, session: self.go.wait(60))

    def let_go(self) -> None:
        self.go.set()
        self._first.result(60)


def people(store, count=PEOPLE):
    """Bring so many to their first clip; their tokens."""
    tokens = [f"person {number} ".ljust(32, "x") for number in range(count)]
    for token in tokens:
        begin(store, token)
    return tokens


def asked(store, tokens, **changes):
    """Send the answer to the open trial of each, and wait for none."""
    trials = [store.sessions.state(token).trial for token in tokens]
    given = [replace(answer(trial), **changes) for trial in trials]
    return [store.sessions._rate(token, one) for token, one in zip(tokens, given, strict=True)]


def stored(store):
    with reading(store.scope.engine) as db:
        return db.scalar(select(func.count(Rating.id)))


def test_those_who_wait_are_committed_together_and_told_after_it(study):
    tokens = people(study)
    held = Held(study)
    futures = asked(study, tokens)
    told = []
    event.listen(study.scope.engine, "commit", lambda connection: told.append([one.done() for one in futures]))
    held.let_go()
    states = [one.result(60) for one in futures]
    assert told == [[False] * PEOPLE], "one commit for all of them, and nobody is told before it"
    assert [state.trial.position for state in states] == [2] * PEOPLE
    assert stored(study) == PEOPLE


def test_one_that_is_refused_takes_nobody_with_it(study):
    tokens = people(study)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    unheard = random.Random(seed).randrange(PEOPLE)
    held = Held(study)
    futures = []
    for number, token in enumerate(tokens):
        futures += asked(study, [token], heard_seconds=0.0 if number == unheard else 1.5)
    held.let_go()
    for number, future in enumerate(futures):
        if number == unheard:
            with pytest.raises(NotHeard):
                future.result(60)
        else:
            assert future.result(60).trial.position == 2
    assert stored(study) == PEOPLE - 1


def test_the_same_answer_sent_twice_at_once_is_stored_once(study):
    tokens = people(study, 3)
    held = Held(study)
    futures = asked(study, tokens * 3)
    logged = [study.events._log(token, "play", 1, {}) for token in tokens * 2]
    held.let_go()
    assert Counter(one.result(60).trial.position for one in futures) == {2: 9}
    assert all(one.result(60) for one in logged)
    assert stored(study) == 3
    with reading(study.scope.engine) as db:
        assert db.scalar(select(func.count(Event.id))) == 6


def test_where_the_database_fails_nobody_is_told_that_it_is_stored(study):
    tokens = people(study)
    held = Held(study)
    futures = asked(study, tokens)

    def fails(connection) -> None:
        raise OperationalError(None, None, Exception("the disk is full"))

    event.listen(study.scope.engine, "commit", fails)
    held.go.set()
    for future in futures:
        with pytest.raises(OperationalError):
            future.result(60)
    event.remove(study.scope.engine, "commit", fails)
    assert stored(study) == 0
    for future in asked(study, tokens):  # sent again
        assert future.result(60).trial.position == 2
    assert stored(study) == PEOPLE


def test_who_asks_again_at_once_does_not_pass_those_who_wait():
    turn, order = Turn(), []
    assert turn.acquire(0)

    def wait(name: int) -> None:
        assert turn.acquire(60)
        order.append(name)

    threads = []
    for name in range(3):
        threads.append(threading.Thread(target=wait, args=[name]))
        threads[-1].start()
        while len(turn) <= name:  # a condition that comes at once
            pass
    for name in range(3):
        turn.release()
        assert not turn.acquire(0), "it belongs to who waited"
        threads[name].join(60)
    assert order == [0, 1, 2]
    turn.release()
    assert turn.acquire(0)
    assert not turn.acquire(0.01)
    assert not len(turn), "who gave up waits no more"
