"""The log of what researchers did: lines are added, and the database refuses to change or remove one.

What a study does follows of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from db.access.tables import Action
from db.engine import reading, writing
from db.scope import Scope, now
from db.tables import Revision
from db.views import ActionView, Looks, Running

OPEN, PAUSED, CLOSED = "open", "paused", "closed"
LAUNCH, PAUSE, CLOSE, EXTEND = "launch", "pause", "close", "extend"
PEEK = "peek"  # to look at results while the study runs
AFTER = {LAUNCH: OPEN, PAUSE: PAUSED, CLOSE: CLOSED}
"""The state of a study after each action; without any it is open."""
MOST = 100_000  # participants that a study is for, as in study.yaml


@dataclass(frozen=True)
class Actions:
    """What was done to a study, by whom and when."""

    scope: Scope

    def add(self, account: str, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Log what an account did; `kind` is a verb or two, `detail` what the line should say beside it."""
        with writing(self.scope.engine) as db:
            line = {"account": account, "kind": kind, "detail": dict(detail or {}), "at": now()}
            db.add(Action(study_id=self.scope.study_id, **line))

    def running(self) -> Running:
        """Say what the study does by its log."""
        with reading(self.scope.engine) as db:
            return running(self.scope, db)

    def run(self, account: str, kind: str, by: int = 0) -> str:
        """Launch, pause or close the study, or extend it ``by`` so many participants, and log that.

        Return what stands against it, empty if nothing does: it is so already, or there would be too many.
        """
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            before = running(self.scope, db)
            if AFTER.get(kind) == before.state:
                return f"the study is {before.state} already"
            if kind == EXTEND and not 1 <= by <= MOST - before.target:
                return f"a study is for 1 to {MOST:,} participants, and this one for {before.target} so far"
            detail = {"by": by} if kind == EXTEND else {}
            db.add(Action(study_id=self.scope.study_id, account=account, kind=kind, detail=detail, at=now()))
            return ""

    def looks(self) -> Looks:
        """Say whether the study runs, and when its results were asked for while it did."""
        mine = self.scope.mine(Action) & Action.kind.in_([*AFTER, PEEK])
        with reading(self.scope.engine) as db:
            begun = db.scalar(select(Revision.id).where(self.scope.mine(Revision)).limit(1)) is not None
            lines = db.execute(select(Action.kind, Action.at).where(mine).order_by(Action.id)).all()
        state, asked = OPEN, False
        for kind, _ in lines:
            state = AFTER.get(kind, state)
            asked = kind == PEEK or (asked and state != CLOSED)
        return Looks(begun and state != CLOSED, asked, tuple(at for kind, at in lines if kind == PEEK))

    def newest(self, most: int | None = None) -> list[ActionView]:
        """Return the last lines, or all, newest first."""
        found = select(Action).where(self.scope.mine(Action)).order_by(Action.id.desc()).limit(most)
        with reading(self.scope.engine) as db:
            return [ActionView(one.at, one.account, one.kind, one.detail) for one in db.scalars(found)]


def running(scope: Scope, db: OrmSession) -> Running:
    """Say what the study does by its log, within a transaction."""
    mine = scope.mine(Action) & Action.kind.in_([*AFTER, EXTEND])
    lines = db.execute(select(Action.kind, Action.detail).where(mine).order_by(Action.id)).all()
    turned = [AFTER[kind] for kind, _ in lines if kind in AFTER]
    more = sum(int(detail.get("by", 0)) for kind, detail in lines if kind == EXTEND)
    return Running(turned[-1] if turned else OPEN, scope.recruitment.target_participants + more)
