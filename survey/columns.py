"""Columns: what stands in each column of an exported table, said once, in the type of the record's attribute.

The data dictionary, the tables of docs/study.md and the types of Parquet's columns are made of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", datetime: "timestamp"}
"""Types by the names that dictionaries of data give them."""
ALLOWED = {bool: "true or false", datetime: "ISO 8601, in UTC"}


@dataclass(frozen=True, slots=True)
class Column:
    """What an attribute of a record means, and what its values can be.

    Attributes
    ----------
    meaning
        what it says
    unit
        of a number, such as `ms`
    values
        all that there are, where they are few
    several
        whether a cell may hold several of the `values`, with spaces between
    least, most
        the smallest and the largest number; None for no limit
    rule
        what is to be said of the values in words
    empty
        whether a text may be empty
    """

    meaning: str
    unit: str = ""
    values: tuple[str, ...] = ()
    several: bool = False
    least: float | None = None
    most: float | None = None
    rule: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """A column as it is exported: its name, Python's type of its values, whether a cell may be empty, and the rest."""

    name: str
    type: type
    optional: bool
    column: Column

    @property
    def kind(self) -> str:
        """The type as a dictionary names it."""
        return KINDS[self.type]

    @property
    def guarded(self) -> bool:
        """Whether a cell may hold a text that a spreadsheet would compute; words of ours are none."""
        return self.type is str and not self.column.values

    @property
    def allowed(self) -> str:
        """The values that there can be, in words; nothing where any can.

        Examples
        --------
        >>> Described("share", float, True, Column("a share", least=0, most=1)).allowed
        '0 to 1; or empty'
        """
        one, said = self.column, ALLOWED.get(self.type, "")
        if one.values:
            said = f"any of {', '.join(one.values)}, with spaces between" if one.several else ", ".join(one.values)
        elif one.least is not None:
            said = f"{one.least} and more" if one.most is None else f"{one.least} to {one.most}"
        said = "; ".join(filter(None, (said, one.rule)))
        return "; ".join(filter(None, (said, "or empty" if self.optional else "")))


def described(record: type, names: Sequence[str] | None = None) -> list[Described]:
    """Describe the columns of a record, in their order, or those of these names in theirs.

    Raises
    ------
    TypeError
        If an attribute does not say what it means.

    Examples
    --------
    >>> from survey.records import RatingRow
    >>> [(one.name, one.kind, one.column.unit) for one in described(RatingRow) if one.name == "heard_seconds"]
    [('heard_seconds', 'number', 's')]
    """
    hints = get_type_hints(record, include_extras=True)
    return [_described(name, hints[name]) for name in names or [each.name for each in fields(record)]]


def _described(name: str, hint: Any) -> Described:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{name}: its type has no Column that says what it means")
    kind, column = get_args(hint)[:2]
    held = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    (plain,) = (one for one in held if one is not type(None))
    return Described(name, plain, len(held) > 1 or column.empty, column)
