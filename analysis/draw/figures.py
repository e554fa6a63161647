"""Figures: our style of drawing, rows with their labels, and how a figure is saved and put into a page.

Matplotlib's object interface alone (no pyplot): a server may draw in any thread. Every figure is made once
and written as SVG and PNG; `inline_svg` makes the form that lives in a page and follows its colours.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.style as mpl_style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.draw.fonts import families, scripts
from analysis.draw.labels import fitted

# Okabe and Ito's blue against a grey: apart for every kind of colour vision and in a grey print.
BASELINE, TREATED = "#8b95a1", "#0072b2"
INK, FAINT, PAPER = "#1f2430", "#d3d8de", "#ffffff"
WIDTH = 4.6  # inches
# Beyond this many dots vector graphics grow slow, and are stored as pixels.
VECTOR_DOTS = 1000
LINE = 0.155  # inches that a line of a label takes
# Okabe and Ito's colours but for black and yellow.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
STYLE = Path(__file__).parents[1] / "figures.mplstyle"
_lock = threading.Lock()


def row_axes(names: Sequence[str], least: float, *, width: int = 18) -> tuple[Figure, Axes, Rows]:
    """Begin a figure with one named row a name, from top to bottom; its vertical axis is in inches.

    Parameters
    ----------
    names
        The rows' names; labels are cut to three lines of `width` columns.
    least
        Height of a row in inches; one whose label has more lines is higher.
    width
        Columns of a label.
    """
    labels = fitted(names, width, 3)
    heights = np.array([max(least, LINE * (label.count("\n") + 1) + 0.1) for label in labels])
    centres = np.cumsum(heights) - heights / 2
    rows = Rows(tuple(float(centre) for centre in centres), float(heights.sum()))
    # With room for any legend; `settled` takes back what is too much.
    figure = Figure(figsize=(WIDTH, rows.height + 6), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(rows.centres, labels)
    axes.set_ylim(rows.height, 0)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    return figure, axes, rows


def histograms_figure(
    names: Sequence[str],
    steps: Sequence[float],
    counts: Sequence[Sequence[int]],
    colours: Sequence[str],
    *,
    notes: Sequence[str] = (),
    edges: Sequence[float] = (),
) -> Figure:
    """Draw small histograms side by side, one a name: how often each step of a scale was answered.

    With `edges` a bar is a part of the scale, from one edge to the next, and there are no steps.
    """
    ticks, size = (edges[::2], edges[1] - edges[0]) if edges else (steps, steps[1] - steps[0])
    places = [edge + size / 2 for edge in edges[:-1]] if edges else steps
    across = min(3 if len(places) < 6 else 2, len(names))
    down = -(-len(names) // across)
    labels = fitted(names, 60 // across, 3)
    lines = [max(label.count("\n") for label in labels[i : i + across]) for i in range(0, len(labels), across)]
    with styled(labels):
        figure = Figure(figsize=(WIDTH, 0.6 + 1.3 * down + LINE * sum(lines)), layout="constrained")
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        for axes, label, given, colour in zip(grid.flat, labels, counts, colours, strict=False):
            axes.bar(places, given, width=0.8 * size, color=colour)
            for step, count in zip(places, given, strict=True):
                axes.annotate(str(count), (step, count), (0, 2), textcoords="offset points", ha="center", fontsize=8)
            axes.set_title(label, fontsize=9)
            axes.set_xticks(ticks)
            axes.tick_params(length=0, labelbottom=True)
            axes.set_yticks([])
            axes.set_ylim(0, 1.18 * max(1, *(count for given in counts for count in given)))
            axes.spines[["left", "top", "right"]].set_visible(False)
        figure.suptitle(
            f"number of ratings (above the bar) by {'part of the scale' if edges else 'score given'}", fontsize=9
        )
        return settled(figure, title="How often each score was given.", notes=notes)


def interval(
    axes: Axes, low: float, high: float, place: float, span: tuple[float, float], *, width: float = 1.2
) -> None:
    """Draw an interval with caps; where it would leave `span`, it ends there in the head of an arrow."""
    axes.plot([max(low, span[0]), min(high, span[1])], [place, place], color=INK, linewidth=width, zorder=4)
    for end, edge, beyond, head in ((low, span[0], low < span[0], "<"), (high, span[1], high > span[1], ">")):
        if beyond:
            axes.plot(edge, place, marker=head, markersize=5, color=INK, clip_on=False, zorder=5)
        else:
            axes.vlines(end, place - 0.055, place + 0.055, color=INK, linewidth=width, zorder=4)


def beside(axes: Axes, place: float, text: str, *, size: float = 9.0) -> None:
    """Write a row's number to the right of it."""
    axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center", fontweight="bold", fontsize=size)


def signed_axis(axes: Axes) -> None:
    """Write the numbers of an axis of differences with their signs."""
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", "−") if abs(value) > 1e-9 else "0")


def scattered(count: int) -> np.ndarray:
    """Spread dots over -1 to 1 the same way each time, evenly and without a visible order."""
    return 2 * ((np.arange(1, count + 1) * 0.6180339887498949) % 1) - 1


@contextmanager
def styled(texts: Iterable[str] = ()) -> Iterator[None]:
    """Draw in our style, in fonts that hold the letters of `texts`.

    Matplotlib's settings are global, so one thread at a time.
    """
    style: list[Any] = [STYLE, {"font.family": families(texts)[0]}]
    with _lock, mpl_style.context(style), warnings.catch_warnings():
        # `settled` says in the figure which letters no font has.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        yield


def settled(figure: Figure, rows: Rows | None = None, *, title: str = "", notes: Iterable[str] = ()) -> Figure:
    """Finish a figure: write its notes below, give its rows their height, and lay it out.

    The layout is fixed here; saving would do it again each time, and move things by a hair.

    Parameters
    ----------
    figure
        The figure.
    rows
        Its rows, if it has any.
    title
        What it shows, for those who cannot see it; with the notes it becomes the title of the files.
    notes
        Whole sentences on what is not drawn, or drawn otherwise than one expects.
    """
    told = [note for note in notes if note]
    missing = families(text.get_text() for text in figure.findobj(Text))[1]
    if missing:
        told.append(
            f"No font for {', '.join(scripts(missing))} was installed for the PNG, which shows boxes for "
            f"{len(missing)} letter{'s' if len(missing) > 1 else ''}."
        )
    if told:
        figure.supxlabel(fill(" ".join(told), 84), fontsize=7, x=0.01, ha="left")
    figure.set_label(" ".join([title, *told]).strip())
    figure.draw_without_rendering()
    if rows is not None:
        inches = figure.axes[0].get_window_extent().height / figure.dpi
        figure.set_figheight(figure.get_figheight() + rows.height - inches)
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def saved(drawn: Mapping[str, Figure]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Give the files of some figures by their place in a report, and their inline forms by name."""
    files: dict[str, bytes] = {}
    inlined = {}
    for name, figure in drawn.items():
        files[f"figures/{name}.svg"] = svg(figure)
        files[f"figures/{name}.png"] = png(figure)
        inlined[name] = inline_svg(files[f"figures/{name}.svg"], name)
    return files, inlined


def png(figure: Figure) -> bytes:
    """Write a figure as PNG for slides and papers, on white."""
    return _written(figure, "png", {"Software": None}, dpi=220)


def svg(figure: Figure) -> bytes:
    """Write a figure as an SVG file, on white; what is stored as pixels has 200 an inch."""
    return _written(figure, "svg", {"Date": None}, dpi=200)


def inline_svg(file: bytes, name: str) -> str:
    """Turn an SVG file of ours into part of a page: it scales, and takes its colours from the page.

    `name` makes its element ids unique in the page. Its title becomes what a screen reader says of it; without one
    it is not spoken of.
    """
    text = file.decode()
    text = text[text.index("<svg") :]
    title = re.search(r"<title>(.*?)</title>", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*?</title>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<=<svg )(.*?)width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(?<=<svg )(.*?)height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in ((INK, "--ink"), (FAINT, "--line"), (PAPER, "--paper")):
        text = re.sub(rf"(?<=[:\s]){colour}\b", f"var({variable})", text)
    spoken = f'role="img" aria-label="{escape(unescape(title[1]))}"' if title else 'aria-hidden="true"'
    return text.replace("<svg ", f'<svg {spoken} focusable="false" ', 1)


def _written(figure: Figure, kind: str, metadata: dict[str, str | None], *, dpi: int) -> bytes:
    """Render a figure to bytes that are the same for the same figure."""
    buffer = io.BytesIO()
    title = str(figure.get_label())
    with styled():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata | ({"Title": title} if title else {}))
    return buffer.getvalue()


@dataclass(frozen=True)
class Rows:
    """Where the rows of a figure stand, in inches from the top of its axes.

    Parameters
    ----------
    centres
        The middle of each row.
    height
        All rows together.
    """

    centres: tuple[float, ...]
    height: float
