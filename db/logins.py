"""The researcher's logins: each a keyed hash of a token that a browser holds, until it ends."""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from db.engine import reading, writing
from db.errors import DatabaseUnavailable
from db.scope import Scope, now
from db.tables import Login


class Logins(Scope):
    """The part of the store that knows who of the researchers is logged in."""

    def add_login(self, digest: str, seconds: float) -> None:
        """Begin a login that lasts so many seconds; those that are over go.

        Raises
        ------
        DatabaseUnavailable
            If it cannot be written.
        """
        made = now()
        ends = made + timedelta(seconds=seconds)
        try:
            with writing(self._engine) as db:
                db.execute(delete(Login).where(self._mine(Login), Login.expires_at <= made))
                db.add(Login(study_id=self._study, digest=digest, made_at=made, expires_at=ends))
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise DatabaseUnavailable(f"The database cannot be written ({reason}); fix that first.") from error

    def holds_login(self, digest: str) -> bool:
        """Say whether a login has begun and not ended."""
        with reading(self._engine) as db:
            held = select(func.count()).where(self._mine(Login), Login.digest == digest, Login.expires_at > now())
            return bool(db.scalar(held))

    def end_login(self, digest: str) -> None:
        """End a login, if there is one."""
        with writing(self._engine) as db:
            db.execute(delete(Login).where(self._mine(Login), Login.digest == digest))

    def end_logins(self) -> None:
        """End all of them."""
        with writing(self._engine) as db:
            db.execute(delete(Login).where(self._mine(Login)))
