"""Work of the researcher's page in other processes: begun, told, stopped and taken over."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading

import pytest
from fastapi.testclient import TestClient
from served import ROOT, settings_of, until
from standing_in import stand_in

from app.errors import JobError
from app.researcher.jobs import Rendering
from app.server import create_app


def test_a_rendering_runs_once_at_a_time_and_leaves_no_zombie(folder):
    ended = threading.Event()
    rendering = Rendering(folder, on_end=ended.set)
    rendering.command = stand_in(folder)
    assert rendering.report().state == "idle"
    rendering.start("--fresh")
    assert rendering.report().busy
    until(lambda: rendering.report().message == "fresh clips")
    report = rendering.report()
    assert (report.state, report.done, report.total) == ("running", 10, 40)
    for second in (rendering, Rendering(folder)):
        with pytest.raises(JobError, match="already"):
            second.start()
    (folder / "go").touch()
    assert ended.wait(60)
    assert (rendering.report().state, rendering.report().done) == ("done", 40)
    assert stat.S_IMODE(rendering.log.stat().st_mode) == 0o600
    with pytest.raises(ProcessLookupError):
        os.kill(report.pid, 0)  # a zombie would still take the signal
    assert os.getpgid(0) != report.pid


def test_stopping_ends_it_in_order(rendering, folder):
    rendering.start()
    until(lambda: rendering.report().state == "running")
    rendering.stop()
    assert rendering.report().state in ("stopping", "stopped")
    until(lambda: not rendering.report().busy)
    assert rendering.report().state == "stopped"
    assert json.loads((folder / "progress.json").read_text())["state"] == "stopped", "it could tidy up"
    (folder / "go").touch()
    rendering.start()
    until(lambda: rendering.report().state == "done")


def test_stopping_twice_ends_one_that_does_not_listen(rendering, folder):
    rendering.command = stand_in(folder, "stubborn")
    rendering.start()
    until(lambda: rendering.report().state == "running")
    rendering.stop()
    assert rendering.report().state == "stopping"
    rendering.stop()
    until(lambda: rendering.report().state == "stopped")


@pytest.mark.parametrize(
    ("wish", "message"), [("refuse", "weights.safetensors: is not there; put it back"), ("break", "the disk is <full>")]
)
def test_a_failure_is_told_in_one_line(rendering, folder, wish, message):
    rendering.command = stand_in(folder, wish)
    (folder / "go").touch()
    rendering.start()
    until(lambda: not rendering.report().busy)
    assert (rendering.report().state, rendering.report().message) == ("failed", message)


def test_the_real_command_says_what_is_wrong_with_a_study(folder):
    (folder / "study.yaml").write_text("name: x\nmodel: mini\nconditions: [baseline]\nprompts: ['']\nscal: {}\n")
    ended = threading.Event()
    rendering = Rendering(folder, on_end=ended.set)
    rendering.start()
    assert ended.wait(120)
    assert rendering.report().state == "failed"
    assert "study.yaml:4:11: prompts: number 1" in rendering.report().message
    assert "study.yaml:5:1: scal: unknown key" in rendering.report().message
    assert "Traceback" not in rendering.log.read_text()


def test_one_from_a_terminal_is_seen_and_can_be_stopped(rendering, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    terminal = subprocess.Popen([*stand_in(folder), "generate", str(folder)], env=environment, start_new_session=True)
    until(lambda: rendering.report().state == "running")
    assert rendering.report().pid == terminal.pid
    with pytest.raises(JobError, match="already"):
        rendering.start()
    rendering.stop()
    assert terminal.wait(60) != 0
    assert rendering.report().state == "stopped"


@pytest.mark.parametrize("whose", ["dead", "stranger", "own", "zero", "all", "huge"])
def test_what_a_killed_one_left_behind_counts_as_stopped(rendering, folder, whose):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pids = {"dead": dead.pid, "stranger": stranger.pid, "own": os.getpid(), "zero": 0, "all": -1, "huge": 2**70}
    facts = {
        "state": "running",
        "done": 3,
        "total": 9,
        "rate_per_s": 1.0,
        "eta_s": 6.0,
        "message": "",
        "pid": pids[whose],
    }
    (folder / "progress.json").write_text(json.dumps(facts))
    assert (rendering.report().state, rendering.report().done) == ("stopped", 3)
    rendering.stop()
    assert stranger.poll() is None, "a process that only has the number is left alone"
    stranger.communicate(b"\n")
    (folder / "go").touch()
    rendering.start()
    until(lambda: rendering.report().state == "done")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": 1}', '{"state": "running", "done": "x"}', "\x00"])
def test_a_damaged_account_counts_as_none(rendering, folder, text):
    (folder / "progress.json").write_text(text)
    assert rendering.report().state == "idle"


def test_an_unwritable_folder_is_told(folder):
    rendering = Rendering(folder / "gone")
    with pytest.raises(JobError, match="cannot be started"):
        rendering.start()


def test_work_that_one_began_is_seen_and_stopped_by_another(folder):
    """Two that share nothing but the study's folder, as two processes of a server do."""
    begun, seen = Rendering(folder), Rendering(folder)
    begun.command = stand_in(folder, "stubborn")
    begun.start()
    until(lambda: seen.report().state == "running")
    assert seen.alive
    seen.stop()
    assert begun.report().state == "stopping"
    begun.stop()
    until(lambda: not seen.report().busy)
    assert (begun.report().state, seen.report().state) == ("stopped", "stopped")
    begun.command = stand_in(folder, "refuse")
    begun.start()
    until(lambda: seen.report().state == "failed")
    assert seen.report().message == seen.failure == "weights.safetensors: is not there; put it back"


def test_the_server_takes_its_rendering_along_when_it_closes(study):
    app = create_app(study, settings_of(study))
    app.state.rendering.command = stand_in(study)
    with TestClient(app):
        app.state.rendering.start()
        until(lambda: app.state.rendering.report().state == "running")
        pid = app.state.rendering.report().pid
        assert os.getpgid(pid) == pid, "Ctrl-C on the server's terminal reaches the server alone"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    assert json.loads((study / "progress.json").read_text())["state"] == "stopped"


def test_the_study_takes_new_clips_over(study):
    shutil.move(study / "clips" / "manifest.json", study / "new.json")
    app = create_app(study, settings_of(study))
    app.state.rendering.command = stand_in(study)
    with TestClient(app):
        assert not app.state.study.ready
        (study / "go").touch()
        app.state.rendering.start()
        until(lambda: app.state.study.ready)
