"""People purged from a study: the receipt counts the rows that went, and nothing of them is left in any file."""

import io
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from routes import Routes
from served import PASSWORD, ROOT, store_of, write_study

from app.cli import main

TABLES = ("rating", "served", "trial_clip", "event", "trial", "session")
REMARKS = {name: f"what {name} thinks of a bird in the garden" for name in ("Anna", "Bert", "Carla")}


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let three people take part who leave remarks; Anna and Bert of them last year."""
    folder = write_study(
        tmp_path_factory.mktemp("rated") / "study",
        session="headphone_check: none, practice: 1, comments: true",
        scale="type: ab",
    )
    routes = Routes(folder)
    for name, remark in REMARKS.items():
        state, client = routes.begin(name), routes.visitor(name)
        while state["stage"] != "done":
            if state["stage"] == "ready":
                state = client.post("/api/step", json={"page": "ready"}).json()
                continue
            client.get(state["trial"]["urls"][0])
            client.post("/api/event", json={"kind": "play", "position": state["trial"]["position"]})
            state = routes.rate(name, state, comment=remark)
    routes.study.close()
    past = datetime.now(UTC) - timedelta(days=365)
    with closing(sqlite3.connect(folder / "study.db")) as db:
        moved = f"{past:%Y-%m-%d %H:%M:%S.%f}"
        db.execute("UPDATE session SET started_at = ?, seen_at = ?, finished_at = ? WHERE id < 3", [moved] * 3)
        db.commit()
    assert main(["export", str(folder), "--sessions", "--events"]) == 0
    return folder


@pytest.fixture
def study(rated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rated, tmp_path / "study"))


def rows(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "study.db")) as db:
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}


def receipt(text: str) -> dict[str, int]:
    return {name: int(number.replace(",", "")) for name, number in re.findall(r"^  (\w+) +([\d,]+) rows?$", text, re.M)}


def holding(folder: Path, text: str) -> list[str]:
    """Say which files hold a text."""
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_the_receipt_counts_the_rows_that_went(study, capsys):
    before = rows(study)
    assert holding(study, REMARKS["Anna"]), "the search finds what is there"
    assert main(["purge", str(study), "--participant", "P001", "--yes"]) == 0
    said = capsys.readouterr().out
    after = rows(study)
    assert receipt(said) == {name: before[name] - after[name] for name in TABLES}
    assert all(receipt(said).values()), "every table had some"
    assert "1 participant (P001)" in said
    assert "study.db and study.db-wal hold none of it" in said
    assert holding(study, REMARKS["Anna"]) == []
    assert holding(study, REMARKS["Carla"]) != []
    store = store_of(study)
    assert {row.participant for row in store.results.ratings()} == {"P002", "P003"}
    store.close()


def test_what_was_made_of_the_answers_goes_too(study, capsys):
    (study / "ratings.R").write_text("my own")
    (study / "report").mkdir()
    (study / "report" / "report.html").write_text(REMARKS["Bert"])
    assert main(["purge", str(study), "--participant", "P002", "--yes"]) == 0
    said = capsys.readouterr().out
    for name in ("report", "ratings.csv", "sessions.csv", "events.csv"):
        assert not (study / name).exists()
        assert str(study / name) in said
    assert (study / "ratings.R").read_text() == "my own"


def test_all_who_were_last_there_before_a_day(study, capsys):
    with_links = store_of(study)
    with_links.participants.invite(1)
    with_links.close()
    before = rows(study)
    day = (datetime.now(UTC) - timedelta(days=300)).date().isoformat()
    assert main(["purge", str(study), "--before", day, "--yes"]) == 0
    said = capsys.readouterr().out
    after = rows(study)
    assert receipt(said) == {name: before[name] - after[name] for name in TABLES}
    assert "2 participants (P001, P002)" in said
    assert after["session"] == 1
    assert main(["purge", str(study), "--before", day, "--yes"]) == 0
    assert capsys.readouterr().out == "nobody: there is nothing to delete\n"
    assert rows(study) == after
    store = store_of(study)
    stages = {person.code: person.stage for person in store.results.progress()}
    assert stages == {"P001": "withdrawn", "P002": "withdrawn", "P003": "done", "P004": "invited"}
    store.close()


def test_backups_that_still_hold_them_are_named(study, capsys):
    assert main(["backup", str(study)]) == 0
    (path,) = (study / "backups").iterdir()
    assert main(["purge", str(study), "--participant", "P001", "--yes"]) == 0
    assert f"not touched: {path} and copies elsewhere" in capsys.readouterr().out
    assert path.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--participant", "P999"], "P999: nobody has this code"),
        (["--participant", "P001"], "give --yes"),
        (["--before", "2100-01-01"], "give --yes"),
    ],
)
def test_what_cannot_be_asked_or_is_not_there_deletes_nothing(study, capsys, monkeypatch, options, words):
    before = rows(study)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main(["purge", str(study), *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert rows(study) == before
    assert (study / "ratings.csv").exists()


def test_whoever_is_gone_is_gone(study, capsys):
    assert main(["purge", str(study), "--participant", "P001", "--yes"]) == 0
    assert main(["purge", str(study), "--participant", "P001", "--yes"]) == 2
    assert "all was deleted already but the code" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--participant", "P001", "--before", "2026-01-01"], ["--before", "soon"]])
def test_whom_it_is_about_has_to_be_said(study, capsys, options):
    before = rows(study)
    with pytest.raises(SystemExit) as refusal:
        main(["purge", str(study), *options, "--yes"])
    assert refusal.value.code == 2
    assert rows(study) == before


@pytest.mark.parametrize(("typed", "left"), [(b"\n", 3), (b"yes\n", 2)])
def test_at_a_terminal_it_asks(study, typed, left):
    here, there = pty.openpty()
    command = [sys.executable, "-m", "app", "purge", str(study), "--participant", "P001"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EARMARK_ADMIN_PASSWORD": PASSWORD}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.write(here, typed)
        said, error = process.communicate(timeout=60)
    os.close(here)
    os.close(there)
    assert b"everything of 1 participant will be deleted for good: P001" in said
    assert process.returncode == (0 if left == 2 else 2), error
    assert rows(study)["session"] == left


def test_it_works_while_the_study_is_served(study, capsys):
    routes = Routes(study)
    state = routes.begin("Dora")
    assert main(["purge", str(study), "--participant", "P001", "--yes"]) == 0
    assert routes.rate("Dora", state)["stage"] == "ready"
    assert routes.finish("Dora")["stage"] == "done"
    assert main(["purge", str(study), "--participant", "P004", "--yes"]) == 0
    capsys.readouterr()
    assert routes.visitor("Dora").get("/api/state").json()["stage"] in ("consent", "withdrawn")
    routes.study.close()
