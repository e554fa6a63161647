"""Participants: who may take part, by which link or identity, and how they leave for good."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, select
from sqlalchemy.orm import Session as OrmSession

from db.actions import CLOSED, PAUSED, running
from db.engine import erase, overwritten, reading, writing
from db.revisions import outdated
from db.scope import Scope, now
from db.tables import Event, Participant, Rating, Served, Session, Trial, TrialClip
from db.tokens import LINK, RESUME
from db.views import Purged

SHUT = {PAUSED: "paused", CLOSED: "over"}  # keys of the page's texts
MOST_AT_ONCE = 500  # people in one statement, so that its parameters stay few

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Participants:
    """The people of a study."""

    scope: Scope

    def invite(self, count: int, label: str = "") -> list[str]:
        """Create `count` participants and return the tokens of their personal links.

        The `label` says whom they are for, to the researcher alone.
        """
        with writing(self.scope.engine) as db:
            made = [add(self.scope, db, None, "link") for _ in range(count)]
            for person in made:
                person.label = label or None
            return [self.scope.tokens.derived(LINK, person) for person in made]

    def revoke(self, codes: Sequence[str]) -> list[str]:
        """Take back the personal links of these participants, and return whose that were.

        Who has begun keeps theirs, by which they can still have everything deleted: a session is excluded instead.
        """
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            begun = select(Session.participant_id).where(self.scope.mine(Session))
            unused = self.scope.mine(Participant) & (Participant.source == "link") & Participant.id.not_in(begun)
            found = select(Participant).where(unused, Participant.code.in_(codes)).order_by(Participant.id)
            people = list(db.scalars(found))
            _remove(self.scope, db, people, "revoked")
            return [person.code for person in people]

    def knows(self, token: str) -> bool:
        """Say whether somebody has this token."""
        with reading(self.scope.engine) as db:
            return self.scope.participant(db, token) is not None

    def code_of(self, token: str) -> str | None:
        """Return the code of who has this token and has begun."""
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            return session.participant.code if session else None

    def resume(self, external_id: str, token: str = "") -> str | None:
        """Return what a browser resumes with that comes with an identity: its own token if it is that person's.

        None if nobody is known by this identity on the platform.
        """
        with reading(self.scope.engine) as db:
            person = self.scope.person(db, external_id)
            if person is None:
                return None
            mine = self.scope.participant(db, token) if token else None
            return token if mine is person else self.scope.tokens.derived(RESUME, person)

    def closed(self) -> str:
        """Say why nobody without a personal link may begin; empty if somebody may.

        `not_ready`: another revision was made than is served; `paused` or `over`: by the researcher; `link`: by
        invitation only; `full`: enough have finished; `busy`: enough will have.
        """
        with reading(self.scope.engine) as db:
            return "not_ready" if outdated(self.scope, db) else closed(self.scope, db)

    def links(self) -> dict[str, str]:
        """Return the tokens of the personal links of all who have begun and not withdrawn, by their codes."""
        begun = select(Participant).join(Session, Session.participant_id == Participant.id)
        with reading(self.scope.engine) as db:
            people = db.scalars(begun.where(self.scope.mine(Participant)))
            return {person.code: self.scope.tokens.derived(LINK, person) for person in people}

    def withdraw(self, token: str) -> bool:
        """Delete everything of who owns this token; False if nobody does."""
        return self._erase(lambda db: self.scope.participant(db, token), lambda person: owns(self.scope, token, person))

    def withdraw_by_code(self, code: str) -> bool:
        """Delete everything of the participant with this code; False if there is none."""
        found = select(Participant).where(self.scope.mine(Participant), Participant.code == code)
        return self._erase(lambda db: db.scalar(found), lambda person: person.withdrawn_at is None)

    def unseen_since(self, moment: datetime) -> list[str]:
        """Return the codes of all who have begun, have not withdrawn, and were last there before a moment."""
        with reading(self.scope.engine) as db:
            found = select(Participant.code).where(self.scope.mine(Participant), _unseen_since(moment))
            return list(db.scalars(found.order_by(Participant.id)))

    def purge(self, codes: Sequence[str], before: datetime | None = None, wait: float = 30.0) -> Purged:
        """Delete everything of these participants in one transaction, and count the rows that went.

        Who has withdrawn, is unknown, or has been there since ``before`` is left out. SQLite's log is overwritten
        before this returns, unless somebody goes on reading what was there for ``wait`` seconds: then it is
        `overwritten` when the study is opened next.
        """
        gone: list[str] = []
        rows = Counter[str]()
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            for start in range(0, len(codes), MOST_AT_ONCE):
                named = Participant.code.in_(codes[start : start + MOST_AT_ONCE])
                here = self.scope.mine(Participant) & Participant.withdrawn_at.is_(None)
                here = here if before is None else here & _unseen_since(before)
                people = list(db.scalars(select(Participant).where(here, named).order_by(Participant.id)))
                rows.update(_remove(self.scope, db, people))
                gone += [person.code for person in people]
        return Purged(tuple(gone), dict(rows), overwritten(self.scope.engine, wait))

    def _erase(self, find: Callable[[OrmSession], Participant | None], allowed: Callable[[Participant], bool]) -> bool:
        """Delete everything of a participant but the code that exports showed."""
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            person = find(db)
            if person is None or not allowed(person):
                return False
            _remove(self.scope, db, [person])
            logger.info("%s withdrew; everything was deleted", person.code)
        erase(self.scope.engine)
        return True


def _unseen_since(moment: datetime) -> ColumnElement[bool]:
    """Whether somebody has begun and was last there before a moment."""
    seen = func.coalesce(Session.seen_at, Session.finished_at, Session.started_at)
    return Participant.id.in_(select(Session.participant_id).where(seen < moment))


def _remove(scope: Scope, db: OrmSession, people: Sequence[Participant], source: str = "withdrawn") -> Counter[str]:
    """Delete everything of people but their codes, and count by their tables the rows that the database deleted."""
    owners = [person.id for person in people]
    chosen = select(Session.id).where(Session.participant_id.in_(owners)).order_by(Session.id)
    sessions = list(db.scalars(chosen.with_for_update()))
    trials = select(Trial.id).where(Trial.session_id.in_(sessions))
    rows = Counter[str]()
    for table, which in (
        (Rating, Rating.trial_id.in_(trials)),
        (Served, Served.trial_id.in_(trials)),
        (TrialClip, TrialClip.trial_id.in_(trials)),
        (Event, Event.session_id.in_(sessions)),
        (Trial, Trial.session_id.in_(sessions)),
        (Session, Session.id.in_(sessions)),
    ):
        done = db.execute(delete(table).where(which).execution_options(synchronize_session=False))
        rows[table.__tablename__] = cast(CursorResult[Any], done).rowcount
    for person in people:
        person.token, person.link, person.resume = scope.tokens.digest(token_urlsafe(24)), None, None
        person.external_id, person.label, person.source = None, None, source
        person.withdrawn_at = now()
    return rows


def owns(scope: Scope, token: str, person: Participant) -> bool:
    """Say whether a token is of who began or has the personal link, not of a browser with the same identity."""
    return scope.tokens.digest(token) in (person.token, person.link)


def add(scope: Scope, db: OrmSession, token: str | None, source: str, external_id: str | None = None) -> Participant:
    """Create a participant with the token of a browser, or without for one who is still to come by a link."""
    scope.lock_study(db)
    count = db.scalar(select(func.count()).where(scope.mine(Participant))) or 0
    participant = Participant(
        study_id=scope.study_id,
        code=f"P{count + 1:03d}",
        token=scope.tokens.digest(token or token_urlsafe(24)),
        source=source,
        external_id=external_id,
        created_at=now(),
    )
    scope.tokens.equip(participant)
    db.add(participant)
    db.flush()
    return participant


def shut(scope: Scope, db: OrmSession) -> str:
    """Say why nobody may begin, whatever link they have: `paused` or `over`; empty if the study is open."""
    return SHUT.get(running(scope, db).state, "")


def closed(scope: Scope, db: OrmSession) -> str:
    """Say why nobody without a personal link may begin under the recruitment; empty if somebody may."""
    if reason := shut(scope, db):
        return reason
    if not scope.recruitment.open_link:
        return "link"

    def count(which: ColumnElement[bool]) -> int:
        return db.scalar(select(func.count()).select_from(Session).where(scope.mine(Session), which)) or 0

    target = running(scope, db).target
    done = count(scope.done())
    return "full" if done >= target else "busy" if done + count(scope.holding()) >= target else ""
