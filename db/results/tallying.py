"""Sessions in numbers: what those who watch a study are told of each."""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from statistics import median
from sys import intern
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as OrmSession

from db.results.judged import failed, judged
from db.scope import Scope, rules_of
from db.tables import Event, Rating, Session, Trial, TrialClip
from survey.trials import quality
from survey.trials.design import ATTENTION, GOLD, INSTRUCTED, PRACTICE, REPEAT, TRIAL, UNCOUNTED
from survey.trials.questions import QUESTION_TYPES

BESIDE = (PRACTICE, UNCOUNTED)  # kinds of trials that are no part of what a session is to answer
CHECKS = (ATTENTION, REPEAT, INSTRUCTED, GOLD)
HEADPHONES = "headphones"  # the check before the trials, beside the kinds of trials that are checks
# Types whose open reference is heard, and not judged.
BESIDE_REFERENCE = [name for name, kind in QUESTION_TYPES.items() if kind.hears == "reference"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that somebody met: its kind, the day (UTC), and whether it was passed; None if it could not be played."""

    kind: str
    day: date
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Tallied:
    """A session in numbers.

    `answered` of `total` count trials and checks without practice; `judged` holds the stimuli of all answers that count
    if the session does, and `at` when they were stored, in seconds since 1970, for each clip that an answer has a score
    for. `last` is when anything was answered last, `pace_s` the middle time of a trial in seconds by the page's clock;
    `flags` counts the answers that got each, `flagged` those that got any, and `events` what happened of each kind.
    `said` holds each answer beside the clips with its question's name, and `asked` the study's own questions when it
    began, as JSON.
    """

    answered: int = 0
    total: int = 0
    judged: Sequence[int] = ()
    at: Sequence[float] = ()
    last: datetime | None = None
    pace_s: float | None = None
    flagged: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[Checked, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    device: str = ""
    browser: str = ""
    said: tuple[tuple[str, object], ...] = ()
    asked: str = "[]"


def tallied(scope: Scope, db: OrmSession, sessions: Sequence[int]) -> Iterator[tuple[int, Tallied]]:
    """Yield some sessions in numbers, each by its own."""
    mine, theirs = Session.id.in_(sessions), Trial.session_id.in_(sessions)
    flags, missed = judged(scope, db, mine), failed(db, mine)
    answers: dict[int, list[Any]] = defaultdict(list)
    given = (
        select(Trial.id, Trial.session_id, Trial.kind, Trial.stimulus_id)
        .add_columns(Rating.scores, Rating.rated_at, Rating.response_ms)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(theirs)
    )
    for row in db.execute(given):
        answers[row.session_id].append(row)
    clips: dict[int, set[int]] = defaultdict(set)  # of several, those that are judged
    several = select(TrialClip.trial_id, TrialClip.stimulus_id).join(Trial, Trial.id == TrialClip.trial_id)
    for trial, stimulus in db.execute(several.where(theirs, Trial.question.not_in(BESIDE_REFERENCE))):
        clips[trial].add(stimulus)
    planned = select(Trial.session_id, func.count()).where(theirs, Trial.kind.not_in(BESIDE))
    totals: dict[int, int] = dict(db.execute(planned.group_by(Trial.session_id)).all())
    unplayed: dict[int, list[str]] = defaultdict(list)
    skipped = select(Trial.session_id, Trial.kind).where(theirs, Trial.skipped.is_not(None), Trial.kind.in_(CHECKS))
    for session, kind in db.execute(skipped):
        unplayed[session].append(kind)
    happened: dict[int, dict[str, int]] = defaultdict(dict)
    events = select(Event.session_id, Event.kind, func.count()).where(Event.session_id.in_(sessions))
    for session, kind, count in db.execute(events.group_by(Event.session_id, Event.kind)):
        happened[session][kind] = count
    about = select(Session.id, Session.started_at, Session.headphone, Session.rules, Session.device, Session.browser)
    about = about.add_columns(Session.answers, Session.asked)
    for row in db.execute(about.where(mine)):
        rated, day = answers[row.id], row.started_at.astimezone(UTC).date()
        trials = [one for one in rated if one.kind == TRIAL]
        met = [Checked(one.kind, one.rated_at.date(), one.id not in missed) for one in rated if one.kind in CHECKS]
        met += [Checked(kind, day, None) for kind in unplayed[row.id]]
        met += [Checked(HEADPHONES, day, passed) for passed in _headphones(scope, row)]
        found = [flags[one.id].flags for one in rated if one.kind != PRACTICE and one.id in flags]
        yield (
            row.id,
            Tallied(
                answered=sum(one.kind not in BESIDE for one in rated),
                total=totals.get(row.id, 0),
                judged=array("q", [clip for one in trials for clip in {one.stimulus_id, *clips[one.id]}]),
                at=array("d", [one.rated_at.timestamp() for one in trials for _ in one.scores or (0,)]),
                last=max((one.rated_at for one in rated), default=None),
                pace_s=median(one.response_ms for one in trials) / 1000 if trials else None,
                flagged=sum(map(bool, found)),
                flags=Counter(flag for names in found for flag in names),
                checks=tuple(met),
                events=happened[row.id],
                device=row.device or "",
                browser=row.browser or "",
                said=tuple(_said(row.answers or {})),
                asked=intern(json.dumps(row.asked or [])),  # few are another, however many sessions
            ),
        )


def _said(answers: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield each answer by its question; one that comes every N trials has an answer for each time."""
    for name, answer in answers.items():
        for one in answer.values() if isinstance(answer, dict) else (answer,):
            yield from ((name, option) for option in (one if isinstance(one, list) else [one]))


def _headphones(scope: Scope, session: Any) -> list[bool]:
    """Say whether a session's headphone check was passed, if there was one and it is over."""
    if not session.headphone:
        return []
    rules = rules_of(session.rules, scope.rules)
    checks = len(quality.HEADPHONE_CHECKS[rules.headphone_check])
    ended = quality.headphones(session.headphone, rules.headphone_pass, checks)
    return [ended == "passed"] if ended else []
