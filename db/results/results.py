"""What came of a study: the queries of those who watch and analyse it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import load_only

from db.engine import reading
from db.results.judged import judged
from db.results.ratings import Ratings, session_name
from db.results.tallies import Tally, tallies
from db.scope import Scope
from db.tables import Condition, Event, Participant, Rating, Session, Stimulus, Trial, TrialClip
from db.tokens import LINK
from db.views import Cell, Progress
from survey.config.session import SessionRules
from survey.records import UNDER_WAY, EventRow, RatingRow, SessionRow
from survey.trials.design import PRACTICE, TRIAL, UNCOUNTED
from survey.trials.questions import QUESTION_TYPES
from survey.values import restored

# Types whose open reference is heard, and not judged.
BESIDE_REFERENCE = [name for name, kind in QUESTION_TYPES.items() if kind.hears == "reference"]
SHOWN = (
    *(Session.stage, Session.started_at, Session.finished_at, Session.outcome, Session.failures, Session.counted),
    *(Session.seen_at, Session.revision, Session.seat),
)
"""What is read of a session to say how far it is; its answers and rules take ten times as long."""
BESIDE = (PRACTICE, UNCOUNTED)  # kinds of trials that are no part of what a session is to answer


@dataclass(frozen=True)
class Results:
    """What all who take part did."""

    scope: Scope
    _told: set[int] = field(default_factory=set)  # ratings that were said to be left out

    def cells(self) -> list[Cell]:
        """Return the stimuli under test with their number of ratings in this revision, in the manifest's order."""
        beside = select(TrialClip.trial_id).where(TrialClip.stimulus_id == Stimulus.id).correlate(Stimulus)
        heard = (Trial.stimulus_id == Stimulus.id) | (Trial.id.in_(beside) & Trial.question.not_in(BESIDE_REFERENCE))
        count = (
            select(func.count(Rating.id))
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .where(heard, Trial.kind == TRIAL, Session.counted, self.scope.present())
            .scalar_subquery()
        )
        query = (
            select(Stimulus, count)
            .where(self.scope.mine(Stimulus), Stimulus.active, Stimulus.kind == TRIAL)
            .order_by(Stimulus.place)
        )
        with reading(self.scope.engine) as db:
            return [
                Cell(s.name, s.prompt_id, s.prompt, s.condition.name, s.seed, s.file, ratings)
                for s, ratings in db.execute(query)
            ]

    def conditions(self) -> list[str]:
        """Return the conditions that were ever under test, in the manifest's order."""
        tested = select(Condition.name).join(Stimulus, Stimulus.condition_id == Condition.id)
        tested = tested.where(self.scope.mine(Stimulus), Stimulus.kind == TRIAL).group_by(Condition.id, Condition.name)
        with reading(self.scope.engine) as db:
            return list(db.scalars(tested.order_by(func.min(Stimulus.place), Condition.id)))

    def progress(self) -> list[Progress]:
        """Return every participant in the order of joining; practice does not count as answered."""
        counted = Trial.kind.not_in(BESIDE)
        total = select(func.count()).where(Trial.session_id == Session.id, counted).scalar_subquery()
        answered = (
            select(func.count(Rating.id))
            .join(Trial, Trial.id == Rating.trial_id)
            .where(Trial.session_id == Session.id, counted)
            .scalar_subquery()
        )
        query = (
            select(Participant, Session, answered, total, self.scope.live() | Session.finished_at.is_not(None))
            .outerjoin(Session, Session.participant_id == Participant.id)
            .where(self.scope.mine(Participant))
            .order_by(Participant.id)
            .options(load_only(*SHOWN))
        )
        with reading(self.scope.engine) as db:
            return [
                Progress(
                    person.code,
                    self.scope.tokens.derived(LINK, person) if person.link else "",
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
                    session.seen_at if session else None,
                    session is not None and not moving,
                    session.revision if session else 0,
                    (session.seat or "") if session else "",
                )
                for person, session, done, of, moving in db.execute(query)
            ]

    def ratings(self, revision: int | None = None) -> Iterator[RatingRow]:
        """Yield all ratings, or those of a revision, session by session in the order of the answers.

        There is a row for each scale and clip; a scale that was left open has none.
        Before there were revisions, a change of the question's type while a session ran stored answers of the new type
        to trials of the old one. They say nothing: they are left out, and logged.
        """
        return Ratings(self.scope, self._told).rows(revision)

    def given(self, revision: int | None = None) -> list[tuple[datetime, int]]:
        """Return of each answer that counts when it was stored, and how many clips it judges.

        It reads no more than that: who watches a study asks every few seconds, of however many answers.
        """
        query = (
            select(Rating.rated_at, Rating.scores)
            .join(Trial, Trial.id == Rating.trial_id)
            .join(Session, Session.id == Trial.session_id)
            .where(self.scope.mine(Session), Session.counted, Trial.kind == TRIAL)
            .where(*([Session.revision == revision] if revision else []))
        )
        with reading(self.scope.engine) as db:
            return [(at, len(scores) if scores else 1) for at, scores in db.execute(query)]

    def last_given(self) -> dict[str, datetime]:
        """Return when each participant who answered did so last, by code."""
        query = (
            select(Participant.code, func.max(Rating.rated_at).label("at"))
            .join(Session, Session.participant_id == Participant.id)
            .join(Trial, Trial.session_id == Session.id)
            .join(Rating, Rating.trial_id == Trial.id)
            .where(self.scope.mine(Session))
            .group_by(Participant.code)
        )
        with reading(self.scope.engine) as db:
            return {row.code: row.at for row in db.execute(query)}

    def flagged(self) -> Counter[str]:
        """Count each participant's answers with flags, practice aside, by code."""
        query = select(Session.id, Participant.code).join(Participant, Participant.id == Session.participant_id)
        with reading(self.scope.engine) as db:
            found = [one.session_id for one in judged(self.scope, db) if one.flags and one.kind != PRACTICE]
            codes = {row.id: row.code for row in db.execute(query.where(self.scope.mine(Session)))}
        return Counter(codes[session] for session in found)

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
            .where(self.scope.mine(Session))
            .order_by(Participant.id)
        )
        with reading(self.scope.engine) as db:
            told = judged(self.scope, db)
            flagged = Counter(one.session_id for one in told if one.flags and one.kind not in BESIDE)
            for person, session, done, total, checked, stalled, sought, hid in db.execute(query):
                yield SessionRow(
                    study=self.scope.study,
                    participant=person.code,
                    session=session_name(person.code),
                    source=person.source,
                    external_id=person.external_id or "",
                    outcome=session.outcome or UNDER_WAY,
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
                )

    def events(self) -> Iterator[EventRow]:
        """Yield what happened on the page, session by session in its order."""
        query = (
            select(Event, Participant.code)
            .join(Session, Session.id == Event.session_id)
            .join(Participant, Participant.id == Session.participant_id)
            .where(self.scope.mine(Session))
            .order_by(Session.id, Event.id)
            .execution_options(yield_per=500)
        )
        with reading(self.scope.engine) as db:
            for event, code in db.execute(query):
                detail = json.dumps(event.detail, ensure_ascii=False)
                yield EventRow(self.scope.study, code, session_name(code), event.position, event.kind, detail, event.at)
