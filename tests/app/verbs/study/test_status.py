"""Whether anybody can take part, as `earmark status` and `earmark serve` say it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from served import ROOT, until, write_study

from app.cli import main
from app.settings import Settings
from app.study import Study
from app.verbs.study.status import changing

HOLDS = """
import sys
from pathlib import Path
from app.progress import Progress
with Progress(Path(sys.argv[1]), 200) as progress:
    progress.advance(50)
    progress.say("calibrating")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.sqlite
def test_who_watches_is_told_that_the_database_is_gone_and_that_it_is_back(tmp_path, capfd):
    """Whatever the database says, it is one line and no traceback."""
    study = Study(write_study(tmp_path / "study"), Settings(), keyed=False)
    shown = changing(study)
    assert next(shown).study == "listening"
    study.store.scope.engine.dispose()
    kept = {path: path.read_bytes() for path in study.folder.glob("study.db*")}
    with (study.folder / "study.db").open("r+b") as file:
        file.write(b"no database at all")
    with ThreadPoolExecutor() as threads:
        again = threads.submit(next, shown)
        until(lambda: "the database is damaged" in capfd.readouterr().err)
        study.store.scope.engine.dispose()
        for path, content in kept.items():
            with path.open("r+b") as file:
                file.write(content)
        assert again.result(60).study == "listening"
    study.close()


@pytest.fixture
def unrendered(tmp_path: Path) -> Path:
    text = "name: quiet\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n"
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_study_that_is_being_rendered_is_not_told_to_render(unrendered, capsys):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(unrendered)], cwd=ROOT, **pipes) as rendering:
        assert rendering.stdout.readline() == b"held\n"
        assert main(["status", str(unrendered)]) == 0
        assert capsys.readouterr().out.startswith("quiet: clips are being rendered, 25% is done\n")
        rendering.stdin.close()
    assert main(["status", str(unrendered)]) == 0
    assert capsys.readouterr().out.startswith("quiet: clips are missing or faulty; run earmark generate\n")


def test_a_server_that_lets_nobody_in_says_so_at_once(unrendered):
    command = [sys.executable, "-m", "app", "serve", str(unrendered), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        said = []
        while not (said and "Ctrl-C" in said[-1]):
            said.append(server.stdout.readline())
            assert said[-1], said
        server.terminate()
    assert "  not open yet: clips are missing or faulty; run earmark generate\n" in said


def test_json_has_the_documented_keys_and_says_what_the_lines_say(unrendered, capsys):
    assert main(["status", str(unrendered), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    keys = page.partition("<!-- begin:status-keys -->")[2].partition("<!-- end:status-keys -->")[0]
    documented = re.findall(r"^\| `(\w+)` \|", keys, re.M)
    assert list(found) == documented
    assert (found["study"], found["open"], found["revision"], found["ratings"]) == ("quiet", False, None, 0)
    assert found["clips"] == {"there": 0, "wanted": 1}
    assert found["participants"]["finished"] == 0


def test_watching_says_what_has_changed_and_ends_quietly(unrendered):
    command = [sys.executable, "-m", "app", "status", str(unrendered), "--watch", "--json"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert b"checking the clips" in watching.stderr.readline(), "before what may take a while"
        assert json.loads(watching.stdout.readline())["state"].startswith("clips are missing")
        with subprocess.Popen([sys.executable, "-c", HOLDS, str(unrendered)], cwd=ROOT, **pipes) as rendering:
            assert rendering.stdout.readline() == b"held\n"
            assert json.loads(watching.stdout.readline())["state"].startswith("clips are being rendered")
            rendering.stdin.close()
        assert json.loads(watching.stdout.readline())["state"].startswith("clips are missing")
        away = (unrendered / "study.db").rename(unrendered / "away.db")
        said = watching.stderr.readline().decode()
        assert said.startswith(f"earmark: {unrendered}: the database was moved or replaced; put it back")
        away.rename(unrendered / "study.db")
        assert json.loads(watching.stdout.readline())["study"] == "quiet", "it says so once it can again"
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=60)
    assert (watching.returncode, errors) == (0, b"")


def test_what_is_watched_on_a_terminal_is_drawn_in_place(unrendered):
    """The cursor goes home, and what a study is called does nothing to the terminal."""
    text = (unrendered / "study.yaml").read_text(encoding="utf-8").replace("name: quiet", "name: 'qui\u202eet'")
    (unrendered / "study.yaml").write_text(text, encoding="utf-8")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "app", "status", str(unrendered), "--watch"]
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs) as watching:
        os.close(theirs)
        seen = b""
        while b"ratings: 0" not in seen:
            seen += os.read(ours, 1000)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
    os.close(ours)
    assert b"Ctrl-C ends it\r\n\x1b[H\x1b[J" in seen
    assert "\u202e".encode() not in seen
