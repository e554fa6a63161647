"""The rows of ratings: every answer with what was heard, asked and seen, read part by part and never all at once."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading
from db.results.judged import Judge, parts
from db.revisions import asked_in
from db.scope import Scope, rules_of
from db.tables import Condition, Participant, Rating, Session, Stimulus, Trial, as_sent
from survey.config.session import SessionRules
from survey.errors import AnswerError
from survey.records import RatingRow
from survey.trials import quality
from survey.trials.design import PRACTICE, TRIAL, UNCOUNTED
from survey.trials.question import Given, Result
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Asked, Scale

ANSWERS = (
    select(Trial.session_id, Trial.id, Trial.position, Trial.kind, Trial.stimulus_id, Trial.prompt_id, Trial.prompt)
    .add_columns(Trial.check, Trial.question, Rating.id.label("rating_id"), Rating.score, Rating.scores, Rating.answers)
    .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.rated_at, Rating.comment)
    .add_columns(Rating.open_ms)
    .join(Rating, Rating.trial_id == Trial.id)
    .join(Session, Session.id == Trial.session_id)
    .order_by(Trial.session_id, Trial.position)
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ratings:
    """Reads what was answered; `told` are ratings of which the log says already that they are left out."""

    scope: Scope
    told: set[int]

    def rows(self, revision: int | None = None) -> Iterator[RatingRow]:
        """Yield all ratings, or those of a revision, session by session in the order of the answers."""
        scope = self.scope
        heard = (
            select(Stimulus.id, Stimulus.name, Stimulus.seed, Stimulus.sha256, Stimulus.seconds)
            .add_columns(Condition.name.label("condition"))
            .join(Condition, Condition.id == Stimulus.condition_id)
            .where(scope.mine(Stimulus))
        )
        with reading(scope.engine) as db:
            stimuli = {row.id: row for row in db.connection().execute(heard)}
            revisions = db.scalars(select(Session.revision).where(scope.mine(Session)).distinct())
            asked = {number: asked_in(scope, db, number).tolerant() for number in revisions.all()}
            for part in parts(scope, db, revision):
                yield from self._rows(db, part, stimuli, asked)

    def _rows(
        self, db: OrmSession, part: ColumnElement[bool], stimuli: dict[int, Any], asked: dict[int, Asked]
    ) -> Iterator[RatingRow]:
        """Yield the rows of a part of the sessions."""
        scope, judge = self.scope, Judge(self.scope, db, part)
        whole = select(Session.id, Session.revision, Session.counted, Session.headphone, Session.rules)
        whole = whole.add_columns(Participant.code).join(Participant, Participant.id == Session.participant_id)
        sessions = {row.id: row for row in db.connection().execute(whole.where(part))}
        found = db.connection().execute(ANSWERS.where(part)).all()
        for number, group in groupby(found, key=lambda row: row.session_id):
            session, answers = sessions[number], list(group)
            failed, code = _failed(answers), session.code
            name, headphones = session_name(code), _headphones(session.headphone, rules_of(session.rules, scope.rules))
            for row in answers:
                several = judge.clips(row.id) if QUESTION_TYPES[row.question].clips(2) > 1 else [row.stimulus_id]
                its = asked[session.revision]
                if its.first.type != row.question:
                    its = Asked((Scale(type=row.question),)).tolerant()
                try:
                    given = its.parse(as_sent(row.score, row.scores, row.answers), row.comment, len(several))
                except AnswerError:
                    self._tell(row, code)
                    continue
                flags = judge.flags(
                    number,
                    row.id,
                    row.stimulus_id,
                    stimuli[row.stimulus_id].seconds,
                    row.plays,
                    row.heard_seconds,
                    row.response_ms,
                    row.open_ms,
                )
                for scale, result in _said(its, given, several, row.stimulus_id):
                    stimulus, (low, high) = stimuli[result.stimulus], scale.span
                    yield RatingRow(
                        study=scope.study,
                        participant=code,
                        session=name,
                        position=row.position,
                        kind=row.kind if session.counted or row.kind != TRIAL else UNCOUNTED,
                        prompt_id=row.prompt_id,
                        prompt=row.prompt,
                        condition=stimulus.condition,
                        seed=stimulus.seed,
                        stimulus=stimulus.name,
                        clip_sha256=stimulus.sha256,
                        score=result.score,
                        plays=row.plays,
                        heard_seconds=row.heard_seconds,
                        response_ms=row.response_ms,
                        rated_at=row.rated_at,
                        comment=_words(row, scale),
                        question=scale.type,
                        reference="" if result.reference is None else stimuli[result.reference].condition,
                        first="" if result.first is None else stimuli[result.first].condition,
                        x="" if result.x is None else stimuli[result.x].condition,
                        passed=row.position not in failed if row.check else None,
                        revision=session.revision,
                        headphones=headphones,
                        open_ms=row.open_ms,
                        flags=" ".join(flags) if flags else "",
                        scale=scale.name or "",
                        low=low,
                        high=high,
                        answer=result.answer,
                    )

    def _tell(self, row: Any, code: str) -> None:
        """Log once of each answer that is left out; what was answered is not for the log."""
        if row.rating_id not in self.told:
            self.told.add(row.rating_id)
            said = "%s: the answer at position %d is left out: it does not fit a question of type %s"
            logger.warning(said, code, row.position, row.question)


def session_name(participant: str) -> str:
    """Name a participant's one session."""
    return f"S{participant[1:]}"


def _failed(answers: Sequence[Any]) -> set[int]:
    """Return the positions of the checks that were failed in a session."""
    if not any(row.check for row in answers):
        return set()
    given = (quality.Given(row.position, row.check, row.score) for row in answers if row.kind != PRACTICE)
    return set(quality.failures(given))


def _said(
    asked: Asked, given: Sequence[Given | None], clips: list[int], stimulus: int
) -> Iterator[tuple[Scale, Result]]:
    """Yield what an answer says on each scale."""
    for scale, each in zip(asked.scales, given, strict=True):
        if each is not None:
            yield from ((scale, result) for result in scale.kind.results(clips, stimulus, each))


def _words(row: Any, scale: Scale) -> str:
    """Return what stands in a row's comment: the answer where its scale takes words, else the remark."""
    if scale.type == "text" and scale.name and row.answers:
        return str(row.answers[scale.name])
    return str(row.comment)


def _headphones(tries: Sequence[int] | None, rules: SessionRules) -> str:
    """Say how a session's headphone checks went."""
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    return quality.headphones(tries or (), rules.headphone_pass, checks)
