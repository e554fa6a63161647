"""One link a seat of a laboratory: stored with the session, exported, shown; and two at one seat are said."""

import csv
import random
import re
from datetime import timedelta
from pathlib import Path

import pytest
from routes import Routes
from served import write_study
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from app.cli import main
from app.participant.lab import SEAT_COOKIE
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from db.tables import Participant, Session

SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"


def make(tmp_path: Path, recruitment: str = "lab: true") -> Routes:
    return Routes(write_study(tmp_path / "study", session=SESSION, recruitment=recruitment))


def sit(routes: Routes, name: str, seat: str) -> None:
    """Open the link of a seat and begin."""
    routes.visitor(name).get(f"/join?seat={seat}")
    routes.begin(name)


def shown(routes: Routes) -> dict[str, str]:
    """Return what the researcher's page says of everybody, by their codes."""
    page = Overview(routes.study, Rendering(routes.folder), Job(routes.folder, "analyze")).people()
    rows = re.findall(r'<tr>\s*<th scope="row">(?:<a [^>]*>)?(P\d+)(?:</a>)?</th>(.*?)</tr>', page, re.S)
    return {code: " ".join(re.sub("<[^>]*>", " ", row).split()) for code, row in rows}


def test_the_seat_of_a_link_is_stored_and_exported_for_all_who_follow_in_that_browser(tmp_path):
    seed = random.randrange(2**32)
    print(f"seats from seed {seed}")
    seat, other = random.Random(seed).sample([str(number) for number in range(1, 100)] + ["window-2", "B_7"], 2)
    routes = make(tmp_path)
    sit(routes, "one", seat)
    sit(routes, "two", other)
    routes.visitor("one").get("/join?new")
    routes.begin("one")
    routes.begin("at home")
    assert [row.seat for row in routes.study.store.results.sessions()] == [seat, other, seat, ""]
    assert main(["export", str(routes.folder), "--sessions", "-o", str(tmp_path / "ratings.csv")]) == 0
    with (tmp_path / "sessions.csv").open(encoding="utf-8", newline="") as file:
        assert [row["seat"] for row in csv.DictReader(file)] == [seat, other, seat, ""]


def test_a_link_to_another_seat_is_that_of_the_next_session(tmp_path):
    routes = make(tmp_path)
    sit(routes, "one", "3")
    routes.visitor("one").get("/join?seat=4")
    routes.visitor("one").get("/join?new")
    routes.begin("one")
    assert [row.seat for row in routes.study.store.results.sessions()] == ["3", "4"]


@pytest.mark.parametrize("seat", ["3 4", "x" * 21, "<b>", "ä", "=1+1"])
def test_what_is_no_name_of_a_seat_is_refused_and_kept_nowhere(tmp_path, seat):
    routes = make(tmp_path)
    client = routes.visitor("one")
    answer = client.get("/join", params={"seat": seat})
    assert (answer.status_code, "seat: write 1 to 20 letters" in answer.text) == (400, True)
    client.cookies.set(SEAT_COOKIE, "<b>")
    routes.begin("one")
    assert [row.seat for row in routes.study.store.results.sessions()] == [""]


def test_elsewhere_than_in_a_laboratory_nobody_has_a_seat(tmp_path):
    routes = make(tmp_path, "")
    sit(routes, "one", "3")
    assert [row.seat for row in routes.study.store.results.sessions()] == [""]
    assert "at the same time" not in shown(routes)["P001"]


def test_two_sessions_at_one_seat_at_the_same_time_are_said(tmp_path):
    routes = make(tmp_path)
    for name, seat in (("one", "3"), ("two", "4"), ("by mistake", "3")):
        sit(routes, name, seat)
    assert "at the same time" not in " ".join(shown(routes).values()), "the first may have left"
    routes.rate("one", routes.begin("one"))
    said = shown(routes)
    assert "3 at the same time as P003" in said["P001"]
    assert "3 at the same time as P001" in said["P003"]
    assert "at the same time" not in said["P002"]


def test_one_after_another_at_a_seat_is_what_it_is_for(tmp_path):
    routes = make(tmp_path)
    sit(routes, "one", "3")
    routes.finish("one")
    first = select(Participant.id).where(Participant.code == "P001").scalar_subquery()
    with OrmSession(routes.study.store.scope.engine.execution_options(writes=True)) as db, db.begin():
        earlier = {name: getattr(Session, name) for name in ("started_at", "finished_at", "seen_at")}
        row = db.execute(select(*earlier.values()).where(Session.participant_id == first)).one()
        moved = {name: moment - timedelta(hours=1) for name, moment in zip(earlier, row, strict=True)}
        db.execute(update(Session).where(Session.participant_id == first).values(**moved))
    routes.visitor("one").get("/join?new")
    routes.begin("one")
    assert [row.seat for row in routes.study.store.results.sessions()] == ["3", "3"]
    assert "at the same time" not in " ".join(shown(routes).values())
