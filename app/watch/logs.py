"""The log: a line in plain words or a JSON object a line, with the number of the request that it is about.

The words of an error that nobody foresaw may hold what a participant sent, such as a row that PostgreSQL refuses, so
that while a request is answered only its kind is written, and where it came about.
"""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

NUMBER: ContextVar[str] = ContextVar("NUMBER", default="")
"""The number of the request that is being answered; empty where none is."""

FIELDS = ("method", "route", "status", "ms")  # what a line of a request has beside the others


class Lines(logging.Formatter):
    """Write a record as a line in plain words."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the error below it."""
        number = f" (request {NUMBER.get()})" if NUMBER.get() else ""
        below = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{record.name}: {record.getMessage()}{number}{below}"

    def formatException(  # the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return where an error came about, and its kind; its words only where no request is being answered."""
        if not NUMBER.get() or ei[1] is None:
            return super().formatException(ei)
        parts: list[str] = []
        error: BaseException | None = ei[1]
        while error is not None:
            kind = f"{type(error).__module__}.{type(error).__qualname__}"
            parts.append("".join(traceback.format_tb(error.__traceback__)) + kind)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nwhich came of:\n".join(parts)


class Objects(Lines):
    """Write a record as a JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if NUMBER.get():
            said["request"] = NUMBER.get()
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=True, default=str)


def begin(level: str, formatter: logging.Formatter) -> None:
    """Write the log of this process to its error output, from a level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
