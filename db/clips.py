"""The clips of a study as the store keeps them, and what becomes of trials whose clips were rendered anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading, writing
from db.scope import Scope
from db.sessions.planning import active_stimuli
from db.sessions.settling import outline, settle
from db.tables import Condition, Rating, Session, Stimulus, Trial, TrialClip
from survey.clips.manifest import Clip, Manifest
from survey.trials.design import INSTRUCTED


@dataclass(frozen=True)
class Clips:
    """The clips of a study."""

    scope: Scope

    def sync(self, manifest: Manifest, beside: Sequence[Clip] = ()) -> None:
        """Take over the clips of a manifest, and those `beside` it whose answers are known.

        A clip that was rendered anew becomes a new stimulus. Answers keep the one that was heard; what is
        still to be answered moves to the new one, or goes if the study has dropped its cell. Sessions of an older
        revision go on with the clips that stayed as they were, and lose the others: those are another study's.
        """
        scope = self.scope
        with writing(scope.engine) as db:
            scope.lock_study(db)  # no session is planned of the old clips meanwhile
            under_way = scope.mine(Session) & Session.finished_at.is_(None)
            db.execute(select(Session.id).where(under_way).order_by(Session.id).with_for_update())
            conditions = {row.name: row for row in db.scalars(select(Condition).where(scope.mine(Condition)))}
            stimuli = {(row.name, row.sha256): row for row in db.scalars(select(Stimulus).where(scope.mine(Stimulus)))}
            for row in stimuli.values():
                row.active = False
            for place, clip in enumerate((*manifest.clips, *beside)):
                if clip.condition not in conditions:
                    conditions[clip.condition] = Condition(study_id=scope.study_id, name=clip.condition)
                    db.add(conditions[clip.condition])
                    db.flush()
                row = stimuli.get((clip.stimulus, clip.sha256)) or Stimulus(
                    study_id=scope.study_id, name=clip.stimulus, sha256=clip.sha256
                )
                _take_over(row, clip, conditions[clip.condition].id, place)
                db.add(row)
            db.flush()
            losers = _move_open_trials(scope, db)
            for session in db.scalars(select(Session).where(Session.id.in_(losers), Session.finished_at.is_(None))):
                settle(scope, session, outline(db, session))
            scope.foils = manifest.foils or {}

    def instructs(self) -> bool:
        """Say whether a session under way still has to hear sounds that say what to answer."""
        with reading(self.scope.engine) as db:
            mine = select(Session.id).where(self.scope.mine(Session), Session.finished_at.is_(None))
            waiting = Trial.session_id.in_(mine) & (Trial.kind == INSTRUCTED) & _unanswered()
            return bool(db.scalar(select(func.count(Trial.id)).where(waiting)))


def _move_open_trials(scope: Scope, db: OrmSession) -> set[int]:
    """Point what is still to be answered to the active stimulus of its name; delete what has none.

    Only what changes is written, so that those who answer meanwhile need not wait. Returns the sessions that lost
    a trial.
    """
    mine = select(Session.id).where(scope.mine(Session))
    present = Trial.session_id.in_(mine.where(scope.present())) & _unanswered()
    active = active_stimuli(scope, db)
    named, prompts = {row.name: row.id for row in active}, {row.prompt_id: row.prompt for row in active}
    moved = [
        {"id": trial, "stimulus_id": named[name]}
        for trial, name in db.execute(_inactive(select(Trial.id, Stimulus.name), Trial).where(present))
        if name in named
    ]
    beside = select(TrialClip.trial_id, TrialClip.place, Stimulus.name).join(Trial, Trial.id == TrialClip.trial_id)
    moved_beside = [
        {"trial_id": trial, "place": place, "stimulus_id": named[name]}
        for trial, place, name in db.execute(_inactive(beside, TrialClip).where(present))
        if name in named
    ]
    reworded = [
        {"id": trial, "prompt": prompts[prompt_id]}
        for trial, prompt_id, prompt in db.execute(select(Trial.id, Trial.prompt_id, Trial.prompt).where(present))
        if prompts.get(prompt_id, prompt) != prompt
    ]
    for table, changes in ((Trial, moved), (TrialClip, moved_beside), (Trial, reworded)):
        if changes:
            db.execute(update(table), changes)
    gone = select(Stimulus.id).where(scope.mine(Stimulus), Stimulus.active.is_(False))
    lost = select(TrialClip.trial_id).where(TrialClip.stimulus_id.in_(gone))
    dropped = Trial.session_id.in_(mine) & _unanswered() & (Trial.stimulus_id.in_(gone) | Trial.id.in_(lost))
    kept = select(Stimulus.prompt_id).where(scope.mine(Stimulus), Stimulus.active)
    dropped |= present & Trial.prompt_id.not_in(kept)
    losers = set(db.scalars(select(Trial.session_id).where(dropped).distinct()))
    if losers:
        db.execute(delete(Trial).where(dropped).execution_options(synchronize_session=False))
    return losers


def _inactive(query: Any, table: Any) -> Any:
    """Keep of a query over trials, or the clips in them, those that point to a stimulus that is not in use."""
    return query.join(Stimulus, Stimulus.id == table.stimulus_id).where(Stimulus.active.is_(False))


def _unanswered() -> ColumnElement[bool]:
    return Trial.id.not_in(select(Rating.trial_id)) & Trial.skipped.is_(None)


def _take_over(row: Stimulus, clip: Clip, condition_id: int, place: int) -> None:
    row.condition_id, row.place, row.active = condition_id, place, True
    row.prompt_id, row.prompt, row.seed = clip.prompt_id, clip.prompt, clip.seed
    row.file, row.seconds = clip.file, clip.seconds
    row.kind, row.expected, row.tolerance = clip.kind, clip.expected, clip.tolerance
