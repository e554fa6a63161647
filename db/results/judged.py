"""Answers judged by what was asked and by what the server saw: which checks were failed, and which flags they get.

None of it is stored: it follows from the answers, and is derived here alone.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope, rules_of
from db.tables import Rating, Served, Session, Stimulus, Trial, TrialClip
from survey.trials import quality
from survey.trials.design import PRACTICE
from survey.trials.listening import Listening, flags


@dataclass(frozen=True, slots=True)
class Judged:
    """The flags of an answer, with its session and the kind of its trial."""

    session_id: int
    kind: str
    flags: tuple[str, ...]


def failed(db: OrmSession, which: ColumnElement[bool]) -> set[int]:
    """Return the trials of some sessions whose check was failed."""
    query = (
        select(Trial.session_id, Trial.id, Trial.position, Trial.check, Rating.score)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Session, Session.id == Trial.session_id)
        .where(which, Trial.kind != PRACTICE)
        .order_by(Trial.session_id)
    )
    found: set[int] = set()
    for _, answers in groupby(db.execute(query), key=lambda row: row.session_id):
        rows = list(answers)
        trials = {row.position: row.id for row in rows}
        given = [quality.Given(row.position, row.check, row.score) for row in rows]
        found |= {trials[position] for position in quality.failures(given)}
    return found


def judged(scope: Scope, db: OrmSession, which: ColumnElement[bool]) -> dict[int, Judged]:
    """Judge every answer of some sessions, by its trial.

    The answers of sessions that began under a version that did not watch are not judged: what of theirs was
    served is not known.
    """
    sessions: dict[int, bool] = {}
    known: dict[str, bool] = {}  # by the rules as they are stored: few, however many sessions
    for row in db.execute(select(Session.id, Session.opened, Session.rules).where(which)):
        if row.opened is not None:
            stored = json.dumps(row.rules)
            if stored not in known:
                known[stored] = rules_of(row.rules, scope.rules).must_listen
            sessions[row.id] = known[stored]
    asked = select(Served.trial_id, Served.place, Served.stimulus_id).join(Trial, Trial.id == Served.trial_id)
    served = {tuple(row) for row in db.execute(asked.join(Session, Session.id == Trial.session_id).where(which))}
    beside: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
    several = (
        select(TrialClip.trial_id, TrialClip.place, TrialClip.stimulus_id, Stimulus.seconds)
        .join(Stimulus, Stimulus.id == TrialClip.stimulus_id)
        .join(Trial, Trial.id == TrialClip.trial_id)
        .join(Session, Session.id == Trial.session_id)
    )
    for trial_id, place, stimulus_id, seconds in db.execute(several.where(which)):
        beside[trial_id][place] = (stimulus_id, seconds)
    query = (
        select(Trial.id, Trial.session_id, Trial.kind, Trial.stimulus_id, Stimulus.seconds)
        .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.open_ms)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(Session, Session.id == Trial.session_id)
    )
    found = {}
    for row in db.execute(query.where(which)):
        if row.session_id not in sessions:
            continue
        clips = beside.get(row.id) or {0: (row.stimulus_id, row.seconds)}
        claims = Listening(
            plays=row.plays,
            heard_seconds=row.heard_seconds,
            response_ms=row.response_ms,
            open_ms=row.open_ms,
            served=all((row.id, place, stimulus_id) in served for place, (stimulus_id, _) in clips.items()),
            seconds=sum(seconds for _, seconds in clips.values()),
            must_listen=sessions[row.session_id],
        )
        found[row.id] = Judged(row.session_id, row.kind, flags(claims))
    return found
