"""The log of what researchers did: lines are added, and none is changed or removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from db.access.tables import Action
from db.engine import reading, writing
from db.scope import Scope, now
from db.views import ActionView


@dataclass(frozen=True)
class Actions:
    """What was done to a study, by whom and when."""

    scope: Scope

    def add(self, account: str, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Log what an account did; `kind` is a verb or two, `detail` what the line should say beside it."""
        with writing(self.scope.engine) as db:
            line = {"account": account, "kind": kind, "detail": dict(detail or {}), "at": now()}
            db.add(Action(study_id=self.scope.study_id, **line))

    def newest(self, most: int | None = None) -> list[ActionView]:
        """Return the last lines, or all, newest first."""
        found = select(Action).where(self.scope.mine(Action)).order_by(Action.id.desc()).limit(most)
        with reading(self.scope.engine) as db:
            return [ActionView(one.at, one.account, one.kind, one.detail) for one in db.scalars(found)]
