"""A study's backup: whole or not there, made while people rate, put back where nothing is, and over nothing."""

import os
import random
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from routes import Routes
from served import PASSWORD, ROOT, store_of, until, write_study

import atomic
from app.cli import main
from app.verbs.data.backup import SCRATCH


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let Anna take part to the end, and Bert to his third clip."""
    folder = write_study(tmp_path_factory.mktemp("rated") / "study", session="headphone_check: none, practice: 1")
    routes = Routes(folder)
    routes.finish("Anna")
    state = routes.begin("Bert")
    routes.rate("Bert", state)
    routes.study.close()
    return folder


@pytest.fixture
def study(rated, tmp_path) -> Path:
    return Path(shutil.copytree(rated, tmp_path / "study"))


@pytest.fixture
def backup(study, tmp_path, capsys) -> Path:
    path = tmp_path / "kept" / "study.zip"
    assert main(["backup", str(study), "-o", str(path)]) == 0
    capsys.readouterr()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def scores(folder: Path) -> list[tuple]:
    store = store_of(folder)
    rows = [(row.participant, row.stimulus, row.score) for row in store.results.ratings()]
    store.close()
    return rows


def test_it_is_of_what_people_gave_and_says_so(study, capsys):
    assert main(["backup", str(study)]) == 0
    (path,) = (study / "backups").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = capsys.readouterr().out.splitlines()
    said = dict(line.split(maxsplit=1) for line in lines)
    assert f"{path}: {path.stat().st_size / 1000:.0f} kB, checked" in lines[-1]
    with closing(sqlite3.connect(study / "study.db")) as db:
        for table in ("rating", "trial", "session", "participant", "served", "event", "study"):
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert said[table] == f"{count:,} row{'' if count == 1 else 's'}"
    assert said["rating"] == f"{len(scores(study)):,} rows"


def test_a_restored_study_goes_on_where_it_was(study, backup, tmp_path, capsys):
    there = Routes(study)
    assert main(["restore", str(backup), str(tmp_path / "new")]) == 0
    assert f"rating           {len(scores(study))} rows" in capsys.readouterr().out
    assert scores(tmp_path / "new") == scores(study)
    assert stat.S_IMODE((tmp_path / "new" / ".secret.json").stat().st_mode) == 0o600
    shutil.copytree(study / "clips", tmp_path / "new" / "clips")
    cookies = there.visitor("Carla").cookies
    before = there.begin("Carla")
    there.study.close()
    assert main(["backup", str(study), "-o", str(tmp_path / "later.zip")]) == 0
    assert main(["restore", str(tmp_path / "later.zip"), str(tmp_path / "newer")]) == 0
    shutil.copytree(study / "clips", tmp_path / "newer" / "clips")
    again = Routes(tmp_path / "newer")
    again.visitor("Carla").cookies.update(cookies)
    state = again.visitor("Carla").get("/api/state").json()
    assert state["trial"]["media"] == before["trial"]["media"], "the key came with it, so her session goes on"
    assert again.finish("Carla")["stage"] == "done"
    again.study.close()


def test_it_is_made_while_people_rate(study, tmp_path, capsys):
    routes, stop, given = Routes(study), threading.Event(), []

    def rate() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            routes.finish(f"visitor {number}", lambda state: given.append(1))

    rater = threading.Thread(target=rate)
    rater.start()
    until(lambda: len(given) > 20)
    least = len(given) - 1  # the last may be on its way
    assert main(["backup", str(study), "-o", str(tmp_path / "live.zip")]) == 0
    stop.set()
    rater.join()
    routes.study.close()
    assert main(["restore", str(tmp_path / "live.zip"), str(tmp_path / "new")]) == 0
    capsys.readouterr()
    kept, all_of_them = scores(tmp_path / "new"), scores(study)
    assert len(kept) >= least
    assert kept == all_of_them[: len(kept)]


def test_it_replaces_nothing(study, backup, capsys):
    content = backup.read_bytes()
    assert main(["backup", str(study), "-o", str(backup)]) == 2
    assert f"{backup}: is already there; name another file with -o" in capsys.readouterr().err
    assert backup.read_bytes() == content
    assert names(backup.parent) == [backup.name]


@pytest.mark.parametrize(
    ("there", "content"),
    [("study.db", b""), ("study.db-wal", b"of another"), ("study.yaml", b"name: other\n"), (".secret.json", b"{}")],
)
def test_it_is_put_back_over_nothing(backup, tmp_path, capsys, there, content):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / there).write_bytes(content)
    assert main(["restore", str(backup), str(folder)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"earmark: {folder / there}: is ")
    assert said.count("\n") == 1
    assert (folder / there).read_bytes() == content
    assert not (folder / "study.db").exists() or there == "study.db"


def test_a_lost_database_comes_back_into_its_study(study, backup, capsys):
    before = scores(study)
    for path in study.glob("study.db*"):
        path.unlink()
    assert main(["restore", str(backup), str(study)]) == 0
    assert scores(study) == before
    capsys.readouterr()


def test_a_damaged_backup_is_refused_before_anything_is_made(backup, tmp_path, capsys, seed):
    content, rng = backup.read_bytes(), random.Random(seed)
    torn = [content[: rng.randrange(len(content))] for _ in range(5)]
    for one in (*torn, b"", b"no zip at all"):
        (tmp_path / "torn.zip").write_bytes(one)
        assert main(["restore", str(tmp_path / "torn.zip"), str(tmp_path / "new")]) == 2
        said = capsys.readouterr().err
        assert said.startswith("earmark: ")
        assert said.count("\n") == 1
        assert not (tmp_path / "new").exists()
    assert main(["restore", str(tmp_path / "nowhere.zip"), str(tmp_path / "new")]) == 2
    assert "nowhere.zip: cannot be read (No such file or directory)" in capsys.readouterr().err


def test_a_changed_bit_is_noticed_or_changes_nothing(study, backup, tmp_path, capsys, seed):
    """What ZIP writes twice, such as the day of a file, may differ without harm."""
    content, rng, refused = backup.read_bytes(), random.Random(seed), 0
    for number in range(8):
        place = rng.randrange(len(content))
        changed = content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
        (tmp_path / "changed.zip").write_bytes(changed)
        folder = tmp_path / f"new-{number}"
        if main(["restore", str(tmp_path / "changed.zip"), str(folder)]) == 0:
            assert scores(folder) == scores(study)
            assert (folder / "study.yaml").read_bytes() == (study / "study.yaml").read_bytes()
        else:
            refused += 1
            assert not folder.exists()
    assert refused
    capsys.readouterr()


def test_nobody_has_taken_part_yet(tmp_path, capsys):
    folder = write_study(tmp_path / "study")
    assert main(["backup", str(folder)]) == 2
    assert "nobody has taken part yet" in capsys.readouterr().err
    assert not (folder / "backups").exists()
    assert not (folder / "study.db").exists()


def child(study: Path, target: Path, limit: int | None = None) -> subprocess.Popen[bytes]:
    """Start a backup in a process of its own, whose files may not grow beyond a limit."""
    command = [sys.executable, "-m", "app", "backup", str(study), "-o", str(target)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EARMARK_ADMIN_PASSWORD": PASSWORD}

    def before() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before
    )


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_full_disk_leaves_none(study, tmp_path, share):
    """It fills up while the database is copied, or while that is packed."""
    target = tmp_path / "kept" / "study.zip"
    target.parent.mkdir()
    size = (study / "study.db").stat().st_size
    process = child(study, target, int(size * share) if share < 1 else 8000)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert said.startswith(b"earmark: "), said
    assert said.count(b"\n") == 1
    assert names(target.parent) == []


def test_one_that_is_killed_is_whole_or_not_there(study, tmp_path, seed, capsys):
    rng, folder = random.Random(seed), tmp_path / "kept"
    folder.mkdir()
    for number in range(3):
        target = folder / f"{number}.zip"
        process = child(study, target)
        until(partial(begun, process, folder, target))
        with suppress(subprocess.TimeoutExpired):  # else it was quicker
            process.wait(rng.random() * 0.1)
        process.kill()
        process.communicate()
        if target.exists():
            assert main(["restore", str(target), str(tmp_path / f"new-{number}")]) == 0
    with atomic.scratch(folder, SCRATCH) as anothers:  # one that is being made at the same time
        assert main(["backup", str(study), "-o", str(folder / "last.zip")]) == 0
        assert [path.name for path in folder.iterdir() if path.suffix != ".zip"] == [anothers.name]
    assert all(path.suffix == ".zip" for path in folder.iterdir())
    capsys.readouterr()


def begun(process: subprocess.Popen[bytes], folder: Path, target: Path) -> bool:
    """Say whether a backup has begun to write, or is over."""
    return any(folder.glob(f"{SCRATCH}*/*")) or process.poll() is not None
