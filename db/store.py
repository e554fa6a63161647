"""The study's store: every query of Earmark stands here."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading, writing
from db.errors import StudyClosed, UnknownParticipant
from db.tables import Condition, Event, Participant, Rating, Session, Stimulus, Study, Trial
from db.views import Answer, Cell, Progress, State, TrialView
from survey.config import Recruitment, SessionRules
from survey.design import ATTENTION, PRACTICE, TRIAL, plan_session
from survey.design import Stimulus as DesignStimulus
from survey.manifest import Clip, Manifest
from survey.records import RatingRow
from survey.session import accepts, after_answer, after_confirming, next_stage

MAX_EVENTS = 5000  # a session; a page that goes wild must not fill the disk

logger = logging.getLogger(__name__)


class Store:
    """Everything that is kept of one study."""

    def __init__(self, engine: Engine, study: str) -> None:
        self._engine = engine
        with writing(engine) as db:
            found = db.scalar(select(Study).where(Study.name == study))
            if found is None:
                found = Study(name=study, created_at=_now())
                db.add(found)
                db.flush()
            self._study, self.study = found.id, study

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # --- clips ------------------------------------------------------------------------------------

    def sync(self, manifest: Manifest, rules: SessionRules) -> None:
        """Take over the clips of a manifest.

        A clip that was rendered anew becomes a new stimulus. Answers keep the one that was heard; what is
        still to be answered moves to the new one, or goes if the study has dropped its cell.
        """
        with writing(self._engine) as db:
            conditions = {row.name: row for row in db.scalars(select(Condition).where(self._mine(Condition)))}
            stimuli = {(row.name, row.sha256): row for row in db.scalars(select(Stimulus).where(self._mine(Stimulus)))}
            for row in stimuli.values():
                row.active = False
            for place, clip in enumerate(manifest.clips):
                if clip.condition not in conditions:
                    conditions[clip.condition] = Condition(study_id=self._study, name=clip.condition)
                    db.add(conditions[clip.condition])
                    db.flush()
                row = stimuli.get((clip.stimulus, clip.sha256)) or Stimulus(
                    study_id=self._study, name=clip.stimulus, sha256=clip.sha256
                )
                _take_over(row, clip, conditions[clip.condition].id, place)
                db.add(row)
            db.flush()
            self._move_open_trials(db)
            for session in db.scalars(select(Session).where(self._mine(Session), Session.finished_at.is_(None))):
                _step(db, session, rules)

    def cells(self) -> list[Cell]:
        """Return the stimuli under test with their number of ratings, in the manifest's order."""
        count = (
            select(func.count(Rating.id))
            .join(Trial, Trial.id == Rating.trial_id)
            .where(Trial.stimulus_id == Stimulus.id, Trial.kind == TRIAL)
            .scalar_subquery()
        )
        query = select(Stimulus, count).where(self._mine(Stimulus), Stimulus.active).order_by(Stimulus.place)
        with reading(self._engine) as db:
            return [
                Cell(s.name, s.prompt_id, s.prompt, s.condition.name, s.seed, s.file, ratings)
                for s, ratings in db.execute(query)
            ]

    # --- participants -----------------------------------------------------------------------------

    def invite(self, count: int) -> list[str]:
        """Create `count` participants and return the tokens of their personal links."""
        tokens = [token_urlsafe(24) for _ in range(count)]
        with writing(self._engine) as db:
            for token in tokens:
                self._add_participant(db, token, "link")
        return tokens

    def knows(self, token: str) -> bool:
        """Say whether somebody has this token."""
        with reading(self._engine) as db:
            return self._participant(db, token) is not None

    def is_open(self, recruitment: Recruitment) -> bool:
        """Say whether somebody without a personal link may begin."""
        with reading(self._engine) as db:
            return self._is_open(db, recruitment)

    def start(self, token: str, rules: SessionRules, recruitment: Recruitment) -> State:
        """Begin the session of a participant who consents; again, it changes nothing.

        Who comes with an unknown token over the open link becomes a participant. The session and all its
        trials are planned and stored here, under the next free index of the design; indices are given out in
        turn, so that every row of the design is filled evenly.
        """
        with writing(self._engine) as db:
            db.execute(select(Study).where(Study.id == self._study).with_for_update())
            participant = self._participant(db, token)
            session = self._session(db, token)
            if session is not None:
                return _state(db, session)
            if participant is None:
                if not self._is_open(db, recruitment):
                    raise StudyClosed("the study takes no new participants")
                participant = self._add_participant(db, token, "open")
            session = Session(
                study_id=self._study,
                participant_id=participant.id,
                design_index=self._next(db, Session.design_index, Session),
                stage=next_stage("consent", rules),
                consent_sha256=sha256(recruitment.consent.encode()).hexdigest(),
                started_at=_now(),
            )
            db.add(session)
            db.flush()
            self._plan(db, session, rules)
            return _state(db, session)

    def state(self, token: str) -> State:
        """Return where a participant stands; "consent" before the session began."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is not None:
                return _state(db, session)
            if self._participant(db, token) is None:
                raise UnknownParticipant("nobody has this link; ask for a new one")
            return State("consent")

    def confirm(self, token: str, page: str, rules: SessionRules) -> State:
        """Leave a page that wants confirming; one that is not the present page changes nothing."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            session.stage = after_confirming(session.stage, page, rules)
            _step(db, session, rules)
            return _state(db, session)

    def rate(self, token: str, answer: Answer, rules: SessionRules) -> State:
        """Store an answer and return the state after it, committed.

        An answer to anything but the open clip (a double click, a second tab, a clip that was rendered anew
        meanwhile) changes nothing: the state tells the page where it stands.
        """
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            trial = next(iter(_open_trials(db, session, 1)), None)
            if (
                trial is not None
                and trial.position == answer.position
                and trial.stimulus.sha256 == answer.sha256
                and accepts(session.stage, trial.kind)
            ):
                db.add(
                    Rating(
                        trial_id=trial.id,
                        score=answer.score,
                        plays=answer.plays,
                        heard_seconds=answer.heard_seconds,
                        response_ms=answer.response_ms,
                        rated_at=_now(),
                    )
                )
                db.flush()
                _step(db, session, rules)
            return _state(db, session)

    def log_event(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Append to the session's log; False where there is no session or its log is full."""
        with writing(self._engine) as db:
            session = self._session(db, token)
            if session is None:
                return False
            if (db.scalar(select(func.count()).where(Event.session_id == session.id)) or 0) >= MAX_EVENTS:
                return False
            db.add(Event(session_id=session.id, position=position, kind=kind, detail=detail, at=_now()))
            return True

    def clip(self, token: str, position: int) -> TrialView | None:
        """Return the clip at a position of the participant's session."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is None:
                return None
            trial = db.scalar(select(Trial).where(Trial.session_id == session.id, Trial.position == position))
            return _view(trial, 0, 0) if trial else None

    # --- results ----------------------------------------------------------------------------------

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
                    session.stage if session else "invited",
                    done,
                    of,
                    session.started_at if session else None,
                    session.finished_at if session else None,
                )
                for person, session, done, of in db.execute(query)
            ]

    def ratings(self) -> Iterator[RatingRow]:
        """Yield all ratings, session by session in the order of the answers."""
        query = (
            select(Rating, Trial, Session.design_index, Participant.code)
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(self._mine(Session))
            .order_by(Session.design_index, Trial.position)
            .execution_options(yield_per=500)
        )
        with reading(self._engine) as db:
            for rating, trial, index, code in db.execute(query):
                yield RatingRow(
                    study=self.study,
                    participant=code,
                    session=f"S{index + 1:03d}",
                    position=trial.position,
                    kind=trial.kind,
                    prompt_id=trial.prompt_id,
                    prompt=trial.prompt,
                    condition=trial.stimulus.condition.name,
                    seed=trial.stimulus.seed,
                    stimulus=trial.stimulus.name,
                    clip_sha256=trial.stimulus.sha256,
                    score=rating.score,
                    plays=rating.plays,
                    heard_seconds=rating.heard_seconds,
                    response_ms=rating.response_ms,
                    rated_at=rating.rated_at,
                )

    # --- inside a transaction ---------------------------------------------------------------------

    def _mine(self, table: Any) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = table.study_id == self._study
        return mine

    def _participant(self, db: OrmSession, token: str) -> Participant | None:
        return db.scalar(select(Participant).where(self._mine(Participant), Participant.token == token))

    def _session(self, db: OrmSession, token: str, *, lock: bool = False) -> Session | None:
        query = select(Session).join(Session.participant).where(self._mine(Session), Participant.token == token)
        return db.scalar(query.with_for_update(of=Session) if lock else query)

    def _locked_session(self, db: OrmSession, token: str) -> Session:
        session = self._session(db, token, lock=True)
        if session is None:
            raise UnknownParticipant("this session has not begun; open your link again")
        return session

    def _next(self, db: OrmSession, column: Any, table: Any) -> int:
        highest = db.scalar(select(func.max(column)).where(self._mine(table)))
        return 0 if highest is None else int(highest) + 1

    def _add_participant(self, db: OrmSession, token: str, source: str) -> Participant:
        db.execute(select(Study).where(Study.id == self._study).with_for_update())
        count = db.scalar(select(func.count()).where(self._mine(Participant))) or 0
        participant = Participant(
            study_id=self._study, code=f"P{count + 1:03d}", token=token, source=source, created_at=_now()
        )
        db.add(participant)
        db.flush()
        return participant

    def _is_open(self, db: OrmSession, recruitment: Recruitment) -> bool:
        finished = select(func.count()).where(self._mine(Session), Session.finished_at.is_not(None))
        return recruitment.open_link and (db.scalar(finished) or 0) < recruitment.target_participants

    def _active(self, db: OrmSession) -> list[Stimulus]:
        query = select(Stimulus).where(self._mine(Stimulus), Stimulus.active).order_by(Stimulus.place)
        return list(db.scalars(query))

    def _plan(self, db: OrmSession, session: Session, rules: SessionRules) -> None:
        stimuli = {row.name: row for row in self._active(db)}
        if not stimuli:
            raise StudyClosed("the study has no clips yet")
        prompts = {row.prompt_id: row.prompt for row in stimuli.values()}
        plan = plan_session(
            [DesignStimulus(s.name, s.prompt_id, s.condition.name, s.seed) for s in stimuli.values()],
            session.design_index,
            study=self.study,
            order=rules.order,
            practice=rules.practice,
            attention_checks=rules.attention_checks,
        )
        for planned in plan:
            db.add(
                Trial(
                    session_id=session.id,
                    position=planned.position,
                    kind=planned.kind,
                    stimulus_id=stimuli[planned.stimulus].id,
                    prompt_id=planned.prompt_id,
                    prompt=prompts[planned.prompt_id],
                )
            )
        db.flush()

    def _move_open_trials(self, db: OrmSession) -> None:
        """Point what is still to be answered to the active stimulus of its name; delete what has none."""
        answered = select(Rating.trial_id)
        mine = select(Session.id).where(self._mine(Session))
        still_open = Trial.session_id.in_(mine) & Trial.id.not_in(answered)
        stimuli = self._active(db)
        prompts = {row.prompt_id: row.prompt for row in stimuli}
        for row in stimuli:
            named = select(Stimulus.id).where(self._mine(Stimulus), Stimulus.name == row.name)
            db.execute(update(Trial).where(still_open, Trial.stimulus_id.in_(named)).values(stimulus_id=row.id))
        for prompt_id, prompt in prompts.items():
            db.execute(update(Trial).where(still_open, Trial.prompt_id == prompt_id).values(prompt=prompt))
        gone = Trial.stimulus_id.not_in([row.id for row in stimuli]) | Trial.prompt_id.not_in(list(prompts))
        db.execute(delete(Trial).where(still_open, gone))


def _now() -> datetime:
    return datetime.now(UTC)


def _take_over(row: Stimulus, clip: Clip, condition_id: int, place: int) -> None:
    row.condition_id, row.place, row.active = condition_id, place, True
    row.prompt_id, row.prompt, row.seed = clip.prompt_id, clip.prompt, clip.seed
    row.file, row.seconds = clip.file, clip.seconds


def _open_trials(db: OrmSession, session: Session, limit: int | None = None) -> list[Trial]:
    query = (
        select(Trial)
        .outerjoin(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Rating.id.is_(None))
        .order_by(Trial.position)
        .limit(limit)
    )
    return list(db.scalars(query))


def _step(db: OrmSession, session: Session, rules: SessionRules) -> None:
    """Move a session on where its last answer, or a dropped cell, left nothing to answer."""
    session.stage = after_answer(session.stage, {trial.kind for trial in _open_trials(db, session)}, rules)
    if session.stage == "done" and session.finished_at is None:
        session.finished_at = _now()


def _state(db: OrmSession, session: Session) -> State:
    kinds = db.execute(
        select(Trial.position, Trial.kind).where(Trial.session_id == session.id).order_by(Trial.position)
    ).all()
    practice = [position for position, kind in kinds if kind == PRACTICE]
    trials = [position for position, kind in kinds if kind in (TRIAL, ATTENTION)]
    views = []
    for trial in _open_trials(db, session, 2):
        group = practice if trial.kind == PRACTICE else trials
        views.append(_view(trial, group.index(trial.position) + 1, len(group)))
    if session.stage == "done":
        views = []
    showing = session.stage in ("practice", "trials")
    return State(
        stage=session.stage,
        trial=views[0] if views and showing else None,
        upcoming=next(iter(views[1:] if showing else views), None),
        trials=len(trials),
    )


def _view(trial: Trial, number: int, total: int) -> TrialView:
    return TrialView(
        session_id=trial.session_id,
        position=trial.position,
        practice=trial.kind == PRACTICE,
        number=number,
        total=total,
        prompt=trial.prompt,
        file=trial.stimulus.file,
        sha256=trial.stimulus.sha256,
        seconds=trial.stimulus.seconds,
    )
