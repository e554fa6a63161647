"""How a study stands in a few numbers, for programs that ask every few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from db.engine import reading
from db.scope import Scope
from db.tables import Rating, Session, Trial


@dataclass(frozen=True, slots=True)
class Standing:
    """The answers that are stored, practice among them, and the sessions by the stage that they are in."""

    answers: int
    sessions: Mapping[str, int]


def standing(scope: Scope) -> Standing:
    """Count them as the database has them now."""
    stages = select(Session.stage, func.count()).where(scope.mine(Session)).group_by(Session.stage)
    answers = (
        select(func.count(Rating.id))
        .join(Trial, Trial.id == Rating.trial_id)
        .join(Session, Session.id == Trial.session_id)
        .where(scope.mine(Session))
    )
    with reading(scope.engine) as db:
        return Standing(db.scalar(answers) or 0, dict(iter(db.execute(stages))))
