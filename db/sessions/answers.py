"""Answers: what is said of a trial judged, stored, and put in the place of what was said before."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from db.errors import NotHeard
from db.scope import now
from db.sessions.clocks import MOST, open_since
from db.tables import Rating, Session, Trial
from db.views import Answer, TrialView
from survey.trials.listening import HEARD_SHARE


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


def store(db: OrmSession, session: Session, trial: Trial, shown: TrialView, answer: Answer) -> Rating:
    """Store the answer to a trial, as it was shown, and return it.

    Raises
    ------
    AnswerError
        If it is none to the trial's question.
    NotHeard
        If the clips must be heard and were not.
    """
    rating = Rating(
        trial_id=trial.id,
        **_judged(answer, shown, 0.0),
        plays=answer.plays,
        heard_seconds=round(answer.heard_seconds, 3),
        response_ms=answer.response_ms,
        rated_at=now(),
        open_ms=open_since(session.opened),
    )
    db.add(rating)
    return rating


def revise(session: Session, rating: Rating, shown: TrialView, answer: Answer) -> None:
    """Put another answer in the place of one; the same once more, as when the first got no reply, changes nothing.

    Raises
    ------
    AnswerError, NotHeard
        As when an answer is stored; what was heard for the first counts.
    """
    given = _judged(answer, shown, rating.heard_seconds)
    if all(getattr(rating, name) == value for name, value in given.items()):
        return
    for name, value in given.items():
        setattr(rating, name, value)
    rating.rated_at = now()
    rating.plays = min(rating.plays + answer.plays, MOST)
    rating.heard_seconds += round(answer.heard_seconds, 3)
    rating.response_ms = min(rating.response_ms + answer.response_ms, MOST)
    # It could be gone back to since the trial after it opened.
    rating.open_ms = open_since(session.opened, rating.open_ms)


def _judged(answer: Answer, shown: TrialView, before: float) -> dict[str, Any]:
    """Return an answer, as it is stored, to a trial of which so many seconds were heard before, or refuse all of it."""
    rules, asked = shown.terms.rules, shown.terms.asked
    given = asked.parse(answer.score, answer.comment, len(shown.clips))
    if rules.must_listen and answer.heard_seconds + before < HEARD_SHARE * shown.seconds:
        raise NotHeard("Please listen to the sound to its end first.")
    first = given[0]
    return {
        "score": first.score if first else None,
        "scores": list(first.scores) if first and first.scores else None,
        "answers": asked.answers(given),
        # The words that belong to an answer: none where the study asks for none.
        "comment": answer.comment.strip() if rules.comments or asked.remarked else "",
    }
