"""Where a study is kept: tables, migrations and the store."""

from db.engine import database_url, open_engine
from db.errors import DatabaseUnavailable, DbError, StudyClosed, UnknownParticipant
from db.store import Store
from db.views import Answer, Cell, Progress, State, TrialView

__all__ = [
    "Answer",
    "Cell",
    "DatabaseUnavailable",
    "DbError",
    "Progress",
    "State",
    "Store",
    "StudyClosed",
    "TrialView",
    "UnknownParticipant",
    "database_url",
    "open_engine",
]
