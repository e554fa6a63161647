"""The store of one study; with the files that it is put together from, it holds every query of Earmark."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, select

from db.engine import writing
from db.results import Results
from db.scope import now
from db.sessions import Sessions
from db.soundness import Soundness, file_of
from db.tables import Study
from survey.config import Recruitment, Scale, SessionRules


class Store(Results, Sessions, Soundness):
    """Everything that is kept of one study, under its rules.

    Parameters
    ----------
    rules, recruitment
        What may change while people take part.
    scale, baseline
        The question and the condition of reference, where they are all that is frozen.
    frozen
        Otherwise the frozen part of the configuration: see survey/revision.py.
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
    ) -> None:
        self._engine, self._told, self._file = engine, set(), file_of(engine)
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

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
