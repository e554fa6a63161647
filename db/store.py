"""The store of one study; with the files that it is put together from, it holds every query of Earmark."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import writing
from db.logins import Logins
from db.results import Results
from db.scope import now
from db.sessions import Sessions
from db.soundness import Soundness, file_of
from db.tables import Participant, Study
from db.tokens import Tokens
from survey.config import Recruitment, Scale, SessionRules


class Store(Results, Sessions, Logins, Soundness):
    """Everything that is kept of one study, under its rules.

    Parameters
    ----------
    rules, recruitment
        What may change while people take part.
    scale, baseline
        The question and the condition of reference, where they are all that is frozen.
    frozen
        Otherwise the frozen part of the configuration: see survey/revision.py.
    key
        Of the tokens' hashes; without it none is found that was stored with one.
    """

    def __init__(
        self,
        engine: Engine,
        study: str,
        rules: SessionRules | None = None,
        recruitment: Recruitment | None = None,
        scale: Scale | None = None,
        baseline: str = "baseline",
        frozen: Mapping[str, Any] | None = None,
        key: bytes | None = None,
    ) -> None:
        self._engine, self._told, self._file = engine, set(), file_of(engine)
        self._tokens, self._scales = Tokens(key or b"", study), {}
        self.rules, self.recruitment = rules or SessionRules(), recruitment or Recruitment()
        asked = asdict(scale or Scale())
        labels = {str(score): label for score, label in asked["labels"].items()}
        self.frozen = frozen or {"scale": {**asked, "labels": labels}, "analysis": {"baseline": baseline}}
        with writing(engine) as db:
            found = db.scalar(select(Study).where(Study.name == study))
            if found is None:
                found = Study(name=study, created_at=now())
                db.add(found)
                db.flush()
            self._study, self.study = found.id, study
            if key is not None:
                self._equip_all(db)

    def _equip_all(self, db: OrmSession) -> None:
        """Hash the tokens of participants of versions that stored them as they are, and derive the others."""
        plain = select(Participant).where(
            self._mine(Participant), Participant.link.is_(None), Participant.withdrawn_at.is_(None)
        )
        for person in db.scalars(plain):
            person.token = self._tokens.digest(person.token)
            self._tokens.equip(person)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
