"""The store of one study: its parts, each of which holds the transactions on one noun."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession

from db.access.accounts import Accounts
from db.access.attempts import Attempts
from db.access.logins import Logins
from db.actions import Actions
from db.clips import Clips
from db.engine import Together, erase, file_of, writing
from db.results.results import Results
from db.results.watching import Watch
from db.revisions import Revisions
from db.scope import Scope, now
from db.sessions.answers import write
from db.sessions.events import Events
from db.sessions.participants import Participants
from db.sessions.sessions import Sessions
from db.sessions.settling import held
from db.sessions.trials import Trials
from db.soundness import Soundness
from db.tables import Participant, Study
from db.tokens import LINK, Tokens
from survey.config.items import Item
from survey.config.session import Recruitment, SessionRules
from survey.trials.scale import Scale


class Store:
    """Everything that is kept of one study, under its rules.

    What a method of a part does is one transaction. The functions beside them, which take a session of the database,
    work within somebody's. The store is `rekeyed` if it was opened under another key than before.

    Parameters
    ----------
    rules, recruitment, questions
        What may change while people take part.
    scale, baseline
        The question and the condition of reference, where they are all that is frozen.
    frozen
        Otherwise the frozen part of the configuration: see survey/config/revision.py.
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
        questions: tuple[Item, ...] = (),
    ) -> None:
        file = file_of(engine)
        asked = (scale or Scale()).stored()
        labels = {str(score): label for score, label in asked["labels"].items()}
        with writing(engine) as db:
            self.scope = Scope(
                engine,
                study,
                _number_of(db, study),
                Tokens(key or b"", study),
                rules or SessionRules(),
                recruitment or Recruitment(),
                frozen or {"scale": {**asked, "labels": labels}, "analysis": {"baseline": baseline}},
                questions,
            )
            plain, self.rekeyed = _equip_all(self.scope, db) if key is not None else (False, False)
        if plain:
            erase(engine)
        # What many do to their sessions at once.
        self.together = Together(engine, partial(held, self.scope), write)
        self.clips = Clips(self.scope)
        self.participants = Participants(self.scope)
        self.sessions = Sessions(self.scope, self.together)
        self.trials = Trials(self.scope, self.together)
        self.events = Events(self.scope, self.together)
        self.revisions = Revisions(self.scope)
        self.results = Results(self.scope, Watch(self.scope))
        self.actions = Actions(self.scope)
        self.accounts = Accounts(self.scope)
        self.logins = Logins(self.scope)
        self.attempts = Attempts(self.scope)
        self.soundness = Soundness(self.scope, file)

    def close(self) -> None:
        """Do what waits to be done, and close the connections."""
        self.together.close()
        self.scope.engine.dispose()


def _number_of(db: OrmSession, study: str) -> int:
    """Return a study's number in the database, where it is added if it is new."""
    found = db.scalar(select(Study).where(Study.name == study))
    if found is None:
        found = Study(name=study, created_at=now())
        db.add(found)
        db.flush()
    return found.id


def _equip_all(scope: Scope, db: OrmSession) -> tuple[bool, bool]:
    """Have all tokens stored under this key; say whether one was stored as it is until now, and one under another key.

    Versions before hashed none, and another key made other ones: what is derived is derived anew, and the browsers
    that began under another key are strangers until that is back.
    """
    plain = rekeyed = False
    here = select(Participant).where(scope.mine(Participant), Participant.withdrawn_at.is_(None))
    for person in db.scalars(here):
        if person.link is None:
            person.token, plain = scope.tokens.digest(person.token), True
        elif person.link != scope.tokens.digest(scope.tokens.derived(LINK, person)):
            rekeyed = True
        scope.tokens.equip(person)
    return plain, rekeyed
