"""Where a study is kept: tables, migrations and the store."""

from db.engine import database_url, open_engine
from db.errors import DatabaseUnavailable, DbError, NotHeard, StudyClosed, UnknownParticipant
from db.revisions import launched_studies
from db.scope import CHECK
from db.sessions.events import MAX_DETAIL
from db.soundness import detail_of, fault_of
from db.store import Store
from db.views import (
    AccountView,
    ActionView,
    Answer,
    Answered,
    Arrival,
    Cell,
    Looks,
    Progress,
    Purged,
    RevisionView,
    Running,
    State,
    Terms,
    TrialView,
)

__all__ = [
    "CHECK",
    "MAX_DETAIL",
    "AccountView",
    "ActionView",
    "Answer",
    "Answered",
    "Arrival",
    "Cell",
    "DatabaseUnavailable",
    "DbError",
    "Looks",
    "NotHeard",
    "Progress",
    "Purged",
    "RevisionView",
    "Running",
    "State",
    "Store",
    "StudyClosed",
    "Terms",
    "TrialView",
    "UnknownParticipant",
    "database_url",
    "detail_of",
    "fault_of",
    "launched_studies",
    "open_engine",
]
