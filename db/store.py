"""The study's store: participants and their sessions. With clips.py and results.py it holds every query of Earmark."""

import logging
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, select
from sqlalchemy.orm import Session as OrmSession

from db.clips import Clips, now
from db.engine import reading, writing
from db.errors import StudyClosed, UnknownParticipant
from db.tables import Event, Participant, Rating, Session, Study, Trial
from db.views import Answer, Answered, Arrival, ClipView, State, TrialView
from survey import quality
from survey.config import Recruitment, Scale, SessionRules
from survey.design import PRACTICE
from survey.questionnaire import check_answers, eligible, items
from survey.session import (
    FINISHED,
    SCREENED_OUT,
    accepts,
    after_answer,
    after_confirming,
    next_stage,
)

MAX_EVENTS = 5000  # a session; a page that goes wild must not fill the disk

logger = logging.getLogger(__name__)


class Store(Clips):
    """Everything that is kept of one study, under its rules: session, recruitment and scale."""

    def __init__(
        self,
        engine: Engine,
        study: str,
        rules: SessionRules | None = None,
        recruitment: Recruitment | None = None,
        scale: Scale | None = None,
        baseline: str = "baseline",
    ) -> None:
        self._engine = engine
        self.scale, self.baseline = scale or Scale(), baseline
        self.rules, self.recruitment = rules or SessionRules(), recruitment or Recruitment()
        with writing(engine) as db:
            found = db.scalar(select(Study).where(Study.name == study))
            if found is None:
                found = Study(name=study, created_at=now())
                db.add(found)
                db.flush()
            self._study, self.study = found.id, study

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

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

    def token_of(self, external_id: str) -> str | None:
        """Return the token of who is known by this identity on the platform."""
        with reading(self._engine) as db:
            person = self._person(db, external_id)
            return person.token if person else None

    def closed(self) -> str:
        """Say why nobody without a personal link may begin: `full`, `busy` or `link`; empty if somebody may."""
        with reading(self._engine) as db:
            return self._closed(db)

    def start(self, token: str, arrival: Arrival | None = None) -> State:
        """Begin the session of a participant who consents; again, it changes nothing.

        Who comes with an unknown token over the open link becomes a participant, on a platform the one of that
        identity. The session and all its trials are planned and stored here, under the first free index of the
        design, so that every row of it is filled evenly by those who end it: sessions that stood still for long give
        theirs back.
        """
        arrival = arrival or Arrival()
        with writing(self._engine) as db:
            db.execute(select(Study).where(Study.id == self._study).with_for_update())
            participant = self._participant(db, token)
            if participant is None and arrival.external_id is not None:
                participant = self._person(db, arrival.external_id)
            session = self._session(db, participant.token) if participant else None
            if session is not None:
                return self._state(db, session)
            if participant is None:
                reason = self._closed(db)
                if reason:
                    raise StudyClosed("the study takes no new participants", reason)
                participant = self._add_participant(db, token, arrival.platform, arrival.external_id)
            self._release_dropouts(db)
            session = Session(
                study_id=self._study,
                participant_id=participant.id,
                design_index=self._free_index(db),
                stage=next_stage("consent", self.rules, self.recruitment),
                consent_sha256=sha256((arrival.consent or self.recruitment.consent).encode()).hexdigest(),
                started_at=now(),
                seen_at=now(),
                language=arrival.language,
                device=arrival.device,
                browser=arrival.browser,
            )
            db.add(session)
            db.flush()
            self._plan(db, session)
            return self._state(db, session)

    def state(self, token: str) -> State:
        """Return where a participant stands; "consent" before the session began."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is not None:
                return self._state(db, session)
            if self._participant(db, token) is None:
                raise UnknownParticipant("nobody has this link; ask for a new one")
            return State("consent")

    def confirm(self, token: str, page: str, volume: float | None = None) -> State:
        """Leave a page that wants confirming; one that is not the present page changes nothing."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == page and volume is not None:
                session.volume = volume
            session.stage = after_confirming(session.stage, page, self.rules, self.recruitment)
            self._step(db, session)
            return self._state(db, session)

    def answer_questions(self, token: str, answers: Mapping[str, str]) -> State:
        """Store the answers to the questions before listening; one that leads out of the study ends the session."""
        asked = items(self.recruitment)
        checked = check_answers(answers, asked)
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == "questions":
                session.answers = checked
                if eligible(checked, asked):
                    session.stage = next_stage("questions", self.rules, self.recruitment)
                else:
                    _end(session, SCREENED_OUT, counted=False)
            return self._state(db, session)

    def try_headphones(self, token: str, tried: int, right: int) -> State:
        """Store how many answers of the try after `tried` others were right, and go on if that settles it."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == "headphones" and len(session.headphone or ()) == tried:
                session.headphone = [*(session.headphone or []), right]
                passed = quality.headphones_passed(session.headphone, self.rules)
                if passed or len(session.headphone) >= quality.HEADPHONE_TRIES:
                    session.stage = next_stage("headphones", self.rules, self.recruitment)
                self._step(db, session)
            return self._state(db, session)

    def rate(self, token: str, answer: Answer) -> State:
        """Store an answer and return the state after it, committed.

        An answer to anything but the open clip (a double click, a second tab, a clip that was rendered anew
        meanwhile) changes nothing: the state tells the page where it stands. Where the study lets participants go
        back, an answer to the clip before takes the place of the first.
        """
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            trial = next(iter(_open_trials(db, session, 1)), None)
            before = _last_answered(db, session) if self.rules.go_back and answer.revises else None
            if trial is not None and _meant(trial, answer) and accepts(session.stage, trial.kind):
                db.add(
                    Rating(
                        trial_id=trial.id,
                        score=answer.score,
                        scores=list(answer.scores) if answer.scores else None,
                        plays=answer.plays,
                        heard_seconds=answer.heard_seconds,
                        response_ms=answer.response_ms,
                        rated_at=now(),
                        comment=answer.comment,
                    )
                )
            elif before is not None and _meant(before[0], answer) and accepts(session.stage, before[0].kind):
                _revise(before[1], answer)
            db.flush()
            self._step(db, session)
            return self._state(db, session)

    def skip(self, token: str, position: int, reason: str) -> State:
        """Leave out the open clip, which the participant's browser cannot play."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            trial = next(iter(_open_trials(db, session, 1)), None)
            if trial is not None and trial.position == position and accepts(session.stage, trial.kind):
                trial.skipped = reason
                db.flush()
                self._step(db, session)
            return self._state(db, session)

    def withdraw(self, token: str) -> bool:
        """Delete everything of a participant but the code that exports showed; False if nobody has this token."""
        with writing(self._engine) as db:
            person = self._participant(db, token)
            if person is None:
                return False
            session = self._session(db, token)
            if session is not None:
                trials = select(Trial.id).where(Trial.session_id == session.id)
                db.execute(delete(Rating).where(Rating.trial_id.in_(trials)))
                db.execute(delete(Event).where(Event.session_id == session.id))
                db.execute(delete(Trial).where(Trial.session_id == session.id))
                db.delete(session)
            person.token, person.external_id, person.source = token_urlsafe(24), None, "withdrawn"
            person.withdrawn_at = now()
            logger.info("%s withdrew; everything was deleted", person.code)
            return True

    def log_event(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Append to the session's log; False where there is no session or its log is full."""
        with writing(self._engine) as db:
            session = self._session(db, token)
            if session is None:
                return False
            if (db.scalar(select(func.count()).where(Event.session_id == session.id)) or 0) >= MAX_EVENTS:
                return False
            db.add(Event(session_id=session.id, position=position, kind=kind, detail=detail, at=now()))
            session.seen_at = now()
            return True

    def clip(self, token: str, position: int) -> TrialView | None:
        """Return the clip at a position of the participant's session."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is None:
                return None
            trial = db.scalar(select(Trial).where(Trial.session_id == session.id, Trial.position == position))
            return _view(trial, 0, 0) if trial else None

    # --- inside a transaction ---------------------------------------------------------------------

    def _locked_session(self, db: OrmSession, token: str) -> Session:
        session = self._session(db, token, lock=True)
        if session is None:
            raise UnknownParticipant("this session has not begun; open your link again")
        return session

    def _free_index(self, db: OrmSession) -> int:
        """Return the first index of the design that no session holds."""
        taken = set(db.scalars(select(Session.design_index).where(self._mine(Session), Session.design_index >= 0)))
        return next(index for index in range(len(taken) + 1) if index not in taken)

    def _add_participant(self, db: OrmSession, token: str, source: str, external_id: str | None = None) -> Participant:
        db.execute(select(Study).where(Study.id == self._study).with_for_update())
        count = db.scalar(select(func.count()).where(self._mine(Participant))) or 0
        participant = Participant(
            study_id=self._study,
            code=f"P{count + 1:03d}",
            token=token,
            source=source,
            external_id=external_id,
            created_at=now(),
        )
        db.add(participant)
        db.flush()
        return participant

    def _closed(self, db: OrmSession) -> str:
        if not self.recruitment.open_link:
            return "link"

        def count(which: ColumnElement[bool]) -> int:
            return db.scalar(select(func.count()).select_from(Session).where(self._mine(Session), which)) or 0

        target = self.recruitment.target_participants
        done = count(self._done())
        return "full" if done >= target else "busy" if done + count(self._live()) >= target else ""

    def _release_dropouts(self, db: OrmSession) -> None:
        """Take the index of the design from sessions that stood still for long or failed; they may still be ended."""
        gone = ~self._live() & ~self._done() & (Session.design_index >= 0)
        for session in db.scalars(select(Session).where(self._mine(Session), gone)):
            session.design_index = -session.id
        db.flush()

    def _step(self, db: OrmSession, session: Session) -> None:
        """Note that the participant was there, and move the session on."""
        session.seen_at = now()
        self._settle(db, session)

    def _settle(self, db: OrmSession, session: Session) -> None:
        """Judge a session's checks, and move it on where its last answer, or a dropped cell, left nothing to answer."""
        if session.finished_at is not None:
            return
        session.failures = len(quality.failures(_given(db, session)))
        failed = quality.failed(session.failures, session.headphone or (), self.rules)
        session.counted = not (failed and self.rules.on_failure in ("end", "replace"))
        if failed and self.rules.on_failure == "end":
            _end(session, SCREENED_OUT, counted=False)
            return
        kinds = {trial.kind for trial in _open_trials(db, session)}
        session.stage = after_answer(session.stage, kinds, self.rules, self.recruitment)
        if session.stage == "done":
            _end(session, FINISHED, counted=session.counted)

    def _state(self, db: OrmSession, session: Session) -> State:
        kinds = db.execute(
            select(Trial.position, Trial.kind)
            .where(Trial.session_id == session.id, Trial.skipped.is_(None))
            .order_by(Trial.position)
        ).all()
        practice = [position for position, kind in kinds if kind == PRACTICE]
        trials = [position for position, kind in kinds if kind != PRACTICE]

        def view(trial: Trial) -> TrialView:
            group = practice if trial.kind == PRACTICE else trials
            return _view(trial, group.index(trial.position) + 1, len(group))

        done = session.stage == "done"
        views = [] if done else [view(trial) for trial in _open_trials(db, session, 2)]
        showing = session.stage in ("practice", "trials")
        before = _last_answered(db, session) if showing and self.rules.go_back else None
        if before is not None and not accepts(session.stage, before[0].kind):
            before = None
        return State(
            stage=session.stage,
            trial=views[0] if views and showing else None,
            upcoming=next(iter(views[1:] if showing else views), None),
            trials=len(trials),
            previous=Answered(view(before[0]), before[1].given, before[1].comment) if before else None,
            outcome=session.outcome,
            tries=len(session.headphone or ()),
            session_id=session.id,
            external_id=session.participant.external_id,
            volume=session.volume,
        )


def _end(session: Session, outcome: str, *, counted: bool) -> None:
    """End a session; one that does not count gives its index of the design to another."""
    session.stage, session.outcome, session.counted, session.finished_at = "done", outcome, counted, now()
    if not counted and session.design_index >= 0:
        session.design_index = -session.id


def _meant(trial: Trial, answer: Answer) -> bool:
    return trial.position == answer.position and _view(trial, 0, 0).sha256 == answer.sha256


def _revise(rating: Rating, answer: Answer) -> None:
    """Put another answer in the place of one; the same once more, as when the first got no reply, changes nothing."""
    scores = list(answer.scores) if answer.scores else None
    if (rating.score, rating.scores, rating.comment) == (answer.score, scores, answer.comment):
        return
    rating.score, rating.scores, rating.comment, rating.rated_at = answer.score, scores, answer.comment, now()
    rating.plays += answer.plays
    rating.heard_seconds += answer.heard_seconds
    rating.response_ms += answer.response_ms


def _open_trials(db: OrmSession, session: Session, limit: int | None = None) -> list[Trial]:
    query = (
        select(Trial)
        .outerjoin(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Rating.id.is_(None), Trial.skipped.is_(None))
        .order_by(Trial.position)
        .limit(limit)
    )
    return list(db.scalars(query))


def _last_answered(db: OrmSession, session: Session) -> tuple[Trial, Rating] | None:
    query = (
        select(Trial, Rating)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id)
        .order_by(Trial.position.desc())
        .limit(1)
    )
    found = db.execute(query).first()
    return (found[0], found[1]) if found else None


def _given(db: OrmSession, session: Session) -> list[quality.Given]:
    query = (
        select(Trial.position, Trial.check, Rating.score)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session.id, Trial.kind != PRACTICE)
    )
    return [quality.Given(*row) for row in db.execute(query)]


def _view(trial: Trial, number: int, total: int) -> TrialView:
    return TrialView(
        session_id=trial.session_id,
        position=trial.position,
        practice=trial.kind == PRACTICE,
        number=number,
        total=total,
        prompt=trial.prompt,
        clips=tuple(ClipView(one.file, one.sha256, one.seconds) for one in trial.heard),
    )
