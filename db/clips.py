"""The clips of a study as the store keeps them, and the trials that are planned of them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading, writing
from db.errors import StudyClosed
from db.revisions import Revisions
from db.scope import CHECK
from db.tables import Condition, Rating, Session, Stimulus, Trial, TrialClip
from survey.clips.manifest import Clip, Manifest
from survey.trials.design import INSTRUCTED, TRIAL, plan_session
from survey.trials.design import Stimulus as DesignStimulus


class Clips(Revisions):
    """The part of the store that takes over clips and plans sessions of them."""

    _foils: Mapping[str, Sequence[str]] = MappingProxyType({})

    def sync(self, manifest: Manifest, instructed: Sequence[Clip] = ()) -> None:
        """Take over the clips of a manifest, and the sounds that say what to answer.

        A clip that was rendered anew becomes a new stimulus. Answers keep the one that was heard; what is
        still to be answered moves to the new one, or goes if the study has dropped its cell. Sessions of an older
        revision go on with the clips that stayed as they were, and lose the others: those are another study's.
        """
        with writing(self._engine) as db:
            self._lock_study(db)  # no session is planned of the old clips meanwhile
            under_way = self._mine(Session) & Session.finished_at.is_(None)
            db.execute(select(Session.id).where(under_way).order_by(Session.id).with_for_update())
            conditions = {row.name: row for row in db.scalars(select(Condition).where(self._mine(Condition)))}
            stimuli = {(row.name, row.sha256): row for row in db.scalars(select(Stimulus).where(self._mine(Stimulus)))}
            for row in stimuli.values():
                row.active = False
            for place, clip in enumerate((*manifest.clips, *instructed)):
                if clip.condition not in conditions:
                    conditions[clip.condition] = Condition(study_id=self._study, name=clip.condition)
                    db.add(conditions[clip.condition])
                    db.flush()
                row = stimuli.get((clip.stimulus, clip.sha256)) or Stimulus(
                    study_id=self._study, name=clip.stimulus, sha256=clip.sha256
                )
                _take_over(row, clip, conditions[clip.condition].id, place)
                db.add(row)
            db.flush()
            losers = self._move_open_trials(db)
            for session in db.scalars(select(Session).where(Session.id.in_(losers), Session.finished_at.is_(None))):
                self._settle(db, session)
            self._foils = manifest.foils or {}

    def _settle(self, db: OrmSession, session: Session) -> Any:
        """Move a session on where there is nothing left to answer."""
        raise NotImplementedError

    def instructs(self) -> bool:
        """Say whether a session under way still has to hear sounds that say what to answer."""
        with reading(self._engine) as db:
            mine = select(Session.id).where(self._mine(Session), Session.finished_at.is_(None))
            waiting = Trial.session_id.in_(mine) & (Trial.kind == INSTRUCTED) & _unanswered()
            return bool(db.scalar(select(func.count(Trial.id)).where(waiting)))

    def _active(self, db: OrmSession) -> list[Stimulus]:
        query = select(Stimulus).where(self._mine(Stimulus), Stimulus.active).order_by(Stimulus.place)
        return list(db.scalars(query))

    def _filled(self, db: OrmSession) -> dict[str, int]:
        """Count the sessions, ended or under way, that hold each stimulus."""
        query = (
            select(Stimulus.name, func.count(Trial.id))
            .join(Trial, Trial.stimulus_id == Stimulus.id)
            .join(Session, Session.id == Trial.session_id)
            .where(self._mine(Session), Trial.kind == TRIAL, self._live() | self._done())
            .group_by(Stimulus.name)
        )
        return {name: int(count) for name, count in db.execute(query)}

    def _plan(self, db: OrmSession, session: Session) -> None:
        active = self._active(db)
        designed = {row.name: DesignStimulus(row.name, row.prompt_id, row.condition.name, row.seed) for row in active}
        tested = [stimulus for stimulus in designed.values() if stimulus.condition != CHECK]
        if not tested:
            raise StudyClosed("the study has no clips yet")
        rows, prompts = {row.name: row for row in active}, {row.prompt_id: row.prompt for row in active}
        plan = plan_session(
            tested,
            session.design_index,
            study=self.study,
            order=self.rules.order,
            practice=self.rules.practice,
            attention_checks=self.rules.attention_checks,
            repeats=self.rules.repeats,
            # Their seed is the answer that they ask for.
            instructed=[(one, one.seed) for one in designed.values() if one.condition == CHECK],
            instructed_checks=self.rules.instructed_checks,
            prompts=self.rules.prompts_per_participant,
            filled=self._filled(db) if self.rules.prompts_per_participant else None,
            question=self.scale.type,
            baseline=self.frozen["analysis"]["baseline"],
            foils=self._foils,
        )
        for planned in plan:
            db.add(
                Trial(
                    session_id=session.id,
                    position=planned.position,
                    kind=planned.kind,
                    stimulus_id=rows[planned.stimulus].id,
                    prompt_id=planned.prompt_id,
                    prompt=prompts[planned.prompt_id],
                    check=dict(planned.check) if planned.check else None,
                    question=self.scale.type,
                    clips=[
                        TrialClip(place=place, stimulus_id=rows[name].id) for place, name in enumerate(planned.clips)
                    ],
                )
            )
        db.flush()

    def _move_open_trials(self, db: OrmSession) -> set[int]:
        """Point what is still to be answered to the active stimulus of its name; delete what has none.

        Only what changes is written, so that those who answer meanwhile need not wait. Returns the sessions that lost
        a trial.
        """
        mine = select(Session.id).where(self._mine(Session))
        present = Trial.session_id.in_(mine.where(self._present())) & _unanswered()
        active = self._active(db)
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
        gone = select(Stimulus.id).where(self._mine(Stimulus), Stimulus.active.is_(False))
        lost = select(TrialClip.trial_id).where(TrialClip.stimulus_id.in_(gone))
        dropped = Trial.session_id.in_(mine) & _unanswered() & (Trial.stimulus_id.in_(gone) | Trial.id.in_(lost))
        kept = select(Stimulus.prompt_id).where(self._mine(Stimulus), Stimulus.active)
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
