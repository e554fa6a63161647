"""The linear mixed model: against R, against dense matrices and statsmodels."""

from __future__ import annotations

import csv
import warnings
from dataclasses import replace
from functools import cache
from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mixed_tables import CONDITIONS, METHODS, draw
from rating_tables import BASELINES, DATA, ratings_of, table
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from analysis.estimate.mixed import fit
from analysis.infer.compare import holm
from analysis.infer.lmm import (
    against,
    every_pair,
    lmm,
    lmm_anova,
    lmm_differences,
    lmm_noninferiority,
    lmm_tost,
)
from analysis.read.ratings import load_ratings

pytestmark = pytest.mark.filterwarnings("error")

SETS = (
    *BASELINES,
    "interactions",
    "zero",
    "seven",
    "seeds",
    "prompts",
    "between",
    "matched",
    "nested",
    "once",
    "sparse",
)


@cache
def answers() -> dict[tuple[str, bool], list[dict[str, str]]]:
    found: dict[tuple[str, bool], list[dict[str, str]]] = {}
    with (DATA / "mixed" / "golden.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["set"], row["model"] == "interactions"), []).append(row)
    return found


def codes(ratings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r, p, c = (np.unique(ratings[name], return_inverse=True)[1] for name in ("participant", "prompt", "condition"))
    score = ratings["score"].to_numpy(dtype=float)
    return r, p, c, score - score.mean()


@pytest.mark.parametrize("interactions", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_agrees_with_r(name: str, interactions: bool, tmp_path: Path) -> None:
    ratings = ratings_of(name, tmp_path) if name in BASELINES else load_ratings(DATA / "mixed" / f"{name}.csv").frame
    model = fit(ratings, sorted(ratings["condition"].unique()), interactions=interactions)
    pairs = [(a, b) for a in model.conditions for b in model.conditions if a != b]
    rows = {
        (method, f"{row.condition}-{row.reference}"): row
        for method in METHODS
        for row in lmm_differences(model, pairs, method=method)
    }
    golden = answers()[name, interactions]
    assert set(model.components) == {row["field"] for row in golden if not row["ddf"]} - {"n", "loglik"}
    for row in golden:
        term, field, method = row["term"], row["field"], METHODS[row["ddf"] == "kenward-roger"]
        value: float | None
        if not row["ddf"]:
            found = model.components | {"n": float(model.n), "loglik": float(model.loglik or 0)}
            value = found[field]
        elif term == "anova":
            value = getattr(lmm_anova(model, method=method)[0], field)
        elif "-" in term and field != "se":
            value = getattr(rows[method, term], field)
        else:
            names = term.split("-")
            estimate = model.difference if len(names) == 2 else model.mean
            contrast = estimate(*names, method=method)
            assert contrast is not None
            assert contrast.method == method
            value = getattr(contrast, field)
        # R's search and its derivatives by differences are good to about 1e-6; a variance near zero to less.
        close = 1e-7 if field in ("estimate", "n") else 2e-5
        assert value == pytest.approx(float(row["value"]), rel=close, abs=1e-7), (term, field, method)


DROPPED = {
    "between": {"participant:condition": "participant", "participant:prompt": "the residual"},
    "nested": {"prompt:condition": "prompt", "participant:prompt": "the residual"},
    "once": {"participant:condition": "the residual", "participant:prompt": "the residual"},
}


@pytest.mark.parametrize("name", DROPPED)
def test_terms_that_the_ratings_cannot_tell_apart_are_dropped_by_name(name: str) -> None:
    """R's numbers for what is left are those of the test above."""
    model = fit(load_ratings(DATA / "mixed" / f"{name}.csv").frame, ["base", "w8", "w4"])
    assert model.dropped == DROPPED[name]
    note = lmm_differences(model, [("w8", "base")])[0].note
    for term, other in DROPPED[name].items():
        assert f"{term} left out: it cannot be told from {other}" in note


def test_what_raters_think_of_prompts_is_no_noise(seed: int) -> None:
    """Matched clips share it: the interval for prompts like these must not narrow because of it, nor widen."""
    rng = np.random.default_rng(seed)
    raters, prompts = 25, 12
    shift = (
        rng.normal(0, 0.5, (1, prompts, 2))
        + rng.normal(0, 0.5, (raters, 1, 2))
        + rng.normal(0, 0.5, (raters, prompts, 2))
    )
    # Raters and prompts lie so far apart that no variance is estimated as zero: then the parts do not touch each other.
    shift = shift + rng.normal(0, 3, (raters, 1, 1)) + rng.normal(0, 3, (1, prompts, 1))
    own = rng.normal(0, 1, (raters, prompts, 1))
    cells = list(product(range(raters), range(prompts), range(2)))
    quiet, loud = (
        pd.DataFrame(
            [(f"r{r}", f"p{p}", CONDITIONS[c], float(scores[r, p, c])) for r, p, c in cells],
            columns=["participant", "prompt", "condition", "score"],
        )
        for scores in (shift + own, shift + 3 * own)
    )
    one, other = (lmm(ratings, CONDITIONS[:2], "base")[0] for ratings in (quiet, loud))
    assert (one.ci_low, one.ci_high) == pytest.approx((other.ci_low, other.ci_high), abs=1e-4)
    assert fit(loud, CONDITIONS[:2]).components["participant:prompt"] == pytest.approx(9, rel=0.5)


@pytest.mark.parametrize("interactions", [False, True])
def test_likelihood_is_that_of_dense_matrices_and_nowhere_higher(interactions: bool, seed: int) -> None:
    ratings = draw(seed, 8, 6, 120)
    model = fit(ratings, CONDITIONS, interactions=interactions)
    r, p, c, _ = codes(ratings)
    y, x = ratings["score"].to_numpy(dtype=float), (c[:, None] == np.arange(3)).astype(float)
    levels = {"participant": r, "prompt": p, "participant:condition": r * 3 + c, "prompt:condition": p * 3 + c}
    levels |= {"participant:prompt": r * 6 + p}

    def likelihood(ratios: dict[str, float]) -> float:
        v = np.eye(120) + sum(ratio * (levels[name][:, None] == levels[name]) for name, ratio in ratios.items())
        information = x.T @ np.linalg.solve(v, x)
        rest = y - x @ np.linalg.solve(information, x.T @ np.linalg.solve(v, y))
        variance = rest @ np.linalg.solve(v, rest) / 117
        logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
        return float(-0.5 * (117 * (1 + np.log(2 * np.pi * variance)) + logs))

    ratios = {name: value / model.components["residual"] for name, value in model.components.items()}
    del ratios["residual"]
    assert model.loglik == pytest.approx(likelihood(ratios), abs=1e-7)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        away = {name: ratio * rng.uniform(0.5, 2) + rng.uniform(0, 0.05) for name, ratio in ratios.items()}
        assert likelihood(away) < model.loglik


@pytest.mark.parametrize("interactions", [False, True])
def test_fit_agrees_with_statsmodels(interactions: bool) -> None:
    # One draw, on which its search arrives: at variances of zero it stops short or raises.
    ratings = draw(11, 10, 8, 240, sd=(0.7, 0.7, 0.5, 0.5, 0.7))
    model = fit(ratings, CONDITIONS, interactions=interactions)
    factors = ["participant", "prompt", "participant:prompt"]
    factors += ["participant:condition", "prompt:condition"] if interactions else []
    formulas = {name: "0 + " + ":".join(f"C({part})" for part in name.split(":")) for name in factors}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = MixedLM.from_formula(
            "score ~ 0 + condition", ratings.assign(one=1), groups="one", re_formula="0", vc_formula=formulas
        ).fit(method="powell", xtol=1e-8, ftol=1e-12)
    assert model.loglik is not None
    assert -1e-9 < model.loglik - other.llf < 1e-5
    assert list(model.means.values()) == pytest.approx(other.fe_params.tolist(), rel=1e-5)
    # The top is flat: so near to it, its variances are still good to three digits only.
    assert np.sqrt(np.diag(model.covariance)) == pytest.approx(other.bse_fe.to_numpy(), rel=2e-3)
    assert model.components["residual"] == pytest.approx(other.scale, rel=1e-3)


def test_complete_design_gives_the_analysis_of_variance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raters, prompts = 12, 8
    shift = rng.normal(0, 0.8, (raters, 1, 1)) + rng.normal(0, 0.8, (1, prompts, 1))
    shift = shift + rng.normal(0, 0.8, (raters, prompts, 1))
    scores = np.clip(np.round(3 + shift + rng.normal(0, 0.7, (raters, prompts, 3))), 1, 5)
    cells = product(range(raters), range(prompts), range(3))
    model = fit(
        table((f"r{r}", f"p{p}", CONDITIONS[c], int(scores[r, p, c])) for r, p, c in cells),
        CONDITIONS,
        interactions=False,
    )
    fitted = scores.mean(axis=2, keepdims=True) + scores.mean(axis=(0, 1), keepdims=True) - scores.mean()
    df = (raters * prompts - 1) * 2
    residual = float(((scores - fitted) ** 2).sum()) / df
    assert model.components["residual"] == pytest.approx(residual, rel=1e-7)
    for method in METHODS:
        found = model.difference("x", "base", method=method)
        assert found is not None
        assert found.estimate == pytest.approx(scores[..., 1].mean() - scores[..., 0].mean(), rel=1e-9, abs=1e-12)
        assert found.se == pytest.approx(sqrt(2 * residual / (raters * prompts)), rel=1e-6)
        assert found.df == pytest.approx(df, rel=1e-5)


def test_raters_and_prompts_are_treated_alike(seed: int) -> None:
    ratings = draw(seed, 7, 11, 150)
    turned = ratings.rename(columns={"participant": "prompt", "prompt": "participant"})
    one, other = fit(ratings, CONDITIONS), fit(turned.sample(frac=1, random_state=1), CONDITIONS[::-1])
    assert one.loglik == pytest.approx(other.loglik, abs=1e-6)
    assert one.components["participant"] == pytest.approx(other.components["prompt"], rel=1e-4, abs=1e-6)
    assert one.components["prompt:condition"] == pytest.approx(
        other.components["participant:condition"], rel=1e-4, abs=1e-6
    )
    for method in METHODS:
        there = lmm_differences(one, every_pair(CONDITIONS), method=method)
        back = lmm_differences(other, [(b, a) for a, b in every_pair(CONDITIONS)], method=method)
        for row, opposite in zip(there, back, strict=True):
            assert row.estimate is not None
            assert opposite.estimate is not None
            assert row.estimate == pytest.approx(-opposite.estimate, rel=1e-5, abs=1e-6)
            assert (row.df, row.p) == pytest.approx((opposite.df, opposite.p), rel=1e-3)
        assert lmm_anova(one, method=method)[0].p == pytest.approx(lmm_anova(other, method=method)[0].p, rel=1e-3)


def test_rows_follow_from_estimate_error_and_df(seed: int) -> None:
    ratings = draw(seed, 15, 10, 400)
    model = fit(ratings, CONDITIONS)
    pairs, margin, alpha = every_pair(CONDITIONS), 0.25, 0.1
    assert len(pairs) == 3
    tests = (
        lmm_differences(model, pairs, alpha=alpha),
        lmm_tost(model, pairs, margin=margin, alpha=alpha),
        lmm_noninferiority(model, pairs, margin=margin, alpha=alpha),
    )
    for pair, differs, same, no_worse in zip(pairs, *tests, strict=True):
        found = model.difference(*pair)
        assert found is not None
        spread = stats.t(found.df, found.estimate, found.se)
        assert (differs.ci_low, differs.ci_high) == pytest.approx(spread.interval(1 - alpha))
        assert differs.p == pytest.approx(2 * min(spread.cdf(0), spread.sf(0)))
        bounds = spread.interval(1 - 2 * alpha)
        assert (same.ci_low, same.ci_high) == (no_worse.ci_low, no_worse.ci_high) == pytest.approx(bounds)
        assert same.p is not None
        assert (same.p < alpha) == (-margin < bounds[0] and bounds[1] < margin)
        assert no_worse.p == pytest.approx(stats.t.sf((found.estimate + margin) / found.se, found.df))
        assert same.p == pytest.approx(max(no_worse.p, stats.t.cdf((found.estimate - margin) / found.se, found.df)))
        assert differs.effect_size == pytest.approx(found.estimate / sqrt(sum(model.components.values())))
        assert (differs.effect_low, differs.effect_high) == pytest.approx(
            [bound / sqrt(sum(model.components.values())) for bound in spread.interval(1 - alpha)]
        )
        assert {differs.n, same.n, no_worse.n} == {400}
    names = [rows[0].test for rows in (*tests, lmm_anova(model))]
    assert names == ["lmm", "lmm_tost", "lmm_noninferiority", "lmm_anova"]
    for rows in tests[:2]:
        assert rows == holm([replace(row, p_adjusted=None) for row in rows])
    assert all(row.p_adjusted is None for row in tests[2])
    assert lmm(ratings, CONDITIONS, "x") == lmm_differences(model, against(CONDITIONS, "x"))


def test_interactions_make_the_answer_less_sure(seed: int) -> None:
    ratings = draw(seed, 20, 12, 700, sd=(0.4, 0.4, 0.5, 0.5, 0.3))
    row, additive = (lmm(ratings, CONDITIONS, "base", interactions=yes)[0] for yes in (True, False))
    assert (row.test, additive.test) == ("lmm", "lmm_additive")
    assert None not in (row.ci_high, row.ci_low, additive.ci_high, additive.ci_low, row.df, additive.df)
    assert row.ci_high - row.ci_low > 1.5 * (additive.ci_high - additive.ci_low)
    assert row.df < additive.df / 5
    assert "holds for raters and prompts like these" in row.note
    assert "too sure" in additive.note


def test_no_spread_between_prompts_is_an_exact_zero(tmp_path: Path) -> None:
    model = fit(load_ratings(DATA / "mixed" / "zero.csv").frame, ["base", "w8", "w4"])
    assert model.components["prompt"] == model.components["participant:condition"] == 0.0
    assert model.components["participant"] > 0
    assert model.singular
    for row in lmm_differences(model, every_pair(model.conditions)):
        assert "singular fit: no spread found for prompt, participant:condition" in row.note
        assert row.p is not None


@pytest.mark.parametrize(("name", "zero"), [("zero", True), ("interactions", True), ("seven", False)])
def test_satterthwaite_stands_in_where_a_variance_is_zero(name: str, zero: bool) -> None:
    """In both functions of the report, and for the F test; R's numbers for either are those of the test above."""
    ratings = load_ratings(DATA / "mixed" / f"{name}.csv").frame
    model = fit(ratings, sorted(ratings["condition"].unique()))
    assert (0.0 in model.components.values()) is zero
    right, other = METHODS if zero else METHODS[::-1]
    pairs = against(model.conditions, "base")
    assert lmm_differences(model, pairs) == lmm_differences(model, pairs, method=right)
    assert lmm_tost(model, pairs, margin=0.3) == lmm_tost(model, pairs, margin=0.3, method=right)
    assert lmm_anova(model) == lmm_anova(model, method=right)
    assert lmm_differences(model, pairs)[0].df != lmm_differences(model, pairs, method=other)[0].df
    assert lmm_differences(model, pairs)[0].note.startswith("Satterthwaite" if zero else "Kenward-Roger")
