"""What came of a study: the queries of those who watch and analyse it."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select

from db.engine import reading
from db.results.judged import judged, parts
from db.results.ratings import Ratings, session_name
from db.results.scores import Scored, scores
from db.results.tallies import Tally, tallies
from db.results.tallying import BESIDE
from db.results.watching import Watch
from db.scope import Scope
from db.tables import Condition, Event, Participant, Rating, Session, Stimulus, Trial
from db.views import Cell, Progress
from survey.config.session import SessionRules
from survey.records import UNDER_WAY, EventRow, RatingRow, SessionRow
from survey.trials.design import TRIAL
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

    def conditions(self) -> list[str]:
        """Return the conditions that were ever under test, in the manifest's order."""
        tested = select(Condition.name).join(Stimulus, Stimulus.condition_id == Condition.id)
        tested = tested.where(self.scope.mine(Stimulus), Stimulus.kind == TRIAL).group_by(Condition.id, Condition.name)
        with reading(self.scope.engine) as db:
            return list(db.scalars(tested.order_by(func.min(Stimulus.place), Condition.id)))

    def progress(self) -> list[Progress]:
        """Return every participant in the order of joining; practice does not count as answered."""
        return list(self.watch.look().people)

    def ratings(self, revision: int | None = None) -> Iterator[RatingRow]:
        """Yield all ratings, or those of a revision, session by session in the order of the answers.

        There is a row for each scale and clip; a scale that was left open has none.
        Before there were revisions, a change of the question's type while a session ran stored answers of the new type
        to trials of the old one. They say nothing: they are left out, and logged.
        """
        return Ratings(self.scope, self._told).rows(revision)

    def scores(self, codes: Iterable[str]) -> Iterator[Scored]:
        """Yield what these people answered to each clip under test: see :func:`db.results.scores.scores`."""
        return scores(self.scope, list(codes))

    def tallies(self) -> list[Tally]:
        """Count the answers to the questions with options beside the clips, in the newest revision."""
        sessions = [session for _, session in self.watch.look().present()]
        said = Counter(answer for one in sessions for answer in one.said)
        return tallies(self.scope, said, {one.asked for one in sessions})

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
            flagged: Counter[int] = Counter()
            for part in parts(self.scope, db, which):
                told = judged(self.scope, db, part).values()
                flagged.update(one.session_id for one in told if one.flags and one.kind not in BESIDE)
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
        return (
            (row, list(Ratings(self.scope, self._told).rows(which=which)), list(self._events(which))) if row else None
        )

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
                yield EventRow(self.scope.study, code, session_name(code), event.position, event.kind, detail, event.at)
