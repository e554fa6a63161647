"""Where a study is kept: tables, migrations and the store."""

from db.engine import database_url, open_engine
from db.errors import DatabaseUnavailable, DbError, StudyClosed, UnknownParticipant
from db.results import CHECK
from db.store import Store
from db.views import Answer, Answered, Arrival, Cell, Progress, State, TrialView

__all__ = [
    "CHECK",
    "Answer",
    "Answered",
    "Arrival",
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
