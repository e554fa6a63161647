"""Coming back: who was away for longer than the study allows begins anew, or not at all."""

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import writing
from db.errors import Late
from db.revisions import current
from db.scope import Scope, now, rules_of
from db.sessions import planning
from db.sessions.asking import asks
from db.sessions.clocks import both_clocks
from db.sessions.settling import end
from db.tables import Rating, Session, Trial
from survey.config.items import stored
from survey.session import LAPSED, lapsed, next_stage
from survey.trials.design import UNCOUNTED


def on_time(scope: Scope, session: Session) -> Session:
    """Return a session whose participant may go on where they were.

    Raises
    ------
    Late
        If they were away for too long: then `settle` says what becomes of it.
    """
    if late(scope, session):
        raise Late("away for longer than the study allows")
    return session


def late(scope: Scope, session: Session) -> bool:
    """Say whether somebody was away for so long that their session does not go on; one that is lost already does."""
    rules = rules_of(session.rules, scope.rules)
    under_way = session.finished_at is None and (session.counted or rules.resume == "refuse")
    return under_way and lapsed(rules, session.seen_at or session.started_at, now())


def settle(scope: Scope, token: str) -> None:
    """Begin the session of who comes back too late anew, or end it, by the rules that it began under."""
    with writing(scope.engine) as db:
        scope.lock_study(db)
        session = scope.locked_session(db, token)
        if not late(scope, session):
            return  # another request was quicker
        if rules_of(session.rules, scope.rules).resume == "refuse":
            end(session, LAPSED, counted=False)
        else:
            _restart(scope, db, session)


def begun(scope: Scope, db: OrmSession) -> dict[str, Any]:
    """Return what a session that begins now is begun under."""
    return {
        "revision": current(scope, db).number,
        "rules": asdict(replace(scope.rules, gold=())),  # gold clips are clips, which every session shares
        "asked": stored(scope.questions),
        "seen_at": now(),
        "opened": both_clocks(),
    }


def _restart(scope: Scope, db: OrmSession, session: Session) -> None:
    """Plan a session anew, at a place of the design that is free.

    Its answers stay where they are, as such that do not count; what was not answered goes. Positions go on after the
    last, since the log names them.
    """
    mine = Trial.session_id == session.id
    after = db.scalar(select(func.max(Trial.position)).where(mine)) or 0
    kept = Trial.id.in_(select(Rating.trial_id))
    db.execute(delete(Trial).where(mine, ~kept).execution_options(synchronize_session=False))
    db.execute(update(Trial).where(mine).values(kind=UNCOUNTED).execution_options(synchronize_session=False))
    session.answers = session.headphone = session.volume = None
    session.failures, session.design_index = 0, -session.id
    db.flush()
    for name, value in begun(scope, db).items():
        setattr(session, name, value)
    session.design_index = planning.free_index(scope, db)
    session.stage = next_stage("consent", scope.rules, asks(scope, session))
    db.flush()
    planning.plan(scope, db, session, after)
