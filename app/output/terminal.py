"""The terminal: names and texts of other people's files are written so that it does nothing but show them."""

from __future__ import annotations

import io
import os
import re
import shlex
import unicodedata
from pathlib import Path
from typing import TextIO

# All that is no character to see but tab and line break; and what turns the direction of a line round.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# The same without what progress bars move the cursor with: to the line's beginning, and a line up.
BESIDE_BARS = re.compile(
    r"\x1b(?!\[A)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
COMMAND = re.compile(r"(?<![\w./-])earmark(?= [a-z])")


def plain(text: str, control: re.Pattern[str] = CONTROL) -> str:
    r"""Write control characters as Python does.

    Examples
    --------
    >>> print(plain("rain\x1b[2J"))
    rain\x1b[2J
    """
    return control.sub(lambda found: ascii(found[0])[1:-1], text)


def as_typed(text: str, typed: str = "") -> str:
    """Write commands as the user typed this one: ``./earmark``, if the launcher says that it was called so.

    Examples
    --------
    >>> as_typed("earmark: no clips; run earmark generate, or ./earmark check", "./earmark")
    'earmark: no clips; run ./earmark generate, or ./earmark check'
    """
    typed = typed or os.environ.get("EARMARK_COMMAND") or ""
    return COMMAND.sub(lambda _: typed, text) if typed else text


def padded(text: str, width: int) -> str:
    """Fill a text up to a number of columns; letters such as those of Japanese take two.

    Examples
    --------
    >>> padded("rain", 6) + "|", padded("雨音", 6) + "|"
    ('rain  |', '雨音  |')
    """
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Examples
    --------
    >>> columns("rain"), columns("雨音")
    (4, 4)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def word(path: Path) -> str:
    """Write a path as one word of a command, which can be pasted into a shell.

    Examples
    --------
    >>> word(Path("pilot")), word(Path("second pilot"))
    ('pilot', "'second pilot'")
    """
    return shlex.quote(str(path))


class Plain(io.TextIOBase):
    """A stream to a terminal on which everything is plain text, and commands are as the user types them.

    Parameters
    ----------
    stream
        The stream itself.
    control
        What is not let through.
    """

    def __init__(self, stream: TextIO, control: re.Pattern[str] = CONTROL) -> None:
        self._stream, self._control = stream, control

    def write(self, text: str) -> int:
        """Write a text."""
        return self._stream.write(as_typed(plain(text, self._control)))

    def flush(self) -> None:
        """Write what waits."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()
