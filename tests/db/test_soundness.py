"""Whether the database works, and in which words it is said that it does not."""

import contextlib

import pytest
from going_through import ANNA
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from db import Store, fault_of, open_engine


@contextlib.contextmanager
def under(store, *statements):
    """Run statements on every connection that the store takes."""

    def checkout(connection, record, proxy):
        for statement in statements:
            connection.execute(statement)
        connection.commit()

    event.listen(store.scope.engine, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(store.scope.engine, "checkout", checkout)
        store.scope.engine.dispose()


def words(act) -> str:
    with pytest.raises(SQLAlchemyError) as caught:
        act()
    return fault_of(caught.value)


def test_a_sound_database_is_found_sound_and_nothing_of_it_changes(store, manifest):
    store.clips.sync(manifest())
    store.sessions.start(ANNA)
    before = (list(store.results.sessions()), store.results.progress(), store.revisions.find())
    assert store.soundness.faults() == store.soundness.faults() == []
    assert (list(store.results.sessions()), store.results.progress(), store.revisions.find()) == before


def test_read_only(store):
    statement = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET default_transaction_read_only = on"}
    with under(store, statement[store.scope.engine.dialect.name]):
        assert words(lambda: store.participants.invite(1)) == "the database is read-only"
        assert [found for found, _ in store.soundness.faults()] == ["the database is read-only"]
        assert store.results.progress() == []
    assert store.soundness.faults() == []


def test_held_by_somebody_else(store, url):
    other = create_engine(url)
    sqlite = other.dialect.name == "sqlite"
    with other.connect() as connection:
        connection.execute(text("UPDATE study SET name = name"))
        with under(store, "PRAGMA busy_timeout = 20" if sqlite else "SET lock_timeout = 20"):
            assert words(lambda: store.participants.invite(1)) == "the database is locked"
            assert [found for found, _ in store.soundness.faults()] == ["the database is locked"]
        connection.rollback()
    other.dispose()
    assert store.soundness.faults() == []


def test_full(store):
    """SQLite's own limit of pages stands for that of the disk; PostgreSQL says it by a code (53100)."""
    if store.scope.engine.dialect.name != "sqlite":
        pytest.skip("needs a full disk under the server")
    with under(store, "PRAGMA max_page_count = 1"):
        assert words(lambda: store.participants.invite(2000)) == "the disk is full"
    assert store.soundness.faults() == []


def test_gone(store, url, tmp_path):
    if store.scope.engine.dialect.name == "sqlite":
        store.scope.engine.dispose()
        for path in tmp_path.glob("study.db*"):
            path.unlink()
        (tmp_path / "study.db").mkdir()
        assert words(store.results.progress) == "the database is gone"
        ((said, detail),) = store.soundness.faults()
        assert said == "the database was moved or replaced"
        assert "study.db" in detail
    else:
        away = Store(open_engine(url), "s")
        away.scope.engine.dispose()
        closed = create_engine(url.set(host="127.0.0.1", port=1))
        away.scope.engine = closed
        assert words(away.results.progress) == "the database is gone"
        assert [found for found, _ in away.soundness.faults()] == ["the database is gone"]


def test_damaged(store, tmp_path):
    if store.scope.engine.dialect.name != "sqlite":
        pytest.skip("a file of SQLite's")
    store.scope.engine.dispose()
    with (tmp_path / "study.db").open("r+b") as file:
        file.write(b"no database at all")
    assert words(store.results.progress) == "the database is damaged"
    assert [found for found, _ in store.soundness.faults()] == ["the database is damaged"]


def test_brought_to_another_version(store):
    with store.scope.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ((said, detail),) = store.soundness.faults()
    assert said == "the database was changed to another version"
    assert "9999" in detail


def test_what_is_no_fault_of_the_storage(store):
    with store.scope.engine.begin() as connection:
        connection.execute(text("ALTER TABLE participant RENAME COLUMN code TO name"))
    assert words(store.results.progress) == ""
    assert fault_of(ValueError("no")) == ""
