"""The trials of a session: which are open, what was asked for of them, and how one is shown."""

import contextlib
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import selectinload

from db.engine import reading, writing
from db.revisions import asked_in, translations_in
from db.scope import Scope, now, rules_of
from db.tables import Rating, Served, Session, Trial
from db.views import ClipView, Terms, TrialView
from survey.trials.design import PRACTICE
from survey.trials.scale import Asked, Scale

# Built once: these are asked with every answer.
OPEN = (
    select(Trial)
    .outerjoin(Rating, Rating.trial_id == Trial.id)
    .where(Trial.session_id == bindparam("session"), Rating.id.is_(None), Trial.skipped.is_(None))
    .order_by(Trial.position)
    .limit(bindparam("limit"))
)
OPEN_SEVERAL = OPEN.options(selectinload(Trial.clips))


@dataclass(frozen=True)
class Trials:
    """The trials whose clips the page asks for."""

    scope: Scope

    def at(self, token: str, position: int) -> TrialView | None:
        """Return the trial at a position of the participant's session; None if there is none."""
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            trial = _at(db, session.id, position) if session is not None else None
            if session is None or trial is None:
                return None
            return view_of(trial, terms_of(self.scope, db, session), served=_served_places(db, trial))

    def note_served(self, trial: TrialView, place: int) -> None:
        """Note that a trial's clip at a place was asked for; only the first time counts."""
        if place in trial.served:
            return
        # Another request was quicker, or the trial is gone: either way there is nothing left to note.
        with contextlib.suppress(IntegrityError), writing(self.scope.engine) as db:
            found = _at(db, trial.session_id, trial.position)
            stimulus = found.heard[place] if found is not None else None
            if found is None or stimulus is None or stimulus.sha256 != trial.clips[place].sha256:
                return  # rendered anew meanwhile
            key = {"trial_id": found.id, "place": place, "stimulus_id": stimulus.id}
            if db.get(Served, key) is None:
                db.add(Served(**key, at=now()))


def open_trials(db: OrmSession, session: Session, limit: int, terms: Terms) -> list[Trial]:
    """Return the next trials that are still to be answered, in order."""
    several = terms.asked.first.kind.clips(2) > 1
    return list(db.scalars(OPEN_SEVERAL if several else OPEN, {"session": session.id, "limit": limit}))


def terms_of(scope: Scope, db: OrmSession, session: Session) -> Terms:
    """Return what a session was begun under."""
    asked, rules = asked_in(scope, db, session.revision), rules_of(session.rules, scope.rules)
    language = session.language or ""
    if session.rules is not None:
        return Terms(rules, asked, language, translations_in(scope, db, session.revision).get(language, {}))
    # Before there were revisions, a change of type came without one; trials know of which type theirs is.
    kind = db.scalar(select(Trial.question).where(Trial.session_id == session.id).limit(1))
    return Terms(rules, asked if kind in (None, asked.first.type) else Asked((Scale(type=kind),)), language)


def view_of(
    trial: Trial, terms: Terms, number: int = 0, total: int = 0, served: frozenset[int] = frozenset()
) -> TrialView:
    """Return a trial as it is shown, under the terms of its session."""
    translated = terms.texts.get(f"prompts.{trial.prompt_id}")
    return TrialView(
        session_id=trial.session_id,
        position=trial.position,
        practice=trial.kind == PRACTICE,
        number=number,
        total=total,
        prompt=translated or trial.prompt,
        clips=tuple(ClipView(one.file, one.sha256, one.seconds) for one in trial.heard),
        terms=terms,
        translated=translated is not None,
        served=served,
    )


def _at(db: OrmSession, session_id: int, position: int) -> Trial | None:
    return db.scalar(select(Trial).where(Trial.session_id == session_id, Trial.position == position))


def _served_places(db: OrmSession, trial: Trial) -> frozenset[int]:
    """Return the places of a trial whose clips, as they are now, were asked for."""
    query = select(Served.place, Served.stimulus_id).where(Served.trial_id == trial.id)
    asked = {(row.place, row.stimulus_id) for row in db.execute(query)}
    return frozenset(place for place, clip in enumerate(trial.heard) if (place, clip.id) in asked)
