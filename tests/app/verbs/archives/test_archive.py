"""An archive of a study: the same bytes from the same study, nobody in it, whole or not there, served and analysed."""

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
from databases import KEPT
from routes import Routes
from served import ROOT, until

from app.cli import main
from survey import read_manifest


def child(study: Path, target: Path, scratch: Path, **more: str) -> subprocess.Popen[bytes]:
    """Archive in a process of its own, which works in a `scratch` folder."""
    command = [sys.executable, "-m", "app", "archive", str(study), "-o", str(target)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), **more}
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files(path)["results/ratings.csv"].decode())))


def test_the_same_answers_give_the_same_bytes_whatever_keeps_them(rated, archived, tmp_path):
    """The archive that it is held against is of answers in study.db."""
    assert main(["archive", str(rated), "-o", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == archived.read_bytes()


@pytest.mark.sqlite
def test_the_same_study_gives_the_same_bytes_wherever_it_lies(rated, archived, tmp_path):
    elsewhere = shutil.copytree(rated, tmp_path / "another place" / "study of mine")
    (tmp_path / "scratch").mkdir()
    target = tmp_path / "again.zip"
    process = child(elsewhere, target, tmp_path / "scratch", PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    said, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    assert target.read_bytes() == archived.read_bytes()
    assert f"SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}" in said.decode()
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.sqlite
def test_nobody_is_in_it(rated, archived, tmp_path):
    """Whatever the database keeps of people is looked for in every file."""
    with closing(sqlite3.connect(rated / "study.db")) as db:
        people = db.execute("SELECT code, token, link, external_id FROM participant").fetchall()
        moments = [at for (at,) in db.execute("SELECT rated_at FROM rating")]
    assert len(people) == 3
    secrets = json.loads((rated / ".secret.json").read_text())
    private = {str(cell) for person in people for cell in person if cell} | {moment[11:19] for moment in moments}
    private |= {str(secret) for secret in secrets.values()} | {
        "PAIDCODE",
        "panel.example",
        "Dortmund",
        str(rated),
        str(rated.parent),
        "prolific",
    }
    for name, data in files(archived).items():
        found = [word for word in private if word.encode() in data]
        assert not found, (name, found)
    assert main(["archive", str(rated), "-o", str(tmp_path / "words.zip"), "--comments", "--hashes"]) == 0
    kept = files(tmp_path / "words.zip")
    assert b"Bert of Dortmund hears hiss" in kept["results/ratings.csv"]
    assert b"it may say who they are" in kept["README.md"]
    assert not [name for name in kept if name.endswith(".flac")]
    manifest = read_manifest(rated / "clips" / "manifest.json")
    assert all(clip.sha256 in kept["index.html"].decode() for clip in manifest.clips)


def test_its_ratings_are_those_that_were_given(rated, archived):
    """Scores and checks are the same for each person, in the order in which they finished, on the right day."""
    assert main(["export", str(rated), "-o", str(archived.parent / "export.csv")]) == 0
    with (archived.parent / "export.csv").open(newline="", encoding="utf-8") as file:
        given = list(csv.DictReader(file))
    compared = ("position", "kind", "stimulus", "clip_sha256", "score", "passed", "flags")
    there = rows(archived)
    for number, code in enumerate(("P001", "P002", "P003"), 1):
        mine = [row for row in given if row["participant"] == code]
        theirs = [row for row in there if row["participant"] == f"R{number:03d}"]
        assert [[row[key] for key in compared] for row in mine] == [[row[key] for key in compared] for row in theirs]
        day = max(row["rated_at"] for row in mine)[:10]
        assert {row["rated_at"] for row in theirs} == {f"{day}T00:00:0{number}.000+00:00"}
    checks = json.loads(files(archived)["checks.json"])
    passed = Counter((row["kind"], row["passed"]) for row in given if row["passed"])
    for kind, counts in checks["checks"].items():
        assert (counts["passed"], counts["failed"]) == (passed[kind, "True"], passed[kind, "False"])
    assert checks["launch_gate"] == {"clips": 15, "problems": []}


def test_it_is_restored_analysed_and_served(rated, archived, verbs_find, tmp_path, capsys):
    assert main(["analyze", str(rated), "-o", str(tmp_path / "report")]) == 0
    here = json.loads((tmp_path / "report" / "report.json").read_text())
    folder = tmp_path / "deep" / "restored"
    verbs_find(folder)
    assert main(["restore", str(archived), str(folder)]) == 0
    assert main(["analyze", str(folder)]) == 0
    for name in ("report.html", "report.json", "figures/means.svg"):
        assert (folder / "report" / name).read_bytes() == (folder / "results" / name).read_bytes(), name
    there = json.loads((folder / "report" / "report.json").read_text())
    for part in ("conditions", "comparisons", "verdicts", "sequential", "reliability", "prompt_means"):
        assert there[part] == here[part], part
    routes = Routes(folder)
    assert routes.finish("Dora")["stage"] == "done"
    routes.study.close()
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "all as archived" in said
    assert ("extra    study.db\n" in said) == (KEPT.address(folder) is None)
    assert main(["analyze", str(folder), "--peek"]) == 0
    assert json.loads((folder / "report" / "report.json").read_text())["reliability"]["raters"] == 1, "Dora's alone"


@pytest.mark.sqlite
def test_nothing_that_is_there_is_touched(rated, archived, tmp_path, capsys):
    before = archived.read_bytes()
    assert main(["archive", str(rated), "-o", str(archived)]) == 2
    assert f"{archived}: is already there; name another file with -o" in capsys.readouterr().err
    assert archived.read_bytes() == before
    (tmp_path / "mine").write_text("kept")
    assert main(["restore", str(archived), str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_study_that_is_not_what_people_rated_is_refused(rated, verbs_find, tmp_path, capsys):
    folder = shutil.copytree(rated, tmp_path / "study")
    clip = next((folder / "clips").glob("*.flac"))
    sound = clip.read_bytes()
    clip.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert main(["archive", str(folder)]) == 2
    assert f"{clip}: is not the file that clips/manifest.json names" in capsys.readouterr().err
    clip.write_bytes(sound)
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("heavy rain", "light rain"))
    assert main(["archive", str(folder)]) == 2
    assert "people took part in revision 1" in capsys.readouterr().err
    (folder / "study.yaml").write_text(text)
    (folder / "study.db").unlink(missing_ok=True)
    verbs_find(folder)
    assert main(["archive", str(folder)]) == 2
    assert "nobody has taken part yet" in capsys.readouterr().err
    assert not {"archive.zip", "study.db"} & {path.name for path in folder.iterdir()}


@pytest.mark.sqlite
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_is_killed_is_whole_or_leaves_nothing(rated, tmp_path, seed, capsys, number):
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    kept.mkdir()
    scratch.mkdir()
    process = child(rated, kept / "study.zip", scratch)
    until(lambda: bool(list(scratch.glob("earmark-archive-*"))) or process.poll() is not None)
    with suppress(subprocess.TimeoutExpired):  # else it was quicker
        process.wait(Random(seed).random() * 3)
    process.send_signal(number)
    process.communicate()
    there = [path.name for path in kept.iterdir()]
    assert there in ([], ["study.zip"])
    if there:
        assert main(["verify", str(kept / "study.zip")]) == 0
    if number != signal.SIGTERM and any(scratch.iterdir()):  # the next one clears what this one could not
        child(rated, kept / "next.zip", scratch).communicate()
    assert not list(scratch.iterdir())


def test_what_a_killed_restore_left_goes_with_the_next(archived, tmp_path):
    """It is killed where it would give the folder its name; a folder of the user's that is named alike stays."""
    place = tmp_path / "place"
    place.mkdir()
    (place / ".archive-of-mine").mkdir()
    killed = (
        "import os, signal, sys; from pathlib import Path; "
        "Path.rename = lambda *names: os.kill(os.getpid(), signal.SIGKILL); "
        "from app.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", killed, "restore", str(archived), str(place / "one")]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(place.iterdir())) == 2, "what it unpacked is left"
    assert main(["restore", str(archived), str(place / "two")]) == 0
    assert {path.name for path in place.iterdir()} == {".archive-of-mine", "two"}
