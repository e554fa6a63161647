"""The rows of ratings: every answer with what was heard, asked and seen, read part by part and never all at once."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, cast, select, true
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading
from db.results.judged import Judge, failed_in, parts
from db.revisions import asked_in
from db.scope import Scope, rules_of
from db.tables import Condition, Participant, Rating, Session, Stimulus, Trial, as_sent
from survey.config.session import SessionRules
from survey.errors import AnswerError
from survey.records import RatingRow
from survey.trials import quality
from survey.trials.design import TRIAL, UNCOUNTED
from survey.trials.question import Result
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Asked, Scale

ANSWERS = (
    select(Trial.session_id, Trial.id, Trial.position, Trial.kind, Trial.stimulus_id, Trial.prompt_id, Trial.prompt)
    # As text: of most there is nothing to be read, and a million readings of nothing take seconds.
    .add_columns(cast(Trial.check, Text), Trial.question, Rating.id, Rating.score)
    .add_columns(cast(Rating.scores, Text), cast(Rating.answers, Text))
    .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.open_ms)
    .add_columns(Rating.rated_at, Rating.comment)
    .join(Rating, Rating.trial_id == Trial.id)
    .join(Session, Session.id == Trial.session_id)
    .order_by(Trial.session_id, Trial.position)
)

NOTHING = (None, "null")  # as JSON is stored

logger = logging.getLogger(__name__)


class _Heard(NamedTuple):
    """A clip that is rated."""

    name: str
    seed: int
    sha256: str
    seconds: float
    condition: str


class _Said(NamedTuple):
    """What an answer says on a scale of a clip, as it stands in a row."""

    heard: _Heard
    score: float | None
    reference: str
    first: str
    x: str
    scale: Scale
    low: float | None
    high: float | None
    answer: str


class _Question:
    """What a revision asks in trials of a type, and what was said in answer to it.

    Of one scale about one clip few answers differ: what they say is found out once, which a million answers feel.
    """

    def __init__(self, asked: Asked, kind: str, stimuli: Mapping[int, _Heard]) -> None:
        self._asked = asked if asked.first.type == kind else Asked((Scale(type=kind),)).tolerant()
        self._stimuli = stimuli
        self.several = QUESTION_TYPES[kind].clips(2) > 1  # clips in a trial
        self._plain = not (self.several or self._asked.several or self._asked.remarked)
        self._known: dict[tuple[object, int], list[_Said]] = {}

    def said(self, sent: object, comment: str, clips: list[int], stimulus: int) -> list[_Said]:
        """Return what an answer as it was sent says on each scale.

        Raises
        ------
        AnswerError
            If it is none.
        """
        if not self._plain or type(sent) not in (int, float):
            return self._said(sent, comment, clips, stimulus)
        found = self._known.get((sent, stimulus))
        if found is None:
            found = self._known[sent, stimulus] = self._said(sent, comment, clips, stimulus)
        return found

    def _said(self, sent: object, comment: str, clips: list[int], stimulus: int) -> list[_Said]:
        given = zip(self._asked.scales, self._asked.parse(sent, comment, len(clips)), strict=True)
        return [
            self._on(scale, result)
            for scale, each in given
            if each is not None
            for result in scale.kind.results(clips, stimulus, each)
        ]

    def _on(self, scale: Scale, result: Result) -> _Said:
        reference, first, x = (
            "" if one is None else self._stimuli[one].condition for one in (result.reference, result.first, result.x)
        )
        heard, (low, high) = self._stimuli[result.stimulus], scale.span
        return _Said(heard, result.score, reference, first, x, scale, low, high, result.answer)


@dataclass(frozen=True)
class Ratings:
    """Reads what was answered; `told` are ratings of which the log says already that they are left out."""

    scope: Scope
    told: set[int]

    def rows(self, revision: int | None = None, which: ColumnElement[bool] | None = None) -> Iterator[RatingRow]:
        """Yield all ratings, or those of a revision or of some sessions, session by session as they were answered."""
        which = true() if which is None else which
        which = which & (Session.revision == revision) if revision else which
        scope = self.scope
        heard = (
            select(Stimulus.id, Stimulus.name, Stimulus.seed, Stimulus.sha256, Stimulus.seconds, Condition.name)
            .join(Condition, Condition.id == Stimulus.condition_id)
            .where(scope.mine(Stimulus))
        )
        with reading(scope.engine) as db:
            stimuli = {row[0]: _Heard._make(row[1:]) for row in db.connection().execute(heard)}
            revisions = db.scalars(select(Session.revision).where(scope.mine(Session)).distinct())
            asked = {
                (number, kind): _Question(asked_in(scope, db, number).tolerant(), kind, stimuli)
                for number in revisions.all()
                for kind in QUESTION_TYPES
            }
            for part in parts(scope, db, which):
                yield from self._rows(db, part, stimuli, asked)

    def _rows(
        self,
        db: OrmSession,
        part: ColumnElement[bool],
        stimuli: dict[int, _Heard],
        asked: dict[tuple[int, str], _Question],
    ) -> Iterator[RatingRow]:
        """Yield the rows of a part of the sessions."""
        scope, study, judge = self.scope, self.scope.study, Judge(self.scope, db, part)
        whole = select(Session.id, Session.revision, Session.counted, Session.headphone, Session.rules)
        whole = whole.add_columns(Participant.code).join(Participant, Participant.id == Session.participant_id)
        sessions = {row.id: row for row in db.connection().execute(whole.where(part))}
        found = db.connection().execute(ANSWERS.where(part)).all()
        for number, group in groupby(found, key=itemgetter(0)):
            session, answers = sessions[number], list(group)
            code, revision, counted = session.code, session.revision, session.counted
            name, headphones = session_name(code), _headphones(session.headphone, rules_of(session.rules, scope.rules))
            checks = {row[2]: check for row in answers if (check := _read(row[7]))}
            failed = failed_in((row[2], row[3], checks.get(row[2]), row[10]) for row in answers) if checks else ()
            for _, trial, position, kind, under_test, prompt_id, prompt, _, question, rating, *answer in answers:
                score, scores, more, plays, heard_seconds, response_ms, open_ms, rated_at, comment = answer
                of = asked[revision, question]
                clips = judge.clips(trial) if of.several else [under_test]
                sent = score if scores in NOTHING and more in NOTHING else as_sent(score, _read(scores), _read(more))
                try:
                    said = of.said(sent, comment, clips, under_test)
                except AnswerError:
                    self._tell(rating, code, position, question)
                    continue
                claims = (plays, heard_seconds, response_ms, open_ms)
                flags = judge.flags(number, trial, stimuli[under_test].seconds, claims)
                if kind == TRIAL and not counted:
                    kind = UNCOUNTED
                passed = position not in failed if position in checks else None
                for (stimulus, seed, sha256, _, condition), value, reference, first, x, scale, low, high, word in said:
                    yield RatingRow(
                        study,
                        code,
                        name,
                        position,
                        kind,
                        prompt_id,
                        prompt,
                        condition,
                        seed,
                        stimulus,
                        sha256,
                        value,
                        plays,
                        heard_seconds,
                        response_ms,
                        rated_at,
                        _words(sent, comment, scale) if scale.type == "text" else comment,
                        scale.type,
                        reference,
                        first,
                        x,
                        passed,
                        revision,
                        headphones,
                        open_ms,
                        " ".join(flags) if flags else "",
                        scale.name or "",
                        low,
                        high,
                        word,
                    )

    def _tell(self, rating: int, code: str, position: int, question: str) -> None:
        """Log once of each answer that is left out; what was answered is not for the log."""
        if rating not in self.told:
            self.told.add(rating)
            said = "%s: the answer at position %d is left out: it does not fit a question of type %s"
            logger.warning(said, code, position, question)


def session_name(participant: str) -> str:
    """Name a participant's one session."""
    return f"S{participant[1:]}"


def _read(text: str | None) -> Any:
    """Read what is stored as JSON."""
    return None if text in NOTHING else json.loads(text)


def _words(sent: object, comment: str, scale: Scale) -> str:
    """Return what stands in a row's comment: the answer where its scale takes words, else the remark."""
    return str(sent[scale.name]) if scale.name and isinstance(sent, Mapping) else comment


def _headphones(tries: Sequence[int] | None, rules: SessionRules) -> str:
    """Say how a session's headphone checks went."""
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    return quality.headphones(tries or (), rules.headphone_pass, checks)
