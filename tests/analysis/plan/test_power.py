"""Power: against noncentral t, numerical integration, published tables, and a simulation written apart."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from rating_tables import ratings_of, table
from scipy import integrate, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from analysis.errors import RatingsError, SettingError
from analysis.plan.components import ASSUMED, Components, estimate, moments
from analysis.plan.power import Claim, Design, _crossed, allocation, power, shows

# Four standard errors of a simulation: one test in 16,000 fails by chance.
MANY, APART = 40_000, 4


def independent(sd: float, r: float = 0) -> Components:
    """One rating each; r is the correlation of a rater's two ratings."""
    return Components(0, 0, 0, 0, sd * sqrt(1 - r))


def t_power(design: Design, claim: Claim, parts: Components) -> float:
    """Power of the paired t test on rater means, by noncentral t or by integration over the variance (TOST)."""
    n, df = design.raters, design.raters - 1
    error = sqrt(2 * (parts.rater_condition**2 + parts.residual**2 / design.per_rater) / n)
    if claim.goal == "difference":
        limit = stats.t.ppf(1 - claim.alpha / claim.comparisons / 2, df)
        shift = claim.difference / error
        return float(stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift))
    limit = stats.t.ppf(1 - claim.alpha, df)
    if claim.goal == "noninferiority":
        return float(stats.nct.sf(limit, df, (claim.difference + claim.margin) / error))

    def inside(chi: float) -> float:
        room = claim.margin - limit * error * sqrt(chi / df)
        ends = [(sign * room - claim.difference) / error for sign in (1, -1)]
        return float(stats.norm.cdf(ends[0]) - stats.norm.cdf(ends[1])) * stats.chi2.pdf(chi, df) if room > 0 else 0.0

    return float(integrate.quad(inside, 0, df * (claim.margin / error / limit) ** 2, limit=200)[0])


@pytest.mark.parametrize("goal", ["difference", "noninferiority", "equivalence"])
@pytest.mark.parametrize(("raters", "prompts", "true"), [(8, 12, 0.1), (20, 5, 0.15), (40, 3, -0.2), (25, 1, 0.25)])
def test_these_prompts_as_the_noncentral_t_has_it(goal, raters, prompts, true, seed):
    design, claim = Design(raters, prompts), Claim(goal, true, 0.4, 0.05, comparisons=2)
    exact = t_power(design, claim, ASSUMED)
    found = power(design, claim, replications=MANY, seed=seed)
    assert found.these == pytest.approx(exact, abs=APART * sqrt(exact * (1 - exact) / MANY) + 1e-9)


@pytest.mark.parametrize("goal", ["difference", "noninferiority", "equivalence"])
def test_a_subset_of_the_prompts_for_each_rater(goal, seed):
    parts = Components(0.3, 0.3, 0.25, 0, 0.6)
    design, claim = Design(20, 12, prompts_per_rater=4), Claim(goal, 0.2, 0.5)
    exact = t_power(design, claim, parts)
    found = power(design, claim, parts, seed=seed)
    assert found.replications == 1000
    assert found.these == pytest.approx(exact, abs=APART * sqrt(exact * (1 - exact) / found.replications))


@pytest.mark.parametrize(
    ("margin", "sd", "true", "r", "eighty", "ninety"),
    [
        (0.2, 0.9, 0, 0, 348, 440), (0.2, 0.9, 0, 0.4, 210, 265), (0.2, 0.9, 0.05, 0, 454, 619),
        (0.2, 0.9, 0.05, 0.4, 274, 373), (0.2, 1.0, 0, 0, 430, 543), (0.2, 1.0, 0, 0.4, 259, 327),
        (0.3, 0.9, 0, 0, 155, 196), (0.3, 0.9, 0, 0.4, 95, 119), (0.3, 0.9, 0.05, 0, 174, 229),
        (0.3, 1.0, 0, 0, 192, 242), (0.3, 1.0, 0, 0.4, 116, 147), (0.3, 1.0, 0.05, 0.4, 130, 171),
    ],
)  # fmt: skip
def test_the_table_of_ratings_for_equivalence(margin, sd, true, r, eighty, ninety, seed):
    """Ratings of each model for TOST at alpha .05, reckoned beforehand (refs, B3); r = 0 there is unpaired."""
    claim, parts = Claim("equivalence", true, margin), independent(sd, r)
    for ratings, wanted in ((eighty, 0.8), (ninety, 0.9)):
        found = power(Design(ratings, 1), claim, parts, replications=MANY, seed=seed).these
        assert found == pytest.approx(wanted, abs=0.015)
        assert power(Design(round(0.93 * ratings), 1), claim, parts, replications=MANY, seed=seed).these < wanted


@pytest.mark.parametrize(
    ("raters", "prompts", "tight", "wide"),
    [(20, 5, 0, 0.27), (20, 20, 0.38, 0.88), (40, 20, 0.71, 0.98), (60, 20, 0.83, 1), (100, 5, 0.16, 0.74)],
)
def test_prompts_alike_against_power_with_a_known_variance(raters, prompts, tight, wide, seed):
    """The numbers of refs, B3, take the variance as known: ours pays for estimating it, the less the more there is."""
    parts = Components(0.3, 0.35, 0.2, 0.15, 0.7)
    error = sqrt(2 * (0.2**2 / raters + 0.15**2 / prompts + 0.7**2 / raters / prompts))
    for margin, published in ((0.2, tight), (0.3, wide)):
        known = max(0.0, 2 * stats.norm.cdf(margin / error - stats.norm.ppf(0.95)) - 1)
        assert known == pytest.approx(published, abs=0.006)
        found = power(Design(raters, prompts), Claim(margin=margin), parts, replications=MANY, seed=seed).alike
        assert found < known + 0.02
        if prompts == 20 and raters > 20:
            assert found == pytest.approx(known, abs=0.04)


def mean_squares(raters: int, prompts: int, draws: int, seed: int) -> tuple[np.ndarray, ...]:
    """Draw differences one by one and take their mean and mean squares, by the textbook."""
    rng = np.random.default_rng(seed)
    values = (
        rng.normal(0, 0.2 * sqrt(2), (draws, raters, 1))
        + rng.normal(0, 0.15 * sqrt(2), (draws, 1, prompts))
        + rng.normal(0, 0.7 * sqrt(2), (draws, raters, prompts))
    )
    of_rater, of_prompt, mean = values.mean(axis=2), values.mean(axis=1), values.mean(axis=(1, 2))
    rest = values - of_rater[:, :, None] - of_prompt[:, None, :] + mean[:, None, None]
    return (
        mean,
        prompts * of_rater.var(axis=1, ddof=1),
        raters * of_prompt.var(axis=1, ddof=1),
        (rest**2).sum(axis=(1, 2)) / (raters - 1) / (prompts - 1),
    )


@pytest.mark.parametrize(("raters", "prompts", "margin"), [(20, 5, 0.4), (12, 10, 0.35), (8, 16, 0.4)])
def test_prompts_alike_against_mean_squares_of_drawn_scores(raters, prompts, margin, seed):
    draws = 8000
    mean, rater, prompt, rest = mean_squares(raters, prompts, draws, seed)
    variance = np.maximum(rater + prompt - rest, np.maximum(rater, prompt)) / raters / prompts
    spread = rater**2 / (raters - 1) + prompt**2 / (prompts - 1) + rest**2 / (raters - 1) / (prompts - 1)
    half = stats.t.ppf(0.95, (variance * raters * prompts) ** 2 / spread) * np.sqrt(variance)
    expected = float(((mean - half > -margin) & (mean + half < margin)).mean())
    found = power(Design(raters, prompts), Claim(margin=margin), replications=MANY, seed=seed + 1).alike
    assert found == pytest.approx(expected, abs=APART * sqrt(expected * (1 - expected) * (1 / draws + 1 / MANY)))


def test_prompts_alike_keeps_alpha_at_the_margin(seed):
    for raters, prompts in ((10, 10), (20, 5)):
        claim = Claim("equivalence", 0.3, 0.3)
        assert power(Design(raters, prompts), claim, replications=MANY, seed=seed).alike <= 0.055


def test_variance_over_raters_and_prompts_is_that_of_the_analysis_of_variance(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(7, 1)) + rng.normal(size=(1, 9)) + rng.normal(size=(7, 9))
    long = pd.DataFrame([(r, p, values[r, p]) for r in range(7) for p in range(9)], columns=["r", "p", "d"])
    squares = anova_lm(ols("d ~ C(r) + C(p)", long).fit())["mean_sq"]
    mean, variance, df = _crossed(values[None], np.ones((7, 9), dtype=bool))
    # A component that comes out negative counts as zero.
    expected = max(squares["C(r)"] + squares["C(p)"] - squares["Residual"], squares["C(r)"], squares["C(p)"])
    assert mean[0] == pytest.approx(values.mean())
    assert variance[0] == pytest.approx(expected / 63)
    parts = zip(squares, (6, 8, 48), strict=True)
    assert np.asarray(df)[0] == pytest.approx(expected**2 / sum(square**2 / free for square, free in parts))


def test_incomplete_designs_estimate_the_variance_without_bias(seed):
    """The mean of the estimated variances is the variance of the estimated means."""
    rng, draws = np.random.default_rng(seed), 6000
    rated = allocation(Design(15, 12, 5), rng)
    values = (
        rng.normal(0, 0.6, (draws, 15, 1)) + rng.normal(0, 0.6, (draws, 1, 12)) + rng.normal(0, 0.7, (draws, 15, 12))
    ).astype(np.float32)
    mean, variance, _ = _crossed(values, rated)
    assert float(np.mean(variance)) == pytest.approx(float(mean.var()), rel=APART * sqrt(2 / draws) + 0.01)


def test_every_prompt_gets_as_many_ratings(seed):
    rng = np.random.default_rng(seed)
    rated = allocation(Design(17, 10, 4), rng)
    assert (rated.sum(axis=1) == 4).all()
    assert np.ptp(rated.sum(axis=0)) <= 1
    assert allocation(Design(3, 5), rng).all()


def test_rounding_against_scores_drawn_apart(seed):
    """Difference of rounded scores, near the end of the scale where half of it is lost."""
    parts = Components(0.3, 0.35, 0.2, 0, 0.7, mean=4.6)
    claim, draws = Claim("difference", 0.3), 3000
    rng = np.random.default_rng(seed)
    prompt, rater = rng.normal(0, 0.35, (draws, 1, 6)), rng.normal(0, 0.3, (draws, 20, 1))
    means = []
    for shift in (4.75, 4.45):
        score = shift + prompt + rater + rng.normal(0, 0.2, (draws, 20, 1)) + rng.normal(0, 0.7, (draws, 20, 6))
        means.append(np.select([score < k + 0.5 for k in range(1, 5)], list(range(1, 5)), 5).mean(axis=2))
    expected = float((stats.ttest_rel(means[0], means[1], axis=1).pvalue < 0.05).mean())
    found = power(Design(20, 6), claim, parts, rounded=True, seed=seed + 1)
    error = sqrt(expected * (1 - expected) * (1 / draws + 1 / found.replications))
    assert found.these == pytest.approx(expected, abs=APART * error)
    assert found.these < power(Design(20, 6), claim, parts, seed=seed).these - 0.05


def test_holm_divides_alpha_for_a_difference_only():
    mean, variance = np.array([2.0]), np.array([0.81])  # t = 2.22
    assert shows(Claim("difference"), mean, variance, 60.0)[0]
    assert not shows(Claim("difference", comparisons=3), mean, variance, 60.0)[0]
    for goal in ("equivalence", "noninferiority"):
        alone, among = (
            shows(Claim(goal, margin=0.3, comparisons=k), np.array([0.1]), np.array([0.01]), 60.0) for k in (1, 9)
        )
        assert alone == among


def test_one_prompt_says_nothing_of_prompts_alike():
    found = power(Design(60, 1), Claim(margin=0.9))
    assert found.these > 0.99
    assert found.alike == 0


def test_the_same_seed_gives_the_same_answer_and_the_error_is_that_of_a_share():
    first, again = (power(Design(20, 10, 5), Claim(margin=0.4), seed=3) for _ in range(2))
    assert first == again
    assert first.error("alike") == pytest.approx(sqrt(first.alike * (1 - first.alike) / 1000))


def test_components_of_a_pilot_are_those_of_lme4(tmp_path):
    """R: lmer(score ~ model + (1|rater) + (1|prompt) + (1|rater:model) + (1|prompt:model) + (1|rater:prompt))."""
    found = estimate(ratings_of("paper_like", tmp_path))
    assert found.rater_condition**2 == pytest.approx(0.045656655, rel=1e-4)
    assert found.prompt_condition**2 == pytest.approx(0.004912863, rel=1e-3)
    assert found.residual**2 == pytest.approx(0.572588222, rel=1e-4)
    assert found.rater**2 == pytest.approx(0.075834686, rel=1e-3)
    assert found.prompt**2 == pytest.approx(0.118423553, rel=1e-3)
    assert found.rater_prompt**2 == pytest.approx(0.009078948, rel=1e-3)
    assert "300 ratings, 20 raters, 5 prompts, 3 conditions" in found.source


def test_moments_of_incomplete_pilots_are_unbiased(seed):
    rng = np.random.default_rng(seed)
    true = {"rater": 0.5, "prompt": 0.6, "rater_condition": 0.4, "prompt_condition": 0.3, "residual": 0.7}
    true["rater_prompt"] = 0.6
    found = []
    for _ in range(30):
        effect = rng.normal(0, 0.5, (30, 1, 1)) + rng.normal(0, 0.6, (1, 20, 1))
        effect = effect + rng.normal(0, 0.4, (30, 1, 3)) + rng.normal(0, 0.3, (1, 20, 3))
        scores = effect + rng.normal(0, 0.6, (30, 20, 1)) + rng.normal(0, 0.7, (30, 20, 3))
        kept = np.argwhere(rng.random(scores.shape) < 0.6)
        frame = pd.DataFrame(kept, columns=["participant", "prompt", "condition"]).astype(str)
        cells = frame.assign(score=scores[tuple(kept.T)]).set_index(["participant", "prompt", "condition"])["score"]
        found.append(moments(cells.unstack("condition")))
    for name, value in true.items():
        squares = np.array([variances[name] for variances in found])
        assert squares.mean() == pytest.approx(value**2, abs=4.5 * squares.std() / sqrt(30) + 0.005), name


def test_components_of_an_incomplete_pilot_are_those_of_the_mixed_model(tmp_path):
    """R: lmer(score ~ condition + (1|participant) + (1|prompt) + (1|participant:condition) + (1|prompt:condition)
    + (1|participant:prompt)), whose last variance is zero."""
    found = estimate(ratings_of("incomplete", tmp_path))
    assert "by REML" in found.source
    assert found.rater_condition == pytest.approx(0.1224926892, rel=1e-3)
    assert found.prompt_condition == pytest.approx(0, abs=1e-4)
    assert found.rater == pytest.approx(0.2400976154, rel=1e-3)
    assert found.prompt == pytest.approx(0.3709477967, rel=1e-3)
    assert found.residual == pytest.approx(0.7902308280, rel=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        [("r", p, c, 3) for p in "xyz" for c in "ab"],
        [(r, "p", c, 3) for r in "xyz" for c in "ab"],
        [(r, p, "a", 3) for r in "xyz" for p in "pq"],
        [(r, p, c, 3) for r, p in ("xp", "yq", "zr") for c in "ab"],
    ],
    ids=["one rater", "one prompt", "one condition", "no rater shares a prompt"],
)
def test_a_pilot_that_tells_too_little_is_refused(rows):
    with pytest.raises(RatingsError, match=r"pilot\.csv: too little.*two raters"):
        estimate(table(rows), "pilot.csv")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Design(1, 5), "raters 1: at least two"),
        (lambda: Design(5, 0), "prompts 0"),
        (lambda: Design(5, 5, 0), "prompts per rater 0"),
        (lambda: Claim(margin=0), "margin 0"),
        (lambda: Claim(alpha=0.6), "alpha 0.6"),
        (lambda: Claim(difference=float("nan")), "difference nan"),
        (lambda: Claim("sameness"), "equivalence, noninferiority, difference"),
        (lambda: Components(0.1, 0.1, -1, 0.1, 0.1), "rater_condition -1"),
    ],
)
def test_refuses_what_cannot_be(make, says):
    with pytest.raises(SettingError, match=says):
        make()
