"""Results of a study that runs: hidden unless somebody asks, which is logged and stands in whatever is reported."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from routes import Routes
from served import store_of, write_study

from app.cli import main
from db.actions import PEEK

ENDED = "The study was still running when this report was made."


@pytest.fixture
def running(tmp_path: Path) -> Path:
    routes = Routes(write_study(tmp_path / "study", session="headphone_check: none, practice: 0"))
    for name in ("Anna", "Bert"):
        routes.finish(name)
    routes.study.close()
    return routes.folder


def reported(folder: Path) -> tuple[str, str, dict]:
    """Return a report as its page, its paragraph of methods, and what its numbers say of their origin."""
    page, methods, numbers = (folder / name for name in ("report.html", "methods.txt", "report.json"))
    return page.read_text(), methods.read_text(), json.loads(numbers.read_text())["provenance"]


def test_who_does_not_ask_sees_nothing(running, capsys):
    for verb in ("analyze", "archive"):
        assert main([verb, str(running)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert f"{running}: the study is still running" in said.err
        assert f"earmark state {running} close" in said.err
    assert not {"report", "archive.zip"} & {path.name for path in running.iterdir()}
    store = store_of(running)
    assert store.actions.looks().at == ()
    store.close()


def test_who_asks_is_logged_and_every_report_says_so(running, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EARMARK_ACCOUNT", "anna")
    assert main(["analyze", str(running), "--peek"]) == 0
    monkeypatch.delenv("EARMARK_ACCOUNT")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    printed = " ".join(capsys.readouterr().out.split())
    page, methods, origin = reported(running / "report")
    assert ENDED in printed
    assert ENDED in page
    for text in (printed, page, methods):
        assert f"Results were looked at once while the study ran: {day}" in text
    assert origin["running"] is True
    store = store_of(running)
    assert [(one.kind, one.account) for one in store.actions.newest()] == [(PEEK, "anna")]
    assert store.actions.looks().asked
    store.close()

    assert main(["analyze", str(running), "--peek"]) == 0
    assert main(["state", str(running), "close"]) == 0
    assert main(["analyze", str(running)]) == 0, "after its end nothing is asked"
    page, methods, origin = reported(running / "report")
    assert ENDED not in page
    assert f"Results were looked at 2 times while the study ran: {day}" in page
    assert (origin["running"], len(origin["looked"])) == (False, 2)
    store = store_of(running)
    assert not store.actions.looks().asked, "who launches it again is asked again"
    store.close()

    assert main(["archive", str(running)]) == 0
    assert main(["restore", str(running / "archive.zip"), str(tmp_path / "there")]) == 0
    assert main(["analyze", str(tmp_path / "there")]) == 0
    assert reported(tmp_path / "there" / "report")[1:] == reported(tmp_path / "there" / "results")[1:]
    assert reported(tmp_path / "there" / "report")[2]["looked"] == origin["looked"]


def test_before_the_first_participant_nothing_is_asked(tmp_path, capsys):
    assert main(["analyze", str(write_study(tmp_path / "study"))]) == 2
    assert "still running" not in capsys.readouterr().err
