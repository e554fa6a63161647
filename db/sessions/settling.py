"""What follows of a session's answers: whether its checks were failed, where it stands, and whether it has ended.

Here alone a session's outcome, its failures and whether it counts are derived from what was answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope, now, rules_of
from db.sessions.asking import asks
from db.sessions.clocks import both_clocks
from db.tables import Rating, Session, Trial
from survey.session import DISCARDED, FINISHED, FINISHED_DISCARDED, SCREENED_OUT, after_answer
from survey.trials import quality
from survey.trials.design import PRACTICE, UNCOUNTED

# Built once: it is asked with every answer.
ALL = (
    select(Trial.position, Trial.check, Rating.score, Trial.kind, Trial.skipped, Rating.id)
    .outerjoin(Rating, Rating.trial_id == Trial.id)
    .where(Trial.session_id == bindparam("session"))
    .order_by(Trial.position)
)


@dataclass(frozen=True, slots=True)
class Outline(quality.Given):
    """A trial of a session in short; `score` is what was given where that is one number."""

    kind: str
    skipped: str | None
    rating: int | None

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.rating is not None

    @property
    def counts(self) -> bool:
        """Whether it is no practice, and not from before a new start."""
        return self.kind not in (PRACTICE, UNCOUNTED)


def outline(db: OrmSession, session: Session) -> list[Outline]:
    """Return all trials of a session in order: enough to judge it and to count, and all in one look."""
    return [Outline(*row) for row in db.execute(ALL, {"session": session.id})]


def done(trials: Sequence[Outline]) -> int:
    """Count the trials that are over, be it that they were left out; practice is not counted."""
    return sum(one.counts and (one.answered or one.skipped is not None) for one in trials)


def step(scope: Scope, db: OrmSession, session: Session) -> list[Outline]:
    """Note that the participant was there, and move the session on; return its trials in short."""
    session.seen_at = now()
    return settle(scope, db, session)


def settle(scope: Scope, db: OrmSession, session: Session) -> list[Outline]:
    """Judge a session's checks, and move it on where its last answer, or a dropped cell, left nothing to answer."""
    trials = outline(db, session)
    if session.finished_at is not None:
        return trials
    session.failures = len(quality.failures(one for one in trials if one.counts and one.answered))
    rules = rules_of(session.rules, scope.rules)
    allowed, needed = rules.allowed_failures, rules.headphone_pass
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    failed = quality.failed(session.failures, session.headphone or (), allowed=allowed, needed=needed, checks=checks)
    session.counted = not (failed and rules.on_failure in ("end", "replace"))
    if failed and rules.on_failure == "end":
        end(session, SCREENED_OUT, counted=False)
        return trials
    kinds = {one.kind for one in trials if not one.answered and one.skipped is None}
    session.stage = after_answer(session.stage, kinds, rules, asks(scope, session, done(trials)))
    if session.stage == "done":
        # Whoever could play nothing, or says so, has taken no place.
        nothing = any(one.skipped for one in trials) and not any(one.answered and one.counts for one in trials)
        end(session, FINISHED, counted=session.counted and not nothing)
    return trials


def opens(session: Session) -> None:
    """Note that from now on the next trial can be seen; in a session of an older version nothing is noted."""
    if session.opened is not None:
        session.opened = both_clocks()


def end(session: Session, outcome: str, *, counted: bool) -> None:
    """End a session; one that does not count gives its index of the design to another."""
    session.stage, session.outcome, session.counted, session.finished_at = "done", outcome, counted, now()
    if not counted:
        _uncount(session)


def discard(session: Session) -> None:
    """Let a session count no more, whether it is under way or has ended."""
    if session.finished_at is None:
        end(session, DISCARDED, counted=False)
    else:
        session.outcome = FINISHED_DISCARDED if session.outcome == FINISHED else session.outcome
        _uncount(session)


def _uncount(session: Session) -> None:
    session.counted = False
    if session.design_index >= 0:
        session.design_index = -session.id
