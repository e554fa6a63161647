"""Every type of question has its figures, and they draw the numbers that the findings have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import StudyFacts, analyze_answers, load_answers, write_findings
from analysis.draw import figures
from analysis.draw.answer_figures import Drawing, answer_figures
from analysis.questions.findings import Findings
from analysis.read.answers import Answers

DATA = Path(__file__).parents[1] / "data"
FILES = {"ab": "pairs/ab.csv", "ccr": "pairs/ccr.csv", "abx": "abx/abx.csv", "mushra": "mushra/mushra.csv"}
BASELINES = {"ab": "base", "ccr": "base", "abx": "base", "mushra": "reference"}
FIGURES = {
    "ab": ["shares", "differences"],
    "ccr": ["differences", "scores"],
    "abx": ["shares"],
    "mushra": ["boxes", "boxes-all"],
}


def drawn(question: str) -> tuple[Answers, Findings, dict[str, Drawing]]:
    answers = load_answers(DATA / FILES[question])
    found = analyze_answers(answers, baseline=BASELINES[question])
    return answers, found, answer_figures(found, answers.frame)


def ends(axes: Axes) -> set[tuple[float, ...]]:
    """Where the lines of a figure begin and end."""
    return {tuple(np.round(np.atleast_1d(line.get_xdata()), 9)) for line in axes.lines}


def widths(figure: Figure) -> list[float]:
    return [float(patch.get_width()) for patch in figure.axes[0].patches]


@pytest.mark.parametrize("question", list(FILES))
def test_the_page_has_the_figures_and_the_folder_their_files(question: str, tmp_path: Path) -> None:
    answers, found, made = drawn(question)
    assert list(made) == FIGURES[question]
    page = write_findings(found, answers, tmp_path, facts=StudyFacts("bells")).read_text(encoding="utf-8")
    assert page.count("<svg ") == len(made)
    for name, drawing in made.items():
        assert f'id="{name}-caption"' in page
        assert drawing.caption.split(".")[0] in page
        assert (tmp_path / "figures" / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_texts_have_no_figure(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("participant,prompt,condition,score,question,comment\na,p,baseline,,text,a dog\n")
    answers = load_answers(path)
    assert answer_figures(analyze_answers(answers), answers.frame) == {}


def test_preferences_are_shares_of_all_answers() -> None:
    answers, found, made = drawn("ab")
    parts = np.array(widths(made["shares"].figure)).reshape(-1, 3)
    assert np.allclose(parts.sum(axis=1), 1)
    for row, (wins, ties, losses) in zip(found.of("ab_t"), parts, strict=True):
        both = answers.frame[answers.frame[["condition", "reference"]].isin([row.condition, row.reference]).all(axis=1)]
        sign = np.where(both["condition"] == row.condition, 1, -1) * both["score"]
        assert (wins, ties, losses) == pytest.approx([(sign == way).mean() for way in (1, 0, -1)])


def test_differences_of_pairs_have_both_intervals_within_the_scale() -> None:
    for question, widest in (("ab", 1.0), ("ccr", 3.0)):
        _, found, made = drawn(question)
        lines = ends(made["differences"].figure.axes[0])
        low, high = made["differences"].figure.axes[0].get_xlim()
        reach = high / 1.05
        assert -1.05 * widest - 1e-9 <= low
        for test in (f"{question}_t", f"{question}_two_way"):
            for row in found.of(test):
                assert row.ci_low is not None
                assert row.ci_high is not None
                assert tuple(np.round(np.clip([row.ci_low, row.ci_high], -reach, reach), 9)) in lines


def test_comparison_ratings_have_a_bar_for_every_count() -> None:
    answers, _, made = drawn("ccr")
    heights = [patch.get_height() for axes in made["scores"].figure.axes for patch in axes.patches]
    assert sum(heights) == len(answers.frame)


def test_abx_has_the_line_of_guessing_and_both_intervals() -> None:
    answers, found, made = drawn("abx")
    axes = made["shares"].figure.axes[0]
    lines = ends(axes)
    assert (0.5, 0.5) in lines
    for test in ("abx_binomial", "abx_cluster"):
        for row in found.of(test):
            assert row.ci_low is not None
            assert row.ci_high is not None
            assert tuple(np.round([row.ci_low, row.ci_high], 9)) in lines
    for row in found.of("abx_binomial"):
        both = answers.frame[answers.frame[["condition", "reference"]].isin([row.condition, row.reference]).all(axis=1)]
        assert (round(both["score"].mean(), 9),) in lines


def test_boxes_of_mushra_are_quartiles_and_each_rater_is_a_dot() -> None:
    answers, found, made = drawn("mushra")
    out = {"r03", "r08"}  # as the data were made: they miss the hidden reference
    kept = answers.frame[~answers.frame["participant"].isin(out)]
    for name, frame in (("boxes", kept), ("boxes-all", answers.frame)):
        axes = made[name].figure.axes[0]
        by_condition = frame.groupby("condition")["score"]
        quartiles = {tuple(np.quantile(scores, (0.25, 0.75))) for _, scores in by_condition}
        assert {(box.get_x(), box.get_x() + box.get_width()) for box in axes.patches} == quartiles
        medians = {(float(scores.median()),) * 2 for _, scores in by_condition}
        assert medians <= ends(axes)
        raters = frame.groupby(["condition", "participant"])["score"].mean()
        rings = axes.collections[-1].get_offsets()[:, 0]
        assert np.allclose(sorted(rings), sorted(raters))
    assert found.tables[0].title in made["boxes"].caption


def test_many_pairs_are_capped_and_said_to_be() -> None:
    answers, _, _ = drawn("abx")
    one = answers.frame[
        answers.frame["condition"].isin(["base", "w8"]) & answers.frame["reference"].isin(["base", "w8"])
    ]
    frames = [
        one.assign(condition=f"c{n}", reference="base", x="", first="", score=(one["score"] + n) % 2) for n in range(34)
    ]
    many = Answers("abx", pd.concat(frames, ignore_index=True), answers.source)
    figure = answer_figures(analyze_answers(many, baseline="base"), many.frame)["shares"].figure
    assert "30 of 34 pairs are shown" in str(figure.get_label())
    assert len(figure.axes[0].get_yticklabels()) == 30
    assert figures.svg(figure)
