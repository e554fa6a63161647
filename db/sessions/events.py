"""The log of a session: what happened on the page."""

import asyncio
import json
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import Together, reading
from db.scope import Scope, now
from db.sessions.absence import late
from db.sessions.settling import Held, Wanted
from db.tables import Event

# Of a session's log, in bytes as they are stored: a page that goes wild must not fill the disk.
MAX_LOG, EVENT_BYTES, MAX_DETAIL = 1_000_000, 200, 1500  # all of it, an event's row, and its detail as JSON

HAPPENED = insert(Event).inline()  # built once


@dataclass(frozen=True)
class Events:
    """The logs of the sessions."""

    scope: Scope
    together: Together[Wanted, Held]

    def log(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Append to the session's log; False where there is none to go on with, its log is full or the detail too long.

        Faults are told a little longer than the rest: who cannot play a clip may skip it once that was told.
        """
        return self._log(token, kind, position, detail).result()

    async def logged(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> bool:
        """Do the same for who waits in an event loop."""
        return await asyncio.wrap_future(self._log(token, kind, position, detail))

    def _log(self, token: str, kind: str, position: int | None, detail: dict[str, Any]) -> Future[bool]:
        cost, most = len(json.dumps(detail)), MAX_LOG * 11 // 10 if kind == "error" else MAX_LOG

        def work(db: OrmSession, found: Held | None) -> bool:
            if cost > MAX_DETAIL or found is None or late(self.scope, found.session):
                return False
            session = found.session
            if session.log_bytes + EVENT_BYTES + cost > most:
                return False
            happened = {"session_id": session.id, "position": position, "kind": kind, "detail": detail, "at": now()}
            db.connection().execute(HAPPENED, happened)
            session.log_bytes += EVENT_BYTES + cost
            session.seen_at = now()
            return True

        return self.together.soon(Wanted(token), work)

    def holds(self, token: str, kind: str, position: int) -> bool:
        """Say whether something of this kind happened at a position of the participant's session."""
        with reading(self.scope.engine) as db:
            session = self.scope.session(db, token)
            wanted = (Event.kind == kind) & (Event.position == position)
            return session is not None and bool(
                db.scalar(select(func.count()).where(Event.session_id == session.id, wanted))
            )
