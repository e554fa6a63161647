"""How a study fills, as the researcher's page says it."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from fastapi.testclient import TestClient
from served import CONDITIONS, settings_of, write_study
from sqlalchemy import insert, update
from standing_in import take_part

from app.cli import main
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from app.researcher.views.filling import alarms, by_day, fell, filling, pages
from app.researcher.views.sums import of
from app.study import Study
from db.engine import writing
from db.results.tallying import Checked
from db.tables import Event, Session

MONDAY = date(2026, 3, 2)
TUESDAY = MONDAY + timedelta(days=1)


def met(kind: str, day: date, passed: int, of: int, unplayed: int = 0) -> Counter[Checked]:
    met = {Checked(kind, day, True): passed, Checked(kind, day, False): of - passed}
    return Counter(met | {Checked(kind, day, None): unplayed})


def test_a_sudden_fall_of_a_check_is_said_aloud_and_is_nobodys_failure():
    checks = met("attention", MONDAY, 38, 40) + met("attention", TUESDAY, 3, 12) + met("repeat", TUESDAY, 9, 10)
    (said,) = alarms(checks)
    assert said.startswith("3 of 12 attention checks passed on 03 Mar, 95% before.")
    assert "before you exclude anybody" in said


@pytest.mark.parametrize(
    ("now", "before", "falls"),
    [
        ((0, 8), (0, 0), True),  # nobody passes from the start
        ((1, 8), (0, 0), False),
        ((0, 4), (40, 40), False),  # too few to say anything
        ((30, 40), (36, 40), False),  # less than a fifth below
        ((5, 10), (38, 40), False),  # 2 in 1000
        ((4, 10), (38, 40), True),
        ((3, 5), (90, 100), False),  # not beyond chance
        ((500, 1000), (18_000, 20_000), True),
    ],
)
def test_a_rate_has_fallen_when_chance_does_not_explain_it(now, before, falls):
    assert fell(now, before) == falls


def test_a_check_that_could_not_be_played_is_neither_passed_nor_failed():
    checks = met("gold", MONDAY, 4, 5, unplayed=3)
    assert by_day(checks) == {MONDAY: {"gold": (4, 5, 3)}}
    (said,) = alarms(checks)
    assert said.startswith("3 of the gold clips could not be played. They count for nothing")


@pytest.fixture
def shown(tmp_path) -> Overview:
    folder = write_study(
        tmp_path / "study", session="headphone_check: none, attention_checks: 1", recruitment="dropout_minutes: 30"
    )
    return Overview(Study(folder, settings_of(folder)), Rendering(folder), Job(folder, "analyze"))


def test_pages_cells_flags_and_stalls_are_those_of_the_answers(shown, capsys):
    for answers in (2 + 16, 2 + 16, 2 + 4, 1):
        take_part(shown.study, answers)
    scope, numbers = shown.study.store.scope, count(1)
    with writing(scope.engine) as db:
        db.execute(update(Session).values(device="phone", browser="Firefox 140"))
        stopped = Session.stage == "practice"
        db.execute(update(Session).where(stopped).values(seen_at=datetime.now(UTC) - timedelta(hours=1)))
        for kind in ("play", "play", "play", "play", "stall"):
            happened = {"session_id": 1, "position": next(numbers), "kind": kind, "detail": {}, "at": datetime.now(UTC)}
            db.execute(insert(Event).values(happened))
    look = shown.study.store.results.watch.look()
    found = {page.name: page for page in pages(of(look).ends, shown.study.config)}
    assert list(found) == ["sound check", "instructions", "practice", "ready", "trials", "done"]
    assert [page.reached for page in found.values()] == [4, 4, 4, 3, 3, 2]
    assert (found["practice"].left, found["practice"].here) == (1, 0)
    assert (found["trials"].left, found["trials"].here) == (0, 1)
    page = " ".join(re.sub("<[^>]*>", " ", filling(look, of(look), shown.study.config)).split())
    assert "Who finished took" in page
    assert "phone, Firefox 4 1 1 25.0 –" in page, "sessions, those with stalls, stalls, of 100 plays"
    answers = sum(one.answered for one in look.sessions.values())
    assert f"of {answers} answers cannot have been heard as the page said, of 3 participants" in page
    totals = [sum(cell.ratings for cell in look.cells if cell.condition == one) for one in CONDITIONS]
    assert f"All cells {totals[0]} {totals[1]} {totals[2]}" in page

    shown.study.close()
    capsys.readouterr()
    assert main(["status", str(shown.study.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["reached"], one["left"]) for one in told["pages"]][2:4] == [
        ("practice", 4, 1),
        ("ready", 3, 0),
    ]
    assert told["flags"]["answers"] == answers
    assert (told["flags"]["participants"], told["stopping"]) == (3, None)
    assert told["devices"][0] == {
        "name": "phone, Firefox", "sessions": 4, "with_stalls": 1, "plays": 4, "stalls": 1, "failed": 0
    }  # fmt: skip
    (check,) = told["checks"]
    assert (check["check"], check["met"]) == ("attention", sum(len(one.checks) for one in look.sessions.values()))
    assert main(["status", str(shown.study.folder)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^  practice +4 +0 +1 +0$", said, re.M)
    assert "  phone, Firefox                 1 stall in 1 of 4 sessions, 4 plays\n" in said
    assert f"  {check['day']}  attention checks     {check['passed']} of {check['met']}\n" in said
    assert f"flagged: {told['flags']['flagged']} of {answers} answers, of 3 participants: " in said


def test_what_did_not_change_is_not_sent_again(researcher: TestClient):
    def drawn(seen: str) -> list:
        answer = researcher.post("/admin/gradio_api/run/draw_numbers", json={"data": [seen]})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def sent(parts: list) -> list[bool]:
        return [isinstance(part, str) for part in parts]

    first = drawn("")
    assert sent(first) == [True] * 5
    again = drawn(first[0])
    assert again[0] == first[0]
    assert sent(again[1:]) == [False] * 4
    (token,) = researcher.app.state.study.store.participants.invite(1)
    invited = drawn(first[0])
    assert sent(invited[1:]) == [True, False, True, False], "the head counts them, the table names them"
    researcher.app.state.study.store.participants.withdraw(token)
