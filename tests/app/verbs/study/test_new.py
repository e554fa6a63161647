"""earmark new: a study of every test from a template that editors know, by options or by answers on a terminal."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from own_sounds import hashes, write_tree
from served import ROOT

from app.cli import main
from app.folder import SCHEMA
from app.verbs.study.templates import DESCRIBED
from survey import load_config
from survey.clips.manifest import read_manifest

PATIENCE = 60  # seconds until a program has written what is waited for


class Terminal:
    """A program of which stdin and stdout are a terminal."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        self.screen = ""
        self._here, there = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "app", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=there, stdout=there, stderr=there, start_new_session=True
        )
        os.close(there)

    def until(self, words: str) -> str:
        """Wait for words, and return what was written before them; what follows is kept for the next call."""
        end = time.monotonic() + PATIENCE
        while words not in self.screen:
            ready, _, _ = select.select([self._here], [], [], max(0, end - time.monotonic()))
            assert ready, f"{words!r} was not written within {PATIENCE} s: {self.screen}"
            with contextlib.suppress(OSError):  # the other end is closed
                if part := os.read(self._here, 4096):
                    self.screen += part.decode(errors="replace").replace("\r\n", "\n")
                    continue
            raise AssertionError(f"the program ended before {words!r}: {self.screen}")
        before, _, self.screen = self.screen.partition(words)
        return before

    def answer(self, question: str, *lines: str) -> str:
        """Wait for a question and answer it, again where it is asked again; return what was said to the last answer."""
        said = ""
        for line in lines:
            said = self.until(question)
            self.type(f"{line}\n")
        return said

    def type(self, text: str) -> None:
        """Write as somebody at the keys does."""
        os.write(self._here, text.encode())

    def ended(self) -> int:
        """Wait for the program's end, and return its exit status."""
        with contextlib.suppress(OSError):
            while part := os.read(self._here, 4096):
                self.screen += part.decode(errors="replace").replace("\r\n", "\n")
        os.close(self._here)
        return self.process.wait(PATIENCE)


@pytest.fixture
def source(tmp_path: Path, seed: int) -> Path:
    return write_tree(tmp_path / "my clips", np.random.default_rng(seed))


@contextlib.contextmanager
def at_a_terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(*arguments, folder=folder)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()


@pytest.mark.parametrize("test", DESCRIBED)
def test_a_template_is_whole_and_says_what_its_example_does(test, tmp_path, capsys):
    """With a comment on its keys, the usual margin in its own points, and the schema."""
    assert main(["new", str(tmp_path / "s"), "--test", test, "--participants", "7"]) == 0
    path = tmp_path / "s" / "study.yaml"
    config, example = load_config(path), load_config(ROOT / "examples" / test / "study.yaml")
    assert config.asked == example.asked
    assert config.analysis.equivalence_margin == example.analysis.equivalence_margin
    assert config.recruitment.target_participants == 7
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=study.schema.json\n")
    assert ("equivalence_margin" in text) == (config.scale.type not in ("ab", "abx", "mushra", "text"))
    assert (tmp_path / "s" / "study.schema.json").read_bytes() == SCHEMA.read_bytes()
    said = capsys.readouterr().out
    trials = {"ab": 6, "abx": 6, "ccr": 6, "mushra": 3}.get(test, 9)
    assert re.search(rf"3 conditions, 3 prompts, 7 participants: {trials} trials and about \d minutes each", said)
    assert f"{7 * trials} trials in all" in said
    assert ("earmark plan" in said) == (test in ("acr", "dcr", "numeric", "several"))


def test_options_say_all_that_is_asked(source, tmp_path, capsys):
    study = tmp_path / "s"
    options = ["--test", "mushra", "--clips", str(source), "--baseline", "système b", "--participants", "3"]
    assert main(["new", str(study), *options]) == 0
    config = load_config(study / "study.yaml")
    assert (config.scale.type, config.analysis.baseline) == ("mushra", "système b")
    assert config.recruitment.target_participants == 3
    assert len(read_manifest(study / "clips" / "manifest.json").clips) == 6  # an anchor a prompt
    assert "2 trials" in capsys.readouterr().out
    assert main(["new", str(tmp_path / "t"), "--clips", str(source), "--baseline", "C"]) == 2
    assert "analysis.baseline: 'C' is not a condition; use: System A, système b" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
    assert main(["new", str(tmp_path / "t"), "--baseline", "C"]) == 2
    assert "--baseline: says something of --clips alone" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new"]) == 2
    assert capsys.readouterr().err == (
        "earmark: new: no folder is named, and no terminal is there to ask; give one: earmark new FOLDER\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_asks_for_a_study_of_own_clips(source, tmp_path):
    """What cannot be is asked again, with the reason; what the clips are is said before anything is written."""
    (tmp_path / "taken").write_text("mine")
    before = hashes(tmp_path)
    (source / "loose.wav").write_bytes(b"x")
    with at_a_terminal(tmp_path, "new") as terminal:
        assert "give a number from 1 to 9, or a name" in terminal.answer("Which one? [acr]", "10", "none", "numeric")
        terminal.answer("Which one? [clips]", "1")
        assert "not there; give a folder of" in terminal.answer("Where are they?", "gone", f"'{source}'")
        assert "loose.wav lies in no condition's folder; move it into one" in terminal.until("Where are they?")
        (source / "loose.wav").unlink()
        terminal.type(f"{source}\n")
        assert "2 conditions (System A, système b), 2 prompts" in terminal.answer("Which one? [System A]", "2")
        assert "give a whole number" in terminal.answer("How many people are to take part? [20]", "some", "12")
        assert hashes(tmp_path) == before
        assert "already there" in terminal.answer("Which folder shall hold the study? [my-study]", "taken", "")
        said = terminal.answer("(earmark plan)? yes or no [yes]", "")
        assert "2 conditions, 2 prompts, 12 participants: 4 trials" in said
        assert "made my-study/study.yaml; edit it, then: earmark serve my-study" in said
        assert terminal.ended() == 0, terminal.screen
        assert "12 raters x 2 prompts: power" in terminal.screen
    study = tmp_path / "my-study"
    config = load_config(study / "study.yaml")
    assert (config.scale.type, config.analysis.baseline) == ("numeric", "système b")
    assert len(read_manifest(study / "clips" / "manifest.json").clips) == 4
    assert (study / "plan" / "plan.html").is_file()


def test_ctrl_c_and_ctrl_d_leave_everything_as_it_is(source, tmp_path):
    before = hashes(tmp_path)
    for key, status, said in (("\x03", 130, "stopped"), ("\x04", 2, "nothing was written")):
        with at_a_terminal(tmp_path, "new", "--clips", str(source), "--test", "ab") as terminal:
            terminal.answer("Which one? [System A]", "")
            terminal.until("How many people")
            if key == "\x03":
                os.killpg(terminal.process.pid, signal.SIGINT)
            else:
                terminal.type(key)
            assert terminal.ended() == status
            assert said in terminal.screen
    assert hashes(tmp_path) == before
