"""The trials of a session: which are open, what was asked for of them, and how one is shown."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession

from db.engine import Together, reading
from db.revisions import asked_in, translations_in
from db.scope import Scope, now, rules_of
from db.sessions.settling import ONE, Held, Outline, Wanted
from db.tables import Served, Session, Stimulus, Trial, TrialClip
from db.views import ClipView, Terms, TrialView
from survey.trials.design import PRACTICE
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Asked, Scale

# What is heard in a trial, in order: the clips, each with the number of its stimulus.
Heard = tuple[tuple[int, ClipView], ...]

# Built once: it is asked with every answer to several clips.
BESIDE = (
    select(TrialClip.trial_id, Stimulus.id, Stimulus.file, Stimulus.sha256, Stimulus.seconds)
    .join_from(TrialClip, Stimulus)
    .where(TrialClip.trial_id.in_(bindparam("trials", expanding=True)))
    .order_by(TrialClip.trial_id, TrialClip.place)
)
ASKED = insert(Served).inline()
ASKED_FOR = select(Served.place, Served.stimulus_id).where(Served.trial_id == bindparam("trial"))


@dataclass(frozen=True)
class Trials:
    """The trials whose clips the page asks for."""

    scope: Scope
    together: Together[Wanted, Held]

    def at(self, token: str, position: int) -> TrialView | None:
        """Return the trial at a position of the participant's session; None if there is none."""
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            trial = _at(db, session.id, position) if session is not None else None
            if session is None or trial is None:
                return None
            heard = heard_in(db, [trial])
            served = _served_places(db, trial, heard[trial.id])
            return view_of(trial, heard, terms_of(self.scope, db, session), served=served)

    def note_served(self, trial: TrialView, place: int) -> None:
        """Note that a trial's clip at a place was asked for; only the first time counts."""
        # Another request was quicker, or the trial is gone: either way there is nothing left to note.
        with contextlib.suppress(IntegrityError):
            self._note(trial, place).result()

    async def noted_served(self, trial: TrialView, place: int) -> None:
        """Do the same for who waits in an event loop."""
        with contextlib.suppress(IntegrityError):
            await asyncio.wrap_future(self._note(trial, place))

    def _note(self, trial: TrialView, place: int) -> Future[None]:
        def work(db: OrmSession, nobody: Held | None) -> None:
            found = _at(db, trial.session_id, trial.position)
            if found is None:
                return
            heard = heard_in(db, [found])[found.id]
            stimulus, clip = heard[place]
            # It may have been rendered anew meanwhile.
            if clip.sha256 == trial.clips[place].sha256 and place not in _served_places(db, found, heard):
                asked = {"trial_id": found.id, "place": place, "stimulus_id": stimulus, "at": now()}
                db.connection().execute(ASKED, asked)

        return self.together.soon(None, work)


def heard_in(db: OrmSession, trials: Sequence[Outline]) -> dict[int, Heard]:
    """Return what is heard in each of some trials, by their numbers."""
    heard: dict[int, Heard] = {one.id: ((one.stimulus_id, one.clip),) for one in trials}
    several = [one.id for one in trials if QUESTION_TYPES[one.question].clips(2) > 1]
    if several:
        found = defaultdict(list)
        for trial, stimulus, file, sha256, seconds in db.execute(BESIDE, {"trials": several}):
            found[trial].append((stimulus, ClipView(file, sha256, seconds)))
        heard |= {trial: tuple(found[trial]) for trial in several}
    return heard


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
    trial: Outline,
    heard: Mapping[int, Heard],
    terms: Terms,
    number: int = 0,
    total: int = 0,
    served: frozenset[int] = frozenset(),
) -> TrialView:
    """Return a trial as it is shown, with what is heard in it, under the terms of its session."""
    translated = terms.texts.get(f"prompts.{trial.prompt_id}")
    return TrialView(
        session_id=trial.session_id,
        position=trial.position,
        practice=trial.kind == PRACTICE,
        number=number,
        total=total,
        prompt=translated or trial.prompt,
        clips=tuple(clip for _, clip in heard[trial.id]),
        terms=terms,
        translated=translated is not None,
        served=served,
    )


def _at(db: OrmSession, session_id: int, position: int) -> Outline | None:
    row = db.connection().execute(ONE, {"sessions": [session_id], "position": position}).first()
    return Outline(*row) if row else None


def _served_places(db: OrmSession, trial: Outline, heard: Heard) -> frozenset[int]:
    """Return the places of a trial whose clips, as they are now, were asked for."""
    asked = {(place, stimulus) for place, stimulus in db.connection().execute(ASKED_FOR, {"trial": trial.id}).all()}
    return frozenset(place for place, (stimulus, _) in enumerate(heard) if (place, stimulus) in asked)
