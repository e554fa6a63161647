"""The tables of the researchers: their accounts and logins, what they did, and what was tried how often."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables import Base


class Account(Base):
    """A researcher; the first owner has a row only for their codes, and no password here: see db/access/accounts.py.

    The password is a hash that names its own method. `code_seed` is what the key of the codes is derived from, where
    they are asked for; `code_step` is the time step of the last one, which opens nothing again.
    """

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("study_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(String(20))
    password: Mapped[str] = mapped_column(String(200))
    code_seed: Mapped[str | None] = mapped_column(String(40))
    code_step: Mapped[int] = mapped_column(BigInteger, default=0)
    made_at: Mapped[datetime]


class Action(Base):
    """What a researcher did, and when. Append-only; `account` is a name, which outlives the account."""

    __tablename__ = "action"
    __table_args__ = (Index("ix_action_study_id_kind", "study_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    account: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(40))
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Login(Base):
    """A researcher's login: `digest` is a keyed hash of the token in the browser's cookie."""

    __tablename__ = "login"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    account: Mapped[str] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Attempt(Base):
    """Something that may be done so often within a time; `key` is a keyed hash of who did it. See db/access."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_study_id_kind_key_at", "study_id", "kind", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
