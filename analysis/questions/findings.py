"""Findings: the common shape of what the answers to one question show, ready to be put on a page."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.infer.compare import Comparison

Cell = str | int | float | None


def shown(row: Comparison, alpha: float) -> bool:
    """Tell whether a row's p value, after Holm's adjustment where there is one, is below alpha.

    Examples
    --------
    >>> shown(Comparison("ab_t", p=0.03), 0.05), shown(Comparison("ab_t", p=0.03, p_adjusted=0.06), 0.05)
    (True, False)
    """
    p = row.p if row.p_adjusted is None else row.p_adjusted
    return p is not None and p < alpha


@dataclass(frozen=True)
class Table:
    """A small table for the page; its cells are plain text and numbers, not markup.

    Parameters
    ----------
    title
        What it shows.
    columns
        Heads of the columns.
    rows
        One tuple a row, as long as `columns`; None where there is no value.
    note
        What a reader must know to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """What the answers to one question show.

    Parameters
    ----------
    question
        `ab`, `ccr`, `abx`, `mushra` or `text`.
    rows
        Results; the name of each test begins with the question's.
    sentences
        What is shown and what is not, in words.
    tables
        Counts and descriptions, without tests.
    left_out
        The raters whom the screening of `mushra` leaves out of the first results.
    """

    question: str
    rows: tuple[Comparison, ...]
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    left_out: tuple[str, ...] = ()

    def of(self, test: str) -> tuple[Comparison, ...]:
        """Give the rows of one test."""
        return tuple(row for row in self.rows if row.test == test)
