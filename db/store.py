"""The store of one study; with the files that it is put together from, it holds every query of Earmark."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession

from db.engine import erase, file_of, writing
from db.logins import Logins
from db.results import Results
from db.scope import now
from db.sessions import Sessions
from db.soundness import Soundness
from db.tables import Participant, Study
from db.tokens import LINK, Tokens
from survey.config.study import Recruitment, Scale, SessionRules


class Store(Results, Sessions, Logins, Soundness):
    """Everything that is kept of one study, under its rules.

    It is `rekeyed` if it was opened under another key than before.

    Parameters
    ----------
    rules, recruitment
        What may change while people take part.
    scale, baseline
        The question and the condition of reference, where they are all that is frozen.
    frozen
        Otherwise the frozen part of the configuration: see survey/config/revision.py.
    key
        Of the tokens' hashes; without it none is found that was stored with one.
    """

    rekeyed = False

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
            plain = key is not None and self._equip_all(db)
        if plain:
            erase(engine)

    def _equip_all(self, db: OrmSession) -> bool:
        """Have all tokens stored under this key; say whether something was stored as it is until now.

        Versions before hashed none, and another key made other ones: what is derived is derived anew, and the browsers
        that began under another key are strangers until that is back.
        """
        plain = False
        here = select(Participant).where(self._mine(Participant), Participant.withdrawn_at.is_(None))
        for person in db.scalars(here):
            if person.link is None:
                person.token, plain = self._tokens.digest(person.token), True
            elif person.link != self._tokens.digest(self._tokens.derived(LINK, person)):
                self.rekeyed = True
            self._tokens.equip(person)
        return plain

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
