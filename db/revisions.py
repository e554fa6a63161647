"""The revisions of a study: the first is frozen when the first session begins, others are made on purpose."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session as OrmSession

from db.engine import reading, writing
from db.errors import StudyClosed
from db.scope import Scope, now
from db.tables import Revision, Session, Study
from db.views import RevisionView
from survey.config.revision import fingerprint, scale_of
from survey.config.study import Scale


def launched_studies(engine: Engine) -> list[str]:
    """Name the studies of a database in which a session has begun."""
    with reading(engine) as db:
        query = select(Study.name).where(Study.id.in_(select(Revision.study_id))).order_by(Study.id)
        return list(db.scalars(query))


class Revisions(Scope):
    """The part of the store that knows what is frozen."""

    _scales: dict[int, Scale]  # by the number of their revision

    @property
    def scale(self) -> Scale:
        """The question that sessions ask which begin now."""
        return scale_of(self.frozen)

    def revision(self, number: int | None = None) -> RevisionView | None:
        """Return the newest revision, or the one of a `number`; None if there is none."""
        with reading(self._engine) as db:
            found = self._revision(db, number)
            return RevisionView(found.number, found.frozen, bool(found.sha256), found.made_at) if found else None

    def _scale_of(self, db: OrmSession, number: int) -> Scale:
        """Return the question of a revision; what is known of one in full changes no more, so that it is kept."""
        if number not in self._scales:
            found = self._revision(db, number)
            if found is None or not found.sha256:
                return scale_of(found.frozen if found else self.frozen)
            self._scales[number] = scale_of(found.frozen)
        return self._scales[number]

    def outdated(self) -> bool:
        """Say whether another process made a revision that this store does not serve."""
        with reading(self._engine) as db:
            newest = self._revision(db)
            return newest is not None and newest.sha256 != fingerprint(self.frozen)

    def adopt(self, frozen: Mapping[str, Any]) -> None:
        """Serve the newest revision, whose frozen part is this; what was not known of it is stored."""
        self.frozen = frozen
        with writing(self._engine) as db:
            newest = self._revision(db)
            if newest is not None and not newest.sha256:
                newest.frozen, newest.sha256 = dict(frozen), fingerprint(frozen)

    def revise(self, frozen: Mapping[str, Any]) -> int:
        """Make a new revision and return its number; sessions under way go on under theirs.

        They give their places in the design away, so that the new revision fills a design of its own.
        """
        with writing(self._engine) as db:
            self._lock_study(db)
            number = self._add(db, frozen).number
            held = self._mine(Session) & (Session.design_index >= 0)
            db.execute(update(Session).where(held).values(design_index=-Session.id))
        self.frozen = frozen
        return number

    def _current(self, db: OrmSession) -> Revision:
        """Return the newest revision; the first session that begins makes the first."""
        newest = self._revision(db)
        if newest is None:
            return self._add(db, self.frozen)
        if newest.sha256 != fingerprint(self.frozen):
            raise StudyClosed(f"revision {newest.number} of the study was made; restart the server to serve it")
        return newest

    def _add(self, db: OrmSession, frozen: Mapping[str, Any]) -> Revision:
        number = (db.scalar(select(func.max(Revision.number)).where(self._mine(Revision))) or 0) + 1
        made = Revision(
            study_id=self._study, number=number, frozen=dict(frozen), sha256=fingerprint(frozen), made_at=now()
        )
        db.add(made)
        db.flush()
        return made
