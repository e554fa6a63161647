"""Board: what metrics and people say of each condition, as the rows and cells of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from analysis.describe.opinion import OpinionScore, opinion_scores
from analysis.infer.compare import Comparison
from analysis.infer.intervals import two_way
from analysis.metrics.agreement import Agreement, headlines, sentences
from analysis.metrics.measured import Cell, Column, Measured
from analysis.metrics.people import Beside, beside
from analysis.read.answers import Answers
from analysis.read.matched import cells
from analysis.read.question import SCORED
from analysis.scale.rating_scale import FIVE, RatingScale
from survey.records import harmless

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
HEADER = (
    *("condition", "column", "name", "better", "unit", "value", "low", "high", "n"),
    *("difference", "difference_low", "difference_high", "why"),
)


def board(measured: Measured, people: Sequence[People] = ()) -> Board:
    """Set the table out: people first, then metrics and facts, with the best and the second best of each column.

    The best is so by the number alone; `differences` have their intervals.
    """
    names = _ordered(measured, [one.condition for side in people for one in side.scores if one.n])
    names = list(dict.fromkeys([*measured.conditions, *names]))
    held = {(one.column, one.condition): one for one in (*(c for side in people for c in side.cells), *measured.cells)}
    with_values = {column for (column, _), cell in held.items() if cell.value is not None}
    every = [*(side.column for side in people), *measured.columns]
    columns = [one for one in every if one.key in with_values]
    reasons: dict[str, int] = {}
    rows = {name: [_shown(one, held.get((one.key, name)), reasons) for one in columns] for name in names}
    for number, column in enumerate(columns):
        _mark([row[number] for row in rows.values()], column)
    changed = [one for one in columns if any(held[key].difference is not None for key in held if key[0] == one.key)]
    others = [name for name in names if name != measured.baseline]
    return Board(
        measured=measured,
        columns=columns,
        rows=rows,
        reasons=list(reasons),
        absent=_absent([one for one in every if one.key not in with_values], measured),
        changed=changed,
        differences={
            name: [_difference(one, held.get((one.key, name))) for one in changed] for name in others if changed
        },
        sides=[side for side in people if side.found is not None],
    )


def _absent(columns: Sequence[Column], measured: Measured) -> dict[str, list[str]]:
    """Name the columns without any value by the reason, that of a condition other than the baseline if there is one."""
    found: dict[str, list[str]] = {}
    for column in columns:
        cells = sorted(
            (cell for cell in measured.cells if cell.column == column.key),
            key=lambda cell: cell.condition == measured.baseline,
        )
        found.setdefault(cells[0].why if cells else "nothing was measured", []).append(column.name)
    return found


def asked(measured: Measured, answers: Answers, *, several: bool = False, raters: str = "People") -> People:
    """Set people's answers on one scale beside metrics: their means, differences from the baseline, and agreement.

    Parameters
    ----------
    answers
        Scores of single clips.
    several
        Whether there are other scales, so that this one is named.
    raters
        Who gave them, the name of the column.
    """
    rated = set(answers.frame["condition"])
    names = _ordered(measured, rated)
    scale = answers.scale or FIVE
    differences: Sequence[Comparison] = ()
    if measured.baseline in rated and len(rated) > 1:
        differences = two_way(cells(answers.frame, names), measured.baseline)
    return people_of(
        opinion_scores(answers.frame, names, scale=scale),
        differences if measured.baseline in rated else (),
        scale,
        beside(measured, answers.frame),
        name=answers.name if several else "",
        raters=raters,
    )


def scored(people: Sequence[Answers]) -> list[Answers]:
    """Choose the answers that are scores of single clips, with which metrics can be compared."""
    return [one for one in people if one.question in SCORED]


def people_of(
    scores: Sequence[OpinionScore],
    differences: Sequence[Comparison],
    scale: RatingScale,
    found: Beside | None,
    *,
    name: str = "",
    raters: str = "People",
) -> People:
    """Make a column of what people said of each condition, and of how they differ from the baseline."""
    column = Column(f"people: {name}" if name else "people", f"{raters}: {name}" if name else raters, "higher",
                    scale.low, scale.high, note=f"Mean rating on a scale {scale.words}.")  # fmt: skip
    changes = {row.condition: row for row in differences if row.estimate is not None}
    made = []
    for one in scores:
        change = changes.get(one.condition)
        found_change = (change.estimate, change.ci_low, change.ci_high) if change else (None, None, None)
        why = "" if one.mean is not None else "nobody rated it"
        made.append(Cell(column.key, one.condition, one.mean, one.wide_low, one.wide_high, one.n, why, *found_change))
    return People(column, tuple(scores), made, found)


def as_csv(made: Board, people: Sequence[People]) -> str:
    """Write the table as CSV, one row a condition and column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    columns = {one.key: one for one in (*(side.column for side in people), *made.measured.columns)}
    for one in (*(cell for side in people for cell in side.cells), *made.measured.cells):
        column = columns[one.column]
        about = tuple(map(harmless, (one.condition, column.key, column.name, column.better, column.unit)))
        numbers = (one.value, one.low, one.high, one.n, one.difference, one.difference_low, one.difference_high)
        writer.writerow([*about, *("" if value is None else value for value in numbers), harmless(one.why)])
    return text.getvalue()


def _ordered(measured: Measured, names: Iterable[str]) -> list[str]:
    """Put conditions in the order of those that were measured, others behind."""
    place = {name: number for number, name in enumerate(measured.conditions)}
    return sorted(set(names), key=lambda name: (place.get(name, len(place)), name))


def _shown(column: Column, cell: Cell | None, reasons: dict[str, int]) -> Shown:
    """Write a cell, and number the reason that it has no value, or what must be known of it."""
    if cell is None:
        return Shown("–")
    note = reasons.setdefault(cell.why, len(reasons) + 1) if cell.why else 0
    digits = _digits(column, cell.value)
    return Shown(
        "–" if cell.value is None else _number(cell.value, digits),
        _ends(cell.low, cell.high, digits) if cell.value is not None else "",
        note,
        value=cell.value,
    )


def _difference(column: Column, cell: Cell | None) -> Shown:
    """Write a difference from the baseline; one whose interval leaves out zero is marked."""
    if cell is None or cell.difference is None:
        return Shown("–")
    low, high, digits = cell.difference_low, cell.difference_high, _digits(column, cell.value)
    apart = low is not None and high is not None and (low > 0 or high < 0)
    text = _number(cell.difference, digits)
    text = f"+{text}" if cell.difference > 0 and float(text) > 0 else text
    return Shown(text, _ends(low, high, digits), mark="best" if apart else "")


def _mark(shown: Sequence[Shown], column: Column) -> None:
    """Mark the best and the second best values of a column, by what is printed of them."""
    printed = [one.text for one in shown if one.value is not None]
    if not column.better or len(set(printed)) < 2:
        return
    ranked = sorted({float(text.replace("−", "-")) for text in printed}, reverse=column.better == "higher")
    marks = dict(zip(ranked, ("best", "second"), strict=False))
    for one in shown:
        if one.value is not None:
            one.mark = marks.get(float(one.text.replace("−", "-")), "")


def _digits(column: Column, value: float | None) -> int:
    """Choose how many decimal places a column shows: two of ratings, four numbers of others."""
    if column.key.startswith("people"):
        return 2
    size = abs(value or 0.0)
    return 4 if size < 1 else 3 if size < 10 else 2 if size < 100 else 1


def _number(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")


def _ends(low: float | None, high: float | None, digits: int) -> str:
    return "" if low is None or high is None else f"{_number(low, digits)} to {_number(high, digits)}"


@dataclass
class Shown:
    """What a cell of the table shows.

    Parameters
    ----------
    text, ends
        The number, and its interval.
    note
        Number of the reason, from 1; 0 for none.
    mark
        `best` or `second`; of a difference `best` where its interval leaves out zero.
    value
        The number itself.
    """

    text: str
    ends: str = ""
    note: int = 0
    mark: str = ""
    value: float | None = None


@dataclass(frozen=True)
class People:
    """What people said, on one scale.

    Parameters
    ----------
    column, cells
        As those of a metric.
    scores
        The same, as they are described elsewhere.
    found
        The metrics beside it.
    """

    column: Column
    scores: tuple[OpinionScore, ...]
    cells: Sequence[Cell]
    found: Beside | None = None

    @property
    def name(self) -> str:
        """Name of the scale, where there are several."""
        return self.column.key.partition(": ")[2]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is shown of each metric."""
        return sentences(self.found.agreements) if self.found else ()

    @property
    def lines(self) -> list[tuple[str, Mapping[str, Agreement], Agreement]]:
        """The rows of the table of agreement: name, correlations by what is ordered, and the one that tells most."""
        rows = self.found.agreements if self.found else ()
        return [
            (head.name, {one.over: one for one in rows if one.metric == head.metric}, head) for head in headlines(rows)
        ]


@dataclass(frozen=True)
class Board:
    """The tables of metrics.

    Parameters
    ----------
    measured
        What they are of.
    columns, rows
        The columns in order, and by condition a cell for each.
    reasons
        Why cells have no value, by number from 1.
    absent
        Names of the columns without any value, which are not shown, by the reason.
    changed, differences
        The columns that have differences from the baseline, and by condition a cell for each.
    sides
        What people said, where metrics are compared with it.
    """

    measured: Measured
    columns: Sequence[Column]
    rows: Mapping[str, Sequence[Shown]]
    reasons: Sequence[str]
    absent: Mapping[str, Sequence[str]]
    changed: Sequence[Column]
    differences: Mapping[str, Sequence[Shown]]
    sides: Sequence[People] = field(default_factory=list)

    @property
    def arrows(self) -> Mapping[str, str]:
        """Signs of which way is better."""
        return ARROWS

    @property
    def notes(self) -> Iterable[tuple[str, str]]:
        """What a reader must know of metrics, by name."""
        return [(one.name, one.note) for one in self.columns if one.note]
