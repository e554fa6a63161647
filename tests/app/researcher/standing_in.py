"""Stand-ins of the researcher's tests: for the process that renders, and for a participant."""

import sys
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from served import CONDITIONS, PASSWORD, SECONDS
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from app.study import Study
from db import Answer
from db.tables import Rating, Session, Trial

CLIP = f"p1.{CONDITIONS[0]}.1000"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> ${document.title='broken'} {{7*7}} & \"rain\""


# Stands where `python -m app` stands: the same account of the same work, without a model. It goes on when told.
STAND_IN = """
import pathlib, shutil, signal, sys, time
from app.progress import Progress

signal.signal(signal.SIGINT, signal.default_int_handler)
verb, folder, options = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
wish = (folder / "wish").read_text()
if wish == "refuse":
    sys.exit("earmark: weights.safetensors: is not there; put it back")
if wish == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
with Progress(folder, 40) as progress:
    progress.advance(10)
    progress.say("fresh clips" if "--fresh" in options else "clips")
    while not (folder / "go").exists():
        time.sleep(0.02)
    if wish == "break":
        raise ValueError("the disk is <full>")
    if (folder / "new.json").exists():
        shutil.copy(folder / "new.json", folder / "clips" / "manifest.json")
"""


def stand_in(folder: Path, wish: str = "work") -> list[str]:
    script = folder.parent / "stand_in.py"
    script.write_text(STAND_IN, encoding="utf-8")
    (folder / "wish").write_text(wish)
    return [sys.executable, str(script)]


def log_in(client: TestClient) -> TestClient:
    client.post("/admin/login", data={"password": PASSWORD})
    return client


def take_part(study: Study, answers: int, *, listening: bool = False) -> None:
    """Let one participant go through the study up to a number of answers, practice included.

    Who is `listening` asks for each clip, and takes some seconds over it.
    """
    (token,) = study.store.participants.invite(1)
    state = study.store.sessions.start(token)
    while answers and state.stage != "done":
        if state.trial is None:
            state = study.store.sessions.confirm(token, state.stage)
            continue
        if listening:
            study.store.trials.note_served(state.trial, 0)
        answer = Answer(state.trial.same, 1 + answers % 5, 1, SECONDS if listening else 1.0, 900)
        state, answers = study.store.sessions.rate(token, answer), answers - 1
    if listening:
        with OrmSession(study.store.scope.engine) as db, db.begin():
            session = db.scalars(select(Session).order_by(Session.id.desc())).first()
            session.started_at -= timedelta(minutes=5)
            of_it = select(Rating, Trial.position).join(Trial, Rating.trial_id == Trial.id)
            for rating, position in db.execute(of_it.where(Trial.session_id == session.id)):
                rating.open_ms = rating.response_ms = 2500 + 700 * (position % 3)
                rating.rated_at = session.started_at + timedelta(seconds=40 + 6 * position)
