"""The trials of a session: which are open, what was answered, and how one is shown."""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import selectinload

from db.listening import MOST, open_since
from db.scope import now
from db.tables import Rating, Served, Session, Trial
from db.views import Answer, ClipView, Judge, Terms, TrialView
from survey.trials.design import PRACTICE
from survey.trials.questions import QUESTION_TYPES

# Built once: these are asked with every answer.
OPEN = (
    select(Trial)
    .outerjoin(Rating, Rating.trial_id == Trial.id)
    .where(Trial.session_id == bindparam("session"), Rating.id.is_(None), Trial.skipped.is_(None))
    .order_by(Trial.position)
    .limit(bindparam("limit"))
)
OPEN_SEVERAL = OPEN.options(selectinload(Trial.clips))
ALL = (
    select(Trial.position, Trial.kind, Trial.check, Trial.skipped, Rating.id, Rating.score)
    .outerjoin(Rating, Rating.trial_id == Trial.id)
    .where(Trial.session_id == bindparam("session"))
    .order_by(Trial.position)
)


def open_trials(db: OrmSession, session: Session, limit: int, terms: Terms) -> list[Trial]:
    """Return the next trials that are still to be answered, in order."""
    several = QUESTION_TYPES[terms.scale.type].clips(2) > 1
    return list(db.scalars(OPEN_SEVERAL if several else OPEN, {"session": session.id, "limit": limit}))


class Outline(NamedTuple):
    """A trial of a session in short; `score` is what was given where that is one number."""

    position: int
    kind: str
    check: dict[str, Any] | None
    skipped: str | None
    rating: int | None
    score: int | None

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.rating is not None

    @property
    def counts(self) -> bool:
        """Whether it is no practice."""
        return self.kind != PRACTICE


def outline(db: OrmSession, session: Session) -> list[Outline]:
    """Return all trials of a session in order: enough to judge it and to count, and all in one look."""
    return [Outline(*row) for row in db.execute(ALL, {"session": session.id})]


def last_answered(db: OrmSession, session: Session) -> tuple[Trial, Rating] | None:
    """Return the trial that was answered last, with its answer."""
    query = (
        select(Trial, Rating)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id)
        .order_by(Trial.position.desc())
        .limit(1)
    )
    found = db.execute(query).first()
    return (found[0], found[1]) if found else None


def exactly(answer: Answer) -> Judge:
    """Take an answer for the trial and the clips that it names, and for no others."""
    return lambda trial, _: answer if (trial.position, trial.sha256) == (answer.position, answer.sha256) else None


def revise(rating: Rating, answer: Answer, opened: list[float] | None) -> None:
    """Put another answer in the place of one; the same once more, as when the first got no reply, changes nothing.

    It could be gone back to since the trial after it `opened`.
    """
    scores = list(answer.scores) if answer.scores else None
    if (rating.score, rating.scores, rating.comment) == (answer.score, scores, answer.comment):
        return
    rating.score, rating.scores, rating.comment, rating.rated_at = answer.score, scores, answer.comment, now()
    rating.plays = min(rating.plays + answer.plays, MOST)
    rating.heard_seconds += answer.heard_seconds
    rating.response_ms = min(rating.response_ms + answer.response_ms, MOST)
    rating.open_ms = open_since(opened, rating.open_ms)


def served_places(db: OrmSession, trial: Trial) -> frozenset[int]:
    """Return the places of a trial whose clips, as they are now, were asked for."""
    query = select(Served.place, Served.stimulus_id).where(Served.trial_id == trial.id)
    asked = {(row.place, row.stimulus_id) for row in db.execute(query)}
    return frozenset(place for place, clip in enumerate(trial.heard) if (place, clip.id) in asked)


def view_of(
    trial: Trial, terms: Terms, number: int = 0, total: int = 0, served: frozenset[int] = frozenset()
) -> TrialView:
    """Return a trial as it is shown, under the terms of its session."""
    return TrialView(
        session_id=trial.session_id,
        position=trial.position,
        practice=trial.kind == PRACTICE,
        number=number,
        total=total,
        prompt=trial.prompt,
        clips=tuple(ClipView(one.file, one.sha256, one.seconds) for one in trial.heard),
        terms=terms,
        served=served,
    )
