"""The researcher's logins: each a keyed hash of a token that a browser holds, until it ends."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as OrmSession

from db.access.tables import Account, Login
from db.engine import reading, writing
from db.errors import DatabaseUnavailable
from db.scope import Scope, now

FIRST, OWNER = "owner", "owner"
"""The name of the first owner, who has the study's own password and perhaps no row, and the role."""


@dataclass(frozen=True)
class Logins:
    """Who of the researchers is logged in."""

    scope: Scope

    def add(self, digest: str, seconds: float, account: str = FIRST) -> None:
        """Begin an account's login that lasts so many seconds; those that are over go.

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
                mine = {"study_id": self.scope.study_id, "account": account}
                db.add(Login(**mine, digest=digest, made_at=made, expires_at=ends))
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise DatabaseUnavailable(f"The database cannot be written ({reason}); fix that first.") from error

    def whose(self, digest: str) -> tuple[str, str] | None:
        """Return the name and the role of who has a login that has begun and not ended; else None."""
        there = and_(Account.study_id == Login.study_id, Account.name == Login.account)
        held = (
            select(Login.account, Account.role)
            .join(Account, there, isouter=True)
            .where(self.scope.mine(Login), Login.digest == digest, Login.expires_at > now())
            .where(or_(Login.account == FIRST, Account.id.is_not(None)))
        )
        with reading(self.scope.engine) as db:
            found = db.execute(held).first()
        return (found[0], found[1] or OWNER) if found else None

    def end(self, digest: str) -> None:
        """End a login, if there is one."""
        with writing(self.scope.engine) as db:
            db.execute(delete(Login).where(self.scope.mine(Login), Login.digest == digest))

    def end_all(self, account: str) -> None:
        """End all of an account."""
        with writing(self.scope.engine) as db:
            end_all(self.scope, db, account)


def end_all(scope: Scope, db: OrmSession, account: str) -> None:
    """End all logins of an account, within a transaction."""
    db.execute(delete(Login).where(scope.mine(Login), Login.account == account))
