"""Participants: who may take part, by which link or identity, and how they leave for good."""

import logging
from secrets import token_urlsafe

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import erase, reading, writing
from db.revisions import Revisions
from db.scope import now
from db.tables import Event, Participant, Rating, Session, Trial

logger = logging.getLogger(__name__)


class Participants(Revisions):
    """The part of the store that knows people."""

    def invite(self, count: int) -> list[str]:
        """Create `count` participants and return the tokens of their personal links."""
        tokens = [token_urlsafe(24) for _ in range(count)]
        with writing(self._engine) as db:
            for token in tokens:
                self._add_participant(db, token, "link")
        return tokens

    def knows(self, token: str) -> bool:
        """Say whether somebody has this token."""
        with reading(self._engine) as db:
            return self._participant(db, token) is not None

    def token_of(self, external_id: str) -> str | None:
        """Return the token of who is known by this identity on the platform."""
        with reading(self._engine) as db:
            person = self._person(db, external_id)
            return person.token if person else None

    def closed(self) -> str:
        """Say why nobody without a personal link may begin; empty if somebody may.

        `not_ready`: another revision was made than is served; `link`: by invitation only; `full`: enough have finished;
        `busy`: enough will have.
        """
        if self.outdated():
            return "not_ready"
        with reading(self._engine) as db:
            return self._closed(db)

    def withdraw(self, token: str) -> bool:
        """Delete everything of a participant but the code that exports showed; False if nobody has this token."""
        with writing(self._engine) as db:
            self._lock_study(db)
            person = self._participant(db, token)
            if person is None:
                return False
            session = self._session(db, token, lock=True)
            if session is not None:
                trials = select(Trial.id).where(Trial.session_id == session.id)
                db.execute(delete(Rating).where(Rating.trial_id.in_(trials)))
                db.execute(delete(Event).where(Event.session_id == session.id))
                db.execute(delete(Trial).where(Trial.session_id == session.id))
                db.delete(session)
            person.token, person.external_id, person.source = token_urlsafe(24), None, "withdrawn"
            person.withdrawn_at = now()
            logger.info("%s withdrew; everything was deleted", person.code)
        erase(self._engine)
        return True

    def _add_participant(self, db: OrmSession, token: str, source: str, external_id: str | None = None) -> Participant:
        self._lock_study(db)
        count = db.scalar(select(func.count()).where(self._mine(Participant))) or 0
        participant = Participant(
            study_id=self._study,
            code=f"P{count + 1:03d}",
            token=token,
            source=source,
            external_id=external_id,
            created_at=now(),
        )
        db.add(participant)
        db.flush()
        return participant

    def _closed(self, db: OrmSession) -> str:
        if not self.recruitment.open_link:
            return "link"

        def count(which: ColumnElement[bool]) -> int:
            return db.scalar(select(func.count()).select_from(Session).where(self._mine(Session), which)) or 0

        target = self.recruitment.target_participants
        done = count(self._done())
        return "full" if done >= target else "busy" if done + count(self._live()) >= target else ""
