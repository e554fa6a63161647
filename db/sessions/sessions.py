"""Sessions: a participant's way through the test, one answer at a time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import Together, reading, writing
from db.errors import Late, StudyClosed, UnknownParticipant
from db.scope import Scope, begun, now, rules_of
from db.sessions import absence, answers, asking, participants, planning
from db.sessions.settling import Held, Outline, Wanted, done, end, exclude, include, opens, outline, step
from db.sessions.standing import standing
from db.sessions.trials import heard_in, terms_of, view_of
from db.tables import Participant, Session, Trial
from db.views import Answer, Arrival, State, TrialView
from survey.questionnaire import check_answers, eligible, merged
from survey.session import SCREENED_OUT, accepts, after_confirming, next_stage
from survey.trials import quality

P = ParamSpec("P")
Taking = Callable[Concatenate["Sessions", str, P], State]


def _on_time(taking: Taking[P]) -> Taking[P]:
    """Where who comes was away for too long, do what the study has for that instead, and say where they stand then."""

    @wraps(taking)
    def taken(sessions: "Sessions", token: str, /, *args: P.args, **kwargs: P.kwargs) -> State:
        try:
            return taking(sessions, token, *args, **kwargs)
        except Late:
            absence.settle(sessions.scope, token)
            return taking(sessions, token, *args, **kwargs)

    return taken


@dataclass(frozen=True)
class Sessions:
    """The sessions of a study."""

    scope: Scope
    together: Together[Wanted, Held]

    @_on_time
    def start(self, token: str, arrival: Arrival | None = None) -> State:
        """Begin the session of a participant who consents; again, it changes nothing.

        The first session launches the study: what must not change from here on is frozen as revision 1.
        Who comes with an unknown token over the open link becomes a participant, on a platform the one of that
        identity. The session and all its trials are planned and stored here, under the first free index of the
        design, so that every row of it is filled evenly by those who end it: sessions that stood still for long give
        theirs back.

        Raises
        ------
        StudyClosed
            If nobody may begin.
        """
        arrival, scope = arrival or Arrival(), self.scope
        with writing(scope.engine) as db:
            scope.lock_study(db)
            participant = scope.participant(db, token)
            if participant is None and arrival.external_id is not None:
                participant = scope.person(db, arrival.external_id)
            session = _session_of(db, participant) if participant else None
            if session is not None:
                return standing(scope, db, absence.on_time(scope, session), token)
            under = absence.begun(scope, db)
            reason = participants.shut(scope, db) if participant else participants.closed(scope, db)
            if reason:
                raise StudyClosed("the study takes no new participants", reason)
            if participant is None:
                participant = participants.add(scope, db, token, arrival.platform, arrival.external_id)
            session = Session(
                study_id=scope.study_id,
                participant_id=participant.id,
                design_index=planning.free_index(scope, db),
                stage="consent",
                consent_sha256=sha256((arrival.consent or scope.recruitment.consent or "").encode()).hexdigest(),
                started_at=now(),
                language=arrival.language,
                device=arrival.device,
                browser=arrival.browser,
                seat=arrival.seat,
                **under,
            )
            session.stage = next_stage("consent", scope.rules, asking.asks(scope, session))
            db.add(session)
            db.flush()
            planning.plan(scope, db, session)
            return standing(scope, db, session, token)

    @_on_time
    def state(self, token: str) -> State:
        """Return where a participant stands; "consent" before the session began.

        Raises
        ------
        UnknownParticipant
            If nobody has this token.
        """
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            if session is not None:
                return standing(self.scope, db, absence.on_time(self.scope, session), token)
            if self.scope.participant(db, token) is None:
                raise UnknownParticipant("nobody has this link; ask for a new one")
            return State("consent")

    @_on_time
    def confirm(self, token: str, page: str, volume: float | None = None) -> State:
        """Leave a page that wants confirming; one that is not the present page changes nothing."""
        scope = self.scope
        with writing(scope.engine) as db:
            session = absence.on_time(scope, scope.locked_session(db, token))
            if session.stage == page and volume is not None:
                session.volume = volume
            before, rules = session.stage, rules_of(session.rules, scope.rules)
            session.stage = after_confirming(before, page, rules, asking.asks(scope, session))
            if session.stage != before:
                opens(session)
            known = outline(db, session)
            step(scope, session, known)
            return standing(scope, db, session, token, known)

    @_on_time
    def answer_questions(self, token: str, given: Mapping[str, Any], page: str = "questions", after: int = 0) -> State:
        """Store the answers to a page of questions, which between the trials stood `after` so many of them.

        Those to a page that is not the present one change nothing; one that leads out of the study ends the session.

        Raises
        ------
        AnswerError
            If they are none to its questions; everything stays as it was.
        """
        scope = self.scope
        with writing(scope.engine) as db:
            session = absence.on_time(scope, scope.locked_session(db, token))
            known = outline(db, session)
            over = done(known)
            if session.stage == page and (page != "between" or over == after):
                asked = asking.page(scope, session, page, over)
                checked = check_answers(given, asked, session.answers)
                session.answers = merged(session.answers, asked, checked, over)
                if not eligible(checked, asked):
                    end(session, SCREENED_OUT, counted=False)
                elif page == "questions":
                    rules = rules_of(session.rules, scope.rules)
                    session.stage = next_stage(page, rules, asking.asks(scope, session))
                opens(session)
            step(scope, session, known)
            return standing(scope, db, session, token, known)

    @_on_time
    def try_headphones(self, token: str, tried: int, right: int) -> State:
        """Store how many answers of the try after `tried` others were right, and go on if that settles it."""
        scope = self.scope
        with writing(scope.engine) as db:
            session = absence.on_time(scope, scope.locked_session(db, token))
            if session.stage == "headphones" and len(session.headphone or ()) == tried:
                session.headphone = [*(session.headphone or []), right]
                rules = rules_of(session.rules, scope.rules)
                checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
                if quality.headphones(session.headphone, rules.headphone_pass, checks):
                    session.stage = next_stage("headphones", rules, asking.asks(scope, session))
                step(scope, session, outline(db, session))
            return standing(scope, db, session, token)

    @_on_time
    def rate(self, token: str, answer: Answer) -> State:
        """Judge and store an answer, and return the state after it, committed.

        An answer to anything but the open trial (a double click, a second tab, a clip that was rendered anew
        meanwhile) changes nothing: the state tells the page where it stands. Where the study lets participants go
        back, an answer to the trial before takes the place of the first.

        Raises
        ------
        AnswerError
            If it is none to the trial's question; everything stays as it was.
        NotHeard
            If the clips must be heard and were not; likewise.
        """
        return self._rate(token, answer).result()

    async def rated(self, token: str, answer: Answer) -> State:
        """Do the same for who waits in an event loop."""
        try:
            return await asyncio.wrap_future(self._rate(token, answer))
        except Late:
            return await asyncio.to_thread(self.rate, token, answer)

    def _rate(self, token: str, answer: Answer) -> Future[State]:
        scope = self.scope

        def work(db: OrmSession, found: Held | None) -> State:
            session = absence.on_time(scope, begun(found.session if found else None))
            terms, known = terms_of(scope, db, session), found.trials if found else []

            def meant(trial: Outline | None) -> TrialView | None:
                """Return a trial as it is shown, if it may be answered now and the answer is to it."""
                if trial is None or not accepts(session.stage, trial.kind):
                    return None
                shown = view_of(trial, heard_in(db, [trial]), terms)
                return shown if answer.names(shown) else None

            first, last = next((one for one in known if one.open), None), answers.last_answered(known)
            if first is not None and (shown := meant(first)) is not None:
                known[known.index(first)] = answers.store(db, session, first, shown, answer)
                opens(session)
            elif last is not None and self._goes_back(token, session, answer) and (shown := meant(last)) is not None:
                rating = answers.to_revise(db, last)
                answers.revise(session, rating, shown, answer)
                known[known.index(last)] = last._replace(score=rating.score)
            step(scope, session, known)
            return standing(scope, db, session, token, known)

        return self.together.soon(Wanted(token, trials=True), work)

    @_on_time
    def skip(self, token: str, position: int, reason: str) -> State:
        """Leave out the open trial, which the participant's browser cannot play."""
        scope = self.scope
        with writing(scope.engine) as db:
            session = absence.on_time(scope, scope.locked_session(db, token))
            known = outline(db, session)
            trial = next((one for one in known if one.open), None)
            if trial is not None and trial.position == position and accepts(session.stage, trial.kind):
                db.execute(update(Trial).where(Trial.id == trial.id).values(skipped=reason))
                known[known.index(trial)] = trial._replace(skipped=reason)
                opens(session)
                step(scope, session, known)
            return standing(scope, db, session, token, known)

    def _goes_back(self, token: str, session: Session, answer: Answer) -> bool:
        """Say whether an answer wants to take the place of one, and may."""
        rules = rules_of(session.rules, self.scope.rules)
        return answer.revises and rules.go_back and participants.owns(self.scope, token, session.participant)

    def exclude(self, codes: Iterable[str], reason: str) -> list[str]:
        """Let the sessions of these participants count no more, end those under way, and return whose that were.

        Their answers stay, and are exported as what does not count; their places are free. Who is excluded already
        stays so, for the reason that was given then.
        """
        with writing(self.scope.engine) as db:
            found = _named(self.scope, db, codes, Session.excluded.is_(None))
            for session in found:
                exclude(session, reason)
            return [session.participant.code for session in found]

    def include(self, codes: Iterable[str]) -> list[str]:
        """Make excluded sessions of these participants what they were, and return whose that were.

        One under way goes on where it stood. It gets its place in the design back, unless another has that by now.
        """
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            found = _named(self.scope, db, codes, Session.excluded.is_not(None) & Session.before.is_not(None))
            held = select(Session.design_index).where(self.scope.mine(Session), Session.design_index >= 0)
            present = set(db.scalars(select(Session.id).where(self.scope.mine(Session), self.scope.present())))
            taken = set(db.scalars(held))
            for session in found:
                index = include(session)
                if session.id in present and index >= 0 and index not in taken:
                    session.design_index = index
                    taken.add(index)
            return [session.participant.code for session in found]


def _named(scope: Scope, db: OrmSession, codes: Iterable[str], which: ColumnElement[bool]) -> list[Session]:
    """Return the sessions of these participants, for this transaction alone."""
    mine = scope.mine(Session) & Participant.code.in_(list(codes)) & which
    query = select(Session).join(Session.participant).where(mine)
    return list(db.scalars(query.order_by(Session.id).with_for_update(of=Session)))


def _session_of(db: OrmSession, person: Participant) -> Session | None:
    return db.scalar(select(Session).where(Session.participant_id == person.id))
