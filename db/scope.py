"""One study in the database: its rules, and how its rows are found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import contains_eager

from db.errors import UnknownParticipant
from db.tables import Participant, Rating, Revision, Session, Study, Trial
from db.tokens import Tokens
from survey.config.items import Item
from survey.config.session import Recruitment, SessionRules
from survey.translations import Translations
from survey.trials.scale import Asked
from survey.values import restored

CHECK = "(check)"  # the condition of sounds that are no model's; study.yaml can name none like it


# Built once: this is asked with every request.
KEYS = Participant.token, Participant.link, Participant.resume
_OPENED = or_(*(column == bindparam("digest") for column in KEYS))
PERSON_BY_TOKEN = select(Participant).where(Participant.study_id == bindparam("study"), _OPENED)
SESSION_BY_TOKEN = (
    select(Session)
    .join(Session.participant)
    .options(contains_eager(Session.participant))
    .where(Session.study_id == bindparam("study"), _OPENED)
)
SESSION_LOCKED = SESSION_BY_TOKEN.with_for_update(of=Session)
SESSIONS_LOCKED = (
    select(Session)
    .join(Session.participant)
    .options(contains_eager(Session.participant))
    .where(
        Session.study_id == bindparam("study"),
        or_(*(column.in_(bindparam("digests", expanding=True)) for column in KEYS)),
    )
    .order_by(Session.id)
    .with_for_update(of=Session)
)


def begun(session: Session | None) -> Session:
    """Return a session that was looked for.

    Raises
    ------
    UnknownParticipant
        If there is none.
    """
    if session is None:
        raise UnknownParticipant("this session has not begun; open your link again")
    return session


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass
class Scope:
    """What every part of the store works on; all its queries are kept to one study.

    Parameters
    ----------
    study, study_id
        The study's name, and its number in the database.
    rules, recruitment, questions
        What may change while people take part.
    frozen
        What may not: see survey/config/revision.py.
    """

    engine: Engine
    study: str
    study_id: int
    tokens: Tokens
    rules: SessionRules
    recruitment: Recruitment
    frozen: Mapping[str, Any]
    questions: tuple[Item, ...] = ()  # the study's own, beside the clips
    foils: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of the manifest that was taken over last
    asked: dict[int, Asked] = field(default_factory=dict)  # by revision, kept by db/revisions.py
    translations: dict[int, Translations] = field(default_factory=dict)  # likewise

    def mine(self, table: Any) -> ColumnElement[bool]:
        """Whether a row of a table is this study's."""
        mine: ColumnElement[bool] = table.study_id == self.study_id
        return mine

    def participant(self, db: OrmSession, token: str) -> Participant | None:
        """Return who has a token."""
        return db.scalar(PERSON_BY_TOKEN, self._opened_by(token))

    def person(self, db: OrmSession, external_id: str) -> Participant | None:
        """Return who has an identity on the platform."""
        return db.scalar(select(Participant).where(self.mine(Participant), Participant.external_id == external_id))

    def session(self, db: OrmSession, token: str, *, lock: bool = False) -> Session | None:
        """Return the session that a token opens, its participant with it."""
        return db.scalar(SESSION_LOCKED if lock else SESSION_BY_TOKEN, self._opened_by(token))

    def locked_session(self, db: OrmSession, token: str) -> Session:
        """Return the session that a token opens, for this transaction alone.

        Raises
        ------
        UnknownParticipant
            If there is none.
        """
        return begun(self.session(db, token, lock=True))

    def locked_sessions(self, db: OrmSession, tokens: Collection[str]) -> dict[str, Session]:
        """Return the sessions that tokens open, for this transaction alone, each by its token."""
        digests = {self.tokens.digest(token): token for token in tokens}
        found = db.scalars(SESSIONS_LOCKED, {"study": self.study_id, "digests": list(digests)})
        return {
            digests[digest]: session
            for session in found
            for digest in (session.participant.token, session.participant.link, session.participant.resume)
            if digest in digests
        }

    def lock_study(self, db: OrmSession) -> None:
        """Let nobody else begin, leave, or change the study's clips or revision before this is committed.

        Whoever locks locks in one order, or two would wait for each other: the study, then sessions by their number,
        then what belongs to them.
        """
        # Not for its key, which PostgreSQL shares with every row of the study that is written.
        db.execute(select(Study.id).where(Study.id == self.study_id).with_for_update(key_share=True))

    def present(self) -> ColumnElement[bool]:
        """Whether a session belongs to the newest revision."""
        newest = select(func.max(Revision.number)).where(self.mine(Revision)).scalar_subquery()
        return Session.revision == newest

    def live(self) -> ColumnElement[bool]:
        """Whether who takes part was there of late and has not ended."""
        present, span = now(), timedelta(minutes=self.recruitment.dropout_minutes)
        seen = Session.seen_at.between(present - span, present + span)  # a clock set back puts the past in the future
        return self.present() & Session.finished_at.is_(None) & seen & Session.counted

    def holding(self) -> ColumnElement[bool]:
        """Who is there and has answered something: a consent alone, which costs nothing, holds no place."""
        answered = exists().where(Rating.trial_id == Trial.id, Trial.session_id == Session.id)
        return self.live() & answered

    def done(self) -> ColumnElement[bool]:
        """Whether a session has ended and counts."""
        return self.present() & Session.finished_at.is_not(None) & Session.counted

    def _opened_by(self, token: str) -> dict[str, Any]:
        return {"study": self.study_id, "digest": self.tokens.digest(token)}


def rules_of(stored: Mapping[str, Any] | None, present: SessionRules) -> SessionRules:
    """Return the rules that a session began under, as they are stored; one of an older version has those of now."""
    return restored(SessionRules, stored) if stored else present
