"""What of a study's records is private, and goes into a file only where it is asked for by name.

A participant is known by a code, such as P007. What could say who that is stays out of the folder of the report: who
they are on a platform, what they said of themselves, their remarks, how they listened, and the second of an answer.
"""

from dataclasses import fields

from survey.records import COLUMNS, SessionRow

IDENTIFYING = ("external_id", "answers")  # columns of sessions.csv
PRIVATE = ("plays", "heard_seconds", "response_ms", "open_ms", "comment")  # columns of ratings.csv that no test needs


def session_columns(identities: bool) -> list[str]:
    """Return the columns of sessions.csv, with those that identify or without."""
    return [field.name for field in fields(SessionRow) if identities or field.name not in IDENTIFYING]


def analysis_columns(comments: bool) -> list[str]:
    """Return the columns of ratings.csv that an analysis needs, with the ``comments`` where they are the answers."""
    return [name for name in COLUMNS if name not in PRIVATE or (comments and name == "comment")]
