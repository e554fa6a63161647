"""The log of what researchers do, as the pages write it and the owners read it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.accounts.roles import Person
from app.study import Study
from db import ActionView
from survey.records import harmless

COLUMNS = ("at", "account", "kind", "detail")


def note(study: Study, person: Person, kind: str, **detail: Any) -> None:
    """Log what somebody did; where the database cannot be written, that is said at the desk and stops nobody."""
    try:
        study.store.actions.add(person.name, kind, detail)
    except SQLAlchemyError as error:
        if not study.health.take(error):
            raise


def in_words(detail: Mapping[str, Any]) -> str:
    """Return what a line says beside its kind."""
    return ", ".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in detail.items()
    )


def as_csv(actions: Iterable[ActionView]) -> str:
    """Write lines of the log as CSV; a spreadsheet computes none of it."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in actions:
        detail = json.dumps(dict(one.detail), ensure_ascii=False)
        rows.writerow([one.at.isoformat(timespec="seconds"), harmless(one.account), harmless(one.kind), detail])
    return text.getvalue()
