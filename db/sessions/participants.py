"""Participants: who may take part, by which link or identity, and how they leave for good."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import erase, reading, writing
from db.revisions import outdated
from db.scope import Scope, now
from db.tables import Event, Participant, Rating, Session, Trial
from db.tokens import LINK, RESUME

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Participants:
    """The people of a study."""

    scope: Scope

    def invite(self, count: int) -> list[str]:
        """Create `count` participants and return the tokens of their personal links."""
        with writing(self.scope.engine) as db:
            made = [add(self.scope, db, None, "link") for _ in range(count)]
            return [self.scope.tokens.derived(LINK, person) for person in made]

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

        `not_ready`: another revision was made than is served; `link`: by invitation only; `full`: enough have finished;
        `busy`: enough will have.
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

    def _erase(self, find: Callable[[OrmSession], Participant | None], allowed: Callable[[Participant], bool]) -> bool:
        """Delete everything of a participant but the code that exports showed."""
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            person = find(db)
            if person is None or not allowed(person):
                return False
            session = db.scalar(select(Session).where(Session.participant_id == person.id).with_for_update())
            if session is not None:
                trials = select(Trial.id).where(Trial.session_id == session.id)
                db.execute(delete(Rating).where(Rating.trial_id.in_(trials)))
                db.execute(delete(Event).where(Event.session_id == session.id))
                db.execute(delete(Trial).where(Trial.session_id == session.id))
                db.delete(session)
            person.token, person.link, person.resume = self.scope.tokens.digest(token_urlsafe(24)), None, None
            person.external_id, person.source = None, "withdrawn"
            person.withdrawn_at = now()
            logger.info("%s withdrew; everything was deleted", person.code)
        erase(self.scope.engine)
        return True


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


def closed(scope: Scope, db: OrmSession) -> str:
    """Say why nobody without a personal link may begin under the recruitment; empty if somebody may."""
    if not scope.recruitment.open_link:
        return "link"

    def count(which: ColumnElement[bool]) -> int:
        return db.scalar(select(func.count()).select_from(Session).where(scope.mine(Session), which)) or 0

    target = scope.recruitment.target_participants
    done = count(scope.done())
    return "full" if done >= target else "busy" if done + count(scope.holding()) >= target else ""
