"""A database is copied while others write, held against its rows, and put back where none is."""

import random
import threading
from pathlib import Path

import pytest
from going_through import answer, begin, finish
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from db import DatabaseUnavailable, Store, database_url, open_engine
from db.copies.copying import check, copy, put_back
from survey.config.session import SessionRules


def empty(url):
    """Take away all that is in a database."""
    if url.drivername.startswith("sqlite"):
        for path in map(Path, (url.database, f"{url.database}-wal", f"{url.database}-shm")):
            path.unlink(missing_ok=True)
        return
    engine = create_engine(url)
    with engine.begin() as db:
        for name in inspect(engine).get_table_names():
            db.execute(text(f'DROP TABLE "{name}" CASCADE'))
    engine.dispose()


def test_a_copy_taken_while_people_rate_holds_all_that_was_acknowledged(url, store, manifest, tmp_path):
    store.clips.sync(manifest())
    acknowledged, stop, failures = [], threading.Event(), []

    def rate(number):
        try:
            while not stop.is_set():
                token = f"{number}-{len(acknowledged)}".ljust(32, "x")
                state = begin(store, token)
                while state.stage != "done" and not stop.is_set():
                    if state.trial is None:
                        state = store.sessions.confirm(token, state.stage)
                        continue
                    state = store.sessions.rate(token, answer(state.trial))
                    acknowledged.append(1)
        except Exception as error:
            failures.append(error)

    raters = [threading.Thread(target=rate, args=(number,)) for number in range(3)]
    for one in raters:
        one.start()
    for number in range(4):
        while len(acknowledged) < 10 * (number + 1):
            assert not failures, failures
            assert not stop.wait(0.01)  # polling, not timing
        before = len(acknowledged)
        folder = tmp_path / f"copy-{number}"
        folder.mkdir()
        file, rows = copy(url, folder)
        assert before <= rows["rating"] <= len(acknowledged) + len(raters)
        check(file, rows)
        assert [path.name for path in folder.iterdir()] == [file.name]
    stop.set()
    for one in raters:
        one.join()
    assert not failures, failures


def hold_the_log(url):
    """Try to change what researchers did, past the program."""
    engine = create_engine(url)
    for change in ("UPDATE action SET account = 'nobody'", "DELETE FROM action"):
        with pytest.raises(DBAPIError, match="neither changed nor removed"), engine.begin() as db:
            db.execute(text(change))
    engine.dispose()


def test_what_is_put_back_is_what_was_copied_and_its_log_is_only_added_to(url, store, manifest, tmp_path):
    store.clips.sync(manifest())
    store.actions.add("owner", "download")
    hold_the_log(url)
    finish(store, "anna" * 8)
    finish(store, "bert" * 8, upto=4)
    given = [(row.participant, row.stimulus, row.score) for row in store.results.ratings()]
    (tmp_path / "copy").mkdir()
    file, rows = copy(url, tmp_path / "copy")
    with pytest.raises(DatabaseUnavailable, match="already"):
        put_back(file, url)
    assert [(row.participant, row.stimulus, row.score) for row in store.results.ratings()] == given
    store.close()
    empty(url)
    assert put_back(file, url) == rows
    again = Store(open_engine(url), "s", SessionRules(headphone_check="none"))
    hold_the_log(url)
    again.actions.add("owner", "logout")
    assert [one.kind for one in again.actions.newest()] == ["logout", "download"]
    assert [(row.participant, row.stimulus, row.score) for row in again.results.ratings()] == given
    state = begin(again, "bert" * 8)
    assert state.trial.position == 5, "a session goes on where it was"
    assert finish(again, "carl" * 8).stage == "done", "numbers go on, and none is given twice"
    again.close()


def test_a_copy_with_other_rows_is_refused(url, store, manifest, tmp_path):
    store.clips.sync(manifest())
    finish(store)
    (tmp_path / "copy").mkdir()
    file, rows = copy(url, tmp_path / "copy")
    for wrong in (rows | {"rating": rows["rating"] + 1}, rows | {"another": 0}):
        with pytest.raises(DatabaseUnavailable, match="rows in the copy"):
            check(file, wrong)


def test_a_damaged_copy_is_never_taken_for_a_whole_one(url, store, manifest, tmp_path, seed):
    """Where a changed byte stays unseen here, the backup's checksum sees it; what is torn is seen here already."""
    store.clips.sync(manifest())
    finish(store)
    (tmp_path / "copy").mkdir()
    file, rows = copy(url, tmp_path / "copy")
    content, rng = file.read_bytes(), random.Random(seed)
    for _ in range(5):
        file.write_bytes(content[: rng.randrange(len(content) // 10, len(content) * 9 // 10)])
        with pytest.raises(DatabaseUnavailable):
            check(file, rows)


def test_a_database_that_is_not_there(tmp_path):
    for url in (database_url(tmp_path / "nowhere"), database_url(tmp_path, "postgresql://u:secret@127.0.0.1:1/x")):
        with pytest.raises(DatabaseUnavailable) as refusal:
            copy(url, tmp_path)
        assert "secret" not in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_log_that_was_left_behind_is_not_played_into_another_database(tmp_path, manifest):
    (tmp_path / "there").mkdir()
    store = Store(open_engine(database_url(tmp_path / "there")), "s")
    store.clips.sync(manifest())
    file, _ = copy(database_url(tmp_path / "there"), tmp_path)
    store.close()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "study.db-wal").write_bytes(b"of another")
    with pytest.raises(DatabaseUnavailable, match=r"study\.db-wal: is already there"):
        put_back(file, database_url(tmp_path / "new"))
