"""A study as it fills, kept at hand for those who watch it: only sessions in which something happened are read anew."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.types import NullType

from db.engine import reading
from db.results.tallying import Tallied, tallied
from db.scope import Scope
from db.tables import Participant, Revision, Session, Stimulus
from db.tokens import LINK
from db.views import Cell, Progress
from survey.trials.design import TRIAL

AT_ONCE = 500  # sessions in one statement, so that its parameters stay few

PEOPLE = (
    *(Participant.id.label("person"), Participant.code, Participant.created_at, Participant.link, Participant.source),
    *(Participant.external_id, Participant.label, Participant.withdrawn_at),
    *(Session.id, Session.stage, Session.started_at, Session.finished_at, Session.seen_at),
    *(Session.outcome, Session.failures, Session.counted, Session.revision, Session.seat, Session.excluded),
)
"""What is read of everybody; the answers beside the clips and the rules of a session take ten times as long."""

AS_HELD = tuple(type_coerce(column, NullType()) for column in (*PEOPLE, Session.log_bytes))
"""The same for the database alone: no time is parsed."""


@dataclass(frozen=True, slots=True)
class Look:
    """A study at one moment; the same is given again for as long as nothing of it is another.

    `people` are in the order of joining; `sessions` holds those of all who have begun, by code.
    """

    revision: int
    people: tuple[Progress, ...]
    sessions: Mapping[str, Tallied]
    cells: tuple[Cell, ...]

    def present(self) -> list[tuple[Progress, Tallied]]:
        """Return who began in the newest revision, with their sessions."""
        return [
            (one, self.sessions[one.code])
            for one in self.people
            if one.revision == self.revision and one.code in self.sessions
        ]


class Watch:
    """What goes on in a study; whoever looks twice pays for what happened in between.

    Every row is compared as the database holds it, which is a small part of what it takes to read it: nothing that
    happens can be overlooked, whatever its time and whoever did it. Only what is another is read.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope, self._lock = scope, Lock()
        self._forget(None)

    def _forget(self, clips: object) -> None:
        """Keep nothing that was read, of what other clips were under test."""
        self._tested = clips
        self._held: dict[int, Any] = {}  # rows as the database holds them, by their participant
        self._known: dict[int, tuple[Progress, Tallied | None]] = {}
        self._votes: Counter[tuple[int, int]] = Counter()  # by revision and stimulus
        self._cells: list[tuple[int, Cell]] | None = None
        self._last: Look | None = None

    def look(self) -> Look:
        """Return how the study stands now."""
        with self._lock, reading(self._scope.engine) as db:
            clips = tuple(db.execute(self._clips()).one())
            if clips != self._tested:  # trials under way may have lost their clips
                self._forget(clips)
            revision = db.scalar(select(func.max(Revision.number)).where(self._scope.mine(Revision))) or 0
            rows = {row[0]: tuple(row) for row in db.connection().execute(self._people(AS_HELD)).all()}
            last = self._last
            if last is None or revision != last.revision or rows != self._held:
                try:
                    self._take(db, rows)
                    self._last = self._found(db, revision)
                except BaseException:
                    self._forget(None)
                    raise
            assert self._last is not None
            return self._last

    def _clips(self) -> Any:
        mine = self._scope.mine(Stimulus) & Stimulus.active
        return select(func.count(), func.sum(Stimulus.id), func.sum(Stimulus.id * Stimulus.place)).where(mine)

    def _people(self, columns: Sequence[Any]) -> Any:
        moving = (self._scope.live() | Session.finished_at.is_not(None)).label("moving")
        return (
            select(*columns, moving)
            .outerjoin(Session, Session.participant_id == Participant.id)
            .where(self._scope.mine(Participant))
            .order_by(Participant.id)
        )

    def _take(self, db: OrmSession, rows: dict[int, Any]) -> None:
        """Read who is another than at the last look, and count their answers in place of those that they had."""
        changed = [key for key, row in rows.items() if self._held.get(key) != row]
        for gone in self._known.keys() - rows.keys():
            self._count(self._known.pop(gone), -1)
        for start in range(0, len(changed), AT_ONCE):
            some = changed[start : start + AT_ONCE]
            read = list(db.execute(self._people(PEOPLE).where(Participant.id.in_(some))))
            told = dict(tallied(self._scope, db, [row.id for row in read if row.id]))
            for row in read:
                session = told.get(row.id, Tallied()) if row.id else None
                if row.person in self._known:
                    self._count(self._known[row.person], -1)
                self._known[row.person] = self._person(row, session or Tallied()), session
                self._count(self._known[row.person], 1)
        self._held = rows

    def _count(self, known: tuple[Progress, Tallied | None], times: int) -> None:
        person, session = known
        if session and person.counted:
            for stimulus in session.judged:
                self._votes[person.revision, stimulus] += times

    def _found(self, db: OrmSession, revision: int) -> Look:
        if self._cells is None:
            self._cells = list(_cells(self._scope, db))
        known = [self._known[key] for key in self._held if key in self._known]
        return Look(
            revision,
            tuple(person for person, _ in known),
            {person.code: session for person, session in known if session},
            tuple(replace(cell, ratings=self._votes[revision, key]) for key, cell in self._cells),
        )

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


def _cells(scope: Scope, db: OrmSession) -> Iterator[tuple[int, Cell]]:
    """Yield the stimuli under test in the manifest's order, each with its number; their votes are counted apart."""
    wanted = scope.mine(Stimulus) & Stimulus.active & (Stimulus.kind == TRIAL)
    for one in db.scalars(select(Stimulus).where(wanted).order_by(Stimulus.place)):
        yield one.id, Cell(one.name, one.prompt_id, one.prompt, one.condition.name, one.seed, one.file, 0)
