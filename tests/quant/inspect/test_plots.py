"""Figures show the numbers they are made of, with units, in colours and markers that can be told apart."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from quant.inspect.activations import ActivationMap, ActivationRange, Magnitudes, imbalance
from quant.inspect.plots import (
    MOST_COLUMNS,
    error_figure,
    frontier_figure,
    map_figure,
    png,
    ranges_figure,
    sensitivity_figure,
    smoothing_figure,
    svg,
)
from quant.inspect.sensitivity import Frontier, Sensitivity, kind_sensitivity
from quant.inspect.teacher import overall
from quant.method.variants import VARIANTS

SIGMAS = torch.logspace(2.7, -0.5, 6, dtype=torch.float64)
LAYER = "transformer.layers.5.ff.ff.2"


def a_map(generator: torch.Generator, channels: int = 60) -> ActivationMap:
    return ActivationMap(LAYER, 49, 100, 11.8, torch.rand(20, channels, generator=generator))


def ranges(generator: torch.Generator, count: int = 3) -> list[ActivationRange]:
    found = []
    for number in range(count):
        high, narrow = 5 * torch.rand(6, generator=generator) + 2, torch.rand(6, generator=generator)
        found.append(ActivationRange(f"transformer.layers.0.kind{number}", SIGMAS, -high, high + 1, -narrow, narrow))
    return found


def magnitudes(generator: torch.Generator) -> Magnitudes:
    return Magnitudes(LAYER, 49, 100, 11.8, 0.5, *torch.rand(4, 64, generator=generator))


def curves(generator: torch.Generator, names: list[str]) -> dict[str, torch.Tensor]:
    return {name: 40 * torch.rand(6, generator=generator, dtype=torch.float64) for name in names}


def layers(generator: torch.Generator, blocks: int = 4) -> list[Sensitivity]:
    names = [f"transformer.layers.{b}.{kind}" for b in range(blocks) for kind in ("ff.ff.2", "self_attn.to_qkv")]
    return [Sensitivity(n, 1, 9, 60 * torch.rand(6, generator=generator, dtype=torch.float64)) for n in names]


def points(generator: torch.Generator) -> list[Frontier]:
    infinite = torch.full((6,), torch.inf, dtype=torch.float64)
    found = [Frontier("baseline", 0, infinite, 32_000_000, 32_000_000, 41.5)]
    for name in ("sqs-w8a8", "sqd-w8a8"):
        for groups in (1, 2, 8) if name == "sqd-w8a8" else (1,):
            numbers = (1e7 * (1 + torch.rand(3, generator=generator))).int().tolist()
            sqnr = 40 * torch.rand(6, generator=generator, dtype=torch.float64)
            found.append(Frontier(name, groups, sqnr, numbers[0], numbers[1], numbers[2] / 1e6))
    return found


def everything(generator: torch.Generator) -> dict[str, Figure]:
    return {
        "map": map_figure(a_map(generator)),
        "ranges": ranges_figure(ranges(generator)),
        "smoothing": smoothing_figure(magnitudes(generator)),
        "error": error_figure(SIGMAS, curves(generator, ["sqs-w8a8", "sqd-w8a8"])),
        "sensitivity": sensitivity_figure("sqd-w8a8", SIGMAS, layers(generator)),
        "frontier": frontier_figure(points(generator)),
    }


def labels(axes: Axes) -> str:
    return f"{axes.get_xlabel()} {axes.get_ylabel()} {axes.get_title(loc='left')}"


def test_every_figure_is_an_image(generator: torch.Generator) -> None:
    for name, figure in everything(generator).items():
        image = imread(io.BytesIO(png(figure)))
        assert image.shape[1] >= 1200, name
        assert image[..., :3].std() > 0.02, name


def test_the_same_data_make_the_same_bytes(seed: int) -> None:
    first, again = (error_figure(SIGMAS, curves(torch.Generator().manual_seed(seed), ["a", "b"])) for _ in range(2))
    assert png(first) == png(again)
    assert svg(first) == svg(again)
    assert svg(first).startswith(b"<?xml")


def test_no_title_or_label_runs_over_the_edge_or_into_another(generator: torch.Generator) -> None:
    for name, figure in everything(generator).items():
        texts = [text for legend in figure.legends for text in legend.get_texts()]
        for axes in figure.axes:
            texts += [axes.xaxis.label, axes.yaxis.label, axes._left_title]
            texts += axes.get_legend().get_texts() if axes.get_legend() else []
        texts = [text for text in [*texts, figure._suptitle] if text and text.get_text() and text.get_visible()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
        assert len(boxes) >= 3, name
        for words, box in boxes:
            assert box.x0 >= -1, (name, words)
            assert box.y0 >= -1, (name, words)
            assert box.x1 <= figure.bbox.x1 + 1, (name, words)
            assert box.y1 <= figure.bbox.y1 + 1, (name, words)
            assert sum(box.overlaps(other) for _, other in boxes) == 1, (name, words)


def test_map_shows_every_outlier_of_however_many_channels(generator: torch.Generator) -> None:
    data = a_map(generator, channels=3 * MOST_COLUMNS + 5)
    token, channel = 13, int(torch.randint(data.magnitudes.shape[1], (), generator=generator))
    data.magnitudes[token, channel] = 90
    figure = map_figure(data)
    top, main = figure.axes[:2]
    image = main.images[0]
    shown = np.asarray(image.get_array())
    assert shown.shape[1] <= MOST_COLUMNS
    left, right = image.get_extent()[:2]
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    assert shown.max() == 90
    assert row == token
    width = (right - left) / shown.shape[1]
    assert abs(left + (column + 0.5) * width - channel) <= width / 2
    assert main.get_xlim() == (-0.5, data.magnitudes.shape[1] - 0.5)
    assert f"{imbalance(data.magnitudes.amax(0)):.1f} times" in top.get_title(loc="left")
    assert "block 6, step 50 of 100" in top.get_title(loc="left")
    assert "input channel" in labels(main)
    assert "token" in labels(main)


def test_ranges_fill_from_minimum_to_maximum(generator: torch.Generator) -> None:
    data = ranges(generator)
    figure = ranges_figure(data)
    for axes, one in zip(figure.axes, data, strict=True):
        for filled, low, high in zip(
            axes.collections, (one.low, one.median_low), (one.high, one.median_high), strict=True
        ):
            corners = {(round(float(x), 4), round(float(y), 4)) for x, y in filled.get_paths()[0].vertices}
            for edge in (low, high):
                assert {(round(x, 4), round(y, 4)) for x, y in zip(SIGMAS.tolist(), edge.tolist(), strict=True)} <= (
                    corners
                )
    assert "noise level" in labels(figure.axes[-1])
    assert figure.axes[-1].get_xscale() == "log"
    assert figure.axes[-1].xaxis_inverted()


def test_smoothing_draws_all_four_sides(generator: torch.Generator) -> None:
    data = magnitudes(generator)
    figure = smoothing_figure(data)
    values = (data.activation, data.weight, data.smoothed_activation, data.smoothed_weight)
    for axes, expected, name in zip(figure.axes, values, ("|X|", "|W|", "|X| / s", "|W| · s"), strict=True):
        tops = [segment[1][1] for segment in axes.collections[0].get_segments()]
        assert tops == pytest.approx(expected.tolist())
        assert axes.get_ylabel() == f"largest {name}"
        assert f"{imbalance(expected):.1f} ×" in axes.get_title(loc="left")


def test_error_lines_hold_the_numbers_and_can_be_told_apart(generator: torch.Generator) -> None:
    data = curves(generator, [name for name in VARIANTS if name != "baseline"])
    (axes,) = error_figure(SIGMAS, data).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == set(data)
    for name, values in data.items():
        assert lines[name].get_xdata() == pytest.approx(SIGMAS.tolist())
        assert lines[name].get_ydata() == pytest.approx(values.tolist())
    assert len({to_hex(line.get_color()) for line in lines.values()}) == len(data)
    assert len({line.get_marker() for line in lines.values()}) == len(data)
    assert "dB" in axes.get_ylabel()
    (alone,) = error_figure(SIGMAS, {"sqd-w4a8": data["sqd-w4a8"]}).axes[0].lines
    assert alone.get_color() == lines["sqd-w4a8"].get_color()


def test_sensitivity_tables_hold_the_numbers(generator: torch.Generator) -> None:
    data = layers(generator)
    upper, lower = sensitivity_figure("sqd-w8a8", SIGMAS, data).axes[:2]
    kinds = [label.get_text() for label in upper.get_yticklabels()]
    ranked = kind_sensitivity(data)
    assert kinds == [one.name for one in ranked]  # what hurts most stands on top
    table = np.asarray(upper.images[0].get_array())
    for one in data:
        _, _, block, kind = one.name.split(".", 3)
        assert table[kinds.index(kind), int(block)] == pytest.approx(overall(one.sqnr), rel=1e-5)
    assert np.asarray(lower.images[0].get_array()) == pytest.approx(np.stack([one.sqnr for one in ranked]), rel=1e-5)
    assert [label.get_text() for label in upper.get_xticklabels()] == ["1", "2", "3", "4"]
    assert "noise level" in lower.get_xlabel()
    written = [text.get_text() for text in upper.texts]
    assert written == [f"{value:.0f}" for value in table.flatten()]


def test_sensitivity_without_any_error_is_drawn(generator: torch.Generator) -> None:
    nothing = [Sensitivity(LAYER, 1, 9, torch.full((6,), torch.inf, dtype=torch.float64))]
    sensitivity_figure("sqd-w8a8", SIGMAS, nothing)
    broken = [*layers(generator), Sensitivity(LAYER, 1, 9, torch.full((6,), -torch.inf, dtype=torch.float64))]
    upper = sensitivity_figure("sqd-w8a8", SIGMAS, broken).axes[0]
    assert "-inf" in [text.get_text() for text in upper.texts]


def test_frontier_shows_error_time_and_size(generator: torch.Generator) -> None:
    data = points(generator)
    error, step, size = frontier_figure(data).axes
    dynamic = [point for point in data if point.variant == "sqd-w8a8"]

    def line(axes: Axes, style: str = "-") -> list[float]:
        (found,) = (x for x in axes.lines if x.get_label() == "sqd-w8a8" and x.get_linestyle() == style)
        assert list(found.get_xdata()) == [1, 2, 8]
        return list(found.get_ydata())

    assert line(error) == pytest.approx([overall(point.sqnr) for point in dynamic])
    assert line(step) == pytest.approx([point.milliseconds for point in dynamic])
    assert line(size) == pytest.approx([point.memory / 1e6 for point in dynamic])
    assert line(size, ":") == pytest.approx([point.disk / 1e6 for point in dynamic])
    (across,) = (x for x in step.lines if x.get_label() == "baseline")
    assert set(across.get_ydata()) == {41.5}
    assert [label.get_text() for label in size.get_xticklabels()] == ["1", "2", "8"]
    for axes, unit in ((error, "dB"), (step, "milliseconds"), (size, "megabytes")):
        assert unit in axes.get_ylabel()
    assert "groups" in size.get_xlabel()


def test_a_name_with_dollar_signs_is_drawn_as_it_is(generator: torch.Generator) -> None:
    text = svg(error_figure(SIGMAS, curves(generator, ["$a_b$"]))).decode()
    assert re.search(r">\$a_b\$<", text)
