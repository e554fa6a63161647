"""Agreement among raters, against R's psych::ICC and against plain loops."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from rating_tables import DATA, ratings_of, table

from analysis.describe.reliability import intraclass, krippendorff_alpha, rater_correlations, reliability
from analysis.read.ratings import load_ratings
from analysis.scale.rating_scale import RatingScale

HERE = DATA / "reliability"


def test_mean_correlation_with_the_others_by_hand(paper_like: pd.DataFrame) -> None:
    wide = paper_like.pivot_table(index="participant", columns=["prompt", "condition"], values="score")
    found = [np.corrcoef(wide.loc[name], wide.drop(name).mean())[0, 1] for name in wide.index]
    result = reliability(paper_like)
    assert result.mean_rater_correlation == pytest.approx(np.mean(found), rel=1e-12)
    assert (result.raters, result.clips, result.ratings, result.fewest_ratings_per_clip) == (20, 15, 300, 20)
    assert rater_correlations(paper_like).to_numpy() == pytest.approx(np.array(found), rel=1e-12)


def test_one_rater_and_equal_scores_have_none() -> None:
    lone = reliability(table(("r", f"p{p}", "a", 1 + p) for p in range(4)))
    flat = reliability(table((r, f"p{p}", "a", 3) for p in range(4) for r in ("r", "s")))
    assert (lone.mean_rater_correlation, flat.mean_rater_correlation) == (None, None)
    assert lone.raters_correlated == 0
    assert (lone.icc.single, flat.icc.single) == (None, None)
    assert lone.icc.note == "not computed: fewer than two raters"
    assert lone.krippendorff_note == "not computed: no clip has two ratings"
    assert flat.icc.note == flat.krippendorff_note == "not computed: every rating is the same"


def golden() -> dict[tuple[str, float], dict[str, float]]:
    answers: dict[tuple[str, float], dict[str, float]] = {}
    names = {"icc": "", "low": "_low", "high": "_high"}
    with (HERE / "golden.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            kind = "single" if row["type"] == "ICC2" else "average"
            field = kind + names[row["field"]]
            answers.setdefault((row["set"], float(row["alpha"])), {})[field] = float(row["value"])
    return answers


def read(name: str, folder: Path) -> pd.DataFrame:
    place = HERE / name / "ratings.csv"
    return load_ratings(place).frame if place.exists() else ratings_of(name, folder)


@pytest.mark.parametrize(("name", "alpha"), list(golden()))
def test_intraclass_correlations_agree_with_r(name: str, alpha: float, tmp_path: Path) -> None:
    answers = golden()[name, alpha]
    assert len(answers) == 6
    result = asdict(intraclass(read(name, tmp_path), alpha=alpha))
    for field, value in answers.items():
        assert result[field] == pytest.approx(value, rel=1e-9), field


def test_intraclass_correlations_agree_with_the_published_answers(paper_like: pd.DataFrame) -> None:
    icc = reliability(paper_like).icc
    truth = (DATA / "paper_like" / "truth.txt").read_text(encoding="utf-8")
    for line, values in (
        ("Single_random_raters", (icc.single, icc.single_low, icc.single_high)),
        ("Average_random_raters", (icc.average, icc.average_low, icc.average_high)),
    ):
        words = next(text for text in truth.splitlines() if text.startswith(line)).split()
        assert values == pytest.approx((float(words[2]), float(words[4]), float(words[5])), abs=1e-6)
    assert (icc.raters, icc.clips, icc.k, icc.note) == (20, 15, 20.0, "")


def random_table(seed: int, raters: int, clips: int, keep: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    of_rater, of_clip = rng.normal(0, 0.5, raters), rng.normal(0, 1, clips)
    return table(
        (f"r{r}", f"p{c}", "a", int(np.clip(round(3 + of_rater[r] + of_clip[c] + rng.normal()), 1, 5)))
        for r, c in product(range(raters), range(clips))
        if rng.random() < keep
    )


def test_a_few_incomplete_raters_are_left_out_and_counted() -> None:
    ratings = random_table(1, 8, 10, 1.0)
    partial = ratings[~((ratings["participant"] == "r3") & (ratings["prompt"] == "p4"))]
    expected = intraclass(ratings[ratings["participant"] != "r3"])
    found = intraclass(partial)
    assert (found.single, found.average_high) == (expected.single, expected.average_high)
    assert found.note == "on the 7 of 8 raters who rated every clip"


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_variances_of_incomplete_tables_solve_the_expectations_of_three_sums_of_squares(seed: int) -> None:
    # Independent: E[y'Ay] = sum of variance x trace(A Z Z') with explicit matrices, one A a sum of squares.
    print(f"seed {seed}")
    ratings = random_table(seed, 9, 12, 0.6)
    scores = ratings["score"].to_numpy(dtype=float)
    of_clip = pd.get_dummies(ratings["prompt"]).to_numpy(dtype=float)
    of_rater = pd.get_dummies(ratings["participant"]).to_numpy(dtype=float)
    size = len(scores)
    mean = np.full((size, size), 1 / size)
    onto = [np.eye(size), *(z @ np.linalg.inv(z.T @ z) @ z.T for z in (of_clip, of_rater))]
    covers = [of_clip @ of_clip.T, of_rater @ of_rater.T, np.eye(size)]
    system = [[np.trace((a - mean) @ cover) for cover in covers] for a in onto]
    c, r, e = np.linalg.solve(system, [scores @ (a - mean) @ scores for a in onto])
    k = 12 / (1 / of_clip.sum(axis=0)).sum()
    found = intraclass(ratings)
    assert found.single == pytest.approx(c / (c + r + e), rel=1e-9)
    assert found.average == pytest.approx(c / (c + (r + e) / k), rel=1e-9)
    assert found.k == pytest.approx(k)
    assert found.note.startswith("from the variances of all ratings, since 0 of 9 raters rated every clip; no interval")
    assert found.single_low is None


def test_both_ways_agree_where_little_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.describe import reliability as module

    ratings = random_table(5, 7, 9, 1.0)
    whole = intraclass(ratings)
    monkeypatch.setattr(
        module, "_from_table", lambda table, raters, alpha: module._from_components(*numbered(table), raters)
    )
    parts = intraclass(ratings)
    assert (parts.single, parts.average, parts.k) == pytest.approx((whole.single, whole.average, whole.k), rel=1e-12)


def numbered(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rater, clip = np.indices(scores.shape)
    return rater.ravel(), clip.ravel(), scores.ravel()


def alpha_by_hand(ratings: pd.DataFrame) -> float:
    """Krippendorff (2011): the coincidence matrix, one pair of ratings at a time."""
    coincidences = np.zeros((5, 5))
    for _, clip in ratings.groupby(["prompt", "condition"]):
        scores = clip["score"].tolist()
        for first, second in product(range(len(scores)), repeat=2):
            if first != second:
                coincidences[scores[first] - 1, scores[second] - 1] += 1 / (len(scores) - 1)
    totals = coincidences.sum(axis=0)
    observed = expected = 0.0
    for low, high in product(range(5), repeat=2):
        between = totals[min(low, high) : max(low, high) + 1].sum() - (totals[low] + totals[high]) / 2
        distance = between**2 if low != high else 0.0
        observed += coincidences[low, high] * distance
        expected += totals[low] * totals[high] * distance / (totals.sum() - 1)
    return 1 - float(observed / expected)


@pytest.mark.parametrize("keep", [1.0, 0.5, 0.15])
def test_krippendorff_alpha_by_hand(keep: float) -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    ratings = random_table(seed, 8, 30, keep)
    value, note = krippendorff_alpha(ratings)
    assert value == pytest.approx(alpha_by_hand(ratings), rel=1e-10, abs=1e-12)
    alone = int((ratings.groupby(["prompt", "condition"]).size() == 1).sum())
    assert (f"{alone} of " in note) == (alone > 0)


@pytest.mark.parametrize("keep", [1.0, 0.4])
def test_alpha_of_a_continuous_scale_is_that_of_distances(keep: float, seed: int) -> None:
    ratings = random_table(seed, 8, 20, keep)
    ratings["score"] = np.round(20.0 * ratings["score"] + np.random.default_rng(seed).normal(-10, 2, len(ratings)), 1)
    value, _ = krippendorff_alpha(ratings, RatingScale(-100, 100, None))
    cells = ratings.groupby(["participant", "prompt", "condition"])["score"].mean().unstack(["prompt", "condition"])
    theirs = krippendorff.alpha(reliability_data=cells.to_numpy(), level_of_measurement="interval")
    assert value == pytest.approx(theirs, rel=1e-9)
    assert reliability(ratings, scale=RatingScale(-100, 100, None)).krippendorff_level == "interval"


def test_raters_who_agree_have_one_and_raters_who_differ_by_a_constant_do_not() -> None:
    same = table((r, f"p{c}", "a", 1 + c) for r, c in product("rst", range(5)))
    result = reliability(same)
    assert (result.icc.single, result.icc.average, result.krippendorff_alpha) == (1.0, 1.0, 1.0)
    apart = intraclass(table((r, f"p{c}", "a", 1 + c + "rst".index(r)) for r, c in product("rst", range(3))))
    assert apart.single is not None
    assert apart.single < 0.7
    assert apart.note == "no interval: the raters differ by constants only"


def numbers(values: dict[str, Any]) -> Iterator[float]:
    for value in values.values():
        if isinstance(value, dict):
            yield from numbers(value)
        elif isinstance(value, float):
            yield value


def test_poor_data_give_notes_and_no_nan() -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(150):
        sizes, top, keep = rng.integers(1, 5, 3), int(rng.integers(2, 6)), rng.choice([0.6, 1.0])
        ratings = table(
            (f"r{r}", f"p{p}", f"c{c}", int(rng.integers(1, top)))
            for r, p, c in product(*map(range, sizes))
            if rng.random() < keep
        )
        if ratings.empty:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = reliability(ratings)
        assert all(isfinite(value) for value in numbers(asdict(result))), result
        assert result.icc.single is not None or result.icc.note.startswith("not computed: ")
        assert result.krippendorff_alpha is not None or result.krippendorff_note.startswith("not computed: ")
