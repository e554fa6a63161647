"""What a study's files and errors give away: nothing to others, nothing that was deleted, nothing that was said."""

import random
import stat
import string
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from going_through import ANNA, BERT, RULES, answer, begin, finish
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db import Arrival, Store, database_url, open_engine
from db.engine import reading, writing
from db.scope import now
from db.tables import Participant

REMARKS = replace(RULES, comments=True)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_the_files_are_their_owners_alone_even_where_an_older_version_made_them(tmp_path):
    store = Store(open_engine(database_url(tmp_path)), "s")
    store.participants.invite(1)
    private = {"study.db": 0o600, "study.db-wal": 0o600, "study.db-shm": 0o600}
    assert modes(tmp_path) == private
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    again = Store(open_engine(database_url(tmp_path)), "s")
    assert modes(tmp_path) == private
    again.close()
    store.close()


@pytest.fixture
def study(store, manifest):
    store.scope.rules = RULES
    store.clips.sync(manifest())
    return store


def test_an_error_says_no_value(study):
    """Neither SQLAlchemy's parameters nor the details that PostgreSQL adds may reach a log."""
    study.sessions.start(ANNA, Arrival(platform="prolific", external_id="5f1-secret"))
    taken = study.scope.tokens.digest(ANNA)
    for values in ({"token": taken, "external_id": None}, {"token": BERT, "external_id": "5f1-secret"}):
        with pytest.raises(DBAPIError) as caught, writing(study.scope.engine) as db:
            db.add(Participant(study_id=1, code="P9", source="open", created_at=now(), **values))
        error: BaseException | None = caught.value
        while error is not None:
            for secret in (taken, BERT, "5f1-secret"):
                assert secret not in str(error) + repr(error)
            error = error.__cause__ or error.__context__
    impossible = "" if study.scope.engine.dialect.name == "postgresql" else "FROM nowhere"
    with pytest.raises(DBAPIError) as caught, reading(study.scope.engine) as db:
        db.execute(text(f"SELECT CAST(CAST(:secret AS TEXT) AS INTEGER) {impossible}"), {"secret": BERT})
    assert BERT not in str(caught.value)


# --- what was deleted ------------------------------------------------------------------------------


def found(folder: Path, secrets: list[str]) -> set[tuple[str, str]]:
    """Say which of some texts stand in which of the database's files."""
    contents = {path.name: path.read_bytes() for path in folder.glob("study.db*")}
    assert contents
    return {(name, secret) for name, content in contents.items() for secret in secrets if secret.encode() in content}


def confide(store, token, rng, identity):
    """Go through the whole study and leave a remark beside every answer; return what must not outlive a withdrawal."""
    remarks = []
    store.sessions.start(token, Arrival(platform="prolific", external_id=identity))
    state = begin(store, token)
    while state.stage != "done":
        if state.trial is None:
            state = store.sessions.confirm(token, state.stage)
            continue
        remark = "".join(rng.choices(string.ascii_letters, k=rng.choice((40, 300, 1500))))
        given = answer(state.trial)
        store.events.log(token, "play", state.trial.position, {"reason": remark[:200][::-1]})
        state = store.sessions.rate(token, replace(given, comment=remark))
        remarks += [remark[:30], remark[:200][::-1][:30]]
    return [store.scope.tokens.digest(token), identity, *remarks]


@pytest.mark.parametrize("others", [1, 12])
def test_what_a_participant_deleted_is_in_no_file_any_more(tmp_path, manifest, seed, others):
    rng = random.Random(seed)
    store = Store(open_engine(database_url(tmp_path)), "s", REMARKS)
    store.clips.sync(manifest())
    secrets = confide(store, ANNA, rng, "5f1-of-anna")
    kept = [one for n in range(others) for one in confide(store, f"{n:032}", rng, f"5f1-of-{n}")]
    other = open_engine(database_url(tmp_path))  # another process, such as an export, has it open
    with other.connect() as connection:
        connection.execute(text("SELECT count(*) FROM rating")).all()
    assert {secret for _, secret in found(tmp_path, secrets)} == set(secrets), "the search finds what is there"

    assert store.participants.withdraw(ANNA)

    assert found(tmp_path, secrets) == set()
    assert {secret for _, secret in found(tmp_path, kept)} == set(kept)
    other.dispose()
    store.close()


def test_whoever_reads_meanwhile_only_delays_that(tmp_path, manifest, seed):
    store = Store(open_engine(database_url(tmp_path)), "s", REMARKS)
    store.clips.sync(manifest())
    secrets = confide(store, ANNA, random.Random(seed), "5f1-of-anna")
    other = open_engine(database_url(tmp_path))
    with other.connect() as connection:
        connection.execute(text("SELECT count(*) FROM rating")).all()
        assert store.participants.withdraw(ANNA)
        assert finish(store, BERT).stage == "done", "nobody waits for it"
        assert found(tmp_path, secrets), "the reader still sees what was there when it began"
    gone = threading.Event()
    while found(tmp_path, secrets):
        assert not gone.wait(0.05)  # polling, not timing
    other.dispose()
    store.close()


def test_what_a_killed_server_left_is_cleared_when_it_is_opened_again(tmp_path, manifest, seed):
    store = Store(open_engine(database_url(tmp_path)), "s", REMARKS)
    store.clips.sync(manifest())
    secrets = confide(store, ANNA, random.Random(seed), "5f1-of-anna")
    reader = open_engine(database_url(tmp_path))
    with reader.connect() as connection:
        connection.execute(text("SELECT count(*) FROM rating")).all()
        store.participants.withdraw(ANNA)
        copy = tmp_path / "killed"
        copy.mkdir()
        for path in tmp_path.glob("study.db*"):
            (copy / path.name).write_bytes(path.read_bytes())
    assert found(copy, secrets)
    Store(open_engine(database_url(copy)), "s", REMARKS)
    assert found(copy, secrets) == set()
    reader.dispose()
    store.close()


def test_a_database_that_its_owner_made_read_only_stays_so(tmp_path):
    open_engine(database_url(tmp_path)).dispose()
    (tmp_path / "study.db").chmod(0o444)
    open_engine(database_url(tmp_path)).dispose()
    assert modes(tmp_path)["study.db"] == 0o400
