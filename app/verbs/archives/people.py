"""People: ratings as they go to others, with no code, no time of day and no words of anybody's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from app.privacy import analysis_columns
from survey.records import RatingRow


def columns(comments: bool) -> list[str]:
    """Return the columns of an archive's ratings; a session is no more than its rater, who has one."""
    return [name for name in analysis_columns(comments) if name != "session"]


def anonymous(rows: Sequence[RatingRow], order: Iterable[str], comments: bool) -> list[RatingRow]:
    """Number the raters R001, R002, ... in the `order` in which they finished, and sort their ratings by it.

    The analysis needs that order and no time of day: `rated_at` is the day of a rater's last answer, and in place of
    the time the rater's number, in seconds. Without `comments` no word of theirs is left: a question whose answer is
    words has no rows.
    """
    last: dict[str, date] = {}
    for row in rows:
        day = row.rated_at.astimezone(UTC).date()
        last[row.participant] = max(day, last.get(row.participant, day))
    names: dict[str, str] = {}
    moments: dict[str, datetime] = {}
    newest = date.min
    for number, person in enumerate((one for one in order if one in last), 1):
        newest = max(newest, last[person])  # where the clock was set back, the order counts
        names[person] = f"R{number:03d}"
        moments[person] = datetime.combine(newest, time(), UTC) + timedelta(seconds=number)
    made = [
        replace(
            row,
            participant=names[row.participant],
            session="",
            rated_at=moments[row.participant],
            comment=row.comment if comments else "",
        )
        for row in rows
        if comments or row.question != "text"
    ]
    return sorted(made, key=lambda row: (row.rated_at, row.position))  # stable: of one trial in the order of its rows
