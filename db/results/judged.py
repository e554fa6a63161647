"""Answers judged by what was asked and by what the server saw: which checks were failed, and which flags they get.

None of it is stored: it follows from the answers, and is derived here alone. Sessions are taken in parts, since what
was served to all of them may be more than fits into memory.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope, rules_of
from db.tables import Rating, Served, Session, Stimulus, Trial, TrialClip
from survey.trials import quality
from survey.trials.design import PRACTICE
from survey.trials.listening import Listening, flags

TOGETHER = 5_000  # trials whose answers are read at once


@dataclass(frozen=True, slots=True)
class Judged:
    """The flags of an answer, with its session and the kind of its trial."""

    session_id: int
    kind: str
    flags: tuple[str, ...]


def parts(scope: Scope, db: OrmSession, which: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that divide some sessions, in the order of their numbers, into small parts."""
    mine = scope.mine(Session) & which
    sizes = select(Session.id, func.count(Trial.id)).outerjoin(Trial, Trial.session_id == Session.id).where(mine)
    first, trials = None, 0
    last = 0
    for number, size in db.execute(sizes.group_by(Session.id).order_by(Session.id)).all():
        first, last, trials = first or number, number, trials + size
        if trials >= TOGETHER:
            yield mine & Session.id.between(first, last)
            first, trials = None, 0
    if first:
        yield mine & Session.id.between(first, last)


class Judge:
    """What the server saw of a part of the sessions, by which their answers are judged."""

    def __init__(self, scope: Scope, db: OrmSession, part: ColumnElement[bool]) -> None:
        known: dict[str, bool] = {}  # by the rules as they are stored: few, however many sessions
        self._must_listen: dict[int, bool] = {}
        for number, opened, rules in db.execute(select(Session.id, Session.opened, Session.rules).where(part)):
            if opened is not None:
                stored = json.dumps(rules)
                if stored not in known:
                    known[stored] = rules_of(rules, scope.rules).must_listen
                self._must_listen[number] = known[stored]
        asked = select(Served.trial_id, Served.place, Served.stimulus_id).join(Trial, Trial.id == Served.trial_id)
        asked = asked.join(Session, Session.id == Trial.session_id).where(part)
        self._served = {tuple(row) for row in db.connection().execute(asked)}
        self._beside: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
        several = (
            select(TrialClip.trial_id, TrialClip.place, TrialClip.stimulus_id, Stimulus.seconds)
            .join(Stimulus, Stimulus.id == TrialClip.stimulus_id)
            .join(Trial, Trial.id == TrialClip.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .order_by(TrialClip.trial_id, TrialClip.place)
        )
        for trial, place, stimulus, seconds in db.connection().execute(several.where(part)):
            self._beside[trial][place] = (stimulus, seconds)

    def clips(self, trial: int) -> list[int]:
        """Return the stimuli of a trial that holds several, in order."""
        return [stimulus for stimulus, _ in self._beside[trial].values()] if trial in self._beside else []

    def flags(
        self, session: int, trial: int, stimulus: int, seconds: float, claims: tuple[int, float, int, int | None]
    ) -> tuple[str, ...] | None:
        """Name what cannot be true of an answer to a trial of a stimulus that lasts so long.

        Its `claims` are plays, seconds heard and milliseconds as the page says, and milliseconds as the server does.
        The answers of sessions that began under a version that did not watch are not judged, which is None: what of
        theirs was served is not known.
        """
        must_listen = self._must_listen.get(session)
        if must_listen is None:
            return None
        beside = self._beside.get(trial)
        if beside is None:
            served = (trial, 0, stimulus) in self._served
        else:
            served = all((trial, place, clip) in self._served for place, (clip, _) in beside.items())
            seconds = sum(length for _, length in beside.values())
        return flags(Listening(*claims, served, seconds, must_listen))


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


def judged(scope: Scope, db: OrmSession, part: ColumnElement[bool]) -> dict[int, Judged]:
    """Judge every answer of a part of the sessions that can be, by its trial."""
    query = (
        select(Trial.kind, Trial.session_id, Trial.id, Trial.stimulus_id, Stimulus.seconds)
        .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.open_ms)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(Session, Session.id == Trial.session_id)
    )
    judge, found = Judge(scope, db, part), {}
    for kind, session, trial, stimulus, seconds, *claims in db.connection().execute(query.where(part)).all():
        flags = judge.flags(session, trial, stimulus, seconds, tuple(claims))
        if flags is not None:
            found[trial] = Judged(session, kind, flags)
    return found
