"""ABX: the two observer models against simulated observers, the tests against R, and poor data."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from answer_tables import DATA, answers_of, check_rows, check_sound, golden
from scipy import stats

from analysis.questions.abx import abx, differencing_share, dprime, independent_share
from analysis.questions.answers import load_answers

MODELS = [independent_share, differencing_share]


def simulated(d: float, rng: np.random.Generator, *, differencing: bool) -> float:
    """Share right of an observer who hears A, B and X with unit noise; X is the first clip in half of the trials."""
    trials = 400_000
    swapped, x_first = rng.random(trials) < 0.5, rng.random(trials) < 0.5
    first, second = np.where(swapped, d, 0.0), np.where(swapped, 0.0, d)
    a, b = first + rng.normal(0, 1, trials), second + rng.normal(0, 1, trials)
    x = np.where(x_first, first, second) + rng.normal(0, 1, trials)
    # The differencing observer names the nearer one. The other one puts a criterion half way between the two
    # conditions, sorts X by it, and takes the larger of A and B for the clip above.
    says_first = np.abs(x - a) < np.abs(x - b) if differencing else (x > d / 2) == (a > b)
    return float((says_first == x_first).mean())


@pytest.mark.parametrize("d", [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("differencing", [False, True])
def test_models_say_what_such_observers_do(d: float, differencing: bool, seed: int) -> None:
    share = simulated(d, np.random.default_rng(seed), differencing=differencing)
    expected = MODELS[differencing](d)
    assert abs(share - expected) < 5 * np.sqrt(0.25 / 400_000)


def test_models_by_hand() -> None:
    # At d' = 2, Phi(1.41421) = .92135, Phi(1) = .84134 and Phi(.81650) = .79289.
    assert independent_share(2.0) == pytest.approx(0.92135 * 0.84134 + 0.07865 * 0.15866, abs=1e-5)
    assert differencing_share(2.0) == pytest.approx(0.92135 * 0.79289 + 0.07865 * 0.20711, abs=1e-5)
    # The difference rule loses what it gains from not knowing the clips.
    assert all(differencing_share(d) < independent_share(d) for d in (0.5, 1, 2, 4))


@pytest.mark.parametrize("model", MODELS)
def test_inverse_gives_back_the_sensitivity(model: object, seed: int) -> None:
    assert callable(model)
    for d in np.random.default_rng(seed).uniform(0.01, 6, 20):
        assert dprime(model(d), model) == pytest.approx(d, rel=1e-6)
    assert dprime(0.5, model) == 0.0
    assert dprime(0.31, model) == 0.0
    assert dprime(1.0, model) is None


def test_agrees_with_r() -> None:
    findings = abx(load_answers(DATA / "abx" / "abx.csv").frame, baseline="base")
    check_rows(findings.rows, golden("abx"))
    check_sound(findings)


def frame_of(right: list[int], raters: int = 5) -> pd.DataFrame:
    rows = [(f"r{i % raters}", f"p{i}", "x", "base", "x", score) for i, score in enumerate(right)]
    return answers_of(rows).assign(x=["x" if i % 3 else "base" for i in range(len(right))])


def test_guessing_keeps_the_level_however_alike_a_raters_answers_are(seed: int) -> None:
    # Raters who always say A, about X drawn at random: the exact test must not reject more often than alpha.
    rng = np.random.default_rng(seed)
    rejected = sum(
        stats.binomtest(int(rng.integers(0, 2, 40).sum()), 40, alternative="greater").pvalue < 0.05 for _ in range(2000)
    )
    assert stats.binomtest(rejected, 2000, 0.05, alternative="greater").pvalue > 1e-5
    first = rng.random(40) < 0.5
    frame = frame_of([int(value) for value in first])
    (row,) = abx(frame, baseline="base").of("abx_binomial")
    assert row.p == pytest.approx(stats.binom.sf(first.sum() - 1, 40, 0.5), rel=1e-9)


@pytest.mark.parametrize(("right", "shown"), [(18, True), (12, False)])
def test_says_what_is_shown_and_what_remains_possible(right: int, shown: bool) -> None:
    findings = abx(frame_of([1] * right + [0] * (20 - right)), baseline="base")
    (sentence,) = findings.sentences
    assert f"{right} of 20 answers named X correctly" in sentence
    assert ("Raters told x and base apart" in sentence) == shown
    assert ("The answers do not show that raters can tell x and base apart" in sentence) != shown
    assert shown or "share right of up to" in sentence
    check_sound(findings)


def test_too_few_answers_and_answers_turned_round_are_named() -> None:
    assert "with 4 answers, all of them could be right" in abx(frame_of([1] * 4)).sentences[0]
    assert "recorded the right way round" in abx(frame_of([0] * 18 + [1] * 2)).sentences[0]


def test_what_these_raters_do_is_not_said_of_raters_in_general() -> None:
    # One of three hears it each time, the others guess.
    rows = [(f"r{r}", f"p{p}", "x", "base", "x", int(r == 0 or p % 2)) for r, p in product(range(3), range(30))]
    (sentence,) = abx(answers_of(rows), baseline="base").sentences
    assert sentence.startswith("Raters told x and base apart")
    assert "It is not shown for raters in general" in sentence


def test_counts_by_what_x_was() -> None:
    frame = frame_of([1, 0, 1, 1, 0, 1])
    (table,) = abx(frame, baseline="base").tables
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["answers"], row["right"], row["raters"]) == (6, 4, 5)
    assert row["X was the reference"] == pytest.approx(1.0)  # answers 0 and 3
    assert row["X was the condition"] == row["X was A"] == pytest.approx(0.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "frame",
    [
        frame_of([1]),
        frame_of([0]),
        frame_of([1] * 12),
        frame_of([1] * 12, raters=1),
        frame_of([0, 1] * 6).drop(columns=["x", "first"]),
        frame_of([0, 1] * 6).assign(x="", first=""),
    ],
    ids=["one right", "one wrong", "all right", "one rater", "no x", "x unknown"],
)
def test_poor_data_give_notes_and_no_nan(frame: pd.DataFrame) -> None:
    findings = abx(frame, baseline="base")
    check_sound(findings)
    for row in findings.of("abx_dprime_io"):
        assert row.estimate is not None or "no finite estimate" in row.note
        assert row.ci_low is not None
        assert row.ci_high is not None or "no finite upper bound" in row.note
