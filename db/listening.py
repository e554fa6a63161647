"""What the server itself saw of listening: which clips it was asked for, and how long a trial was open."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession

from db.engine import writing
from db.scope import Scope, now
from db.tables import Rating, Served, Session, Stimulus, Trial, TrialClip
from db.views import TrialView
from survey.config.study import SessionRules
from survey.config.values import restored
from survey.trials.listening import Listening, flags

MOST = 2**31 - 1  # that a column of whole numbers holds in every database


def both_clocks() -> list[float]:
    """Return this moment by the clock on the wall, which somebody may set, and by the machine's, which runs on."""
    return [time.time(), time.monotonic()]


def open_since(opened: Sequence[float] | None, before: int | None = 0) -> int | None:
    """Return for how many milliseconds a trial has been open that opened at this moment, with those `before`.

    The longer of what both clocks say: setting the one back, a new start of the machine or another machine can make
    only one of them say too little. None where both do, or where the moment is not known.
    """
    if opened is None or before is None:
        return None
    passed = max(now - then for now, then in zip(both_clocks(), opened, strict=True))
    return min(before + int(passed * 1000), MOST) if passed >= 0 else None


@dataclass(frozen=True, slots=True)
class Judged:
    """How long the trial of an answer was open, and the flags of the answer."""

    session_id: int
    kind: str
    open_ms: int | None
    flags: tuple[str, ...]


class ListeningLog(Scope):
    """The part of the store that holds what was served against what is said to have been heard."""

    def note_served(self, trial: TrialView, place: int) -> None:
        """Note that a trial's clip at a place was asked for; only the first time counts."""
        if place in trial.served:
            return
        # Another request was quicker, or the trial is gone: either way there is nothing left to note.
        with contextlib.suppress(IntegrityError), writing(self._engine) as db:
            found = db.scalar(
                select(Trial).where(Trial.session_id == trial.session_id, Trial.position == trial.position)
            )
            stimulus = found.heard[place] if found is not None else None
            if found is None or stimulus is None or stimulus.sha256 != trial.clips[place].sha256:
                return  # rendered anew meanwhile
            key = {"trial_id": found.id, "place": place, "stimulus_id": stimulus.id}
            if db.get(Served, key) is None:
                db.add(Served(**key, at=now()))

    def _judged(self, db: OrmSession, revision: int | None = None) -> dict[int, Judged]:
        """Judge every answer (of a revision), by its trial.

        The answers of sessions that began under a version that did not watch are not judged: what of theirs was
        served is not known.
        """
        mine = self._mine(Session) & ((Session.revision == revision) if revision else True)
        sessions = {
            row.id: _must_listen(row.rules, self.rules)
            for row in db.execute(select(Session.id, Session.opened, Session.rules).where(mine))
            if row.opened is not None
        }
        asked = select(Served.trial_id, Served.place, Served.stimulus_id).join(Trial, Trial.id == Served.trial_id)
        served = {tuple(row) for row in db.execute(asked.join(Session, Session.id == Trial.session_id).where(mine))}
        beside: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
        several = (
            select(TrialClip.trial_id, TrialClip.place, TrialClip.stimulus_id, Stimulus.seconds)
            .join(Stimulus, Stimulus.id == TrialClip.stimulus_id)
            .join(Trial, Trial.id == TrialClip.trial_id)
            .join(Session, Session.id == Trial.session_id)
        )
        for trial_id, place, stimulus_id, seconds in db.execute(several.where(mine)):
            beside[trial_id][place] = (stimulus_id, seconds)
        query = (
            select(Trial.id, Trial.session_id, Trial.kind, Trial.stimulus_id, Stimulus.seconds)
            .add_columns(Rating.plays, Rating.heard_seconds, Rating.response_ms, Rating.open_ms)
            .join(Rating, Rating.trial_id == Trial.id)
            .join(Stimulus, Stimulus.id == Trial.stimulus_id)
            .join(Session, Session.id == Trial.session_id)
        )
        found = {}
        for row in db.execute(query.where(mine)):
            if row.session_id not in sessions:
                continue
            clips = beside.get(row.id) or {0: (row.stimulus_id, row.seconds)}
            claims = Listening(
                plays=row.plays,
                heard_seconds=row.heard_seconds,
                response_ms=row.response_ms,
                open_ms=row.open_ms,
                served=all((row.id, place, stimulus_id) in served for place, (stimulus_id, _) in clips.items()),
                seconds=sum(seconds for _, seconds in clips.values()),
                must_listen=sessions[row.session_id],
            )
            found[row.id] = Judged(row.session_id, row.kind, row.open_ms, flags(claims))
        return found


def _must_listen(rules: dict[str, object] | None, present: SessionRules) -> bool:
    """Say whether a session demands that clips are heard; one of an older version has the rules of now."""
    return (restored(SessionRules, rules) if rules else present).must_listen
