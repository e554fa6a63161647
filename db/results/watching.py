"""A study as it fills, kept at hand for those who watch it: only sessions in which something happened are read anew."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading
from db.results.tallying import Tallied, tallied
from db.scope import Scope
from db.tables import Event, Participant, Rating, Revision, Session, Stimulus
from db.tokens import LINK
from db.views import Cell, Progress
from survey.trials.design import TRIAL

AT_ONCE = 500  # sessions in one statement, so that its parameters stay few

PEOPLE = (
    *(Participant.code, Participant.created_at, Participant.link, Participant.source, Participant.external_id),
    *(
        Participant.label,
        Participant.withdrawn_at,
        Session.id,
        Session.stage,
        Session.started_at,
        Session.finished_at,
        Session.seen_at,
    ),
    *(Session.outcome, Session.failures, Session.counted, Session.revision, Session.seat, Session.excluded),
)
"""What is read of everybody; the answers beside the clips and the rules of a session take ten times as long."""


@dataclass(frozen=True, slots=True)
class Look:
    """A study at one moment; `stamp` is another as soon as anything of it is.

    `people` are in the order of joining; `sessions` holds those of all who have begun, by code.
    """

    stamp: str
    revision: int
    people: tuple[Progress, ...]
    sessions: Mapping[str, Tallied]
    cells: tuple[Cell, ...]


class Watch:
    """What goes on in a study; whoever looks twice pays for what happened in between."""

    def __init__(self, scope: Scope) -> None:
        self._scope, self._lock = scope, Lock()
        self._known: dict[int, tuple[object, Tallied]] = {}
        self._people: dict[str, tuple[object, Progress]] = {}
        self._clips: object = None
        self._last: Look | None = None

    def look(self) -> Look:
        """Return how the study stands now."""
        with self._lock, reading(self._scope.engine) as db:
            clips, rest = self._stamps(db)
            stamp = f"{clips} {rest}"
            if self._last is None or self._last.stamp != stamp:
                if clips != self._clips:  # trials under way may have lost their clips
                    self._known = {}
                self._last, self._clips = self._read(db, stamp), clips
            return self._last

    def _stamps(self, db: OrmSession) -> tuple[str, str]:
        """Return in a few numbers what changes with the clips, and what with everything else."""
        mine = self._scope.mine
        clips = select(func.count(), func.max(Stimulus.id)).where(mine(Stimulus), Stimulus.active)
        people = select(func.count(), func.count(Participant.withdrawn_at)).where(mine(Participant))
        sessions = select(
            func.count(),
            func.max(Session.seen_at),
            func.count(Session.finished_at),
            func.count(Session.excluded),
            func.sum(case((Session.counted, 1), else_=0)),
            func.sum(case((self._scope.live(), 1), else_=0)),
        ).where(mine(Session))
        logged = select(select(func.max(Rating.id)).scalar_subquery(), select(func.max(Event.id)).scalar_subquery())
        found = [tuple(db.execute(query).one()) for query in (people, sessions, logged)]
        return str(tuple(db.execute(clips).one())), f"{found} {self._revision(db)}"

    def _revision(self, db: OrmSession) -> int:
        return db.scalar(select(func.max(Revision.number)).where(self._scope.mine(Revision))) or 0

    def _read(self, db: OrmSession, stamp: str) -> Look:
        moving = (self._scope.live() | Session.finished_at.is_not(None)).label("moving")
        query = (
            select(*PEOPLE, moving)
            .outerjoin(Session, Session.participant_id == Participant.id)
            .where(self._scope.mine(Participant))
            .order_by(Participant.id)
        )
        rows: list[Any] = list(db.execute(query))
        states = {row.id: (row.seen_at, row.finished_at, row.stage) for row in rows if row.id}
        changed = [key for key, state in states.items() if self._known.get(key, ("",))[0] != state]
        known = {key: self._known[key] for key in states if key in self._known}
        for start in range(0, len(changed), AT_ONCE):
            read = tallied(self._scope, db, changed[start : start + AT_ONCE])
            known |= {key: (states[key], one) for key, one in read}
        self._known = known
        revision = self._revision(db)
        nothing = ("", Tallied())  # of who has not begun, or has withdrawn since the rows above were read
        before, self._people = self._people, {}
        for row in rows:
            session = known.get(row.id, nothing)[1]
            state = (*row, session.answered, session.total)
            kept = before.get(row.code)
            self._people[row.code] = kept if kept and kept[0] == state else (state, self._person(row, session))
        people = tuple(person for _, person in self._people.values())
        sessions = {row.code: known.get(row.id, nothing)[1] for row in rows if row.id}
        votes: Counter[int] = Counter()
        for row in rows:
            if row.counted and row.revision == revision:
                votes.update(sessions[row.code].judged)
        return Look(stamp, revision, people, sessions, tuple(_cells(self._scope, db, votes)))

    def _person(self, row: Any, session: Tallied) -> Progress:
        began = row.id is not None
        gone = "revoked" if row.source == "revoked" else "withdrawn" if row.withdrawn_at else ""
        return Progress(
            row.code,
            self._scope.tokens.derived(LINK, row) if row.link else "",
            row.source,
            row.stage if began else gone or "invited",
            session.answered,
            session.total,
            row.started_at,
            row.finished_at,
            row.outcome,
            row.failures if began else 0,
            row.counted if began else True,
            row.external_id,
            row.seen_at,
            began and not row.moving,
            row.revision if began else 0,
            row.seat or "",
            row.excluded or "",
            row.label or "",
        )


def _cells(scope: Scope, db: OrmSession, votes: Mapping[int, int]) -> Iterator[Cell]:
    """Yield the stimuli under test in the manifest's order."""
    wanted = scope.mine(Stimulus) & Stimulus.active & (Stimulus.kind == TRIAL)
    for one in db.scalars(select(Stimulus).where(wanted).order_by(Stimulus.place)):
        rated = votes.get(one.id, 0)
        yield Cell(one.name, one.prompt_id, one.prompt, one.condition.name, one.seed, one.file, rated)
