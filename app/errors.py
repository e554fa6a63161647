"""Errors of the application.

AppError
├── SettingsError    the environment or the study's secret file cannot be used
├── StudyBusy        another process is rendering this study
├── JobError         work of the researcher's page cannot be started or stopped
├── UsageError       the command line asks for something impossible
├── RequestError     a request that is refused; carries the HTTP status
└── Refused          a participant's request that is refused, in the page's words
"""


class AppError(Exception):
    """Base of every error raised by this package; the message is one line for the reader."""


class SettingsError(AppError):
    """A setting is impossible, or the secret file is damaged or cannot be written."""


class StudyBusy(AppError):
    """Another process is rendering this study."""


class JobError(AppError):
    """Work in a process of its own is running already, or cannot be started or stopped."""


class UsageError(AppError):
    """The command line asks for something impossible."""


class RequestError(AppError):
    """A request that is answered with `status` and the message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Refused(AppError):
    """A participant's request that is answered with `status` and, in the page's language, the text of this key."""

    def __init__(self, status: int, key: str) -> None:
        super().__init__(key)
        self.status, self.key = status, key
