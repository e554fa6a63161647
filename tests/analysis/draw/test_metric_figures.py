"""Figures of metrics: every value is where it belongs, and nothing is left out unsaid."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from measured_tables import METRICS, drawn

from analysis.draw.figures import png, svg
from analysis.draw.metric_figures import people_figure, values_figure
from analysis.metrics.measured import Cell, Measured
from analysis.metrics.people import beside

LONG = ("baseline", *(f"condition-with-a-rather-long-name-{number}" for number in range(7)))
TWELVE = tuple((f"{key}{n}", f"{n}: {name}", better, heard) for n in range(3) for key, name, better, heard in METRICS)


def words(figure: Figure) -> str:
    return " ".join("".join(ElementTree.fromstring(svg(figure).decode()).itertext()).split())


def values(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def test_a_panel_has_each_value_its_interval_and_the_line_of_full_precision(seed: int) -> None:
    measured, _ = drawn(seed, LONG)
    figure = values(values_figure(measured))
    panels = {axes.get_title(loc="left").replace("\n", " "): axes for axes in figure.axes if axes.get_title(loc="left")}
    assert len(panels) == len(METRICS)  # the file's size is no metric
    axes = panels["KL_passt(generated||reference)"]
    dots = {float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in "so"}
    bars = {
        float(line.get_ydata()[0]): tuple(map(float, line.get_xdata()))
        for line in axes.lines
        if line.get_marker() == "None" and len(set(line.get_ydata())) == 1
    }
    for place, name in enumerate(measured.conditions):
        cell = measured.cell("kl", name)
        assert cell is not None
        assert dots[place] == cell.value
        assert bars[place] == (cell.low, cell.high)
    base = measured.cell("kl", "baseline")
    assert base is not None
    assert any(list(line.get_xdata()) == [base.value] * 2 and line.get_linestyle() == "--" for line in axes.lines)
    assert "no value" in words(figure)  # of paired metrics for full precision


def test_every_clip_and_condition_is_drawn_against_people(seed: int) -> None:
    measured, ratings = drawn(seed, LONG[:3])
    found = beside(measured, ratings)
    figure = values(people_figure(found))
    axes = next(one for one in figure.axes if one.get_title(loc="left").startswith("KL_passt"))
    means = ratings.groupby(["prompt", "condition"])["score"].mean()
    expected = {
        (one.value, means[one.prompt_id, one.condition]) for one in measured.clips if one.column == "kl" and one.value
    }
    dots = {
        (float(x), float(y))
        for line in axes.lines
        if line.get_markersize() < 5
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    assert dots == expected
    large = [line for line in axes.lines if line.get_markersize() >= 8]
    assert len(large) == 3
    assert len({line.get_marker() for line in large}) == 3  # told apart without colours
    head = next(one for one in found.agreements if (one.metric, one.over) == ("kl", "within prompts"))
    assert f"within prompts {head.correlation:.2f}".replace("-", "−") in axes.get_title(loc="left")


@pytest.mark.parametrize(("conditions", "prompts"), [(LONG, 10), (LONG[:1], 5)])
def test_twelve_metrics_and_one_condition_are_drawn(seed: int, conditions: tuple[str, ...], prompts: int) -> None:
    measured, ratings = drawn(seed, conditions, prompts=prompts, raters=3, metrics=TWELVE)
    for figure, panels in ((values_figure(measured), 12), (people_figure(beside(measured, ratings)), 12)):
        shown = values(figure)
        titles = [axes.get_title(loc="left") for axes in shown.axes if axes.get_title(loc="left")]
        paired = 6 if len(conditions) == 1 else 0  # which have no value for the only condition
        assert len(titles) == panels - paired
        assert len({title.split("\n")[0] for title in titles}) == len(titles)
        assert png(shown).startswith(b"\x89PNG")


def test_labels_do_not_overlap(seed: int) -> None:
    measured, ratings = drawn(seed, LONG, prompts=2, raters=2, metrics=TWELVE[:5])
    for figure in (values(values_figure(measured)), values(people_figure(beside(measured, ratings)))):
        panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
        boxes = [axes.get_tightbbox() for axes in panels]
        for place, one in enumerate(boxes):
            assert one is not None
            assert one.x0 >= 0
            for other in boxes[place + 1 :]:
                assert other is not None
                assert (
                    one.x1 <= other.x0 + 1 or other.x1 <= one.x0 + 1 or one.y0 >= other.y1 - 1 or other.y0 >= one.y1 - 1
                )


def test_nothing_is_drawn_of_nothing(seed: int) -> None:
    measured, ratings = drawn(seed, LONG[:2])
    empty = replace(
        measured,
        cells=[Cell(one.column, one.condition, None, why="no weights") for one in measured.cells],
        clips=[replace(one, value=None) for one in measured.clips],
    )
    assert values_figure(empty) is None
    assert people_figure(beside(empty, ratings)) is None
    assert people_figure(beside(measured, pd.DataFrame(ratings.iloc[:0]))) is None


def test_many_metrics_and_conditions_are_capped_and_said(seed: int) -> None:
    metrics = tuple((f"m{number}", f"metric {number}", "higher", 0.5) for number in range(26))
    measured, _ = drawn(seed, LONG[:1], prompts=2, metrics=metrics)
    assert "24 of 26 metrics are shown" in words(values(values_figure(measured)))
    measured, _ = drawn(seed, tuple(f"c{number}" for number in range(33)), prompts=2, metrics=metrics[:1])
    assert "30 of 33 conditions are shown" in words(values(values_figure(measured)))


def test_one_value_alone_has_no_interval() -> None:
    cells = [Cell("a", "x", 1.0), Cell("a", "y", np.float64(2.0))]
    columns = drawn(1, ("x",), metrics=METRICS[:1])[0].columns[:1]
    measured = Measured("s", "x", ["x", "y"], [replace(columns[0], key="a")], cells, [], {}, "none")
    assert png(values(values_figure(measured))).startswith(b"\x89PNG")
