"""What people do at the same moment: nobody waits in a circle, and what was deleted stays deleted."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from going_through import RULES, answer, begin
from sqlalchemy import func, select
from sqlalchemy.orm import Session as OrmSession

from db import Store, StudyClosed, UnknownParticipant
from db.tables import Event, Participant, Rating, Session, Trial
from survey.config.session import Recruitment

PEOPLE, ROUNDS = 6, 3


@pytest.fixture
def study(store, manifest):
    store.scope.rules, store.scope.recruitment = replace(RULES, go_back=True), Recruitment(target_participants=10_000)
    store.clips.sync(manifest())
    return store


def at_once(calls: list[Callable[[], object]]) -> list[BaseException]:
    """Do everything at the same moment, and return what was raised but for the refusals that have words."""
    start, raised = threading.Barrier(len(calls)), []

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
        except (UnknownParticipant, StudyClosed):
            pass
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def listen(store: Store, token: str) -> None:
    """Answer, change the answer, skip, and tell what happens, as fast as can be."""
    for number in range(6):
        state = store.sessions.state(token)
        store.events.log(token, "play", number + 1, {})
        if state.trial is None:
            if state.stage == "done":
                return
            store.sessions.confirm(token, state.stage)
            continue
        state = store.sessions.rate(token, answer(state.trial))
        if state.previous is not None:
            store.sessions.rate(token, replace(answer(state.previous.trial, 5), revises=True))
        if state.trial is not None and number == 4:
            store.sessions.skip(token, state.trial.position, "undecodable")


def events(store: Store, token: str) -> None:
    for number in range(8):
        store.events.log(token, "pause", number + 1, {})


@pytest.mark.parametrize("beside", ["nothing", "sync", "revise"])
def test_nobody_waits_in_a_circle(study, manifest, seed, beside):
    rng, raised = random.Random(seed), []
    for number in range(ROUNDS):
        tokens = [f"{number:04}-{person}".ljust(32, "x") for person in range(PEOPLE)]
        for token in tokens:
            begin(study, token)
        (invited,) = study.participants.invite(1)
        calls: list[Callable[[], object]] = []
        for token in tokens:
            calls += [lambda t=token: listen(study, t), lambda t=token: events(study, t)]
        for token in tokens[: PEOPLE // 2]:
            calls += [lambda t=token: study.participants.withdraw(t)] * 2
        calls += [
            lambda t=invited: study.sessions.start(t),
            lambda t=invited: study.participants.withdraw(t),
            lambda: study.participants.invite(2),
        ]
        calls += [lambda n=number: begin(study, f"new {n}".ljust(32, "y"))]
        anew = manifest(mark=str(number + 1))
        calls += {
            "nothing": [],
            "sync": [lambda m=anew: study.clips.sync(m)],
            "revise": [lambda: study.revisions.revise(study.scope.frozen)],
        }[beside]
        rng.shuffle(calls)
        raised += at_once(calls)
    assert Counter(f"{type(error).__name__}: {error}".splitlines()[0] for error in raised) == {}
    with OrmSession(study.scope.engine) as db:
        left = {person.id for person in db.scalars(select(Participant).where(Participant.withdrawn_at.is_not(None)))}
        assert len(left) >= ROUNDS * PEOPLE // 2
        assert not left & set(db.scalars(select(Session.participant_id))), "a session outlived its withdrawal"
        for table, of in ((Event, Session), (Trial, Session), (Rating, Trial)):
            reference = table.trial_id if table is Rating else table.session_id
            orphans = select(func.count()).select_from(table).where(reference.not_in(select(of.id)))
            assert db.scalar(orphans) == 0
