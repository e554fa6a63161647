"""How long answers are kept: the first page says it in every language, and the researcher is told when they are due."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http.cookies import SimpleCookie

import pytest
from fastapi.testclient import TestClient
from routes import Routes
from served import ROOT, settings_of, write_study

from app.cli import main
from app.counts import months_before
from app.researcher.login import DEVICE_COOKIE, LOGIN_COOKIE
from app.server import create_app
from app.texts import texts
from survey.config.session import LANGUAGES

SAID = {
    "en": "How long we keep your answers: 24 months. Then we delete them.",
    "de": "So lange bewahren wir Ihre Antworten auf: 24 Monate. Danach löschen wir sie.",
    "pl": "Jak długo przechowujemy twoje odpowiedzi: 24 miesiące. Potem je usuwamy.",
}


def test_it_is_said_in_every_language_and_is_part_of_what_was_agreed_to(tmp_path):
    study = Routes(write_study(tmp_path / "study", recruitment="retention_months: 24"))
    for language in LANGUAGES:
        client = study.visitor(language)
        client.headers["accept-language"] = language
        state = client.get("/api/state").json()
        assert state["consent"] is None, "the page's own words"
        assert "24" in state["retention"]
        assert "{" not in state["retention"]
        assert state["retention"] == SAID.get(language, state["retention"])
        study.begin(language)
    agreed = {row.language: row.consent_sha256 for row in study.study.store.results.sessions()}
    for language in SAID:
        read = f"{texts(language)['consent_text']}\n{SAID[language]}"
        assert agreed[language] == sha256(read.encode()).hexdigest()
    assert len(set(agreed.values())) == len(LANGUAGES)
    study.study.close()


def test_cookies_are_those_that_the_page_on_data_protection_names(tmp_path):
    """Of participants: the researcher's are in the tests of the login."""
    told = " ".join((ROOT / "docs" / "serving" / "data-protection.md").read_text(encoding="utf-8").split())
    part = told.partition("**Cookies**")[2].partition("## ")[0]
    days = 90 * 24 * 3600
    folder = write_study(
        tmp_path / "study", session="headphone_check: none", recruitment="lab: true, platform: prolific"
    )
    client = TestClient(create_app(folder, settings_of(folder)), follow_redirects=False)
    given: dict[str, int] = {}

    def ask(path: str, **body: object) -> None:
        answer = client.post(path, json=body) if body else client.get(path)
        for cookie in map(SimpleCookie, answer.headers.get_list("set-cookie")):
            given.update({name: int(one["max-age"]) for name, one in cookie.items() if one.value})

    ask("/join?PROLIFIC_PID=5f1&seat=3")
    ask("/api/step", page="consent")
    ask("/join?new")
    ask("/join?kiosk&PROLIFIC_PID=5f2")
    assert given == dict.fromkeys(("earmark", "earmark-before", "earmark-from", "earmark-seat", "earmark-kiosk"), days)
    assert set(re.findall(r"`(earmark[\w-]*)`", part)) == {*given, LOGIN_COOKIE, DEVICE_COOKIE}
    assert "90 days" in part
    client.app.state.study.close()


def test_a_study_that_does_not_say_it_says_nothing(tmp_path):
    study = Routes(write_study(tmp_path / "study", recruitment="consent: You hear sounds."))
    assert study.visitor("Anna").get("/api/state").json()["retention"] is None
    study.begin("Anna")
    (row,) = study.study.store.results.sessions()
    assert row.consent_sha256 == sha256(b"You hear sounds.").hexdigest()
    study.study.close()


def test_whoever_runs_the_study_is_told_when_answers_are_due_and_what_to_run(tmp_path, capsys):
    folder = write_study(tmp_path / "study", recruitment="retention_months: 1")
    study = Routes(folder)
    study.begin("Anna")
    study.finish("Bert")
    assert study.study.changes() == []
    past = f"{datetime.now(UTC) - timedelta(days=40):%Y-%m-%d %H:%M:%S.%f}"
    with closing(sqlite3.connect(folder / "study.db")) as db:
        db.execute("UPDATE session SET started_at = ?, seen_at = ? WHERE id = 1", [past] * 2)
        db.commit()
    since = months_before(datetime.now(UTC).date(), 1)
    (line,) = study.study.changes()
    command = f"earmark purge {folder} --before {since}"
    assert line.startswith("the answers of 1 participant are older than 1 month")
    assert line.endswith(command)
    study.study.close()
    assert main(["status", str(folder)]) == 0
    assert line in capsys.readouterr().out
    assert main([*command.split()[1:], "--yes"]) == 0
    assert "1 participant (P001)" in capsys.readouterr().out
    assert main(["status", str(folder)]) == 0
    assert "older than" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 11, 27), 24, date(2024, 11, 27)),
        (date(2026, 12, 31), 1200, date(1926, 12, 31)),
        (date(2026, 5, 1), 0, date(2026, 5, 1)),
    ],
)
def test_months_are_those_of_the_calendar(day, months, before):
    assert months_before(day, months) == before
