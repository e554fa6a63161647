"""Figures of the analysis: activations, smoothing, and what quantization costs; made from data alone.

Matplotlib's object interface without pyplot, Okabe and Ito's colours, which are apart for every kind of colour vision,
with a marker of its own for each line. The same data make the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style as mpl_style
import torch
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from torch import Tensor

from quant.inspect.activations import ActivationMap, ActivationRange, Magnitudes, imbalance, median_bits
from quant.inspect.sensitivity import Frontier, Sensitivity, kind_sensitivity, layer_block, layer_kind
from quant.inspect.teacher import overall
from quant.method.variants import VARIANTS

BLUE, VERMILION = "#0072b2", "#d55e00"
COLOURS = (BLUE, "#e69f00", "#009e73", "#cc79a7", VERMILION, "#56b4e9", "#1f2430")
MARKERS = "os^DvPX"
INK, GREY, FAINT = COLOURS[-1], "#8b95a1", "#d3d8de"
WIDTH = 6.4
SIGMA = "noise level σ (denoising runs to the right)"
MOST_COLUMNS = 512
"""Columns of a map that can be told apart; of more, the largest of neighbours is drawn, so that no outlier is lost."""

STYLE: list[Any] = [
    Path(__file__).parents[2] / "analysis" / "figures.mplstyle",
    {"font.family": ["DejaVu Sans", "sans-serif"]},
]


def map_figure(data: ActivationMap) -> Figure:
    """Draw figure 1: magnitudes over tokens and channels, and above them each channel's largest.

    Examples
    --------
    >>> figure = map_figure(ActivationMap("transformer.layers.0.ff.ff.2", 0, 1, 3.0, torch.ones(4, 8)))
    >>> figure.axes[1].get_ylabel()
    'token'
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        top, main = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.6))
        tokens, channels = data.magnitudes.shape
        largest = data.magnitudes.amax(0)
        top.vlines(range(channels), 0, largest, color=BLUE, linewidth=max(0.4, 300 / channels), rasterized=True)
        top.axhline(float(largest.median()), color=VERMILION, linewidth=1)
        top.set(ylim=(0, None), ylabel="largest |X|")
        top.set_title(
            f"{_place(data.layer, data.step, data.steps, data.sigma)}\n"
            f"largest channel {imbalance(largest):.1f} times the median one (line)",
            loc="left",
        )
        _quiet(top)
        merged, every = _merged(data.magnitudes)
        image = main.imshow(
            merged,
            aspect="auto",
            interpolation="nearest",
            cmap="viridis",
            norm=PowerNorm(0.5, 0, float(merged.max()) or 1),
            extent=(-0.5, every * merged.shape[1] - 0.5, tokens - 0.5, -0.5),
        )
        main.set(xlabel="input channel", ylabel="token", xlim=(-0.5, channels - 0.5))
        figure.colorbar(image, ax=main, label="|X|, root scale", pad=0.01, fraction=0.05)
        return _settled(figure)


def ranges_figure(data: Sequence[ActivationRange]) -> Figure:
    """Draw figure 2: the range of the inputs of some layers over the noise levels.

    Examples
    --------
    >>> one = torch.ones(2)
    >>> found = ActivationRange("transformer.layers.0.ff.ff.2", torch.tensor([9.0, 1.0]), -2 * one, 2 * one, -one, one)
    >>> len(ranges_figure([found]).axes)
    1
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 0.6 + 1.7 * len(data)), layout="constrained")
        rows = figure.subplots(len(data), 1, sharex=True, squeeze=False)[:, 0]
        for axes, one in zip(rows, data, strict=True):
            axes.fill_between(one.sigmas, one.low, one.high, color=BLUE, alpha=0.25, linewidth=0, label="all channels")
            axes.fill_between(
                one.sigmas, one.median_low, one.median_high, color=BLUE, linewidth=0, label="median channel"
            )
            axes.axhline(0, color=INK, linewidth=0.6)
            axes.set_title(f"input of {layer_kind(one.layer)}, block {layer_block(one.layer) + 1}", loc="left")
            axes.set_ylabel("min to max of X")
            _quiet(axes)
        _noise_axis(rows[-1])
        rows[0].legend(loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2, borderaxespad=0)
        return _settled(figure)


def smoothing_figure(data: Magnitudes) -> Figure:
    """Draw figure 3: the largest activation and weight of each channel, before (top) and after smoothing.

    Examples
    --------
    >>> large, even = torch.tensor([16.0, 1.0]), torch.tensor([4.0, 2.0])
    >>> name = "transformer.layers.0.ff.ff.2"
    >>> figure = smoothing_figure(Magnitudes(name, 0, 1, 3.0, 0.5, large, torch.tensor([1.0, 4.0]), even, even))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['largest |X|', 'largest |W|', 'largest |X| / s', 'largest |W| · s']
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True)
        panels = (
            (grid[0, 0], data.activation, "|X|", "before", VERMILION),
            (grid[0, 1], data.weight, "|W|", "before", BLUE),
            (grid[1, 0], data.smoothed_activation, "|X| / s", "after", VERMILION),
            (grid[1, 1], data.smoothed_weight, "|W| · s", "after", BLUE),
        )
        for axes, values, name, when, colour in panels:
            axes.vlines(range(len(values)), 0, values, color=colour, linewidth=max(0.3, 160 / len(values)),
                        rasterized=True)  # fmt: skip
            axes.axhline(float(values.median()), color=INK, linewidth=0.8, linestyle="--")
            axes.set(ylim=(0, 1.02 * (float(values.max()) or 1)), ylabel=f"largest {name}")
            title = f"{when}: largest {imbalance(values):.1f} × median,"
            axes.set_title(f"{title}\nmedian channel has {median_bits(values):.1f} of 8 bits", loc="left")
            _quiet(axes)
        for axes in grid[1]:
            axes.set_xlabel("input channel (dashed: the median)")
        figure.suptitle(
            f"{_place(data.layer, data.step, data.steps, data.sigma)}, alpha {data.alpha:g}", fontsize=9, x=0.01,
            ha="left",
        )  # fmt: skip
        return _settled(figure)


def error_figure(sigmas: Tensor, variants: dict[str, Tensor]) -> Figure:
    """Draw the SQNR in dB (rows,) of each variant at the noise levels ``sigmas`` (rows,).

    Examples
    --------
    >>> figure = error_figure(torch.tensor([100.0, 1.0]), {"sqs-w8a8": torch.tensor([20.0, 30.0])})
    >>> len(figure.axes[0].lines)
    1
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        _lines(axes, [(name, sigmas.tolist(), values.tolist()) for name, values in variants.items()])
        axes.set_ylabel("SQNR of the velocity, dB\n(higher is closer to full precision)")
        _noise_axis(axes)
        _quiet(axes)
        figure.legend(loc="outside upper left", ncols=3)
        return _settled(figure)


def sensitivity_figure(variant: str, sigmas: Tensor, layers: Sequence[Sensitivity]) -> Figure:
    """Draw the SQNR in dB of each layer quantized alone: by kind and block, and by kind and noise level.

    Examples
    --------
    >>> one = Sensitivity("transformer.layers.0.ff.ff.2", 1, 4, torch.tensor([20.0, 30.0], dtype=torch.float64))
    >>> figure = sensitivity_figure("sqs-w8a8", torch.tensor([100.0, 1.0]), [one])
    >>> [axes.get_xlabel() for axes in figure.axes][0]
    'block'
    """
    with _styled():
        kinds = [one.name for one in kind_sensitivity(layers)]
        blocks = sorted({layer_block(one.name) for one in layers})
        by_block = torch.full((len(kinds), len(blocks)), torch.nan)
        noise = torch.zeros(len(kinds), len(sigmas), dtype=torch.float64)
        for one in layers:
            row = kinds.index(layer_kind(one.name))
            by_block[row, blocks.index(layer_block(one.name))] = overall(one.sqnr)
            noise[row] += 10 ** (-one.sqnr / 10)
        by_sigma = -10 * noise.log10()
        figure = Figure(figsize=(WIDTH, 1.6 + 0.56 * len(kinds)), layout="constrained")
        upper, lower = figure.subplots(2, 1)
        finite = torch.cat((by_block.flatten(), by_sigma.flatten()))
        finite = finite[finite.isfinite()]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        for axes, table, ticks in (
            (upper, by_block, [str(block + 1) for block in blocks]),
            (lower, by_sigma, [f"{sigma:.3g}" for sigma in sigmas]),
        ):
            image = axes.imshow(table, aspect="auto", cmap="cividis", vmin=low, vmax=high)
            axes.set_yticks(range(len(kinds)), kinds)
            axes.set_xticks(range(len(ticks)), ticks, fontsize=9 if len(ticks) <= 12 else 7)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            _numbers(axes, table, low, high)
        upper.set_title(f"{variant}, each layer quantized alone: SQNR of the velocity, dB", loc="left")
        upper.set_xlabel("block")
        lower.set_title("their noise added up over the blocks, at each noise level", loc="left")
        lower.set_xlabel(SIGMA)
        figure.colorbar(image, ax=[upper, lower], label="dB (lower hurts more)", pad=0.01, fraction=0.04)
        return _settled(figure)


def frontier_figure(points: Sequence[Frontier]) -> Figure:
    """Draw error, time and size against the number of groups of timesteps; full precision as a line across.

    Examples
    --------
    >>> points = [Frontier("baseline", 0, torch.tensor([torch.inf]), memory=400, disk=400, milliseconds=1.5),
    ...           Frontier("sqd-w8a8", 1, torch.tensor([30.0]), memory=100, disk=100, milliseconds=1.0)]
    >>> [axes.get_ylabel() for axes in frontier_figure(points).axes]
    ['SQNR, dB', 'milliseconds a step', 'megabytes']
    """
    with _styled():
        figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
        error, step, size = rows = figure.subplots(3, 1, sharex=True)
        curves: dict[str, list[Frontier]] = {}
        for point in points:
            if point.groups:
                curves.setdefault(point.variant, []).append(point)
            else:
                for axes, value in ((step, point.milliseconds), (size, point.memory / 1e6)):
                    axes.axhline(value, color=GREY, linestyle="--", linewidth=1.5, label=point.variant)

        def lines(axes: Axes, value: Callable[[Frontier], float], style: str = "-") -> None:
            named = [(name, [p.groups for p in ps], [value(p) for p in ps]) for name, ps in curves.items()]
            _lines(axes, named, style)

        lines(error, lambda point: overall(point.sqnr))
        lines(step, lambda point: point.milliseconds)
        lines(size, lambda point: point.memory / 1e6)
        lines(size, lambda point: point.disk / 1e6, ":")
        for axes, title, label in (
            (error, "error, over all noise levels", "SQNR, dB"),
            (step, "time, including making the weights again at each group", "milliseconds a step"),
            (size, "linear layers of the blocks: in memory (solid), in a checkpoint (dotted)", "megabytes"),
        ):
            axes.set_title(title, loc="left")
            axes.set_ylabel(label)
            if axes is not error:
                axes.set_ylim(bottom=0)
            _quiet(axes)
        counts = sorted({point.groups for point in points if point.groups})
        size.set_xscale("log", base=2)
        size.set_xticks(counts, [str(count) for count in counts])
        size.xaxis.set_minor_locator(NullLocator())
        size.set_xlabel("groups of timesteps, G")
        figure.align_ylabels(rows)
        figure.legend(*step.get_legend_handles_labels(), loc="outside upper left", ncols=3)
        return _settled(figure)


def png(figure: Figure) -> bytes:
    """Write a figure as PNG for slides and papers, on white.

    Examples
    --------
    >>> png(Figure())[1:4]
    b'PNG'
    """
    return _saved(figure, "png", dpi=220)


def svg(figure: Figure) -> bytes:
    """Write a figure as an SVG file, on white; dense parts are stored as pixels.

    Examples
    --------
    >>> svg(Figure())[:5]
    b'<?xml'
    """
    return _saved(figure, "svg", dpi=220)


def _saved(figure: Figure, kind: str, dpi: int) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with _styled():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _styled() -> Iterator[None]:
    with mpl_style.context(STYLE):
        yield


def _settled(figure: Figure) -> Figure:
    """Lay the figure out once; saving would do it again each time, and move things by a hair."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _place(layer: str, step: int, steps: int, sigma: float) -> str:
    kind, block = layer_kind(layer), layer_block(layer) + 1
    return f"input of {kind}, block {block}, step {step + 1} of {steps} (σ = {sigma:.3g})"


def _merged(magnitudes: Tensor) -> tuple[Tensor, int]:
    """Join neighbouring channels to at most MOST_COLUMNS, each the largest of its own; and how many make one."""
    every = -(-magnitudes.shape[1] // MOST_COLUMNS)
    padded = torch.nn.functional.pad(magnitudes, (0, -magnitudes.shape[1] % every))
    return padded.unflatten(1, (-1, every)).amax(2), every


def _lines(axes: Axes, curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], style: str = "-") -> None:
    known = [name for name, variant in VARIANTS.items() if variant.scheme is not None]
    for number, (name, x, y) in enumerate(curves):
        # A variant looks the same in every figure, whatever it is drawn beside.
        place = known.index(name) if name in known else number
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        axes.plot(x, y, style, color=colour, marker=marker, markersize=4, linewidth=1.5, label=name)


def _noise_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.invert_xaxis()
    axes.set_xlabel(SIGMA)


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _numbers(axes: Axes, table: Tensor, low: float, high: float) -> None:
    """Write each cell's number into it where there is room: dark on bright cells, bright on dark ones."""
    if table.shape[1] > 30:
        return
    for (row, column), value in ((place, float(table[place])) for place in _cells(table)):
        if value == value:
            colour = "#ffffff" if value < (low + high) / 2 else INK
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour,
                      fontsize=8 if table.shape[1] <= 12 else 6)  # fmt: skip


def _cells(table: Tensor) -> Iterator[tuple[int, int]]:
    yield from ((row, column) for row in range(table.shape[0]) for column in range(table.shape[1]))
