"""What came of a study: the queries of those who watch and analyse it."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading
from db.tables import Condition, Event, Participant, Rating, Session, Stimulus, Trial, TrialClip
from db.views import Cell, Progress
from survey import quality
from survey.config import SessionRules
from survey.design import PRACTICE, TRIAL
from survey.questions import QUESTION_TYPES, Given
from survey.records import EventRow, RatingRow, SessionRow

UNCOUNTED = "uncounted"  # the kind under which trials of failed sessions are exported, so that no analysis takes them
CHECK = "(check)"  # the condition of sounds that are no model's; study.yaml can name none like it


class Results:
    """The reading half of the store."""

    study: str
    _engine: Engine
    _study: int
    rules: SessionRules

    def _mine(self, table: Any) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = table.study_id == self._study
        return mine

    # --- one participant --------------------------------------------------------------------------

    def heard_before(self, token: str, position: int) -> float:
        """Return the seconds heard of a clip that was answered already; 0 if it was not."""
        with reading(self._engine) as db:
            return db.scalar(self._of_trial(token, position, Rating.heard_seconds)) or 0.0

    def has_event(self, token: str, kind: str, position: int) -> bool:
        """Say whether something of this kind happened at a position of the participant's session."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            wanted = (Event.kind == kind) & (Event.position == position)
            return session is not None and bool(
                db.scalar(select(func.count()).where(Event.session_id == session.id, wanted))
            )

    def _participant(self, db: OrmSession, token: str) -> Participant | None:
        return db.scalar(select(Participant).where(self._mine(Participant), Participant.token == token))

    def _person(self, db: OrmSession, external_id: str) -> Participant | None:
        return db.scalar(select(Participant).where(self._mine(Participant), Participant.external_id == external_id))

    def _of_trial(self, token: str, position: int, column: Any) -> Any:
        return (
            select(column)
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .join(Session.participant)
            .where(self._mine(Session), Participant.token == token, Trial.position == position)
        )

    def _session(self, db: OrmSession, token: str, *, lock: bool = False) -> Session | None:
        query = select(Session).join(Session.participant).where(self._mine(Session), Participant.token == token)
        return db.scalar(query.with_for_update(of=Session) if lock else query)

    # --- all of them ------------------------------------------------------------------------------

    def cells(self) -> list[Cell]:
        """Return the stimuli under test with their number of ratings, in the manifest's order."""
        beside = select(TrialClip.trial_id).where(TrialClip.stimulus_id == Stimulus.id).correlate(Stimulus)
        heard = (Trial.stimulus_id == Stimulus.id) | Trial.id.in_(beside)
        count = (
            select(func.count(Rating.id))
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .where(heard, Trial.kind == TRIAL, Session.counted)
            .scalar_subquery()
        )
        query = (
            select(Stimulus, count)
            .join(Stimulus.condition)
            .where(self._mine(Stimulus), Stimulus.active, Condition.name != CHECK)
            .order_by(Stimulus.place)
        )
        with reading(self._engine) as db:
            return [
                Cell(s.name, s.prompt_id, s.prompt, s.condition.name, s.seed, s.file, ratings)
                for s, ratings in db.execute(query)
            ]

    def progress(self) -> list[Progress]:
        """Return every participant in the order of joining; practice does not count as answered."""
        counted = Trial.kind != PRACTICE
        total = select(func.count()).where(Trial.session_id == Session.id, counted).scalar_subquery()
        answered = (
            select(func.count(Rating.id))
            .join(Trial, Trial.id == Rating.trial_id)
            .where(Trial.session_id == Session.id, counted)
            .scalar_subquery()
        )
        query = (
            select(Participant, Session, answered, total)
            .outerjoin(Session, Session.participant_id == Participant.id)
            .where(self._mine(Participant))
            .order_by(Participant.id)
        )
        with reading(self._engine) as db:
            return [
                Progress(
                    person.code,
                    person.token,
                    person.source,
                    session.stage if session else "withdrawn" if person.withdrawn_at else "invited",
                    done,
                    of,
                    session.started_at if session else None,
                    session.finished_at if session else None,
                    session.outcome if session else None,
                    session.failures if session else 0,
                    session.counted if session else True,
                    person.external_id,
                )
                for person, session, done, of in db.execute(query)
            ]

    def ratings(self) -> Iterator[RatingRow]:
        """Yield all ratings, session by session in the order of the answers."""
        query = (
            select(Rating, Trial, Session.counted, Participant.code, Session.headphone)
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(self._mine(Session))
            .order_by(Session.id, Trial.position)
            .execution_options(yield_per=500)
        )
        with reading(self._engine) as db:
            failed = self._failed(db)
            for rating, trial, counted, code, tries in db.execute(query):
                heard = {clip.id: clip for clip in (trial.stimulus, *trial.heard)}
                given = Given(rating.score, tuple(rating.scores) if rating.scores else None)

                def condition(clip: int | None, heard: dict[int, Stimulus] = heard) -> str:
                    return heard[clip].condition.name if clip is not None else ""

                asked = QUESTION_TYPES[trial.question]
                for result in asked.results([clip.id for clip in trial.heard], trial.stimulus_id, given):
                    stimulus = heard[result.stimulus]
                    yield RatingRow(
                        study=self.study,
                        participant=code,
                        session=_session_name(code),
                        position=trial.position,
                        kind=trial.kind if counted or trial.kind != TRIAL else UNCOUNTED,
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
                        comment=rating.comment,
                        question=trial.question,
                        reference=condition(result.reference),
                        first=condition(result.first),
                        x=condition(result.x),
                        passed=trial.id not in failed if trial.check else None,
                        headphones=quality.headphones(tries or (), self.rules),
                    )

    def _failed(self, db: OrmSession) -> set[int]:
        """Return the trials whose check was failed."""
        query = (
            select(Trial.session_id, Trial.id, Trial.position, Trial.check, Rating.score)
            .join(Rating, Rating.trial_id == Trial.id)
            .join(Session, Session.id == Trial.session_id)
            .where(self._mine(Session), Trial.kind != PRACTICE)
            .order_by(Trial.session_id)
        )
        failed: set[int] = set()
        for _, answers in groupby(db.execute(query), key=lambda row: row.session_id):
            rows = list(answers)
            trials = {row.position: row.id for row in rows}
            given = [quality.Given(row.position, row.check, row.score) for row in rows]
            failed |= {trials[position] for position in quality.failures(given)}
        return failed

    def sessions(self) -> Iterator[SessionRow]:
        """Yield all sessions in the order of joining."""
        of = (
            select(func.count(Trial.id))
            .select_from(Trial)
            .where(Trial.session_id == Session.id, Trial.kind != PRACTICE)
        )
        answered = of.join(Rating, Rating.trial_id == Trial.id)
        checks = of.where(Trial.kind != TRIAL)
        events = select(func.count(Event.id)).where(Event.session_id == Session.id)
        stalls, seeks, hidden = (events.where(Event.kind == kind) for kind in ("stall", "seek", "hidden"))
        counts = [count.scalar_subquery() for count in (answered, of, checks, stalls, seeks, hidden)]
        query = (
            select(Participant, Session, *counts)
            .join(Session, Session.participant_id == Participant.id)
            .where(self._mine(Session))
            .order_by(Participant.id)
        )
        with reading(self._engine) as db:
            for person, session, done, total, checked, stalled, sought, hid in db.execute(query):
                yield SessionRow(
                    study=self.study,
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
                )

    def events(self) -> Iterator[EventRow]:
        """Yield what happened on the page, session by session in its order."""
        query = (
            select(Event, Participant.code)
            .join(Session, Session.id == Event.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(self._mine(Session))
            .order_by(Session.id, Event.id)
            .execution_options(yield_per=500)
        )
        with reading(self._engine) as db:
            for event, code in db.execute(query):
                detail = json.dumps(event.detail, ensure_ascii=False)
                yield EventRow(self.study, code, _session_name(code), event.position, event.kind, detail, event.at)


def _session_name(participant: str) -> str:
    """Name a participant's one session."""
    return f"S{participant[1:]}"
