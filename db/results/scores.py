"""The scores of those who have finished: of each clip under test what was answered, and when."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from db.engine import reading
from db.scope import Scope
from db.tables import Condition, Participant, Rating, Session, Stimulus, Trial
from survey.trials.design import TRIAL

AT_ONCE = 500  # people in one statement, so that its parameters stay few

Scored = tuple[str, str, int, str, float, datetime]


def scores(scope: Scope, codes: Sequence[str]) -> Iterator[Scored]:
    """Yield participant, prompt, seed, condition, score and moment of each answer of these people to a single clip."""
    query = (
        select(Participant.code, Trial.prompt_id, Stimulus.seed, Condition.name, Rating.score, Rating.rated_at)
        .join(Session, Session.participant_id == Participant.id)
        .join(Trial, Trial.session_id == Session.id)
        .join(Rating, Rating.trial_id == Trial.id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(Condition, Condition.id == Stimulus.condition_id)
        .where(scope.mine(Participant), Trial.kind == TRIAL, Rating.score.is_not(None))
        .order_by(Rating.id)
    )
    with reading(scope.engine) as db:
        for start in range(0, len(codes), AT_ONCE):
            part = codes[start : start + AT_ONCE]
            for row in db.execute(query.where(Participant.code.in_(part))):
                yield row.code, row.prompt_id, row.seed, row.name, float(row.score), row.rated_at
