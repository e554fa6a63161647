"""Figures draw any data, in their own colours as files and in the page's colours inside a page."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from rating_tables import table

from analysis import Report, StudyFacts, analyze
from analysis.describe.opinion import OpinionScore, opinion_scores
from analysis.describe.scale import UNBOUND
from analysis.draw import figures
from analysis.draw.difference_figures import differences_figure, raters_figure
from analysis.draw.rating_figures import lines_figure, means_figure, prompts_figure, scores_figure
from analysis.infer.compare import Comparison, rater_means
from analysis.report.figures import report_figures

NAMES = ["baseline", "<script>alert(1)</script>", '$x_1$ -- & "quoted"', "never rated"]
ALL = ("means", "scores", "prompts", "raters", "lines", "differences")


@pytest.fixture(scope="module")
def report() -> Report:
    rows = ((f"r{r}", f"p{p}", c, 1 + (r + p * len(c)) % 5) for r in range(6) for p in range(4) for c in NAMES[:3])
    return analyze(table(rows), facts=StudyFacts(conditions=tuple(NAMES)))


@pytest.fixture(scope="module")
def made(report: Report) -> dict[str, Figure]:
    return report_figures(report)


def words(figure: Figure) -> str:
    """Everything that is written in a figure."""
    return " ".join("".join(ElementTree.fromstring(figures.svg(figure).decode()).itertext()).split())


def boxes_of_labels(figure: Figure) -> list[Bbox]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [label.get_window_extent(renderer) for label in figure.axes[0].get_yticklabels()]


def score(condition: str, mean: float | None, low: float | None = None, high: float | None = None) -> OpinionScore:
    return OpinionScore(condition, 9, 3, 3, mean, 1.0, low, high, (1, 2, 3, 2, 1))


def large(conditions: int, raters: int, ratings: int, prompts: int, seed: int) -> Report:
    """Make a report of a large study as far as figures go: the rest is that of a small one."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "participant": draw.integers(0, raters, ratings).astype(str),
            "prompt": [f"a prompt of some length, number {n}" for n in draw.integers(0, prompts, ratings)],
            "condition": [f"system-with-a-long-name-{n:03}" for n in draw.integers(0, conditions, ratings)],
            "score": draw.integers(1, 6, ratings),
        }
    )
    names = sorted(frame["condition"].unique())
    means = rater_means(frame, names)
    by_name = frame.groupby("condition")["score"].mean()
    rows = [
        Comparison(test, name, names[0], by_name[name] - by_name[names[0]], -0.5, 0.5)
        for test in ("paired_t", "tost", "lmm", "lmm_tost", "two_way")
        for name in names[1:]
    ]
    small = analyze(table((r, p, c, 3) for r in "ab" for p in "pq" for c in (names[0], "x")), baseline=names[0])
    return replace(
        small,
        conditions=tuple(score(name, by_name[name], by_name[name] - 0.3, by_name[name] + 0.3) for name in names),
        comparisons=tuple(rows),
        means=means,
        differences=means[names[1:]].sub(means[names[0]], axis="index"),
        prompt_means=frame.groupby(["prompt", "condition"])["score"].mean().unstack("condition").reindex(columns=names),
    )


def test_files_are_real_svg_and_png(made: dict[str, Figure]) -> None:
    assert tuple(made) == ALL
    for name, figure in made.items():
        text = figures.svg(figure).decode()
        assert "$x_1$" in words(figure), name  # as written, not as a formula
        assert "<script>" not in text
        assert figures.png(figure).startswith(b"\x89PNG")
        assert figures.svg(figure) == figures.svg(figure)


def test_inline_form_takes_the_page_colours_and_its_own_ids(made: dict[str, Figure]) -> None:
    ids: list[str] = []
    for name, figure in made.items():
        text = figures.inline_svg(figures.svg(figure), name)
        ElementTree.fromstring(text)
        assert text.startswith("<svg ")
        assert figures.INK not in text
        assert figures.PAPER not in text
        assert "var(--ink)" in text
        assert "<metadata" not in text
        assert "<script>" not in text
        found = re.findall(r'\bid="([^"]*)"', text)
        assert set(re.findall(r'(?:url\(|href=")#([^")]*)', text)) <= set(found)
        ids += found
    assert len(ids) == len(set(ids))


def test_every_figure_says_what_it_shows_to_those_who_cannot_see_it(made: dict[str, Figure]) -> None:
    titles = []
    for figure in made.values():
        file = figures.svg(figure)
        (title,) = ElementTree.fromstring(file.decode()).findall("{http://www.w3.org/2000/svg}title")
        inline = ElementTree.fromstring(figures.inline_svg(file, "x"))
        assert inline.get("role") == "img"
        assert inline.get("aria-label") == title.text
        titles.append(title.text)
    assert len(set(titles)) == len(ALL)


def test_a_title_with_signs_of_markup_stays_text() -> None:
    figure = Figure()
    figure.set_label('a "b" <c> & d')
    inline = figures.inline_svg(figures.svg(figure), "x")
    assert ElementTree.fromstring(inline).get("aria-label") == 'a "b" <c> & d'


def test_draws_one_rater_one_condition_and_equal_scores() -> None:
    lone = table(("r", "p", c, 3) for c in NAMES[:3])
    flat = table((r, p, c, 5) for r in ("r", "s") for p in ("p", "q") for c in NAMES[:3])
    single = table((r, p, "baseline", 2) for r in ("r", "s") for p in ("p", "q"))
    for ratings in (lone, flat, single):
        for figure in report_figures(analyze(ratings)).values():
            assert figures.svg(figure)


def test_letters_that_no_font_has_are_told_and_stay_letters_in_the_vector_form() -> None:
    odd = "\U00012000 雨"  # cuneiform, which hardly any machine has
    ratings = table((f"r{r}", "p", c, 1 + (r + len(c)) % 5) for r in range(3) for c in ("baseline", odd))
    scores, means = opinion_scores(ratings, ["baseline", odd]), rater_means(ratings, ["baseline", odd])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = means_figure(scores, means, baseline="baseline")
        assert figures.png(figure).startswith(b"\x89PNG")
    text = words(figure)
    assert odd in text
    assert "Cuneiform" in text or "Cuneiform" in " ".join(figures.families([odd])[0])


def test_rows_are_as_high_as_their_labels() -> None:
    prompts = [f"{'a prompt that is far too long for one line ' * 9}{n}" for n in range(8)]
    means = pd.DataFrame({"baseline": 3.0, "x": 4.0}, index=prompts)
    figure = prompts_figure(means, baseline="baseline")
    boxes = boxes_of_labels(figure)
    assert all(label.get_text().count("\n") == 2 for label in figure.axes[0].get_yticklabels())
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_no_two_conditions_have_the_same_mark_even_without_colours() -> None:
    names = [f"c{n}" for n in range(30)]
    means = pd.DataFrame(3.0, index=["p", "q"], columns=names)
    figure = prompts_figure(means, baseline="c7")
    assert figure.axes[0].get_window_extent().height > 0.5 * figure.dpi  # beneath a legend of ten lines
    looks = {(line.get_marker(), line.get_fillstyle(), line.get_markersize()) for line in figure.axes[0].lines}
    assert len(looks) == len(names)
    places = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert len(places) == len(names)  # equal means do not hide one another


def test_intervals_end_at_the_scale_in_an_arrow() -> None:
    scores = [score("baseline", 3.5, -6.8, 13.94), score("x", 4.0, 3.0, 5.0)]
    means = pd.DataFrame({"baseline": [3.0, 4.0], "x": [4.0, 4.0]})
    axes = means_figure(scores, means, baseline="baseline").axes[0]
    across = np.concatenate([np.atleast_1d(line.get_xdata()) for line in axes.lines])
    assert across.min() == 1
    assert across.max() == 5
    assert [line.get_marker() for line in axes.lines if line.get_marker() in "<>"] == ["<", ">"]
    rows = [Comparison("paired_t", "x", "baseline", 0.5, -40.0, 41.0)]
    axes = differences_figure((rows, []), ([], []), margin=0.3).axes[0]
    low, high = axes.get_xlim()
    assert -5 < low < high < 5
    assert {"<", ">"} <= {line.get_marker() for line in axes.lines}


def test_differences_have_both_questions_told_apart_without_colours() -> None:
    def rows(test: str, low: float, high: float) -> list[Comparison]:
        return [Comparison(test, "x", "baseline", 0.2, low, high)]

    these = rows("paired_t", -0.1, 0.5), rows("tost", -0.05, 0.45)
    alike = rows("lmm", -0.4, 0.8), rows("lmm_tost", -0.3, 0.7)
    figure = differences_figure(these, alike, margin=0.3)
    lines = figure.axes[0].lines
    ends = {tuple(np.round(line.get_xdata(), 9)) for line in lines}
    assert {(-0.1, 0.5), (-0.05, 0.45), (-0.4, 0.8), (-0.3, 0.7)} <= ends
    centres = {line.get_marker(): line.get_ydata()[0] for line in lines if line.get_marker() in ("D", "o")}
    assert centres["D"] < centres["o"]  # each on its own line, with its own mark
    assert {"these prompts", "prompts like these", "margin ±0.3", "95 % interval", "90 % interval"} == {
        text.get_text() for text in figure.legends[0].get_texts()
    }


def test_without_a_model_the_two_way_intervals_stand_for_prompts_like_these(report: Report) -> None:
    refused = [replace(row, estimate=None) if row.test in ("lmm", "lmm_tost") else row for row in report.comparisons]
    figure = report_figures(replace(report, comparisons=tuple(refused)))["differences"]
    assert "no mixed model" in words(figure)
    row = report.rows("two_way")[0]
    assert any(tuple(line.get_xdata()) == (row.ci_low, row.ci_high) for line in figure.axes[0].lines)


def test_each_rater_has_a_line_between_the_conditions() -> None:
    means = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": [2.0, np.nan, 4.0], "c": [3.0, 3.0, 3.0]})
    axes = lines_figure([score("a", 2.7), score("b", 3.0), score("c", 3.0)], means).axes[0]
    (lines,) = [found for found in axes.collections if isinstance(found, LineCollection)]
    across = np.array([path.vertices[:, 0] for path in lines.get_paths()])
    assert np.array_equal(across, [[1, 2, 3], [2, np.nan, 3], [5, 4, 3]], equal_nan=True)
    dots = [tuple(place) for found in axes.collections[1:] for place in found.get_offsets()]
    assert sorted(x for x, _ in dots) == [2, 3]  # the rater without b has no line, and is there all the same


def test_dots_of_raters_are_the_differences() -> None:
    differences = pd.DataFrame({"x": [0.5, -1.0, np.nan], "y": [0.0, 0.25, 1.5]})
    (dots,) = raters_figure(differences).axes[0].collections[:1]
    assert sorted(dots.get_offsets()[:, 0]) == [-1, 0, 0.25, 0.5, 1.5]


def test_histograms_have_every_count() -> None:
    text = words(scores_figure([score("a", 3.0), replace(score("b", 3.0), histogram=(0, 7, 11, 0, 13))], baseline="a"))
    assert {"7", "11", "13"} <= set(text.split())


def test_a_large_study_is_capped_and_says_so(seed: int) -> None:
    report = large(conditions=187, raters=300, ratings=24_660, prompts=1_960, seed=seed)
    made = report_figures(report)
    ranked = sorted(report.conditions, key=lambda one: one.mean or 0, reverse=True)
    for name, figure in made.items():
        assert "30 of 187 conditions are shown, sorted by their means" in words(figure), name
    labels = [label.get_text().replace("\n", "") for label in made["means"].axes[0].get_yticklabels()]
    assert labels[:29] == [one.condition for one in ranked[:29]]
    assert report.baseline in labels
    assert "60 of" in words(made["prompts"])
    assert "200 of 300 raters" in words(made["lines"])
    sizes = {name: len(figures.inline_svg(figures.svg(figure), name)) for name, figure in made.items()}
    assert sum(sizes.values()) < 2_000_000, sizes  # the page, of 5 MB at most, has tables too


def test_leaves_pyplot_alone(report: Report) -> None:
    before = set(sys.modules)  # some other test of this process may have imported it
    report_figures(report)
    assert "matplotlib.pyplot" not in set(sys.modules) - before
    assert not Gcf.figs


def test_an_interval_that_bounds_nothing_is_drawn_from_end_to_end() -> None:
    """Left out, the most uncertain result would look like the surest."""
    row = Comparison("paired_t", "x", "base", estimate=0.1, note=UNBOUND)
    figure = differences_figure(([row], []), ([row], []), margin=0.3)
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    spans = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert sum(float(max(span)) - float(min(span)) > 0.9 * (high - low) for span in spans) == 2
