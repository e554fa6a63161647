"""A process that is killed in the middle of a transaction, or of a migration: all of it is there, or nothing is."""

import os
import random
import signal
from collections.abc import Callable
from itertools import count

import pytest
from alembic import command
from alembic.config import Config
from going_through import ANNA, answer, begin, finish
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL

from db import Store, open_engine
from db.engine import MIGRATIONS
from survey.config.session import SessionRules

RULES = SessionRules(practice=1, headphone_check="none")


def killed_at(number: int, url: URL, act: Callable[[Store], object]) -> tuple[bool, bool]:
    """Do something in a process that is killed just before its nth statement or commit.

    Says whether it was killed, and whether it had been told before that all is done.
    """
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store = Store(open_engine(url), "s", RULES)
            watch(store.scope.engine, number)
            act(store)
            os.write(tells, b"done")
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(7)  # no exit of the tests' own
    os.close(tells)
    status = os.waitpid(child, 0)[1]
    told = os.read(hears, 4) == b"done"
    os.close(hears)
    assert os.WIFSIGNALED(status), f"it failed before statement {number}"
    return not told, told


def watch(engine: Engine | type[Engine], number: int) -> None:
    """Kill this process just before a statement or a commit."""
    steps = count(1)

    def step(*_: object) -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", step)
    event.listen(engine, "commit", step)


def given(store: Store) -> list[tuple[str, int, float | None]]:
    return [(row.participant, row.position, row.score) for row in store.results.ratings()]


def test_an_answer_is_stored_once_wherever_its_process_is_killed(url, manifest):
    """The page sends it again, since nobody told it that it is stored."""
    store = Store(open_engine(url), "s", RULES)
    store.clips.sync(manifest())
    begin(store)
    store.close()
    seen = {"nothing": 0, "all": 0}
    for number in count(1):
        store = Store(open_engine(url), "s", RULES)
        state, before = begin(store), given(store)
        if state.trial is None:
            state = store.sessions.confirm(ANNA, state.stage)
        one, trial = answer(state.trial, score=number % 5 + 1), state.trial
        store.close()
        killed, told = killed_at(number, url, lambda store, one=one: store.sessions.rate(ANNA, one))
        store = Store(open_engine(url), "s", RULES)
        there = given(store)[len(before) :]
        wanted = ("P001", trial.position, one.score)
        assert there in ([], [wanted]), "half an answer"
        assert there or not told, "acknowledged means stored"
        seen["all" if there else "nothing"] += 1
        store.sessions.rate(ANNA, one)
        assert given(store) == [*before, wanted], "sent again, it is stored once"
        store.close()
        if not killed:
            break
    assert number > 5
    assert all(seen.values()), seen


def test_a_session_is_planned_whole_or_not_at_all(url, manifest, seed):
    store = Store(open_engine(url), "s", RULES)
    store.clips.sync(manifest())
    planned = len(finish_plan(store, "first" * 6))
    store.close()
    for number in random.Random(seed).sample(range(1, 12), 5):
        token = f"{number}".ljust(32, "x")
        killed_at(number, url, lambda store, token=token: store.sessions.start(token))
        store = Store(open_engine(url), "s", RULES)
        people = {person.code: person.total for person in store.results.progress()}
        assert set(people.values()) == {planned - 1}, "a session without its trials"
        assert len(finish_plan(store, token)) == planned
        store.close()


def finish_plan(store: Store, token: str) -> list[object]:
    """Begin, and return all trials."""
    store.sessions.start(token)
    with store.scope.engine.connect() as db:
        newest = db.scalar(text("SELECT max(id) FROM session"))
        return list(db.execute(text("SELECT id FROM trial WHERE session_id = :of"), {"of": newest}))


def version(url: URL) -> str:
    engine = create_engine(url)
    with engine.connect() as db:
        found = db.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    return found


@pytest.mark.parametrize("old", ["0004", "0007"])
def test_a_migration_is_done_whole_or_not_at_all(url, manifest, seed, old):
    rng = random.Random(seed)
    store = Store(open_engine(url), "s", RULES)
    store.clips.sync(manifest())
    finish(store)
    finish(store, "bert" * 8, upto=3)
    kept, newest = given(store), version(url)
    with store.scope.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, old)
    store.close()
    assert version(url) == old
    for number in [1, 2, *sorted(rng.sample(range(3, 40), 5))]:
        migrating_killed(number, url)
        assert version(url) in (old, newest), f"half a migration, killed before statement {number}"
        if version(url) == newest:
            break
    store = Store(open_engine(url), "s", RULES)
    assert version(url) == newest
    assert given(store) == kept
    assert store.soundness.faults() == []
    store.close()


def migrating_killed(number: int, url: URL) -> None:
    """Open a database of an older version in a process that is killed just before its nth statement or commit."""
    child = os.fork()
    if child == 0:
        try:
            watch(Engine, number)
            open_engine(url)
        finally:
            os._exit(7)
    os.waitpid(child, 0)
