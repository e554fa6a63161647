"""How often something was tried or happened of late, counted for all processes that serve a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import delete, func, select, text

from db.access.tables import Attempt
from db.engine import reading, writing
from db.scope import Scope, now


@dataclass(frozen=True)
class Attempts:
    """What was tried, by whom: a keyed hash, of which no address can be read."""

    scope: Scope

    @property
    def shared(self) -> bool:
        """Whether several processes may serve the study, so that one alone cannot count: not on SQLite."""
        return self.scope.engine.dialect.name != "sqlite"

    def take(self, kind: str, key: str, windows: Sequence[tuple[int, float]]) -> float:
        """Count one more of a kind by a key and return 0, or count nothing and return the seconds to wait.

        The windows are pairs of a count and of seconds. The clock is PostgreSQL's, which is the same for all
        processes; if it is set back, nobody waits longer than a window.
        """
        digest = self.scope.tokens.digest(f"{kind}:{key}")
        mine = self.scope.mine(Attempt) & (Attempt.kind == kind)
        with writing(self.scope.engine) as db:
            # One after the other for each key. What a crash takes of these rows, the guesser had to crash us for.
            db.execute(text("SET LOCAL synchronous_commit = off"))
            db.execute(select(func.pg_advisory_xact_lock(self.scope.study_id, _number(digest))))
            moment = db.scalars(select(func.clock_timestamp())).one()
            latest = select(Attempt.at).where(mine, Attempt.key == digest).order_by(Attempt.at.desc()).limit(1)
            for count, seconds in windows:
                before = db.scalar(latest.offset(count - 1))
                wait = (before - moment).total_seconds() + seconds if before is not None else 0.0
                if wait > 0:
                    return min(wait, seconds)
            longest = timedelta(seconds=max(seconds for _, seconds in windows))
            over = select(Attempt.id).where(mine, Attempt.at < moment - longest).with_for_update(skip_locked=True)
            db.execute(delete(Attempt).where(Attempt.id.in_(over)))
            db.add(Attempt(study_id=self.scope.study_id, kind=kind, key=digest, at=moment))
        return 0.0

    def note(self, kind: str, key: str, keep: timedelta, most: int) -> None:
        """Count one more of a kind under a key that names nobody; older ones go, and of one key no more are kept."""
        here = self.scope.mine(Attempt) & (Attempt.kind == kind)
        with writing(self.scope.engine) as db:
            db.execute(delete(Attempt).where(here, Attempt.at < now() - keep))
            if db.scalars(select(func.count()).where(here, Attempt.key == key)).one() < most:
                db.add(Attempt(study_id=self.scope.study_id, kind=kind, key=key, at=now()))

    def noted(self, kind: str, since: timedelta) -> dict[str, tuple[int, datetime]]:
        """Return how many of a kind were noted under each key in so long a time, and when the last was."""
        with reading(self.scope.engine) as db:
            found = db.execute(
                select(Attempt.key, func.count(), func.max(Attempt.at))
                .where(self.scope.mine(Attempt), Attempt.kind == kind, Attempt.at >= now() - since)
                .group_by(Attempt.key)
                .order_by(Attempt.key)
            )
            return {key: (count, last) for key, count, last in found}


def _number(digest: str) -> int:
    """Return a number that PostgreSQL locks by: 32 bits with a sign."""
    return crc32(digest.encode()) - 2**31
