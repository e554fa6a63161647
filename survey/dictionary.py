"""The data dictionary: a row for each column of the exported tables, made of what makes the columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from survey.columns import KINDS, Column, Described
from survey.records import WRITTEN

GUARD = "an apostrophe stands before a text that a spreadsheet would compute; take it off to have the text as it was"
GUARD_OF_STRANGERS = (
    "an apostrophe stands before a text that begins as a formula (with = + - @, a tab or a line break); take it off to "
    "have the text as it was"
)


@dataclass(frozen=True, slots=True)
class DictionaryRow:
    """What is said of one column."""

    table: Annotated[str, Column("table of the column: `ratings`, `wide`, `sessions` or `events`")]
    column: Annotated[str, Column("its name")]
    type: Annotated[str, Column("type of its values", values=tuple(KINDS.values()))]
    unit: Annotated[str, Column("unit of its numbers", empty=True)]
    meaning: Annotated[str, Column("what it says")]
    allowed: Annotated[str, Column("values that there can be", empty=True)]
    guarded: Annotated[str, Column("what is done to a text that a spreadsheet would compute", empty=True)]


def dictionary(tables: Mapping[str, Sequence[Described]]) -> Iterator[DictionaryRow]:
    """Yield a row for each column of these tables.

    Examples
    --------
    >>> from survey.columns import described
    >>> from survey.records import RatingRow
    >>> (row,) = dictionary({"ratings": described(RatingRow, ["open_ms"])})
    >>> row.type, row.unit, row.allowed
    ('integer', 'ms', '0 and more; or empty')
    """
    for table, columns in tables.items():
        for one in columns:
            guard = "" if not one.guarded else GUARD_OF_STRANGERS if one.name in WRITTEN else GUARD
            yield DictionaryRow(table, one.name, one.kind, one.column.unit, one.column.meaning, one.allowed, guard)
