"""The rater model, against direct maximization, weighted least squares and known raters."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from itertools import product
from math import isfinite, log, pi, sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from rating_tables import table
from scipy.optimize import minimize

from analysis.describe import raters
from analysis.describe.raters import FLOOR, RaterModel, rater_model


def drawn(seed: int, people: int, clips: int, *, keep: float = 1.0) -> pd.DataFrame:
    """Raters of different severity and care, two conditions."""
    rng = np.random.default_rng(seed)
    quality, bias, care = rng.uniform(1.8, 4.2, clips), rng.normal(0, 0.4, people), rng.uniform(0.4, 1.3, people)
    return table(
        (
            f"r{r:02d}",
            f"p{c // 2:02d}",
            "ab"[c % 2],
            int(np.clip(round(quality[c] + bias[r] + care[r] * rng.normal()), 1, 5)),
        )
        for r, c in product(range(people), range(clips))
        if rng.random() < keep
    )


def indices(ratings: pd.DataFrame, model: RaterModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names = [rater.participant for rater in model.raters]
    clips = [(clip.prompt, clip.condition) for clip in model.clips]
    rater = np.array([names.index(name) for name in ratings["participant"]])
    clip = np.array([clips.index(key) for key in zip(ratings["prompt"], ratings["condition"], strict=True)])
    return rater, clip, ratings["score"].to_numpy(dtype=float)


@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_direct_maximization_finds_the_same(keep: float) -> None:
    ratings = drawn(1, 8, 12, keep=keep)
    model = rater_model(ratings)
    rater, clip, scores = indices(ratings, model)
    people, clips = len(model.raters), len(model.clips)

    def loss(x: np.ndarray) -> float:
        quality, free, spread = x[:clips], x[clips : clips + people - 1], np.exp(x[clips + people - 1 :])
        bias = np.append(free, -free.sum())
        rest = (scores - quality[clip] - bias[rater]) / spread[rater]
        return float(np.log(spread[rater]).sum() + rest @ rest / 2 + len(rest) * log(2 * pi) / 2)

    start = np.concatenate((np.full(clips, scores.mean()), np.zeros(2 * people - 1)))
    limits = [(None, None)] * (clips + people - 1) + [(log(FLOOR), None)] * people
    options = {"ftol": 1e-14, "gtol": 1e-7, "maxiter": 5000, "maxfun": 500_000}
    best = minimize(loss, start, method="L-BFGS-B", bounds=limits, jac="3-point", options=options)
    assert model.loglik == pytest.approx(-best.fun, abs=1e-6)
    bias = best.x[clips : clips + people - 1]
    assert [one.quality for one in model.clips] == pytest.approx(best.x[:clips], abs=1e-4)
    assert [one.bias for one in model.raters] == pytest.approx([*bias, -bias.sum()], abs=1e-4)
    spread = np.exp(best.x[clips + people - 1 :])
    assert [one.inconsistency for one in model.raters] == pytest.approx(spread, abs=1e-4)
    assert sum(one.bias for one in model.raters) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("people", "clips", "keep"), [(9, 14, 1.0), (12, 8, 0.8), (5, 30, 0.7)])
def test_errors_of_quality_and_bias_are_those_of_weighted_least_squares(people: int, clips: int, keep: float) -> None:
    ratings = drawn(2, people, clips, keep=keep)
    model = rater_model(ratings)
    rater, clip, scores = indices(ratings, model)
    spread = np.array([one.inconsistency for one in model.raters])
    sums = np.vstack((np.eye(people - 1), -np.ones(people - 1)))
    design = np.hstack((np.eye(clips)[clip], sums[rater]))
    fit = sm.WLS(scores, design, weights=spread[rater] ** -2.0).fit(cov_type="fixed scale")

    def half(contrast: np.ndarray) -> float:
        return 1.959963985 * sqrt(float(contrast @ fit.normalized_cov_params @ contrast))

    for place, one in enumerate(model.clips):
        assert one.quality == pytest.approx(fit.params[place], abs=1e-7)
        contrast = np.eye(clips + people - 1)[place]
        assert (one.high - one.quality, one.quality - one.low) == pytest.approx((half(contrast),) * 2, rel=1e-6)
    for place, traits in enumerate(model.raters):
        contrast = np.concatenate((np.zeros(clips), sums[place]))
        assert traits.bias_high - traits.bias == pytest.approx(half(contrast), rel=1e-6)
    for mean in model.conditions:
        own = np.array([one.condition == mean.condition for one in model.clips])
        contrast = np.concatenate((own / own.sum(), np.zeros(people - 1)))
        assert mean.quality == pytest.approx(float(contrast @ fit.params), abs=1e-7)
        assert mean.high - mean.quality == pytest.approx(half(contrast), rel=1e-6)
        assert mean.clips == own.sum()


def test_the_error_of_inconsistency_is_the_curvature_of_the_likelihood() -> None:
    ratings = drawn(3, 10, 20)
    model = rater_model(ratings, alpha=0.1)
    rater, clip, scores = indices(ratings, model)
    rest = scores - np.array([one.quality for one in model.clips])[clip]
    rest -= np.array([one.bias for one in model.raters])[rater]
    for place, traits in enumerate(model.raters):
        own = rest[rater == place]

        def loss(spread: float, own: np.ndarray = own) -> float:
            return len(own) * log(spread) + float(own @ own) / spread**2 / 2

        v, h = traits.inconsistency, 1e-4
        curvature = (loss(v + h) - 2 * loss(v) + loss(v - h)) / h**2
        assert traits.inconsistency_high - v == pytest.approx(1.644853627 / sqrt(curvature), rel=1e-4)


def with_one_severe_and_one_erratic(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Twelve raters of 40 clips, the third a point below the others, the eighth answering at random."""
    rng = np.random.default_rng(seed)
    quality = rng.uniform(2, 4.5, 40)
    rows = []
    for r, c in product(range(12), range(40)):
        value = quality[c] + rng.normal(0, 0.5) - (r == 2) * 1.0
        score = int(rng.integers(1, 6)) if r == 7 else int(np.clip(round(value), 1, 5))
        rows.append((f"r{r:02d}", f"p{c:02d}", "a", score))
    return table(rows), quality


def test_finds_the_severe_and_the_erratic_rater() -> None:
    model = rater_model(with_one_severe_and_one_erratic(4)[0])
    assert min(model.raters, key=lambda one: one.bias).participant == "r02"
    assert max(model.raters, key=lambda one: one.inconsistency).participant == "r07"
    others = [one.inconsistency for one in model.raters if one.participant != "r07"]
    assert model.raters[7].inconsistency_low > max(others)


def test_qualities_are_closer_to_the_truth_than_mean_scores_are() -> None:
    # On average over draws: in about one of twelve the mean scores win.
    of_model, of_means = [], []
    for seed in range(20):
        ratings, quality = with_one_severe_and_one_erratic(seed)
        of_model.append(np.std([one.quality for one in rater_model(ratings).clips] - quality))
        of_means.append(np.std(ratings.groupby("prompt")["score"].mean().to_numpy() - quality))
    assert np.mean(of_model) < 0.93 * np.mean(of_means)


@pytest.mark.parametrize(("clips", "draws", "low", "high"), [(200, 8, 0.91, 0.97), (20, 40, 0.85, 0.945)])
def test_intervals_hold_the_quality_as_often_as_the_docstring_says(
    clips: int, draws: int, low: float, high: float
) -> None:
    # Near 95 % with many clips a rater, too seldom with few, and then the note says so.
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    inside = []
    for _ in range(draws):
        quality, bias, care = rng.uniform(2.2, 3.8, clips), rng.normal(0, 0.2, 30), rng.uniform(0.5, 0.8, 30)
        scores = np.clip(np.round(quality + bias[:, None] + care[:, None] * rng.normal(size=(30, clips))), 1, 5)
        model = rater_model(table((f"r{r:02d}", f"p{c:03d}", "a", int(scores[r, c])) for r, c in np.ndindex(30, clips)))
        assert ("intervals are too narrow" in model.note) == (clips < 200)
        truth = quality + bias.mean()
        inside += [one.low < value < one.high for one, value in zip(model.clips, truth, strict=True)]
    assert low < np.mean(inside) < high


def test_seeds_make_clips_of_their_own() -> None:
    ratings = drawn(5, 6, 10)
    doubled = pd.concat([ratings.assign(seed="1"), ratings.assign(seed="2")])
    model = rater_model(doubled)
    assert len(model.clips) == 20
    assert {one.seed for one in model.clips} == {"1", "2"}
    assert rater_model(ratings).clips[0].seed is None


def test_raters_with_few_ratings_are_left_out_and_counted() -> None:
    ratings = drawn(6, 6, 10)
    more = pd.concat([ratings, table([("new", "p00", "a", 5), ("new", "p01", "b", 1)])])
    assert rater_model(more).clips == rater_model(ratings).clips
    assert "1 rater with fewer than 5 ratings left out" in rater_model(more).note


def test_a_rater_who_fits_perfectly_is_held_at_the_scatter_of_rounding() -> None:
    same = [(r, f"p{c}", "a", 1 + c % 5) for r in ("r", "s", "t") for c in range(10)]
    noisy = [("u", f"p{c}", "a", 1 + (3 * c + 1) % 5) for c in range(10)]
    model = rater_model(table(same + noisy))
    assert [one.inconsistency for one in model.raters[:3]] == [FLOOR] * 3
    assert "3 raters are as consistent as whole points allow" in model.note


def test_without_covariances_the_errors_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = drawn(7, 8, 10)
    full = rater_model(ratings)
    monkeypatch.setattr(raters, "MOST_CLIPS", 5)
    model = rater_model(ratings)
    weight = sum(one.inconsistency**-2 for one in model.raters)
    assert model.clips[0].quality == full.clips[0].quality
    assert model.clips[0].high - model.clips[0].quality == pytest.approx(1.959963985 / sqrt(weight), rel=1e-8)
    one = model.raters[3]
    assert one.bias_high - one.bias == pytest.approx(1.959963985 * one.inconsistency / sqrt(10), rel=1e-8)
    assert "too many clips" in model.note


def test_what_cannot_be_told_is_refused_in_words() -> None:
    ratings = drawn(8, 6, 10)
    assert rater_model(ratings[ratings["participant"] < "r02"]).note.startswith("not computed: fewer than three raters")
    assert rater_model(ratings.assign(score=3)).note == "not computed: every rating is the same"
    apart = ratings.assign(prompt=ratings["prompt"] + (ratings["participant"] < "r03").map({True: "x", False: ""}))
    model = rater_model(apart)
    assert model.note.startswith("not computed: the raters fall into groups that share no clip")
    assert (model.raters, model.clips, model.conditions, model.loglik) == ((), (), (), None)


def test_poor_data_give_notes_and_no_nan() -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        people, prompts, conditions = rng.integers(1, [7, 6, 4])
        top, keep = int(rng.integers(2, 6)), rng.choice([0.5, 1.0])
        ratings = table(
            (f"r{r}", f"p{p}", f"c{c}", int(rng.integers(1, top)))
            for r, p, c in product(range(people), range(prompts), range(conditions))
            if rng.random() < keep
        )
        if ratings.empty:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = rater_model(ratings)
        for part in (*model.raters, *model.clips, *model.conditions):
            assert all(isfinite(value) for value in asdict(part).values() if isinstance(value, float)), part
        assert model.loglik is not None or model.note.startswith("not computed: ")
