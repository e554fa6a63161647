"""Faults: all that is wrong in the files that people write, each in a line with its place.

A line begins with the file, the line in it and the column, as compilers write them, so that editors open the place.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

MOST = 100  # lines; a table of thousands of wrong paths is one mistake

Place = tuple[str | int, ...]
"""The keys on the way to a value; of a list the index of an entry, or its name or number as a text."""


class Several(ValueError):
    """Several things wrong within one value: for each the way from the value to it, and what is wrong there."""

    def __init__(self, found: Iterable[tuple[Place, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(said for _, said in self.found))


@dataclass(frozen=True)
class Fault:
    """What is wrong and what may stand there instead; where it is, as far as that is known.

    `place` is looked up in the file that is read, unless its `line` is known; `file` is another file than that one.
    """

    said: str
    place: Place = ()
    line: int = 0
    column: int = 0
    file: str = ""

    def below(self, path: str, place: Place) -> "Fault":
        """Return the same fault of a value that lies below another."""
        return replace(self, said=f"{path}.{self.said}", place=(*place, *self.place))


def fault_at(path: str, said: str) -> Fault:
    """Return the fault of a key, whose path is its place.

    Examples
    --------
    >>> fault_at("session.practice", "must be a whole number").place
    ('session', 'practice')
    """
    return Fault(f"{path}: {said}", tuple(path.split(".")))


def in_lines(faults: Iterable[Fault], file: str) -> str:
    r"""Write the faults of a file in a line each, in the order of their places; of many, the first and how many more.

    Examples
    --------
    >>> print(in_lines([Fault("b: unknown key", line=3, column=1), Fault("a: missing")], "study.yaml"))
    study.yaml: a: missing
    study.yaml:3:1: b: unknown key
    """
    ordered = sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))
    lines = list(dict.fromkeys(_line(fault, file) for fault in ordered))
    more = len(lines) - MOST
    return "\n".join([*lines[:MOST], *([f"{file}: and {more:,} more"] if more > 0 else [])])


def _line(fault: Fault, file: str) -> str:
    numbers = [str(number) for number in (fault.line, fault.column) if number]
    return ":".join([fault.file or file, *numbers]) + ": " + "\\n".join(fault.said.split("\n"))
