"""The researcher's logins: each a keyed hash of a token that a browser holds, until it ends."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from db.engine import reading, writing
from db.errors import DatabaseUnavailable
from db.scope import Scope, now
from db.tables import Login


@dataclass(frozen=True)
class Logins:
    """Who of the researchers is logged in."""

    scope: Scope

    def add(self, digest: str, seconds: float) -> None:
        """Begin a login that lasts so many seconds; those that are over go.

        Raises
        ------
        DatabaseUnavailable
            If it cannot be written.
        """
        made = now()
        ends = made + timedelta(seconds=seconds)
        try:
            with writing(self.scope.engine) as db:
                db.execute(delete(Login).where(self.scope.mine(Login), Login.expires_at <= made))
                db.add(Login(study_id=self.scope.study_id, digest=digest, made_at=made, expires_at=ends))
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise DatabaseUnavailable(f"The database cannot be written ({reason}); fix that first.") from error

    def holds(self, digest: str) -> bool:
        """Say whether a login has begun and not ended."""
        with reading(self.scope.engine) as db:
            held = select(func.count()).where(self.scope.mine(Login), Login.digest == digest, Login.expires_at > now())
            return bool(db.scalar(held))

    def end(self, digest: str) -> None:
        """End a login, if there is one."""
        with writing(self.scope.engine) as db:
            db.execute(delete(Login).where(self.scope.mine(Login), Login.digest == digest))

    def end_all(self) -> None:
        """End all of them."""
        with writing(self.scope.engine) as db:
            db.execute(delete(Login).where(self.scope.mine(Login)))
