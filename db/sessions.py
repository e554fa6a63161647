"""Sessions: a participant's way through the test, one answer at a time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as OrmSession

from db.clips import Clips
from db.engine import reading, writing
from db.errors import StudyClosed, UnknownParticipant
from db.listening import both_clocks, open_since
from db.participants import Participants
from db.scope import now, rules_of
from db.tables import Event, Participant, Rating, Session, Trial
from db.tokens import LINK
from db.trials import Outline, exactly, last_answered, open_trials, outline, revise, served_places, view_of
from db.views import Answer, Answered, Arrival, Judge, State, Terms, TrialView
from survey.config.study import Scale
from survey.questionnaire import check_answers, eligible, items
from survey.session import (
    DISCARDED,
    FINISHED,
    FINISHED_DISCARDED,
    SCREENED_OUT,
    accepts,
    after_answer,
    after_confirming,
    next_stage,
)
from survey.trials import quality
from survey.trials.design import PRACTICE

# Of a session's log, in bytes as they are stored: a page that goes wild must not fill the disk.
MAX_LOG, EVENT_BYTES, MAX_DETAIL = 1_000_000, 200, 1500  # all of it, an event's row, and its detail as JSON


class Sessions(Clips, Participants):
    """The part of the store that leads through a session."""

    def start(self, token: str, arrival: Arrival | None = None) -> State:
        """Begin the session of a participant who consents; again, it changes nothing.

        The first session launches the study: what must not change from here on is frozen as revision 1.
        Who comes with an unknown token over the open link becomes a participant, on a platform the one of that
        identity. The session and all its trials are planned and stored here, under the first free index of the
        design, so that every row of it is filled evenly by those who end it: sessions that stood still for long give
        theirs back.
        """
        arrival = arrival or Arrival()
        with writing(self._engine) as db:
            self._lock_study(db)
            participant = self._participant(db, token)
            if participant is None and arrival.external_id is not None:
                participant = self._person(db, arrival.external_id)
            session = self._session_of(db, participant) if participant else None
            if session is not None:
                return self._state(db, session, token)
            revision = self._current(db)
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
                revision=revision.number,
                rules=asdict(self.rules),
                opened=both_clocks(),
            )
            db.add(session)
            db.flush()
            self._plan(db, session)
            return self._state(db, session, token)

    def state(self, token: str) -> State:
        """Return where a participant stands; "consent" before the session began."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is not None:
                return self._state(db, session, token)
            if self._participant(db, token) is None:
                raise UnknownParticipant("nobody has this link; ask for a new one")
            return State("consent")

    def confirm(self, token: str, page: str, volume: float | None = None) -> State:
        """Leave a page that wants confirming; one that is not the present page changes nothing."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == page and volume is not None:
                session.volume = volume
            before = session.stage
            session.stage = after_confirming(before, page, rules_of(session, self.rules), self.recruitment)
            if session.stage != before:
                _opens(session)
            self._step(db, session)
            return self._state(db, session, token)

    def answer_questions(self, token: str, answers: Mapping[str, str]) -> State:
        """Store the answers to the questions before listening; one that leads out of the study ends the session."""
        asked = items(self.recruitment)
        checked = check_answers(answers, asked)
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == "questions":
                session.answers = checked
                if eligible(checked, asked):
                    session.stage = next_stage("questions", rules_of(session, self.rules), self.recruitment)
                else:
                    _end(session, SCREENED_OUT, counted=False)
            return self._state(db, session, token)

    def try_headphones(self, token: str, tried: int, right: int) -> State:
        """Store how many answers of the try after `tried` others were right, and go on if that settles it."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            if session.stage == "headphones" and len(session.headphone or ()) == tried:
                session.headphone = [*(session.headphone or []), right]
                rules = rules_of(session, self.rules)
                passed = quality.headphones_passed(session.headphone, rules)
                if passed or len(session.headphone) >= quality.HEADPHONE_TRIES:
                    session.stage = next_stage("headphones", rules, self.recruitment)
                self._step(db, session)
            return self._state(db, session, token)

    def rate(self, token: str, given: Answer | Judge) -> State:
        """Store an answer and return the state after it, committed.

        An answer to anything but the open clip (a double click, a second tab, a clip that was rendered anew
        meanwhile) changes nothing: the state tells the page where it stands. Where the study lets participants go
        back, an answer to the clip before takes the place of the first. What is given may also be what judges, within
        the transaction, whether it is an answer to a trial; what it raises leaves everything as it was.
        """
        judge = exactly(given) if isinstance(given, Answer) else given
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            terms = self._terms(db, session)
            ahead = open_trials(db, session, 3, terms)
            trial, answer = ahead[0] if ahead else None, None
            if trial is not None and accepts(session.stage, trial.kind):
                answer = judge(view_of(trial, terms), 0.0)
            if trial is not None and answer is not None:
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
                        open_ms=open_since(session.opened),
                    )
                )
                ahead = ahead[1:]
                _opens(session)
            elif terms.rules.go_back and self._owned(session.participant, token):
                before = last_answered(db, session)
                if before is not None and accepts(session.stage, before[0].kind):
                    answer = judge(view_of(before[0], terms), before[1].heard_seconds)
                    if answer is not None and answer.revises:
                        revise(before[1], answer, session.opened)
            return self._state(db, session, token, ahead, self._step(db, session))

    def skip(self, token: str, position: int, reason: str) -> State:
        """Leave out the open clip, which the participant's browser cannot play."""
        with writing(self._engine) as db:
            session = self._locked_session(db, token)
            trial = next(iter(open_trials(db, session, 1, self._terms(db, session))), None)
            if trial is not None and trial.position == position and accepts(session.stage, trial.kind):
                trial.skipped = reason
                _opens(session)
                db.flush()
                self._step(db, session)
            return self._state(db, session, token)

    def discard(self, codes: Iterable[str]) -> list[str]:
        """Let the sessions of these participants count no more, end those under way, and return whose that were.

        Their answers stay, and are exported as what does not count; their places are free.
        """
        query = select(Session).join(Session.participant).where(self._mine(Session), Participant.code.in_(list(codes)))
        with writing(self._engine) as db:
            found = list(db.scalars(query.order_by(Session.id).with_for_update(of=Session)))
            for session in found:
                if session.finished_at is None:
                    _end(session, DISCARDED, counted=False)
                else:
                    session.outcome = FINISHED_DISCARDED if session.outcome == FINISHED else session.outcome
                    _uncount(session)
            return [session.participant.code for session in found]

    def log_event(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Append to the session's log; False where there is no session, its log is full or the detail too long.

        Faults are told a little longer than the rest: who cannot play a clip may skip it once that was told.
        """
        cost, most = len(json.dumps(detail)), MAX_LOG * 11 // 10 if kind == "error" else MAX_LOG
        if cost > MAX_DETAIL:
            return False
        with writing(self._engine) as db:
            session = self._session(db, token, lock=True)
            if session is None or session.log_bytes + EVENT_BYTES + cost > most:
                return False
            db.add(Event(session_id=session.id, position=position, kind=kind, detail=detail, at=now()))
            session.log_bytes += EVENT_BYTES + cost
            session.seen_at = now()
            return True

    def clip(self, token: str, position: int) -> TrialView | None:
        """Return the clip at a position of the participant's session."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            if session is None:
                return None
            trial = db.scalar(select(Trial).where(Trial.session_id == session.id, Trial.position == position))
            return view_of(trial, self._terms(db, session), served=served_places(db, trial)) if trial else None

    def has_event(self, token: str, kind: str, position: int) -> bool:
        """Say whether something of this kind happened at a position of the participant's session."""
        with reading(self._engine) as db:
            session = self._session(db, token)
            wanted = (Event.kind == kind) & (Event.position == position)
            return session is not None and bool(
                db.scalar(select(func.count()).where(Event.session_id == session.id, wanted))
            )

    # --- inside a transaction ---------------------------------------------------------------------

    def _free_index(self, db: OrmSession) -> int:
        """Return the first index of the design that no session holds."""
        taken = set(db.scalars(select(Session.design_index).where(self._mine(Session), Session.design_index >= 0)))
        return next(index for index in range(len(taken) + 1) if index not in taken)

    def _release_dropouts(self, db: OrmSession) -> None:
        """Take the index of the design from sessions that stood still for long or failed; they may still be ended."""
        gone = ~self._live() & ~self._done() & (Session.design_index >= 0)
        query = select(Session).where(self._mine(Session), gone).order_by(Session.id).with_for_update()
        for session in db.scalars(query):
            session.design_index = -session.id
        db.flush()

    def _step(self, db: OrmSession, session: Session) -> list[Outline]:
        """Note that the participant was there, and move the session on; return its trials in short."""
        session.seen_at = now()
        return self._settle(db, session)

    def _settle(self, db: OrmSession, session: Session) -> list[Outline]:
        """Judge a session's checks, and move it on where its last answer, or a dropped cell, left nothing to answer."""
        trials = outline(db, session)
        if session.finished_at is not None:
            return trials
        given = [quality.Given(one.position, one.check, one.score) for one in trials if one.counts and one.answered]
        session.failures = len(quality.failures(given))
        rules = rules_of(session, self.rules)
        failed = quality.failed(session.failures, session.headphone or (), rules)
        session.counted = not (failed and rules.on_failure in ("end", "replace"))
        if failed and rules.on_failure == "end":
            _end(session, SCREENED_OUT, counted=False)
            return trials
        kinds = {one.kind for one in trials if not one.answered and one.skipped is None}
        session.stage = after_answer(session.stage, kinds, rules, self.recruitment)
        if session.stage == "done":
            # Whoever could play nothing, or says so, has taken no place.
            nothing = any(one.skipped for one in trials) and not any(one.answered and one.counts for one in trials)
            _end(session, FINISHED, counted=session.counted and not nothing)
        return trials

    def _session_of(self, db: OrmSession, person: Participant) -> Session | None:
        return db.scalar(select(Session).where(Session.participant_id == person.id))

    def _state(
        self,
        db: OrmSession,
        session: Session,
        token: str,
        ahead: list[Trial] | None = None,
        known: list[Outline] | None = None,
    ) -> State:
        """Return where a session stands; the next open trials, and all in short, are given where they are known."""
        shown = [one for one in known or outline(db, session) if one.skipped is None]
        practice = [one.position for one in shown if not one.counts]
        trials = [one.position for one in shown if one.counts]

        terms = self._terms(db, session)

        def view(trial: Trial) -> TrialView:
            group = practice if trial.kind == PRACTICE else trials
            return view_of(trial, terms, group.index(trial.position) + 1, len(group))

        done = session.stage == "done"
        coming = [] if done else open_trials(db, session, 2, terms) if ahead is None else ahead[:2]
        views = [view(trial) for trial in coming]
        showing = session.stage in ("practice", "trials")
        owner = self._owned(session.participant, token)
        before = last_answered(db, session) if showing and owner and terms.rules.go_back else None
        if before is not None and not accepts(session.stage, before[0].kind):
            before = None
        return State(
            stage=session.stage,
            trial=views[0] if views and showing else None,
            upcoming=next(iter(views[1:] if showing else views), None),
            trials=len(trials),
            previous=Answered(view(before[0]), before[1].given, before[1].comment) if before else None,
            # Whoever took part to the end leaves as they did, whatever became of it.
            outcome=FINISHED if session.outcome == FINISHED_DISCARDED else session.outcome,
            tries=len(session.headphone or ()),
            session_id=session.id,
            external_id=session.participant.external_id,
            volume=session.volume,
            terms=terms,
            link=self._tokens.derived(LINK, session.participant),
            owner=owner,
            ended_at=session.finished_at,
        )

    def _terms(self, db: OrmSession, session: Session) -> Terms:
        """Return what a session was begun under."""
        scale, rules = self._scale_of(db, session.revision), rules_of(session, self.rules)
        if session.rules is not None:
            return Terms(rules, scale)
        # Before there were revisions, a change of type came without one; trials know of which type theirs is.
        asked = db.scalar(select(Trial.question).where(Trial.session_id == session.id).limit(1))
        return Terms(rules, scale if asked in (None, scale.type) else Scale(type=asked))


def _opens(session: Session) -> None:
    """Note that from now on the next trial can be seen; in a session of an older version nothing is noted."""
    if session.opened is not None:
        session.opened = both_clocks()


def _end(session: Session, outcome: str, *, counted: bool) -> None:
    """End a session; one that does not count gives its index of the design to another."""
    session.stage, session.outcome, session.counted, session.finished_at = "done", outcome, counted, now()
    if not counted:
        _uncount(session)


def _uncount(session: Session) -> None:
    session.counted = False
    if session.design_index >= 0:
        session.design_index = -session.id
