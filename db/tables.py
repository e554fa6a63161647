"""The tables. A rating points to its trial, a trial to the stimulus that is heard in it.

What can be derived is not stored; where it is, a line at its column says what for, and one place writes it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from survey.trials.design import TRIAL
from survey.trials.questions import QUESTION_TYPES


class Moment(TypeDecorator[datetime]):
    """A point in time, always in UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it could mean anything."""
        assert value is None or value.tzinfo is not None
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what reads a time; SQLite keeps it as text, of which a million are read in one step each."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return lambda value: None if value is None else datetime.fromisoformat(f"{value}+00:00")


class Number(TypeDecorator[float]):
    """A number that is a whole one where it has no fraction."""

    impl = Float
    cache_ok = True

    def process_result_value(self, value: float | None, dialect: Dialect) -> float | None:
        """Return 4 for 4.0."""
        return int(value) if value is not None and value.is_integer() else value


class Base(DeclarativeBase):
    """Parent of all tables; names of constraints are fixed so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[int]: JSON}  # noqa: RUF012 - read by SQLAlchemy


class Study(Base):
    """A listening test."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]  # when it was last tried whether anything can be written


class Revision(Base):
    """The part of a study's configuration that is frozen while people take part: see survey/config/revision.py.

    The sha256 is that of `frozen`, stored because it is empty where not all of that is known: in a study that began
    before there were revisions.
    """

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("study_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    number: Mapped[int]  # from 1
    frozen: Mapped[dict[str, Any]]
    sha256: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class Condition(Base):
    """A model variant under test."""

    __tablename__ = "condition"
    __table_args__ = (UniqueConstraint("study_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(200))


class Stimulus(Base):
    """A rendered clip. Rendering again makes a new row, so that old ratings keep what was heard."""

    __tablename__ = "stimulus"
    __table_args__ = (UniqueConstraint("study_id", "name", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    condition_id: Mapped[int] = mapped_column(ForeignKey("condition.id"))
    name: Mapped[str] = mapped_column(String(300))
    prompt_id: Mapped[str] = mapped_column(String(50))
    prompt: Mapped[str] = mapped_column(Text)
    seed: Mapped[int] = mapped_column(BigInteger)
    file: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    seconds: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20), default=TRIAL)  # of the trials that it is for
    expected: Mapped[float | None]  # the answer to it, where that is known
    tolerance: Mapped[float] = mapped_column(default=0.0)  # how far from that one passes
    place: Mapped[int]  # its order in the manifest
    active: Mapped[bool]

    condition: Mapped[Condition] = relationship(lazy="joined", innerjoin=True)


class Participant(Base):
    """A person, known by secret tokens, of which the keyed hashes are here; `code` is the name that exports show.

    Who withdraws leaves the code alone: the row is the tombstone. See db/tokens.py.
    """

    __tablename__ = "participant"
    __table_args__ = (
        UniqueConstraint("study_id", "code"),
        Index("uq_participant_study_id_external_id", "study_id", "external_id", unique=True),
        Index("uq_participant_link", "link", unique=True),
        Index("uq_participant_resume", "resume", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    code: Mapped[str] = mapped_column(String(20))
    token: Mapped[str] = mapped_column(String(100), unique=True)  # of the browser in which the session began
    link: Mapped[str | None] = mapped_column(String(64))  # of the personal link; as resume, stored to be found by
    resume: Mapped[str | None] = mapped_column(String(64))  # of any browser that comes with the identity
    source: Mapped[str] = mapped_column(String(20))  # "open", "link", "withdrawn", "revoked" or a platform
    external_id: Mapped[str | None] = mapped_column(String(200))  # who this is on the platform
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]  # when the source became "withdrawn" or "revoked"
    label: Mapped[str | None] = mapped_column(String(100))  # whom the researcher made the link for; no export has it


class Session(Base):
    """A participant's way through the test; it begins with the consent.

    A session that stood still for long, failed, or belongs to an older revision gives its place in the design to
    another: its index is then negative. `failures` counts failed checks, `headphone` the right answers of each try.
    What follows of the answers (outcome, counted, failures) is stored by db/sessions/settling.py alone, so that
    lists and counts of sessions need not read every answer; and what ended stays as it ended.
    """

    __tablename__ = "session"
    __table_args__ = (UniqueConstraint("study_id", "design_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))  # its participant's, for the place to be unique
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"), unique=True)
    design_index: Mapped[int]
    stage: Mapped[str] = mapped_column(String(20))
    consent_sha256: Mapped[str] = mapped_column(String(64))  # of the text agreed to
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    counted: Mapped[bool] = mapped_column(default=True)  # towards the target
    failures: Mapped[int] = mapped_column(default=0)
    headphone: Mapped[list[int] | None]
    answers: Mapped[dict[str, Any] | None]  # to all questions beside the clips, by their names
    asked: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)  # the study's own questions when it began
    language: Mapped[str | None] = mapped_column(String(10))
    device: Mapped[str | None] = mapped_column(String(20))
    browser: Mapped[str | None] = mapped_column(String(40))
    seat: Mapped[str | None] = mapped_column(String(20))  # of the laboratory
    volume: Mapped[float | None]
    revision: Mapped[int] = mapped_column(default=1)  # its number
    rules: Mapped[dict[str, Any] | None]  # SessionRules when it began; none for sessions of older versions
    excluded: Mapped[str | None] = mapped_column(Text)  # by the researcher: why
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # what it was when it was excluded
    log_bytes: Mapped[int] = mapped_column(default=0)  # of its events, which are not summed up for each that comes
    # When the open trial could be seen first, by both clocks of db/sessions/clocks.py; none for older versions.
    opened: Mapped[list[float] | None] = mapped_column(JSON)

    participant: Mapped[Participant] = relationship()


class Trial(Base):
    """One stimulus to be shown to one participant, beside `prompt`; `clips` are heard where that is more than it."""

    __tablename__ = "trial"
    __table_args__ = (UniqueConstraint("session_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    stimulus_id: Mapped[int] = mapped_column(ForeignKey("stimulus.id"), index=True)
    prompt_id: Mapped[str] = mapped_column(String(50))
    # In the study's plain words. What was read in their place is frozen with the revision, by the session's language.
    prompt: Mapped[str] = mapped_column(Text)
    # Which answers pass: see survey/trials/quality.py. Older versions stored nothing as JSON's null.
    check: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    skipped: Mapped[str | None] = mapped_column(String(200))  # why it cannot be answered
    question: Mapped[str] = mapped_column(String(10), default="acr")  # its type, once changed without a revision

    stimulus: Mapped[Stimulus] = relationship(lazy="joined", innerjoin=True)
    clips: Mapped[list["TrialClip"]] = relationship(order_by="TrialClip.place", passive_deletes=True)

    @property
    def heard(self) -> list[Stimulus]:
        """The stimuli that are heard, in order."""
        several = QUESTION_TYPES[self.question].clips(2) > 1
        return [clip.stimulus for clip in self.clips] if several else [self.stimulus]


class TrialClip(Base):
    """One of several clips of a trial, in the order of their places."""

    __tablename__ = "trial_clip"

    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    stimulus_id: Mapped[int] = mapped_column(ForeignKey("stimulus.id"), index=True)

    stimulus: Mapped[Stimulus] = relationship(lazy="joined", innerjoin=True)


class Served(Base):
    """A clip that a participant's browser asked for, at its place in a trial: the first time."""

    __tablename__ = "served"

    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    stimulus_id: Mapped[int] = mapped_column(ForeignKey("stimulus.id"), primary_key=True)
    at: Mapped[datetime]


class Rating(Base):
    """One answer as it was given; a trial has at most one. See survey/trials/scale.py.

    The score is the first scale's. `answers` hold what is more than it: of several scales, an answer for each name.
    """

    __tablename__ = "rating"

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"), unique=True)
    score: Mapped[float | None] = mapped_column(Number)
    scores: Mapped[list[int] | None]
    answers: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    plays: Mapped[int]
    heard_seconds: Mapped[float]
    response_ms: Mapped[int]
    rated_at: Mapped[datetime]
    comment: Mapped[str] = mapped_column(Text, default="")
    open_ms: Mapped[int | None]  # by the server's clock: see db/sessions/clocks.py

    @property
    def given(self) -> object:
        """The answer as the page sent it."""
        return as_sent(self.score, self.scores, self.answers)


class Event(Base):
    """What happened on the page. Append-only."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"), index=True)
    position: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(20))
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


def as_sent(score: float | None, scores: list[int] | None, answers: dict[str, Any] | None) -> object:
    """Return the answer of a rating as the page sent it."""
    if answers is not None:
        return answers.get("", answers)
    return scores if scores is not None else score
