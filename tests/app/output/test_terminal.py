"""A study of somebody else's: nothing in it makes the terminal do anything but show it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from served import ROOT, write_study

from app.cli import main
from app.output.terminal import BESIDE_BARS, plain

HOSTILE = "rain\\e[2J\\e]0;pwned\\a\\b\\x9b31m\\u202e"


def on_a_terminal(*arguments: str) -> bytes:
    """Run a command on a terminal, and return what comes to it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "app", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment, cwd=ROOT)
    os.close(theirs)
    came = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        came += piece
    started.wait()
    os.close(ours)
    return came


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = write_study(tmp_path / "study")
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(text.replace("name: listening", f'name: "{HOSTILE}"'), encoding="utf-8")
    return folder


def test_a_name_in_a_study_does_nothing_to_the_terminal(hostile):
    came = on_a_terminal("status", str(hostile)).decode(errors="replace")
    assert "rain\\x1b[2J\\x1b]0;pwned" in came, "it is shown as it is written"
    assert not [letter for letter in came if ord(letter) < 32 and letter not in "\r\n\t"]
    assert not set(came) & {"\x7f", "\x9b", "\u202e"}


def test_nor_does_a_name_in_a_refusal(tmp_path, capsys):
    assert main(["status", str(tmp_path / "no\x1b[2J\x07study")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no\\x1b[2J\\x07study" in said


def test_progress_bars_move_the_cursor_and_nothing_else_does():
    bar = "\r 50%|##  |\n\x1b[A\r"
    assert plain(bar, BESIDE_BARS) == bar
    assert plain("\x1b[2J\x1b]0;x\x07", BESIDE_BARS) == "\\x1b[2J\\x1b]0;x\\x07"
