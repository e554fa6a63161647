"""Figures: means with intervals, differences against the margin, and the spread of the scores.

Matplotlib's object interface alone (no pyplot): a server may draw in any thread. Every figure is made once
and written as SVG and PNG; `inline_svg` makes the form that lives in a page and follows its colours.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from textwrap import shorten, wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from analysis.compare import Comparison
from analysis.opinion import OpinionScore
from analysis.ratings import SCALE

# Okabe and Ito's blue against a grey: apart for every kind of colour vision and in a grey print.
BASELINE, TREATED = "#8b95a1", "#0072b2"
INK, FAINT, PAPER = "#1f2430", "#d3d8de", "#ffffff"
WIDTH = 4.6
# Beyond this many dots vector graphics grow slow, and are stored as pixels.
VECTOR_DOTS = 400
MOST_PROMPTS = 60  # in a figure; its table has all
# Okabe and Ito's colours, told apart by their marks too.
_PALETTE = ("#8b95a1", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "text.parse_math": False,  # a condition's name may hold a dollar sign
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "earmark",
}
_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Noto Sans Devanagari", "Arial Unicode MS",
)  # fmt: skip
_lock = threading.Lock()


def means_figure(scores: Sequence[OpinionScore], means: pd.DataFrame, *, baseline: str) -> Figure:
    """Draw mean ratings as bars with their intervals, and each rater's mean as a dot."""
    with _styled():
        figure = Figure(figsize=(WIDTH, 0.75 + 0.62 * len(scores)), layout="constrained")
        axes = figure.subplots()
        for place, score in enumerate(scores):
            colour = BASELINE if score.condition == baseline else TREATED
            if score.mean is None:
                axes.text(1.05, place, "no ratings", va="center")
                continue
            axes.barh(place, score.mean - 1, left=1, height=0.62, color=colour, zorder=2)
            raters = means[score.condition].dropna().to_numpy()
            dots = raters, place + 0.16 + 0.1 * _scatter(len(raters))
            axes.scatter(*dots, s=11, c=PAPER, edgecolors=INK, linewidths=0.6, alpha=0.75, zorder=3,
                         rasterized=len(raters) > VECTOR_DOTS)  # fmt: skip
            if score.ci_low is not None and score.ci_high is not None:
                _whisker(axes, score.ci_low, score.ci_high, place - 0.12, width=1.8, cap=0.1)
            axes.text(1.02, place, f"{score.mean:.2f}", transform=axes.get_yaxis_transform(), va="center",
                      fontweight="bold")  # fmt: skip
        axes.set_xlim(1, 5.12)
        axes.set_xticks(SCALE)
        axes.set_xlabel("mean rating, 1 to 5")
        _rows(axes, [score.condition for score in scores])
        return _settled(figure)


def differences_figure(
    differences: Sequence[Comparison], equivalence: Sequence[Comparison], *, margin: float
) -> Figure:
    """Draw each condition's difference from the baseline with both its intervals, and the margin as a band.

    `differences` are rows of `paired_t` (thin line), `equivalence` rows of `tost` (thick line).
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 1.0 + 0.52 * len(differences)), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(-margin, margin, color=TREATED, alpha=0.14, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        reach = [1.6 * margin]
        for place, (wide, narrow) in enumerate(zip(differences, equivalence, strict=True)):
            if wide.estimate is None:
                axes.text(0.03 * margin, place, "no data", va="center")
                continue
            reach.append(abs(wide.estimate))
            if wide.ci_low is not None and wide.ci_high is not None:
                _whisker(axes, wide.ci_low, wide.ci_high, place, width=1.0, cap=0.1)
                reach += [abs(wide.ci_low), abs(wide.ci_high)]
            if narrow.ci_low is not None and narrow.ci_high is not None:
                ends = [narrow.ci_low, narrow.ci_high]
                axes.plot(ends, [place] * 2, color=TREATED, linewidth=5, zorder=3, solid_capstyle="butt")
            axes.plot(wide.estimate, place, marker="D", markersize=6, color=PAPER, markeredgecolor=INK, zorder=4)
            sign = f"{wide.estimate:+.2f}".replace("-", "−")
            axes.text(1.02, place, sign, transform=axes.get_yaxis_transform(), va="center", fontweight="bold")
        axes.set_xlim(-1.08 * max(reach), 1.08 * max(reach))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", "−") if abs(value) > 1e-9 else "0")
        axes.set_xlabel("difference from the baseline, in points")
        axes.set_title(f"margin ±{margin:g}", fontsize=8, pad=4)
        _rows(axes, [str(row.condition) for row in differences])
        return _settled(figure)


def scores_figure(scores: Sequence[OpinionScore], *, baseline: str) -> Figure:
    """Draw how often each score was given, one small histogram a condition."""
    with _styled():
        columns = min(3, len(scores))
        rows = -(-len(scores) // columns)
        figure = Figure(figsize=(WIDTH, 0.5 + 1.45 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        highest = max(1, *(count for score in scores for count in score.histogram))
        for axes in grid.flat[len(scores) :]:
            axes.set_axis_off()
        for axes, score in zip(grid.flat, scores, strict=False):
            colour = BASELINE if score.condition == baseline else TREATED
            axes.bar(SCALE, score.histogram, width=0.8, color=colour)
            for step, count in zip(SCALE, score.histogram, strict=True):
                axes.annotate(str(count), (step, count), (0, 2), textcoords="offset points", ha="center", fontsize=8)
            axes.set_title(_label(score.condition), fontsize=9)
            axes.set_xticks(SCALE)
            axes.tick_params(length=0, labelbottom=True)
            axes.set_yticks([])
            axes.set_ylim(0, 1.18 * highest)
            axes.spines[["left", "top", "right"]].set_visible(False)
        figure.supxlabel("score given (number of ratings above the bar)", fontsize=9)
        return _settled(figure)


def prompts_figure(means: pd.DataFrame, *, baseline: str) -> Figure:
    """Draw each prompt's mean under every condition as a dot; the baseline is the ring."""
    shown = means.head(MOST_PROMPTS)
    with _styled():
        figure = Figure(figsize=(WIDTH, 1.0 + 0.3 * len(shown)), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(str(name) for name in means.columns):
            values = shown[name].to_numpy()
            ring = name == baseline
            axes.scatter(
                values,
                range(len(shown)),
                s=46 if ring else 30,
                marker="o" if ring else _MARKS[number % len(_MARKS)],
                facecolors="none" if ring else _PALETTE[number % len(_PALETTE)],
                edgecolors=INK,
                linewidths=1.1 if ring else 0.5,
                label=_label(name).replace("\n", " "),
                zorder=3,
            )
        axes.set_xlim(0.9, 5.1)
        axes.set_xticks(SCALE)
        axes.set_xlabel("mean rating, 1 to 5")
        _rows(axes, [shorten(str(prompt), 34, placeholder="…") for prompt in shown.index])
        figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
        return _settled(figure)


def raters_figure(means: pd.DataFrame, *, baseline: str) -> Figure:
    """Draw each rater's difference from the baseline, sorted, one row of dots a condition."""
    others = [name for name in means.columns if name != baseline]
    with _styled():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.62 * len(others)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for place, name in enumerate(others):
            differences = (means[name] - means[baseline]).dropna().sort_values().to_numpy()
            if not len(differences):
                axes.text(0.05, place, "no data", va="center")
                continue
            height = place + 0.6 * (np.linspace(0, 1, len(differences)) - 0.5)
            axes.scatter(differences, height, s=14, c=TREATED, linewidths=0, alpha=0.8, zorder=3,
                         rasterized=len(differences) > VECTOR_DOTS)  # fmt: skip
        axes.set_xlabel("each rater's mean minus that for the baseline, in points")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", "−") if abs(value) > 1e-9 else "0")
        _rows(axes, [str(name) for name in others])
        return _settled(figure)


def png(figure: Figure) -> bytes:
    """Write a figure as PNG for slides and papers, on white."""
    return _saved(figure, "png", dpi=220)


def svg(figure: Figure) -> bytes:
    """Write a figure as an SVG file, on white."""
    return _saved(figure, "svg")


def inline_svg(file: bytes, name: str) -> str:
    """Turn an SVG file of ours into part of a page: it scales, and takes its colours from the page.

    `name` makes its element ids unique in the page.
    """
    text = file.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<=<svg )(.*?)width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(?<=<svg )(.*?)height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in ((INK, "--ink"), (FAINT, "--line"), (PAPER, "--paper")):
        text = re.sub(rf"(?<=[:\s]){colour}\b", f"var({variable})", text)
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


@contextmanager
def _styled() -> Iterator[None]:
    """Draw in our style; its settings are global to matplotlib, so one thread at a time."""
    with _lock, mpl.rc_context(_STYLE | {"font.family": _fonts()}), warnings.catch_warnings():
        # Without a font for a script the PNG has boxes; the SVG's letters are the browser's, and tables have the names.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        yield


@cache
def _fonts() -> list[str]:
    """Name the fonts to look for a letter in: ours, and those for other scripts that are installed."""
    installed = set(get_font_names())
    return ["DejaVu Sans", *(name for name in _SCRIPTS if name in installed), "sans-serif"]


def _settled(figure: Figure) -> Figure:
    """Lay the figure out once; saving would do it again each time, and move things by a hair."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _saved(figure: Figure, kind: str, *, dpi: int = 72) -> bytes:
    """Render a figure to bytes that are the same for the same figure."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with _styled():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows from top to bottom, and quieten the frame."""
    axes.set_yticks(range(len(names)), [_label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)


def _whisker(axes: Axes, low: float, high: float, place: float, *, width: float, cap: float) -> None:
    """Draw an interval with caps."""
    axes.plot([low, high], [place, place], color=INK, linewidth=width, zorder=4)
    axes.vlines([low, high], place - cap, place + cap, color=INK, linewidth=width, zorder=4)


def _scatter(count: int) -> np.ndarray:
    """Spread dots over -1 to 1 the same way each time, evenly and without a visible order."""
    return 2 * ((np.arange(1, count + 1) * 0.6180339887498949) % 1) - 1


def _label(name: str) -> str:
    """Fit a condition's name beside its row."""
    return "\n".join(wrap(shorten(name, 44, placeholder="…"), 18, break_on_hyphens=True)) or name[:18]
