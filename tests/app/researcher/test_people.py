"""Who takes part is counted once and rightly: on the command line and on the researcher's page."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from routes import Routes
from served import CONDITIONS, write_study
from sqlalchemy import select, update
from sqlalchemy.orm import Session as OrmSession

from app.cli import main
from app.researcher.jobs import Job, Rendering
from app.researcher.overview import Overview
from db.scope import now
from db.tables import Participant, Session

FIT = {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}


@pytest.fixture
def routes(backend: str, tmp_path: Path) -> Routes:
    return Routes(
        write_study(
            tmp_path / "study",
            session="headphone_check: none, practice: 1, attention_checks: 2, on_failure: replace",
            recruitment="eligibility: true, dropout_minutes: 30",
        )
    )


def enter(routes: Routes, name: str, **answers: str) -> None:
    client = routes.visitor(name)
    client.get("/api/state")
    client.post("/api/step", json={"page": "consent"})
    client.post("/api/questions", json={"answers": FIT | answers})


def attend(routes: Routes, name: str, attentive: bool) -> None:
    """Answer all: whoever attends knows which of the prompts are wrong, from the plan."""
    from db.tables import Trial

    enter(routes, name)
    state = routes.begin(name)
    while state["stage"] != "done":
        if state["stage"] == "ready":
            state = routes.visitor(name).post("/api/step", json={"page": "ready"}).json()
            continue
        session = routes.study.store.sessions.state(routes.visitor(name).cookies["earmark"]).session_id
        with OrmSession(routes.study.store.scope.engine) as db:
            place = (Trial.session_id == session) & (Trial.position == state["trial"]["position"])
            check = db.scalar(select(Trial.check).where(place))
        state = routes.rate(name, state, score=check["low"] if check and attentive else 5)


def shown(routes: Routes) -> str:
    overview = Overview(routes.study, Rendering(routes.folder), Job(routes.folder, "analyze"))
    return " ".join(re.sub("<[^>]*>", " ", overview.head()).split())


def said(routes: Routes, capsys) -> str:
    assert main(["status", str(routes.folder)]) == 0
    return capsys.readouterr().out


def test_everybody_is_counted_where_they_stand(routes, verbs_find, capsys):
    verbs_find(routes.folder)
    store = routes.study.store
    withdrawn, *_ = store.participants.invite(3)  # two are invited and never come
    store.participants.withdraw(withdrawn)
    attend(routes, "Anna", attentive=True)
    attend(routes, "Bert", attentive=True)
    attend(routes, "Carla", attentive=False)
    enter(routes, "Dora", hearing="no")
    for name in ("Emil", "Fred", "Gina"):
        enter(routes, name)
        routes.begin(name)
    store.participants.withdraw(routes.visitor("Fred").cookies["earmark"])
    with OrmSession(store.scope.engine.execution_options(writes=True)) as db, db.begin():
        gina = select(Participant.id).where(
            Participant.code == store.participants.code_of(routes.visitor("Gina").cookies["earmark"])
        )
        db.execute(
            update(Session)
            .where(Session.participant_id == gina.scalar_subquery())
            .values(seen_at=now() - timedelta(hours=1))
        )
    others = "1 inactive, 1 failed and not counted, 1 screened out, 2 invited, 2 withdrawn"
    assert f"participants: 2 finished of 20 wanted, 1 under way, {others}\n" in said(routes, capsys)
    head = shown(routes)
    assert "Finished 2 of 20 Under way 1 Ratings 30 Also: " + others in head


def test_people_of_an_earlier_revision_are_counted_apart(routes, verbs_find, capsys):
    verbs_find(routes.folder)
    attend(routes, "Anna", attentive=True)
    routes.edit(("scale: {", "scale: {question: 'Louder?'"))
    assert "1 finished of 20 wanted" in said(routes, capsys)
    overview = Overview(routes.study, Rendering(routes.folder), Job(routes.folder, "analyze"))
    assert f"or make a new revision: earmark revise {routes.folder}</p>" in overview.status()
    routes.study.close()
    assert main(["revise", str(routes.folder)]) == 0
    routes.open()
    assert "0 finished of 20 wanted, 0 under way, 1 of earlier revisions" in said(routes, capsys)
    assert "revision 2" in shown(routes)
    assert "Ratings 0" in shown(routes)


@pytest.mark.parametrize(
    ("kind", "clips_of", "clips", "ratings"),
    [("mushra", (*CONDITIONS, "anchor"), 20, 20), ("ab", CONDITIONS, 15, 10), ("acr", CONDITIONS, 15, 15)],
)
def test_clips_and_ratings_of_every_type_are_counted(tmp_path, capsys, kind, clips_of, clips, ratings):
    session = "headphone_check: none, practice: 2" + (", attention_checks: 1" if kind != "mushra" else "")
    routes = Routes(write_study(tmp_path / "study", session=session, scale=f"type: {kind}", clips_of=clips_of))
    assert routes.study.ready
    assert f"clips: {clips} of {clips}\n" in said(routes, capsys)
    routes.finish("Anna")
    head = shown(routes)
    assert f"Clips {clips} of {clips} Finished 1 of 20 Under way 0 Ratings {ratings}" in head
