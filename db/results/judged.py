"""Answers judged by what was asked and by what the server saw: which checks were failed, and which flags they get.

None of it is stored: it follows from the answers, and is derived here alone. Sessions are taken in parts, since what
was served to all of them may be more than fits into memory.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope, rules_of
from db.tables import Rating, Served, Session, Stimulus, Trial, TrialClip
from survey.trials import quality
from survey.trials.design import PRACTICE
from survey.trials.listening import Listening, flags

TOGETHER = 10_000  # trials whose answers are read at once


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
        # Asked for what was not served, which is little, rather than for what was.
        alone = select(Trial.id).join(Session, Session.id == Trial.session_id).where(part, ~_served(Trial, 0))
        self._unserved = set(db.scalars(alone))
        self._beside: dict[int, list[tuple[int, float, bool]]] = defaultdict(list)
        several = (
            select(TrialClip.trial_id, TrialClip.stimulus_id, Stimulus.seconds, _served(TrialClip, TrialClip.place))
            .join(Stimulus, Stimulus.id == TrialClip.stimulus_id)
            .join(Trial, Trial.id == TrialClip.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .order_by(TrialClip.trial_id, TrialClip.place)
        )
        for trial, stimulus, seconds, served in db.connection().execute(several.where(part)):
            self._beside[trial].append((stimulus, seconds, served))

    def clips(self, trial: int) -> list[int]:
        """Return the stimuli of a trial that holds several, in order."""
        return [stimulus for stimulus, _, _ in self._beside[trial]] if trial in self._beside else []

    def flags(
        self, session: int, trial: int, seconds: float, claims: tuple[int, float, int, int | None]
    ) -> tuple[str, ...] | None:
        """Name what cannot be true of an answer to a trial whose own clip lasts so long.

        Its `claims` are plays, seconds heard and milliseconds as the page says, and milliseconds as the server does.
        The answers of sessions that began under a version that did not watch are not judged, which is None: what of
        theirs was served is not known.
        """
        must_listen = self._must_listen.get(session)
        if must_listen is None:
            return None
        beside = self._beside.get(trial)
        if beside is None:
            served = trial not in self._unserved
        else:
            served = all(there for *_, there in beside)
            seconds = sum(length for _, length, _ in beside)
        return flags(Listening(*claims, served, seconds, must_listen))


def _served(table: type[Trial | TrialClip], place: Any) -> ColumnElement[bool]:
    """Whether the clip of a row was asked for at its place in its trial."""
    trial = Trial.id if table is Trial else TrialClip.trial_id
    return exists().where(Served.trial_id == trial, Served.place == place, Served.stimulus_id == table.stimulus_id)


def failed(db: OrmSession, which: ColumnElement[bool]) -> set[int]:
    """Return the trials of some sessions whose check was failed."""
    query = (
        select(Trial.session_id, Trial.id, Trial.position, Trial.kind, Trial.check, Rating.score)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Session, Session.id == Trial.session_id)
        .where(which)
        .order_by(Trial.session_id)
    )
    found: set[int] = set()
    for _, answers in groupby(db.execute(query), key=lambda row: row.session_id):
        rows = list(answers)
        trials = {row.position: row.id for row in rows}
        found |= {trials[position] for position in failed_in(row[2:] for row in rows)}
    return found


def failed_in(answers: Iterable[Sequence[Any]]) -> set[int]:
    """Return the positions of the checks that were failed in a session: of each answer position, kind, check, score."""
    answers = [one for one in answers if one[1] != PRACTICE]
    deciding = quality.deciding({position: check for position, _, check, _ in answers if check})
    given = (quality.Given(position, check, score) for position, _, check, score in answers if position in deciding)
    return {*quality.failures(given)}


def judged(scope: Scope, db: OrmSession, part: ColumnElement[bool]) -> dict[int, Judged]:
    """Judge every answer of a part of the sessions that can be, by its trial."""
    query = (
        select(Trial.kind, Trial.session_id, Trial.id, Stimulus.seconds)
        .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.open_ms)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(Session, Session.id == Trial.session_id)
    )
    judge, found = Judge(scope, db, part), {}
    for kind, session, trial, seconds, *claims in db.connection().execute(query.where(part)).all():
        flags = judge.flags(session, trial, seconds, tuple(claims))
        if flags is not None:
            found[trial] = Judged(session, kind, flags)
    return found
