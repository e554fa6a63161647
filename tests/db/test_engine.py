"""Opening the database: settings, migrations and what is said when it cannot be."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from db import DatabaseUnavailable, Store, database_url, open_engine
from db.engine import MIGRATIONS, reading, writing
from db.tables import Base

NEWEST = ScriptDirectory(str(MIGRATIONS)).get_current_head()

ROOT = Path(__file__).parents[2]


def test_models_and_migrations_agree(bare):
    engine = open_engine(bare)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_opening_again_changes_nothing(bare):
    open_engine(bare).dispose()
    engine = open_engine(bare)
    with reading(engine) as db:
        assert db.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()


def test_migrations_need_no_working_directory(bare, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    open_engine(bare).dispose()
    assert list(elsewhere.iterdir()) == []


def test_sqlite_is_durable_and_keeps_references(tmp_path):
    engine = open_engine(database_url(tmp_path))
    with reading(engine) as db:
        settings = {name: db.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert settings == {"journal_mode": "wal", "synchronous": 2}
        assert db.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert db.execute(text("PRAGMA busy_timeout")).scalar() >= 10_000
    engine.dispose()


def test_a_failed_write_leaves_nothing(bare):
    engine = open_engine(bare)
    insert = text("INSERT INTO study (name, created_at) VALUES ('x', '2026-01-01')")
    with pytest.raises(IntegrityError), writing(engine) as db:
        [db.execute(insert) for _ in range(2)]  # the name is unique
    with reading(engine) as db:
        assert db.execute(text("SELECT count(*) FROM study")).scalar() == 0
    engine.dispose()


def test_a_newer_database_is_refused(bare):
    engine = open_engine(bare)
    with writing(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(
        DatabaseUnavailable, match=rf"newer Earmark \(version 9999, .* {NEWEST}\).*: git pull$"
    ) as refusal:
        open_engine(bare)
    assert "\n" not in str(refusal.value)


def test_a_database_of_another_program_is_refused(bare):
    engine = create_engine(bare)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (id INTEGER)"))
    engine.dispose()
    with pytest.raises(DatabaseUnavailable, match=r"did not make \(event\); name an empty database in DATABASE_URL$"):
        open_engine(bare)


def test_an_older_database_that_may_not_be_changed_is_refused_and_stays_as_it_is(bare):
    """In PostgreSQL another account may write its rows, but owns no table; in SQLite a table is in the way."""
    config, engine = Config(), create_engine(bare)
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"CREATE ROLE {bare.database} LOGIN"))
            connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {bare.database}"))
            address, remedy = bare.set(username=bare.database), ", or give the owner of its tables in DATABASE_URL"
        else:
            connection.execute(text("CREATE TABLE login (id INTEGER)"))
            address, remedy = bare, ""
    said = rf"has version 0005 and cannot be brought to {NEWEST} \(.*\), nothing was changed; mend that{remedy}, then"
    with pytest.raises(DatabaseUnavailable, match=said) as refusal:
        open_engine(address)
    assert "\n" not in str(refusal.value)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("0005",)]
        assert "log_bytes" not in {one["name"] for one in inspect(connection).get_columns("session")}
    engine.dispose()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "study.db").write_text("hello " * 1000)
    with pytest.raises(DatabaseUnavailable, match=r"study\.db: cannot be opened .*not a database"):
        open_engine(database_url(tmp_path))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DatabaseUnavailable, match="cannot be opened") as refusal:
        open_engine(database_url(tmp_path / "nowhere"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nonsense", "DATABASE_URL: not an address"),
        ("postgresql://h:port/x", "DATABASE_URL: not an address"),
        ("postgresql://u:secret@h:99999/x", "cannot be opened"),
        ("postgresql+psycopg2://u:secret@h/x", "no such kind of database"),
        ("postgresql+nothing://u:secret@h/x", "no such kind of database"),
        ("sqlite://u:secret@host/x.db", "no such kind of database"),
        ("sqlite:///x.db?timeout=soon", "not a valid database address"),
        ("sqlite:///x\0.db", "not a valid database address"),
        ("sqlite://", "a database in memory"),
        ("sqlite:///:memory:", "a database in memory"),
        ("  ", "DATABASE_URL: not an address"),
        ("mongodb://h/x", "no such kind of database"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be opened"),
    ],
)
def test_an_impossible_address_is_refused_without_its_password(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseUnavailable, match=message) as refusal:
        open_engine(database_url(tmp_path, given))
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_postgres_addresses_get_the_present_driver(tmp_path):
    for scheme in ("postgres", "postgresql"):
        assert database_url(tmp_path, f"{scheme}://u@h/x").drivername == "postgresql+psycopg"


def test_answers_survive_kill_9(tmp_path, manifest):
    """A process rates and is killed the moment it has been told that its answer is stored."""
    code = """
import os, sys, signal
sys.path[:0] = ["tests/db", "tests"]
from pathlib import Path
from conftest import make_manifest
from db import *
from survey.config.session import SessionRules
rules = SessionRules(practice=0, headphone_check="none")
store = Store(open_engine(database_url(Path(sys.argv[1]))), "s", rules)
store.clips.sync(make_manifest())
store.sessions.start("t" * 32)
for page in ("sound_check", "instructions"):
    state = store.sessions.confirm("t" * 32, page)
for score in (1, 2, 3):
    trial = state.trial
    state = store.sessions.rate("t" * 32, Answer(trial.same, score, 1, 1.0, 1000))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    store = Store(open_engine(database_url(tmp_path)), "s")
    assert [row.score for row in store.results.ratings()] == [1, 2, 3]
    assert store.sessions.state("t" * 32).trial.position == 4
    store.close()


def test_two_processes_may_open_it_at_once(bare):
    """Both find an empty database and want to migrate it."""
    code = "import sys; from sqlalchemy import make_url; from db import open_engine; open_engine(make_url(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, bare.render_as_string(hide_password=False)]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    engine = create_engine(bare)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [(NEWEST,)]
    engine.dispose()
