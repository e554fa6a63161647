"""What a session is asked beside the clips: which pages of questions are due, and what stands on each."""

from db.scope import Scope
from db.tables import Session
from survey.config.items import Item, items, restored
from survey.questionnaire import due
from survey.session import ASKED


def page(scope: Scope, session: Session, stage: str, done: int) -> tuple[Item, ...]:
    """Return the questions that are due at a stage, with so many trials done; none where it asks nothing.

    Those of `recruitment` are the study's of now, its own are those that the session began with.
    """
    if stage not in ASKED:
        return ()
    asked = items(scope.recruitment, restored(session.asked or []))
    return due(stage, asked, session.answers or {}, done)


def asks(scope: Scope, session: Session, done: int = 0) -> set[str]:
    """Return the pages that have something to ask."""
    return {stage for stage in ASKED if page(scope, session, stage, done)}
