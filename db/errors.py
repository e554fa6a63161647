"""Errors of the database.

DbError
├── DatabaseUnavailable   it cannot be opened, or is of a newer version
├── UnknownParticipant    no participant has this token
├── NotHeard              an answer to sounds that were not heard
└── StudyClosed           the study takes no new participant
"""


class DbError(Exception):
    """Base of every error raised by this package; the message is one line for the reader."""


class DatabaseUnavailable(DbError):
    """The database cannot be opened, written or brought up to date."""


class UnknownParticipant(DbError):
    """A token that nobody was given."""


class NotHeard(DbError):
    """An answer to sounds that must be heard and were not; the message is for the participant."""


class StudyClosed(DbError):
    """There are no clips yet, or enough people took part; `reason` is a key of the page's texts."""

    def __init__(self, message: str, reason: str = "not_ready") -> None:
        super().__init__(message)
        self.reason = reason
