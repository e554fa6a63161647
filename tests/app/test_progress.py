"""What a long piece of work tells where there is no terminal."""

import json
import multiprocessing
import signal
from pathlib import Path

import pytest

from app import progress
from app.errors import UsageError
from quant.errors import QuantError


def test_a_log_is_told_now_and_then_how_far_the_work_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    with progress.Progress(tmp_path, 4) as work:
        work.say("rendering")
        work.advance(1)
        assert not capsys.readouterr().err, "work that is done soon says nothing"
        monkeypatch.setattr(progress, "LINE_SECONDS", 0)
        work.advance(1)
        assert capsys.readouterr().err == "rendering, 50% is done\n"


def test_a_study_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / progress.LOCK_FILE).mkdir()
    with pytest.raises(UsageError, match=rf"^{tmp_path}: cannot be written \(.*\); "), progress.Progress(tmp_path, 1):
        pass


def test_what_failed_is_said_where_progress_cannot_be_written_either(tmp_path: Path) -> None:
    (tmp_path / progress.PROGRESS_FILE / "inside").mkdir(parents=True)
    with pytest.raises(QuantError, match="no room"), progress.Progress(tmp_path, 1):
        raise QuantError("no room")


def test_an_interrupt_that_a_library_takes_for_a_fault_is_one(tmp_path: Path) -> None:
    """Code in C that calls Python back may lose it: safetensors says that it could not determine a shape."""

    def read() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("could not determine the shape") from None

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), progress.Progress(tmp_path, 4):
        read()
    assert json.loads((tmp_path / "progress.json").read_text())["state"] == "stopped"
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(ValueError, match="of its own"), progress.Progress(tmp_path, 4):
        raise ValueError("of its own")
    assert json.loads((tmp_path / "progress.json").read_text())["state"] == "failed"


def test_a_fork_does_not_hold_the_study_for_a_process_that_is_gone(tmp_path: Path) -> None:
    """A lock belongs to the open file, which a fork has too: it would outlive the process that was killed."""
    fork = multiprocessing.get_context("fork")
    begun, go_on = fork.Event(), fork.Event()

    def live() -> None:
        begun.set()
        go_on.wait()

    with progress.Progress(tmp_path, 1):
        process = fork.Process(target=live)
        process.start()
        assert begun.wait(60)
    try:
        with progress.Progress(tmp_path, 1):
            assert process.is_alive()
    finally:
        go_on.set()
        process.join()
