"""One study in the database: its rules, and how its rows are found."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import contains_eager

from db.errors import UnknownParticipant
from db.tables import Participant, Rating, Revision, Session, Study, Trial
from db.tokens import Tokens
from survey.config.study import Recruitment, SessionRules
from survey.config.values import restored

CHECK = "(check)"  # the condition of sounds that are no model's; study.yaml can name none like it


# Built once: this is asked with every request.
_OPENED = or_(*(column == bindparam("digest") for column in (Participant.token, Participant.link, Participant.resume)))
PERSON_BY_TOKEN = select(Participant).where(Participant.study_id == bindparam("study"), _OPENED)
SESSION_BY_TOKEN = (
    select(Session)
    .join(Session.participant)
    .options(contains_eager(Session.participant))
    .where(Session.study_id == bindparam("study"), _OPENED)
)
SESSION_LOCKED = SESSION_BY_TOKEN.with_for_update(of=Session)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Scope:
    """What every part of the store knows; all its queries are kept to one study."""

    study: str
    rules: SessionRules
    recruitment: Recruitment
    frozen: Mapping[str, Any]  # see survey/config/revision.py
    _engine: Engine
    _study: int
    _tokens: Tokens

    def _mine(self, table: Any) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = table.study_id == self._study
        return mine

    def _participant(self, db: OrmSession, token: str) -> Participant | None:
        return db.scalar(PERSON_BY_TOKEN, self._opened_by(token))

    def _person(self, db: OrmSession, external_id: str) -> Participant | None:
        return db.scalar(select(Participant).where(self._mine(Participant), Participant.external_id == external_id))

    def _session(self, db: OrmSession, token: str, *, lock: bool = False) -> Session | None:
        return db.scalar(SESSION_LOCKED if lock else SESSION_BY_TOKEN, self._opened_by(token))

    def _opened_by(self, token: str) -> dict[str, Any]:
        return {"study": self._study, "digest": self._tokens.digest(token)}

    def _lock_study(self, db: OrmSession) -> None:
        """Let nobody else begin, leave, or change the study's clips or revision before this is committed.

        Whoever locks locks in one order, or two would wait for each other: the study, then sessions by their number,
        then what belongs to them.
        """
        # Not for its key, which PostgreSQL shares with every row of the study that is written.
        db.execute(select(Study.id).where(Study.id == self._study).with_for_update(key_share=True))

    def _locked_session(self, db: OrmSession, token: str) -> Session:
        session = self._session(db, token, lock=True)
        if session is None:
            raise UnknownParticipant("this session has not begun; open your link again")
        return session

    def _revision(self, db: OrmSession, number: int | None = None) -> Revision | None:
        """Return a revision by its number, or the newest; none before the first session began."""
        query = select(Revision).where(self._mine(Revision)).order_by(Revision.number.desc())
        return db.scalar((query.where(Revision.number == number) if number else query).limit(1))

    def _present(self) -> ColumnElement[bool]:
        """Whether a session belongs to the newest revision."""
        newest = select(func.max(Revision.number)).where(self._mine(Revision)).scalar_subquery()
        return Session.revision == newest

    def _live(self) -> ColumnElement[bool]:
        """Whoever was there of late and has not ended."""
        present, span = now(), timedelta(minutes=self.recruitment.dropout_minutes)
        seen = Session.seen_at.between(present - span, present + span)  # a clock set back puts the past in the future
        return self._present() & Session.finished_at.is_(None) & seen & Session.counted

    def _holding(self) -> ColumnElement[bool]:
        """Who is there and has answered something: a consent alone, which costs nothing, holds no place."""
        answered = exists().where(Rating.trial_id == Trial.id, Trial.session_id == Session.id)
        return self._live() & answered

    def _done(self) -> ColumnElement[bool]:
        return self._present() & Session.finished_at.is_not(None) & Session.counted


def rules_of(session: Session, present: SessionRules) -> SessionRules:
    """Return the rules that a session began under; one of an older version has those of now."""
    return restored(SessionRules, session.rules) if session.rules else present
