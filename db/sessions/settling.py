"""What follows of a session's answers: whether its checks were failed, where it stands, and whether it has ended.

Here alone a session's outcome, its failures and whether it counts are derived from what was answered.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session as OrmSession

from db.scope import Scope, now, rules_of
from db.sessions.asking import asks
from db.sessions.clocks import both_clocks
from db.tables import Rating, Session, Stimulus, Trial
from db.views import ClipView
from survey.session import DISCARDED, FINISHED, FINISHED_DISCARDED, SCREENED_OUT, after_answer
from survey.trials import quality
from survey.trials.design import PRACTICE, UNCOUNTED


def _all() -> Select[Any]:
    trial, rating, stimulus = Trial.__table__.c, Rating.__table__.c, Stimulus.__table__.c
    given = trial.position, trial.check, rating.score, trial.id, trial.session_id, trial.kind, trial.skipped
    shown = trial.prompt_id, trial.prompt, trial.question, stimulus.id, stimulus.file, stimulus.sha256, stimulus.seconds
    return (
        select(*given, rating.id.is_not(None), *shown)
        .join_from(Trial.__table__, Stimulus.__table__)
        .outerjoin(Rating.__table__)
        .where(trial.session_id.in_(bindparam("sessions", expanding=True)))
        .order_by(trial.session_id, trial.position)
    )


# Built once, and of tables rather than classes: it is asked with every answer.
ALL = _all()
ONE = ALL.where(Trial.__table__.c.position == bindparam("position"))


class Outline(NamedTuple):
    """A trial of a session; `score` is what was given where that is one number, `answered` if anything was.

    The clip is the one beside the prompt; where several are heard, they are looked up apart.
    """

    position: int
    check: Mapping[str, Any] | None
    score: float | None
    id: int
    session_id: int
    kind: str
    skipped: str | None
    answered: bool
    prompt_id: str
    prompt: str
    question: str
    stimulus_id: int
    file: str
    sha256: str
    seconds: float

    @property
    def clip(self) -> ClipView:
        """The clip beside the prompt."""
        return ClipView(self.file, self.sha256, self.seconds)

    @property
    def open(self) -> bool:
        """Whether it is still to be answered."""
        return not self.answered and self.skipped is None

    @property
    def counts(self) -> bool:
        """Whether it is no practice, and not from before a new start."""
        return self.kind not in (PRACTICE, UNCOUNTED)


def outline(db: OrmSession, session: Session) -> list[Outline]:
    """Return all trials of a session in order, as they are stored: all that it takes to judge and to show it."""
    return _outlines(db, [session.id]).get(session.id, [])


class Wanted(NamedTuple):
    """A session that something is done to: what opens it, and whether its trials are asked for."""

    token: str
    trials: bool = False


class Held(NamedTuple):
    """A session held for one transaction, and its trials if they were asked for."""

    session: Session
    trials: list[Outline]


def held(scope: Scope, db: OrmSession, wanted: Collection[Wanted]) -> dict[Wanted, Held]:
    """Return the sessions that are wanted, for this transaction alone: two statements, however many they are."""
    found = scope.locked_sessions(db, {one.token for one in wanted})
    asked = {found[one.token].id for one in wanted if one.trials and one.token in found}
    known = _outlines(db, asked) if asked else {}
    sessions = {one: found[one.token] for one in wanted if one.token in found}
    return {one: Held(session, known.get(session.id, [])) for one, session in sessions.items()}


def _outlines(db: OrmSession, sessions: Collection[int]) -> dict[int, list[Outline]]:
    """Return the trials of some sessions, by the session's number."""
    rows = db.connection().execute(ALL, {"sessions": list(sessions)}).all()
    return {number: list(trials) for number, trials in groupby(map(Outline._make, rows), attrgetter("session_id"))}


def done(trials: Sequence[Outline]) -> int:
    """Count the trials that are over, be it that they were left out; practice is not counted."""
    return sum(one.counts and (one.answered or one.skipped is not None) for one in trials)


def step(scope: Scope, session: Session, trials: list[Outline]) -> None:
    """Note that the participant was there, and move the session with these trials on."""
    session.seen_at = now()
    settle(scope, session, trials)


def settle(scope: Scope, session: Session, trials: Sequence[Outline]) -> None:
    """Judge a session's checks, and move it on where its last answer, or a dropped cell, left nothing to answer."""
    if session.finished_at is not None:
        return
    session.failures = len(quality.failures(one for one in trials if one.counts and one.answered))
    rules = rules_of(session.rules, scope.rules)
    allowed, needed = rules.allowed_failures, rules.headphone_pass
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    failed = quality.failed(session.failures, session.headphone or (), allowed=allowed, needed=needed, checks=checks)
    session.counted = not (failed and rules.on_failure in ("end", "replace"))
    if failed and rules.on_failure == "end":
        end(session, SCREENED_OUT, counted=False)
        return
    kinds = {one.kind for one in trials if not one.answered and one.skipped is None}
    session.stage = after_answer(session.stage, kinds, rules, asks(scope, session, done(trials)))
    if session.stage == "done":
        # Whoever could play nothing, or says so, has taken no place.
        nothing = any(one.skipped for one in trials) and not any(one.answered and one.counts for one in trials)
        end(session, FINISHED, counted=session.counted and not nothing)


def opens(session: Session) -> None:
    """Note that from now on the next trial can be seen; in a session of an older version nothing is noted."""
    if session.opened is not None:
        session.opened = both_clocks()


def end(session: Session, outcome: str, *, counted: bool) -> None:
    """End a session; one that does not count gives its index of the design to another."""
    session.stage, session.outcome, session.counted, session.finished_at = "done", outcome, counted, now()
    if not counted:
        _uncount(session)


def exclude(session: Session, reason: str) -> None:
    """Let a session count no more, whether it is under way or has ended; what it was is kept for including it again."""
    ended = session.finished_at
    session.before = {
        "stage": session.stage,
        "outcome": session.outcome,
        "counted": session.counted,
        "finished_at": ended.isoformat() if ended else None,
        "design_index": session.design_index,
    }
    session.excluded = reason
    if ended is None:
        end(session, DISCARDED, counted=False)
    else:
        session.outcome = FINISHED_DISCARDED if session.outcome == FINISHED else session.outcome
        _uncount(session)


def include(session: Session) -> int:
    """Make an excluded session what it was, but for its place in the design, which is returned: it may be another's."""
    before = session.before or {}
    ended = before["finished_at"]
    session.stage, session.outcome, session.counted = before["stage"], before["outcome"], before["counted"]
    session.finished_at = datetime.fromisoformat(ended) if ended else None
    session.excluded = session.before = None
    if ended is None:  # what it stood still meanwhile is nobody's doing
        session.seen_at = now()
        opens(session)
    return int(before["design_index"])


def _uncount(session: Session) -> None:
    session.counted = False
    if session.design_index >= 0:
        session.design_index = -session.id
