"""The ordinal mixed model, against R's clmm, against its own symmetries, and on poor data."""

from __future__ import annotations

import csv
import warnings
from dataclasses import asdict
from itertools import product
from math import exp, isfinite
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rating_tables import DATA, ratings_of, table
from scipy.optimize import linprog

import analysis.infer.clmm as module
from analysis.infer.clmm import OrdinalModel, clmm, fit_clmm
from analysis.read.ratings import load_ratings

HERE = DATA / "ordinal"


def golden() -> dict[str, dict[tuple[str, str], float]]:
    answers: dict[str, dict[tuple[str, str], float]] = {}
    with (HERE / "golden.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            answers.setdefault(row["set"], {})[row["term"], row["field"]] = float(row["value"])
    return answers


ANSWERS = golden()


def read(name: str, folder: Path) -> pd.DataFrame:
    place = HERE / name / "ratings.csv"
    return load_ratings(place).frame if place.exists() else ratings_of(name, folder)


def conditions_of(ratings: pd.DataFrame) -> list[str]:
    return sorted(ratings["condition"].unique())


def drawn(seed: int, raters: int, prompts: int, conditions: int) -> pd.DataFrame:
    """Scores of a cumulative logit model, with spread between raters and prompts."""
    rng = np.random.default_rng(seed)
    of_rater, of_prompt = rng.normal(0, 1, raters), rng.normal(0, 0.7, prompts)
    return table(
        (
            f"r{r:04d}",
            f"p{p}",
            f"c{c}",
            int(np.searchsorted([-3, -1, 1, 3], of_rater[r] + of_prompt[p] - 0.5 * c + rng.logistic())) + 1,
        )
        for r, p, c in product(range(raters), range(prompts), range(conditions))
    )


@pytest.mark.parametrize("name", list(ANSWERS))
def test_agrees_with_r(name: str, tmp_path: Path) -> None:
    ratings, answers = read(name, tmp_path), ANSWERS[name]
    baseline = "fp32" if name == "paper_like" else "base"
    model = fit_clmm(ratings, conditions_of(ratings), baseline)
    rows = clmm(ratings, conditions_of(ratings), baseline)
    assert {(row.condition, "estimate") for row in rows} == {key for key in answers if key[1] == "estimate"}
    for row in rows:
        assert row.condition is not None
        error = answers[row.condition, "se"]
        assert model.errors[row.condition] == pytest.approx(error, rel=1e-4)
        for field in ("estimate", "ci_low", "ci_high"):
            # R stops within a thousandth of a standard error of the maximum.
            assert getattr(row, field) == pytest.approx(answers[row.condition, field], abs=5e-4 * error), field
        assert row.statistic == pytest.approx(answers[row.condition, "statistic"], abs=5e-4)
        assert row.p == pytest.approx(answers[row.condition, "p"], rel=1e-3)
        assert row.effect_size == pytest.approx(answers[row.condition, "effect_size"], rel=5e-4)
        assert (row.df, row.n, row.test) == (None, answers["model", "n"], "clmm")
    assert model.loglik == pytest.approx(answers["model", "loglik"], abs=5e-6)
    assert model.sd_participant is not None
    assert model.sd_prompt is not None
    assert model.sd_participant**2 == pytest.approx(answers["model", "var_participant"], rel=1e-3, abs=1e-8)
    assert model.sd_prompt**2 == pytest.approx(answers["model", "var_prompt"], rel=1e-3, abs=1e-8)
    thresholds = {field: value for (term, field), value in answers.items() if term == "threshold"}
    assert model.thresholds == pytest.approx(thresholds, abs=2e-4)


def test_holm_and_the_meaning_of_the_numbers() -> None:
    rows = clmm(drawn(1, 12, 5, 3), ["c0", "c1", "c2"], "c0")
    assert [row.condition for row in rows] == ["c1", "c2"]
    low, high = sorted(row.p or 0.0 for row in rows)
    assert sorted(row.p_adjusted or 0.0 for row in rows) == pytest.approx(
        sorted([min(1, 2 * low), max(high, min(1, 2 * low))])
    )
    for row in rows:
        assert row.estimate is not None
        assert row.effect_size == exp(row.estimate)
        assert "log odds ratio" in row.note


def test_a_wider_interval_for_a_smaller_alpha() -> None:
    ratings = drawn(2, 12, 5, 2)
    narrow, wide = (clmm(ratings, ["c0", "c1"], "c0", alpha=alpha)[0] for alpha in (0.1, 0.05))
    assert wide.ci_low is not None
    assert narrow.ci_low is not None
    assert wide.estimate is not None
    assert (wide.estimate - wide.ci_low) / (wide.estimate - narrow.ci_low) == pytest.approx(
        1.959964 / 1.644854, rel=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_symmetries(seed: int) -> None:
    print(f"seed {seed}")
    ratings = drawn(seed, 10 + 4 * seed, 9 - 2 * seed, 3)
    names = ["c0", "c1", "c2"]
    model = fit_clmm(ratings, names, "c0")
    reversed_scale = fit_clmm(ratings.assign(score=6 - ratings["score"]), names, "c0")
    exchanged = fit_clmm(ratings.rename(columns={"participant": "prompt", "prompt": "participant"}), names, "c0")
    other_baseline = fit_clmm(ratings, names, "c2")
    for name in ("c1", "c2"):
        assert reversed_scale.estimates[name] == pytest.approx(-model.estimates[name], abs=1e-5)
        assert exchanged.estimates[name] == pytest.approx(model.estimates[name], abs=1e-5)
        assert exchanged.errors[name] == pytest.approx(model.errors[name], rel=1e-5)
    assert other_baseline.estimates["c0"] == pytest.approx(-model.estimates["c2"], abs=1e-5)
    assert other_baseline.errors["c0"] == pytest.approx(model.errors["c2"], rel=1e-5)
    assert (exchanged.sd_participant, exchanged.sd_prompt) == pytest.approx(
        (model.sd_prompt, model.sd_participant), abs=1e-4
    )
    for other in (reversed_scale, exchanged, other_baseline):
        assert other.loglik == pytest.approx(model.loglik, abs=1e-7)


def test_only_the_order_of_scores_counts() -> None:
    ratings = drawn(3, 14, 5, 2)
    three = ratings.assign(score=ratings["score"].map({1: 1, 2: 1, 3: 3, 4: 3, 5: 4}))
    close = fit_clmm(three.assign(score=three["score"].map({1: 1, 3: 2, 4: 3})), ["c0", "c1"], "c0")
    model = fit_clmm(three, ["c0", "c1"], "c0")
    assert model.estimates == pytest.approx(close.estimates, rel=1e-12)
    assert list(model.thresholds) == ["1|3", "3|4"]
    assert "score 2 was never given" in clmm(three, ["c0", "c1"], "c0")[0].note


def test_a_condition_of_fives_is_named_and_the_others_are_fitted_without_it() -> None:
    ratings = drawn(4, 12, 5, 3)
    names = ["c0", "c1", "c2"]
    top = ratings.assign(score=ratings["score"].where(ratings["condition"] != "c2", 5))
    found = {row.condition: row for row in clmm(top, names, "c0")}
    (alone,) = clmm(ratings[ratings["condition"] != "c2"], ["c0", "c1"], "c0")
    assert found["c2"].estimate is None
    assert found["c2"].note.startswith("not computed: complete separation")
    assert "all 60 ratings of c2 are 5" in found["c2"].note
    assert (found["c1"].estimate, found["c1"].p) == (alone.estimate, alone.p)
    assert "without the ratings of c2" in found["c1"].note
    for row in clmm(top, names, "c2"):
        assert row.estimate is None
        assert "complete separation" in row.note


@pytest.mark.parametrize("seed", range(40))
def test_separation_is_found_exactly_where_a_linear_program_finds_it(seed: int) -> None:
    # Independent: maximize and minimize d(beta_c) over the cone of directions along which no rating gets less likely.
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    rows = []
    for place in range(count):
        low = int(rng.integers(1, 5))
        rows += [("r", "p", f"c{place}", int(s)) for s in rng.integers(low, int(rng.integers(low, 6)) + 1, 4)]
    ratings = table(rows)
    names = [f"c{place}" for place in range(count)]
    grades = sorted(ratings["score"].unique())
    if len(grades) < 2:
        return
    cuts = len(grades) - 1
    bounds = []
    for _, _, name, score in ratings.itertuples(index=False):
        grade, beta = grades.index(score), cuts + names.index(name)
        for cut, sign in ((grade, 1), (grade - 1, -1)):
            if 0 <= cut < cuts:
                line = np.zeros(cuts + count)
                line[beta], line[cut] = sign, -sign
                bounds.append(line)
    for cut in range(1, cuts):
        line = np.zeros(cuts + count)
        line[cut - 1], line[cut] = 1, -1
        bounds.append(line)
    expected = []
    for place in range(1, count):
        goal = np.zeros(cuts + count)
        goal[cuts + place] = 1
        limits = [(-1, 1)] * (cuts + count)
        limits[cuts] = (0, 0)
        ends = [
            linprog(sign * goal, A_ub=np.array(bounds), b_ub=np.zeros(len(bounds)), bounds=limits) for sign in (1, -1)
        ]
        if max(abs(end.fun) for end in ends) > 1e-9:
            expected.append(names[place])
    assert module._separated(ratings, names) == expected


def refusal(model: OrdinalModel) -> set[str]:
    assert not model.estimates
    return set(model.refused.values())


def test_poor_designs_are_refused_in_words() -> None:
    ratings = drawn(5, 8, 4, 2)
    names = ["c0", "c1"]
    assert refusal(fit_clmm(ratings.assign(score=4), names, "c0")) == {"not computed: every rating is 4"}
    one = ratings[ratings["participant"] == "r0000"].assign(score=[1, 3, 2, 5, 3, 2, 4, 1])
    assert refusal(fit_clmm(one, names, "c0")) == {
        "not computed: there is only one rater, and the model includes the spread between raters"
    }
    assert fit_clmm(ratings, [*names, "c9"], "c0").refused == {"c9": "not computed: no rating of c9"}
    assert refusal(fit_clmm(ratings, [*names, "c9"], "c9")) == {"not computed: no rating of c9"}
    stubborn = table((f"r{r}", f"p{p}", c, 1 + r % 5) for r, p, c in product(range(10), range(4), names))
    assert "no finite estimate" in refusal(fit_clmm(stubborn, names, "c0")).pop()


def test_one_prompt_and_private_prompts_share_one_spread() -> None:
    ratings = drawn(6, 40, 1, 2)
    single = fit_clmm(ratings, ["c0", "c1"], "c0")
    private = fit_clmm(ratings.assign(prompt=ratings["participant"]), ["c0", "c1"], "c0")
    assert single.estimates == private.estimates
    assert (single.sd_prompt, private.sd_prompt) == (None, None)
    assert any("one prompt" in note for note in single.notes)
    assert any("share one spread" in note for note in private.notes)


def test_few_raters_are_called_rough() -> None:
    ratings = drawn(7, 12, 4, 2)
    few = ratings[ratings["participant"] < "r0006"]
    assert "rough: normal approximation on 6 raters" in clmm(few, ["c0", "c1"], "c0")[0].note
    assert "rough" not in clmm(ratings, ["c0", "c1"], "c0")[0].note


def test_more_than_it_can_do_is_refused_with_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 50)
    assert refusal(fit_clmm(drawn(8, 8, 4, 2), ["c0", "c1"], "c0")) == {
        "not computed: too large for this model (64 ratings, 8 raters, 4 prompts)"
    }


def test_starting_from_some_raters_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = drawn(9, 1700, 3, 2)
    model = fit_clmm(ratings, ["c0", "c1"], "c0")
    monkeypatch.setattr(module, "SUBSAMPLE", 10**6)
    plain = fit_clmm(ratings, ["c0", "c1"], "c0")
    assert model.estimates == pytest.approx(plain.estimates, abs=1e-5)
    assert model.errors == pytest.approx(plain.errors, rel=1e-5)
    assert model.loglik == pytest.approx(plain.loglik, abs=1e-6)


def test_poor_data_give_notes_and_no_nan() -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(12):
        raters, prompts, conditions = rng.integers(1, [8, 5, 5])
        top, keep, habit = rng.integers(2, 6), rng.choice([0.6, 1.0]), rng.integers(1, 6, raters)
        ratings = table(
            (f"r{r}", f"p{p}", f"c{c}", int(habit[r]) if top == 2 else int(rng.integers(1, top)))
            for r, p, c in product(range(raters), range(prompts), range(conditions))
            if rng.random() < keep
        )
        if ratings.empty:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows = clmm(ratings, ["c0", "c1", "c2", "c3"], "c0")
        for row in rows:
            assert all(isfinite(value) for value in asdict(row).values() if isinstance(value, float)), row
            assert row.estimate is not None or row.note.startswith("not computed: ")
