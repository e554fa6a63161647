"""Answers: what is said of a trial judged, stored, and put in the place of what was said before."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session as OrmSession

from db.errors import NotHeard
from db.scope import now
from db.sessions.clocks import MOST, open_since
from db.sessions.settling import Outline
from db.tables import Rating, Session, as_sent
from db.views import Answer, TrialView
from survey.errors import AnswerError
from survey.trials.design import UNCOUNTED
from survey.trials.listening import HEARD_SHARE

INSERT = insert(Rating).inline()  # whose numbers nobody asks for


def last_answered(trials: Sequence[Outline]) -> Outline | None:
    """Return the trial of a session that was answered last."""
    return next((one for one in reversed(trials) if one.answered and one.kind != UNCOUNTED), None)


def store(db: OrmSession, session: Session, trial: Outline, shown: TrialView, answer: Answer) -> Outline:
    """Store the answer to a trial, as it was shown, and return the trial with it.

    It is written by `write` at the end of the transaction: the answers of all who are in it by one statement.

    Raises
    ------
    AnswerError
        If it is none to the trial's question.
    NotHeard
        If the clips must be heard and were not.
    """
    given = _judged(answer, shown)
    _unwritten(db)[trial.id] = {
        "trial_id": trial.id,
        **given,
        "plays": answer.plays,
        "heard_seconds": round(answer.heard_seconds, 3),
        "response_ms": answer.response_ms,
        "rated_at": now(),
        "open_ms": open_since(session.opened),
    }
    return trial._replace(answered=True, score=given["score"])


def write(db: OrmSession) -> None:
    """Write the answers that were stored in this transaction."""
    if rows := _unwritten(db):
        db.connection().execute(INSERT, list(rows.values()))
        rows.clear()


def _unwritten(db: OrmSession) -> dict[int, dict[str, Any]]:
    """Return the answers of a transaction that are not written yet, by their trials."""
    rows: dict[int, dict[str, Any]] = db.info.setdefault("answers", {})
    return rows


def given_to(db: OrmSession, trial: Outline) -> tuple[object, str, int]:
    """Return the answer to a trial that was answered, be it in this transaction: what was sent, words and plays."""
    if row := _unwritten(db).get(trial.id):
        return as_sent(row["score"], row["scores"], row["answers"]), row["comment"], row["plays"]
    rating = _stored(db, trial)
    return rating.given, rating.comment, rating.plays


def to_revise(db: OrmSession, trial: Outline) -> Rating:
    """Return the answer to a trial that was answered, to be changed."""
    write(db)
    return _stored(db, trial)


def _stored(db: OrmSession, trial: Outline) -> Rating:
    read = (one for one in db if isinstance(one, Rating) and one.trial_id == trial.id)
    return next(read, None) or db.scalars(select(Rating).where(Rating.trial_id == trial.id)).one()


def revise(session: Session, rating: Rating, shown: TrialView, answer: Answer) -> None:
    """Put another answer in the place of one; the same once more, as when the first got no reply, changes nothing.

    Raises
    ------
    AnswerError, NotHeard
        As when an answer is stored; what was heard for the first counts.
    """
    given = _judged(answer, shown, rating.heard_seconds, rating.plays)
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


def _judged(answer: Answer, shown: TrialView, before: float = 0.0, plays: int = 0) -> dict[str, Any]:
    """Return an answer, as it is stored, or refuse all of it; so many seconds and plays of its trial were before."""
    rules, asked = shown.terms.rules, shown.terms.asked
    given = asked.parse(answer.score, answer.comment, len(shown.clips))
    if rules.must_listen and answer.heard_seconds + before < HEARD_SHARE * shown.seconds:
        raise NotHeard("Please listen to the sound to its end first.")
    _check_plays(answer, shown, plays)
    first = given[0]
    return {
        "score": first.score if first else None,
        "scores": list(first.scores) if first and first.scores else None,
        "answers": asked.answers(given),
        # The words that belong to an answer: none where the study asks for none.
        "comment": answer.comment.strip() if rules.comments or asked.remarked else "",
    }


def _check_plays(answer: Answer, shown: TrialView, before: int) -> None:
    """Refuse an answer to clips that were played too few or too many times, `before` included."""
    rules, clips, plays, each = shown.terms.rules, len(shown.clips), answer.plays + before, answer.each
    if each and (len(each) != clips or sum(each) != answer.plays):
        raise AnswerError(f"each: must be {clips} whole numbers that make {answer.plays} plays, not {list(each)}")
    if plays < rules.min_plays * clips or (not before and each and min(each) < rules.min_plays):
        raise NotHeard("Please play each sound more often first.", "plays_few", rules.min_plays)
    if rules.max_plays and (plays > rules.max_plays * clips or (each and max(each) > rules.max_plays)):
        raise NotHeard("The sounds were played more often than they may be.", "plays_many", rules.max_plays)
