"""Errors of the database.

DbError
├── DatabaseUnavailable   it cannot be opened, or is of a newer version
├── UnknownParticipant    no participant has this token
├── NotHeard              an answer to sounds that were not heard as they must be
├── Late                  somebody who comes back after too long; caught within this package
└── StudyClosed           the study takes no new participant
"""


class DbError(Exception):
    """Base of every error raised by this package; the message is one line for the reader."""


class DatabaseUnavailable(DbError):
    """The database cannot be opened, written or brought up to date."""


class UnknownParticipant(DbError):
    """A token that nobody was given."""


class NotHeard(DbError):
    """An answer to sounds that were not heard as they must be; `key` is one of the page's texts, with `count` in it."""

    def __init__(self, message: str, key: str = "not_yet", count: int = 0) -> None:
        super().__init__(message)
        self.key, self.count = key, count


class Late(DbError):
    """Who comes back after so long that the study does not let them go on where they were."""


class StudyClosed(DbError):
    """There are no clips yet, or enough people took part; `reason` is a key of the page's texts."""

    def __init__(self, message: str, reason: str = "not_ready") -> None:
        super().__init__(message)
        self.reason = reason
