"""Planning a session: its place in the design, and the trials that it will hold."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.errors import StudyClosed
from db.scope import Scope
from db.tables import Session, Stimulus, Trial, TrialClip
from survey.config.revision import asked_of
from survey.trials.design import GOLD, INSTRUCTED, PRACTICE, TRIAL, plan_session
from survey.trials.stimulus import Stimulus as DesignStimulus


def active_stimuli(scope: Scope, db: OrmSession) -> list[Stimulus]:
    """Return the clips in use, in the manifest's order."""
    query = select(Stimulus).where(scope.mine(Stimulus), Stimulus.active).order_by(Stimulus.place)
    return list(db.scalars(query))


def free_index(scope: Scope, db: OrmSession) -> int:
    """Return the first index of the design that no session holds; who stood still for long or failed holds none."""
    _release_dropouts(scope, db)
    taken = set(db.scalars(select(Session.design_index).where(scope.mine(Session), Session.design_index >= 0)))
    return next(index for index in range(len(taken) + 1) if index not in taken)


def plan(scope: Scope, db: OrmSession, session: Session, after: int = 0) -> None:
    """Store the trials of a session that begins, be it anew `after` so many positions of before.

    Raises
    ------
    StudyClosed
        If there are no clips yet.
    """
    active, rules, scale = active_stimuli(scope, db), scope.rules, asked_of(scope.frozen).first
    designed = {row.name: DesignStimulus(row.name, row.prompt_id, row.condition.name, row.seed) for row in active}
    tested, warm_ups = ([designed[row.name] for row in active if row.kind == kind] for kind in (TRIAL, PRACTICE))
    if not tested:
        raise StudyClosed("the study has no clips yet")
    rows, prompts = {row.name: row for row in active}, {row.prompt_id: row.prompt for row in active}
    planned = plan_session(
        tested,
        session.design_index,
        study=scope.study,
        order=rules.order,
        practice=rules.practice,
        attention_checks=rules.attention_checks,
        repeats=rules.repeats,
        instructed=[(designed[row.name], int(row.expected or 0)) for row in active if row.kind == INSTRUCTED],
        instructed_checks=rules.instructed_checks,
        gold=[(designed[row.name], row.expected or 0.0, row.tolerance) for row in active if row.kind == GOLD],
        gold_checks=rules.gold_checks,
        warm_ups=warm_ups,
        prompts=rules.prompts_per_participant,
        filled=_filled(scope, db) if rules.prompts_per_participant else None,
        scale=scale,
        baseline=scope.frozen["analysis"]["baseline"],
        foils=scope.foils,
    )
    for one in planned:
        db.add(
            Trial(
                session_id=session.id,
                position=one.position + after,
                kind=one.kind,
                stimulus_id=rows[one.stimulus].id,
                prompt_id=one.prompt_id,
                prompt=prompts[one.prompt_id],
                check=_moved(one.check, after),
                question=scale.type,
                clips=[TrialClip(place=place, stimulus_id=rows[name].id) for place, name in enumerate(one.clips)],
            )
        )
    db.flush()


def _moved(check: Mapping[str, Any] | None, after: int) -> dict[str, Any] | None:
    """Return a check of a trial whose position, and that of the trial it repeats, is moved on by so many."""
    if check is None or "repeats" not in check:
        return dict(check) if check else None
    return {**check, "repeats": check["repeats"] + after}


def _release_dropouts(scope: Scope, db: OrmSession) -> None:
    """Take the index of the design from sessions that stood still for long or failed; they may still be ended."""
    gone = ~scope.live() & ~scope.done() & (Session.design_index >= 0)
    mine = (scope.mine(Session), gone)
    if db.scalars(select(Session.id).where(*mine).order_by(Session.id).with_for_update()).all():
        db.execute(update(Session).where(*mine).values(design_index=-Session.id))


def _filled(scope: Scope, db: OrmSession) -> dict[str, int]:
    """Count the sessions, ended or under way, that hold each stimulus."""
    query = (
        select(Stimulus.name, func.count(Trial.id))
        .join(Trial, Trial.stimulus_id == Stimulus.id)
        .join(Session, Session.id == Trial.session_id)
        .where(scope.mine(Session), Trial.kind == TRIAL, scope.live() | scope.done())
        .group_by(Stimulus.name)
    )
    return {name: int(count) for name, count in db.execute(query)}
