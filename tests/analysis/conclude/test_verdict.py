"""Verdicts say what the tests show and no more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from rating_tables import differences_of
from scipy import stats

from analysis.conclude.battery import compare_all
from analysis.conclude.verdict import Verdict, judge, verdicts
from analysis.infer.compare import Comparison, holm, noninferiority, paired_t, tost
from analysis.read.matched import Differences
from analysis.words import p_text


def verdicts_of(means: pd.DataFrame) -> tuple[Verdict, ...]:
    matched = differences_of(means, "base")
    rows = tost(matched, margin=0.3), noninferiority(matched, margin=0.3)
    return verdicts(paired_t(matched), *rows, margin=0.3)


def judged(shift: float, spread: float, raters: int = 30) -> Verdict:
    """Judge a condition whose rater differences have exactly this mean and standard deviation."""
    noise = np.random.default_rng(4).normal(size=raters)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    means = pd.DataFrame({"base": np.full(raters, 3.0)})
    means["new"] = means["base"] + shift + spread * noise
    (verdict,) = verdicts_of(means)
    return verdict


@pytest.mark.parametrize(
    ("shift", "spread", "kind", "says"),
    [
        (0.0, 0.4, "equivalent", "within 0.3 points of base"),
        (-0.15, 0.2, "equivalent", "There is a difference, but it is smaller than the margin"),
        (0.6, 0.4, "superior", "Rated higher than base"),
        (0.25, 0.8, "non-inferior", "No worse than base by more than 0.3 points"),
        (-0.4, 0.6, "inferior", "The loss may be larger than 0.3 points"),
        (-0.9, 0.4, "inferior", "The loss is larger than 0.3 points"),
        (-0.1, 1.0, "not enough data", "This does not show a difference"),
        (0.0, 1.5, "not enough data", "This does not show a difference"),
    ],
)
def test_kinds(shift: float, spread: float, kind: str, says: str) -> None:
    verdict = judged(shift, spread)
    assert verdict.kind == kind
    assert says in verdict.words


@pytest.mark.parametrize("seed", range(40))
def test_equivalent_exactly_when_the_interval_lies_inside_the_margin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = pd.DataFrame({"base": rng.normal(3, 0.3, 12)})
    means["new"] = means["base"] + rng.normal(0, 0.2) + rng.normal(0, rng.uniform(0.1, 0.8), 12)
    (row,), (verdict,) = tost(differences_of(means, "base"), margin=0.3), verdicts_of(means)
    assert row.ci_low is not None
    assert row.ci_high is not None
    assert (verdict.kind == "equivalent") == (row.ci_low > -0.3 and row.ci_high < 0.3)
    if verdict.kind == "non-inferior":
        assert row.ci_low > -0.3
    if verdict.kind in ("inferior", "not enough data"):
        assert row.ci_low <= -0.3
    assert "indistinguishable" not in verdict.words


def test_says_when_a_claim_would_not_pass_holm() -> None:
    noise = np.random.default_rng(4).normal(size=(20, 2))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    means = pd.DataFrame({"base": np.full(20, 3.0), "a": 3 + 0.7 * noise[:, 0], "b": 2.7 + 0.7 * noise[:, 1]})
    first, second = verdicts_of(means)
    assert first.kind == "not enough data"
    assert "If no other condition had been compared, equivalence within 0.3 points would be shown" in first.words
    assert second.kind == "not enough data"
    (alone,) = verdicts_of(means[["base", "a"]])
    assert alone.kind == "equivalent"


def test_no_spread_is_not_enough_data() -> None:
    means = pd.DataFrame({"base": [4.0, 4.0, 4.0], "new": [4.0, 4.0, 4.0]})
    (verdict,) = verdicts_of(means)
    assert verdict.kind == "not enough data"
    assert "no spread" in verdict.words


def rejected(p: Sequence[float]) -> list[bool]:
    """Step down as Holm (1979) does; statsmodels collects all garbage of the process at every call, seconds each."""
    order, found = np.argsort(p), [False] * len(p)
    for step, place in enumerate(order):
        if p[place] >= 0.05 / (len(p) - step):
            break
        found[place] = True
    return found


def test_no_badge_claims_what_its_sentence_takes_back(seed: int) -> None:
    """Over random studies of several conditions, each claim is one whose p value stands after Holm's adjustment."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(30):
        noise = rng.normal(0, rng.uniform(0.3, 1), (15, 5)) + rng.normal(0, 0.3, 5)
        matched = Differences("base", pd.DataFrame(noise, columns=list("abcde")))
        rows = paired_t(matched), tost(matched, margin=0.3), noninferiority(matched, margin=0.3)
        raw = [[stats.ttest_1samp(noise[:, k], shift, alternative=way).pvalue for k in range(5)]
               for shift, way in ((0, "two-sided"), (-0.3, "greater"), (0.3, "less"))]  # fmt: skip
        both = np.maximum(raw[1], raw[2])
        difference, equivalence, no_worse = (rejected(p) for p in (raw[0], both, raw[1]))
        for k, verdict in enumerate(verdicts(*rows, margin=0.3)):
            shown = {"equivalent": equivalence[k], "non-inferior": no_worse[k], "superior": difference[k],
                     "inferior": difference[k], "not enough data": not (difference[k] or equivalence[k])}  # fmt: skip
            assert shown[verdict.kind]
            assert "for this comparison alone" in verdict.words
            assert not (verdict.kind == "equivalent" and "would be shown" in verdict.words)
            held += "would be shown" in verdict.words
    assert held


def test_the_chance_of_any_wrong_equivalence_is_alpha_at_most(seed: int) -> None:
    """Six conditions, all of them on the margin: what is claimed of any of them is wrong."""
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(300):
        matched = Differences("base", pd.DataFrame(rng.normal(-0.3, 0.5, (20, 6)), columns=list("abcdef")))
        rows = paired_t(matched), tost(matched, margin=0.3), noninferiority(matched, margin=0.3)
        wrong += any(verdict.kind in ("equivalent", "non-inferior") for verdict in verdicts(*rows, margin=0.3))
    assert wrong <= 0.05 * 300 + 4 * np.sqrt(0.05 * 0.95 * 300)


def test_what_does_not_stand_for_the_prompts_heard_is_claimed_of_no_others() -> None:
    """Three raters with a prompt each, of whom the mixed model pools what spreads over all conditions."""
    scores = {"base": (3, 1, 1), "x": (5, 5, 5), "y": (2, 1, 5)}
    rows = [(f"r{at}", f"p{at}", name, score) for name, three in scores.items() for at, score in enumerate(three)]
    ratings = pd.DataFrame(rows, columns=["participant", "prompt", "condition", "score"])
    found = compare_all(ratings, list(scores), "base", margin=0.3)
    tests = {(row.test, row.condition): row.p_adjusted for row in found.comparisons}
    assert tests["lmm", "x"] < 0.05 < tests["paired_t", "x"]
    (narrow, _), (wide, _) = found.verdicts, found.wide_verdicts
    assert (narrow.kind, wide.kind) == ("non-inferior", "non-inferior")
    assert "not for the prompts that were heard; so it is not claimed" in wide.words


def test_a_p_that_carries_no_claim_stands_beside_the_one_that_decides(seed: int) -> None:
    """Else somebody reads 'does not show a difference (p = 0.01)'."""
    small, large = np.random.default_rng(seed).uniform((0.001, 0.06), (0.04, 0.9))

    def rows(p: float) -> list[Comparison]:
        tests = (("paired_t", p), ("tost", 0.6), ("noninferiority", 0.7))
        return [holm([Comparison(test, "x", "base", estimate=-0.4, p=one)])[0] for test, one in tests]

    words = judge(*rows(small), margin=0.3, alpha=0.05, narrower=rows(large)).words
    assert f"does not show a difference ({p_text(small)} by this test, but {p_text(large)} for the prompts" in words
    assert "equivalence within 0.3 points (p = 0.600)" in words
    assert f"({p_text(large)})" in judge(*rows(large), margin=0.3, alpha=0.05, narrower=rows(small)).words
