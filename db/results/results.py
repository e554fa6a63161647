"""What came of a study: the queries of those who watch and analyse it."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import selectinload

from db.engine import reading
from db.results.judged import failed, judged
from db.results.tallies import Tally, tallies
from db.results.tallying import BESIDE
from db.results.watching import Watch
from db.revisions import asked_in
from db.scope import Scope, rules_of
from db.tables import Event, Participant, Rating, Session, Stimulus, Trial
from db.views import Cell, Progress
from survey.config.session import SessionRules
from survey.errors import AnswerError
from survey.records import EventRow, RatingRow, SessionRow
from survey.trials import quality
from survey.trials.design import TRIAL, UNCOUNTED
from survey.trials.question import Given, Result
from survey.trials.scale import Asked, Scale
from survey.values import restored

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """What all who take part did."""

    scope: Scope
    watch: Watch
    _told: set[int] = field(default_factory=set)  # ratings that were said to be left out

    def cells(self) -> list[Cell]:
        """Return the stimuli under test with their number of ratings in this revision, in the manifest's order."""
        return list(self.watch.look().cells)

    def progress(self) -> list[Progress]:
        """Return every participant in the order of joining; practice does not count as answered."""
        return list(self.watch.look().people)

    def ratings(self, revision: int | None = None) -> Iterator[RatingRow]:
        """Yield all ratings, or those of a revision, session by session in the order of the answers.

        There is a row for each scale and clip; a scale that was left open has none.
        Before there were revisions, a change of the question's type while a session ran stored answers of the new type
        to trials of the old one. They say nothing: they are left out, and logged.
        """
        return self._ratings(self.scope.mine(Session) & ((Session.revision == revision) if revision else true()))

    def _ratings(self, which: ColumnElement[bool]) -> Iterator[RatingRow]:
        scope = self.scope
        query = (
            select(Rating, Trial, Session, Participant.code)
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(which)
            .order_by(Session.id, Trial.position)
            .options(selectinload(Trial.clips))
            .execution_options(yield_per=500)
        )
        with reading(scope.engine) as db:
            checks, listening = failed(db, which), judged(scope, db, which)
            revisions = db.scalars(select(Session.revision).where(scope.mine(Session)).distinct())
            asked = {number: asked_in(scope, db, number).tolerant() for number in revisions.all()}
            for rating, trial, session, code in db.execute(query):
                heard = {clip.id: clip for clip in (trial.stimulus, *trial.heard)}

                def condition(clip: int | None, heard: dict[int, Stimulus] = heard) -> str:
                    return heard[clip].condition.name if clip is not None else ""

                its = asked[session.revision]
                if its.first.type != trial.question:
                    its = Asked((Scale(type=trial.question),)).tolerant()
                try:
                    given = its.parse(rating.given, rating.comment, len(trial.heard))
                except AnswerError:
                    if rating.id not in self._told:
                        self._told.add(rating.id)  # what was answered is not for the log
                        said = "%s: the answer at position %d is left out: it does not fit a question of type %s"
                        logger.warning(said, code, trial.position, trial.question)
                    continue
                for scale, result in _said(its, given, [clip.id for clip in trial.heard], trial.stimulus_id):
                    stimulus, (low, high) = heard[result.stimulus], scale.span
                    yield RatingRow(
                        study=scope.study,
                        participant=code,
                        session=_session_name(code),
                        position=trial.position,
                        kind=trial.kind if session.counted or trial.kind != TRIAL else UNCOUNTED,
                        prompt_id=trial.prompt_id,
                        prompt=trial.prompt,
                        condition=stimulus.condition.name,
                        seed=stimulus.seed,
                        stimulus=stimulus.name,
                        clip_sha256=stimulus.sha256,
                        score=result.score,
                        plays=rating.plays,
                        heard_seconds=rating.heard_seconds,
                        response_ms=rating.response_ms,
                        rated_at=rating.rated_at,
                        comment=_words(rating, scale),
                        question=scale.type,
                        reference=condition(result.reference),
                        first=condition(result.first),
                        x=condition(result.x),
                        passed=trial.id not in checks if trial.check else None,
                        revision=session.revision,
                        headphones=_headphones(session, rules_of(session.rules, scope.rules)),
                        open_ms=rating.open_ms,
                        flags=" ".join(listening[trial.id].flags) if trial.id in listening else "",
                        scale=scale.name or "",
                        low=low,
                        high=high,
                        answer=result.answer,
                    )

    def tallies(self) -> list[Tally]:
        """Count the answers to the questions with options beside the clips."""
        return tallies(self.scope)

    def finishing_order(self) -> list[str]:
        """Return those who answered in the order in which their last answers were stored, whatever the clock said."""
        query = (
            select(Participant.code)
            .join(Session, Session.participant_id == Participant.id)
            .join(Trial, Trial.session_id == Session.id)
            .join(Rating, Rating.trial_id == Trial.id)
            .where(self.scope.mine(Session))
            .group_by(Participant.code)
            .order_by(func.max(Rating.id))
        )
        with reading(self.scope.engine) as db:
            return list(db.scalars(query))

    def languages(self, revision: int | None = None) -> dict[str, str]:
        """Return the language that each participant (of a revision) began in, by code; empty where it is not known."""
        query = (
            select(Participant.code, Session.language)
            .join(Session, Session.participant_id == Participant.id)
            .where(self.scope.mine(Session), *([Session.revision == revision] if revision else []))
            .order_by(Participant.id)
        )
        with reading(self.scope.engine) as db:
            return {code: language or "" for code, language in db.execute(query)}

    def rules_held(self, revision: int | None = None) -> list[SessionRules | None]:
        """Return the rules that sessions (of a revision) began under, each once; None for those of older versions."""
        query = select(Session.rules).where(
            self.scope.mine(Session), *([Session.revision == revision] if revision else [])
        )
        with reading(self.scope.engine) as db:
            return list(dict.fromkeys(restored(SessionRules, one) if one else None for one in db.scalars(query)))

    def sessions(self) -> Iterator[SessionRow]:
        """Yield all sessions in the order of joining."""
        return self._sessions(self.scope.mine(Session))

    def _sessions(self, which: ColumnElement[bool]) -> Iterator[SessionRow]:
        own = (Trial.session_id == Session.id) & Trial.kind.not_in(BESIDE)
        of = select(func.count(Trial.id)).select_from(Trial).where(own)
        answered = of.join(Rating, Rating.trial_id == Trial.id)
        checks = of.where(Trial.kind != TRIAL)
        events = select(func.count(Event.id)).where(Event.session_id == Session.id)
        stalls, seeks, hidden = (events.where(Event.kind == kind) for kind in ("stall", "seek", "hidden"))
        counts = [count.scalar_subquery() for count in (answered, of, checks, stalls, seeks, hidden)]
        query = (
            select(Participant, Session, *counts)
            .join(Session, Session.participant_id == Participant.id)
            .where(which)
            .order_by(Participant.id)
        )
        with reading(self.scope.engine) as db:
            told = judged(self.scope, db, which).values()
            flagged = Counter(one.session_id for one in told if one.flags and one.kind not in BESIDE)
            for person, session, done, total, checked, stalled, sought, hid in db.execute(query):
                yield SessionRow(
                    study=self.scope.study,
                    participant=person.code,
                    session=_session_name(person.code),
                    source=person.source,
                    external_id=person.external_id or "",
                    outcome=session.outcome or "under way",
                    counted=session.counted,
                    answered=done,
                    trials=total,
                    checks=checked,
                    failed_checks=session.failures,
                    headphone_right=" ".join(map(str, session.headphone or [])),
                    answers=json.dumps(session.answers or {}, ensure_ascii=False),
                    language=session.language or "",
                    device=session.device or "",
                    browser=session.browser or "",
                    volume=session.volume,
                    stalls=stalled,
                    seeks=sought,
                    hidden=hid,
                    consent_sha256=session.consent_sha256,
                    started_at=session.started_at,
                    finished_at=session.finished_at,
                    revision=session.revision,
                    flagged=flagged[session.id],
                    asked=json.dumps({one["name"]: one["ask"] for one in session.asked or ()}, ensure_ascii=False),
                    seat=session.seat or "",
                    excluded=session.excluded or "",
                )

    def events(self) -> Iterator[EventRow]:
        """Yield what happened on the page, session by session in its order."""
        return self._events(self.scope.mine(Session))

    def one(self, code: str) -> tuple[SessionRow, list[RatingRow], list[EventRow]] | None:
        """Return the session of a participant with its ratings and events, as they are exported; None without one."""
        theirs = select(Participant.id).where(self.scope.mine(Participant), Participant.code == code)
        which = self.scope.mine(Session) & Session.participant_id.in_(theirs)
        row = next(self._sessions(which), None)
        return (row, list(self._ratings(which)), list(self._events(which))) if row else None

    def _events(self, which: ColumnElement[bool]) -> Iterator[EventRow]:
        query = (
            select(Event, Participant.code)
            .join(Session, Session.id == Event.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(which)
            .order_by(Session.id, Event.id)
            .execution_options(yield_per=500)
        )
        with reading(self.scope.engine) as db:
            for event, code in db.execute(query):
                detail = json.dumps(event.detail, ensure_ascii=False)
                yield EventRow(
                    self.scope.study, code, _session_name(code), event.position, event.kind, detail, event.at
                )


def _said(
    asked: Asked, given: Sequence[Given | None], clips: list[int], stimulus: int
) -> Iterator[tuple[Scale, Result]]:
    """Yield what an answer says on each scale."""
    for scale, each in zip(asked.scales, given, strict=True):
        if each is not None:
            yield from ((scale, result) for result in scale.kind.results(clips, stimulus, each))


def _words(rating: Rating, scale: Scale) -> str:
    """Return what stands in a row's comment: the answer where its scale takes words, else the remark."""
    if scale.type == "text" and scale.name and rating.answers:
        return str(rating.answers[scale.name])
    return rating.comment


def _headphones(session: Session, rules: SessionRules) -> str:
    """Say how a session's headphone checks went."""
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    return quality.headphones(session.headphone or (), rules.headphone_pass, checks)


def _session_name(participant: str) -> str:
    """Name a participant's one session."""
    return f"S{participant[1:]}"
