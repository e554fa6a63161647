"""What a long piece of work tells where there is no terminal."""

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
