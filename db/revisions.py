"""The revisions of a study: the first is frozen when the first session begins, others are made on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading, writing
from db.errors import StudyClosed
from db.scope import Scope, now
from db.tables import Revision, Session, Study
from db.views import RevisionView
from survey.config.revision import asked_of, fingerprint, translations_of
from survey.translations import Translations
from survey.trials.scale import Asked


def launched_studies(engine: Engine) -> list[str]:
    """Name the studies of a database in which a session has begun."""
    with reading(engine) as db:
        query = select(Study.name).where(Study.id.in_(select(Revision.study_id))).order_by(Study.id)
        return list(db.scalars(query))


@dataclass(frozen=True)
class Revisions:
    """What is frozen of a study."""

    scope: Scope

    def find(self, number: int | None = None) -> RevisionView | None:
        """Return the newest revision, or the one of a `number`; None if there is none."""
        with reading(self.scope.engine) as db:
            found = _found(self.scope, db, number)
            return RevisionView(found.number, found.frozen, bool(found.sha256), found.made_at) if found else None

    def outdated(self) -> bool:
        """Say whether another process made a revision that this store does not serve."""
        with reading(self.scope.engine) as db:
            return outdated(self.scope, db)

    def adopt(self, frozen: Mapping[str, Any]) -> None:
        """Serve the newest revision, whose frozen part is this; what was not known of it is stored."""
        self.scope.frozen = frozen
        with writing(self.scope.engine) as db:
            newest = _found(self.scope, db)
            if newest is not None and not newest.sha256:
                newest.frozen, newest.sha256 = dict(frozen), fingerprint(frozen)

    def revise(self, frozen: Mapping[str, Any]) -> int:
        """Make a new revision and return its number; sessions under way go on under theirs.

        They give their places in the design away, so that the new revision fills a design of its own.
        """
        with writing(self.scope.engine) as db:
            self.scope.lock_study(db)
            number = _add(self.scope, db, frozen).number
            held = self.scope.mine(Session) & (Session.design_index >= 0)
            db.execute(update(Session).where(held).values(design_index=-Session.id))
        self.scope.frozen = frozen
        return number


def outdated(scope: Scope, db: OrmSession) -> bool:
    """Say whether the newest revision is another than is served."""
    newest = _found(scope, db)
    return newest is not None and newest.sha256 != fingerprint(scope.frozen)


def current(scope: Scope, db: OrmSession) -> Revision:
    """Return the newest revision; the first session that begins makes the first.

    Raises
    ------
    StudyClosed
        If another process made one that is not served here.
    """
    newest = _found(scope, db)
    if newest is None:
        return _add(scope, db, scope.frozen)
    if newest.sha256 != fingerprint(scope.frozen):
        raise StudyClosed(f"revision {newest.number} of the study was made; restart the server to serve it")
    return newest


def asked_in(scope: Scope, db: OrmSession, number: int) -> Asked:
    """Return what a revision asks; what is known of one in full changes no more, so that it is kept."""
    if number not in scope.asked:
        found = _found(scope, db, number)
        if found is None or not found.sha256:
            return asked_of(found.frozen if found else scope.frozen)
        scope.asked[number] = asked_of(found.frozen)
    return scope.asked[number]


def translations_in(scope: Scope, db: OrmSession, number: int) -> Translations:
    """Return the translations of a revision; kept like its question."""
    if number not in scope.translations:
        found = _found(scope, db, number)
        if found is None or not found.sha256:
            return translations_of(found.frozen if found else scope.frozen)
        scope.translations[number] = translations_of(found.frozen)
    return scope.translations[number]


def _found(scope: Scope, db: OrmSession, number: int | None = None) -> Revision | None:
    """Return a revision by its number, or the newest; none before the first session began."""
    query = select(Revision).where(scope.mine(Revision)).order_by(Revision.number.desc())
    return db.scalar((query.where(Revision.number == number) if number else query).limit(1))


def _add(scope: Scope, db: OrmSession, frozen: Mapping[str, Any]) -> Revision:
    number = (db.scalar(select(func.max(Revision.number)).where(scope.mine(Revision))) or 0) + 1
    made = Revision(
        study_id=scope.study_id, number=number, frozen=dict(frozen), sha256=fingerprint(frozen), made_at=now()
    )
    db.add(made)
    db.flush()
    return made
