"""The log of a session: what happened on the page."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from db.engine import reading, writing
from db.scope import Scope, now
from db.sessions.absence import late
from db.tables import Event

# Of a session's log, in bytes as they are stored: a page that goes wild must not fill the disk.
MAX_LOG, EVENT_BYTES, MAX_DETAIL = 1_000_000, 200, 1500  # all of it, an event's row, and its detail as JSON


@dataclass(frozen=True)
class Events:
    """The logs of the sessions."""

    scope: Scope

    def log(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Append to the session's log; False where there is none to go on with, its log is full or the detail too long.

        Faults are told a little longer than the rest: who cannot play a clip may skip it once that was told.
        """
        cost, most = len(json.dumps(detail)), MAX_LOG * 11 // 10 if kind == "error" else MAX_LOG
        if cost > MAX_DETAIL:
            return False
        with writing(self.scope.engine) as db:
            session = self.scope.session(db, token, lock=True)
            if session is None or late(self.scope, session) or session.log_bytes + EVENT_BYTES + cost > most:
                return False
            db.add(Event(session_id=session.id, position=position, kind=kind, detail=detail, at=now()))
            session.log_bytes += EVENT_BYTES + cost
            session.seen_at = now()
            return True

    def holds(self, token: str, kind: str, position: int) -> bool:
        """Say whether something of this kind happened at a position of the participant's session."""
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            wanted = (Event.kind == kind) & (Event.position == position)
            return session is not None and bool(
                db.scalar(select(func.count()).where(Event.session_id == session.id, wanted))
            )
