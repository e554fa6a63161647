"""Figures draw any data, in their own colours as files and in the page's colours inside a page."""

from __future__ import annotations

import re
import sys
import warnings
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.figure import Figure
from rating_tables import table

from analysis import figures
from analysis.compare import paired_t, rater_means, tost
from analysis.opinion import opinion_scores

NAMES = ["baseline", "<script>alert(1)</script>", '$x_1$ -- & "quoted"', "never rated"]


def drawn(ratings: pd.DataFrame) -> dict[str, Figure]:
    means = rater_means(ratings, NAMES)
    scores = opinion_scores(ratings, NAMES)
    rows = paired_t(means, "baseline"), tost(means, "baseline", margin=0.3)
    return {
        "means": figures.means_figure(scores, means, baseline="baseline"),
        "scores": figures.scores_figure(scores, baseline="baseline"),
        "differences": figures.differences_figure(*rows, margin=0.3),
    }


@pytest.fixture
def ratings() -> pd.DataFrame:
    return table((f"r{r}", f"p{p}", c, 1 + (r + p * len(c)) % 5) for r in range(6) for p in range(4) for c in NAMES[:3])


@pytest.mark.parametrize("name", ["means", "scores", "differences"])
def test_files_are_real_svg_and_png(ratings: pd.DataFrame, name: str) -> None:
    figure = drawn(ratings)[name]
    text = figures.svg(figure).decode()
    shown = "".join(ElementTree.fromstring(text).itertext())
    assert "$x_1$" in shown  # as written, not as a formula
    assert "<script>" not in text
    assert figures.png(figure).startswith(b"\x89PNG")
    assert figures.svg(figure) == figures.svg(figure)


def test_inline_form_takes_the_page_colours_and_its_own_ids(ratings: pd.DataFrame) -> None:
    ids: list[str] = []
    for name, figure in drawn(ratings).items():
        text = figures.inline_svg(figures.svg(figure), name)
        ElementTree.fromstring(text)
        assert text.startswith("<svg ")
        assert figures.INK not in text
        assert "var(--ink)" in text
        assert "<metadata" not in text
        assert "<script>" not in text
        found = re.findall(r'\bid="([^"]*)"', text)
        assert set(re.findall(r'(?:url\(|href=")#([^")]*)', text)) <= set(found)
        ids += found
    assert len(ids) == len(set(ids))


def test_draws_one_rater_and_equal_scores() -> None:
    lone = table(("r", "p", c, 3) for c in NAMES[:3])
    flat = table((r, p, c, 5) for r in ("r", "s") for p in ("p", "q") for c in NAMES[:3])
    for ratings in (lone, flat):
        for figure in drawn(ratings).values():
            assert figures.svg(figure)


def test_letters_that_no_font_has_are_no_noise_and_stay_letters_in_the_vector_form() -> None:
    odd = "\U00012000 雨"  # cuneiform, which is in none of the fonts looked for
    ratings = table((f"r{r}", "p", c, 1 + (r + len(c)) % 5) for r in range(3) for c in ("baseline", odd))
    scores, means = opinion_scores(ratings, ["baseline", odd]), rater_means(ratings, ["baseline", odd])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figures.means_figure(scores, means, baseline="baseline")
        assert figures.png(figure).startswith(b"\x89PNG")
        assert odd in figures.svg(figure).decode()


def test_leaves_pyplot_alone(ratings: pd.DataFrame) -> None:
    before = set(sys.modules)  # some other test of this process may have imported it
    drawn(ratings)
    assert "matplotlib.pyplot" not in set(sys.modules) - before
    assert not Gcf.figs
