"""Metrics page: what metrics say of each condition in one table with what people said, and how far the two agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from analysis.draw.figures import saved
from analysis.draw.metric_figures import people_figure, values_figure
from analysis.metrics.agreement import SAID, Kind
from analysis.metrics.board import Board, People, as_csv, asked, board, scored
from analysis.metrics.measured import Measured
from analysis.metrics.people import WEAK, Beside
from analysis.read.answers import Answers
from analysis.report.files import write_files
from analysis.report.page import COLUMNS, PER_TEST, ROWS, UNFOLDED, fill, inlines

VALUES, AGAINST = "metrics", "metrics-people"  # names of the figures
TONES: Mapping[Kind, str] = {
    "agrees": "equivalent",
    "does not agree": "not",
    "contradicts": "inferior",
    "cannot tell": "open",
    "no value": "open",
}


def write_metrics_page(
    measured: Measured, folder: Path, people: Sequence[Answers] = (), *, raters: str = "People"
) -> Path:
    """Write metrics.html, metrics.csv and figures/ into a folder and return the page's path.

    Parameters
    ----------
    measured
        What metrics say.
    folder
        The folder, such as STUDY/metrics.
    people
        What people said of the same clips, a scale each, as `analysis.read.answers.load_scales` gives it; only scores
        of single clips can be compared with metrics.
    raters
        What the column of their mean ratings is called, where they are no people.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    scales = scored(people)
    sides = [asked(measured, one, several=len(scales) > 1, raters=raters) for one in scales]
    made = board(measured, sides)
    files, inlined = saved(metric_figures(measured, [side.found for side in sides]))
    page = fill(
        "metrics_page.html",
        beside=section(made, "metrics.csv", alone=True),
        drawings=inlines(inlined),
        limits={"rows": ROWS, "per_test": PER_TEST, "columns": COLUMNS, "unfolded": UNFOLDED},
    )
    files |= {"metrics.csv": as_csv(made, sides).encode(), "metrics.html": page.encode()}
    write_files(folder, files, "page of metrics")
    return folder / "metrics.html"


def metric_figures(measured: Measured, sides: Sequence[Beside | None]) -> dict[str, Figure]:
    """Draw the figures of metrics, by name: their values, and each against what people said on each scale."""
    drawn = {VALUES: values_figure(measured)}
    drawn |= {_place(number): people_figure(one) for number, one in enumerate(sides) if one is not None}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def section(made: Board, data: str, *, alone: bool = False) -> Section:
    """Give what the section of a page shows; `data` is the file that has what its tables leave out."""
    return Section(made, [Side(one, _place(number)) for number, one in enumerate(made.sides)], data, alone)


def _place(number: int) -> str:
    """Name the figure of a scale."""
    return AGAINST if number == 0 else f"{AGAINST}-{number + 1}"


@dataclass(frozen=True)
class Side:
    """What people said on one scale, and the name of the figure that shows metrics against it."""

    people: People
    figure: str


@dataclass(frozen=True)
class Section:
    """The section on metrics.

    Parameters
    ----------
    board
        The tables.
    sides
        What people said, a scale each.
    data
        The file that has what the tables leave out.
    alone
        Whether the page is about metrics alone, so that their remarks stand at its beginning.
    """

    board: Board
    sides: Sequence[Side]
    data: str
    alone: bool
    values: str = VALUES
    said: Mapping[Kind, str] = field(default_factory=lambda: SAID)
    tones: Mapping[Kind, str] = field(default_factory=lambda: TONES)
    weak: float = WEAK
