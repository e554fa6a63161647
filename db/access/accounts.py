"""The researchers' accounts: their names, roles and the hashes of their passwords."""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, Update, delete, select, update
from sqlalchemy.orm import Session as OrmSession

from db.access.logins import FIRST, OWNER, end_all
from db.access.tables import Account
from db.engine import reading, writing
from db.scope import Scope, now
from db.views import AccountView


@dataclass(frozen=True)
class Accounts:
    """Who may open the researcher's page; of the first owner, who has the study's own password, only the codes."""

    scope: Scope

    def all(self) -> list[AccountView]:
        """Return every account, by name, beside the first owner's."""
        others = self.scope.mine(Account), Account.name != FIRST
        with reading(self.scope.engine) as db:
            found = db.scalars(select(Account).where(*others).order_by(Account.name))
            return [_view(account) for account in found]

    def find(self, name: str) -> AccountView | None:
        """Return an account, if there is one of this name; the first owner's once they have asked for codes."""
        with reading(self.scope.engine) as db:
            account = self._find(db, name)
            return _view(account) if account else None

    def add(self, name: str, role: str, password: str) -> bool:
        """Make an account of a name, a role and a password's hash; False if the name is taken."""
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)  # so that no two take one name
            if name == FIRST or self._find(db, name) is not None:
                return False
            self._make(db, name, role, password)
            return True

    def remove(self, name: str) -> bool:
        """Delete an account and end its logins; False if there is none. What it did stays in the log."""
        with writing(self.scope.engine) as db:
            return self._changed(db, delete(Account).where(*self._named(name)), name)

    def set_password(self, name: str, password: str) -> bool:
        """Give an account another password's hash and end its logins; False if there is none."""
        with writing(self.scope.engine) as db:
            return self._changed(db, update(Account).where(*self._named(name)).values(password=password), name)

    def begin_codes(self, name: str, seed: str, step: int) -> bool:
        """Ask an account for codes from now on, derived from a seed, and take the first; False as `use_code`."""
        with writing(self.scope.engine) as db:
            if name == FIRST:
                self.scope.lock_study(db)  # so that no two make the row
                if self._find(db, FIRST) is None:
                    self._make(db, FIRST, OWNER, "")
                    db.flush()
            return _rows(db.execute(self._taken(name, step).values(code_seed=seed))) > 0

    def end_codes(self, name: str) -> bool:
        """Ask an account for codes no more; False if there is none."""
        with writing(self.scope.engine) as db:
            ended = db.execute(update(Account).where(*self._named(name)).values(code_seed=None))
            return _rows(ended) > 0 or name == FIRST

    def use_code(self, name: str, step: int) -> bool:
        """Take an account's code of a time step; False if one of that step or a later one was taken already."""
        with writing(self.scope.engine) as db:
            return _rows(db.execute(self._taken(name, step))) > 0

    def _taken(self, name: str, step: int) -> Update:
        return update(Account).where(*self._named(name), Account.code_step < step).values(code_step=step)

    def _make(self, db: OrmSession, name: str, role: str, password: str) -> None:
        made = {"name": name, "role": role, "password": password, "code_step": 0, "made_at": now()}
        db.add(Account(study_id=self.scope.study_id, **made))

    def _changed(self, db: OrmSession, change: Executable, name: str) -> bool:
        """Change an account and end its logins, if there is one."""
        changed = _rows(db.execute(change)) > 0
        if changed:
            end_all(self.scope, db, name)
        return changed

    def _named(self, name: str) -> tuple[Any, Any]:
        return self.scope.mine(Account), Account.name == name

    def _find(self, db: OrmSession, name: str) -> Account | None:
        return db.scalar(select(Account).where(*self._named(name)))


def _rows(done: object) -> int:
    return cast(CursorResult[Any], done).rowcount


def _view(account: Account) -> AccountView:
    return AccountView(account.name, account.role, account.password, account.code_seed, account.made_at)
