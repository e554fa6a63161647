"""The trials of a session: which are open, what was answered, and how one is shown."""

from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from db.listening import MOST, open_since
from db.scope import now
from db.tables import Rating, Served, Session, Trial
from db.views import Answer, ClipView, Terms, TrialView
from survey import quality
from survey.design import PRACTICE


def open_trials(db: OrmSession, session: Session, limit: int | None = None) -> list[Trial]:
    """Return the trials that are still to be answered, in order."""
    query = (
        select(Trial)
        .outerjoin(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Rating.id.is_(None), Trial.skipped.is_(None))
        .order_by(Trial.position)
        .limit(limit)
    )
    return list(db.scalars(query))


def open_kinds(db: OrmSession, session: Session) -> set[str]:
    """Return the kinds of the trials that are still to be answered."""
    query = (
        select(Trial.kind)
        .outerjoin(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Rating.id.is_(None), Trial.skipped.is_(None))
        .distinct()
    )
    return set(db.scalars(query))


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


def given_in(db: OrmSession, session: Session) -> list[quality.Given]:
    """Return the answers of a session that are checked or repeated."""
    query = (
        select(Trial.position, Trial.check, Rating.score)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Trial.kind != PRACTICE)
    )
    return [quality.Given(*row) for row in db.execute(query)]


def meant(trial: Trial, answer: Answer, terms: Terms) -> bool:
    """Say whether an answer is one to this trial with these clips."""
    return trial.position == answer.position and view_of(trial, terms).sha256 == answer.sha256


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
