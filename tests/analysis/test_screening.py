"""Screening points at raters and leaves nobody out."""

from __future__ import annotations

from itertools import product
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from rating_tables import table

from analysis.screening import bt500, failed_checks, low_correlation, screen, straight_lining


def test_finds_the_rater_who_gave_one_score() -> None:
    ratings = table(
        [("flat", f"p{p}", "a", 4) for p in range(5)]
        + [("short", f"p{p}", "a", 4) for p in range(4)]
        + [("fine", f"p{p}", "a", 1 + p) for p in range(5)]
    )
    screen = straight_lining(ratings)
    assert screen.participants == ("flat",)
    assert screen.count == 1


def drawn(seed: int, raters: int, clips: int, *, keep: float = 1.0) -> pd.DataFrame:
    """Raters of very different care."""
    rng = np.random.default_rng(seed)
    quality, care = rng.uniform(1, 5, clips), rng.uniform(0.1, 2.5, raters)
    return table(
        (f"r{r:02d}", f"p{c // 2}", "ab"[c % 2], int(np.clip(round(quality[c] + rng.normal(0, care[r])), 1, 5)))
        for r, c in product(range(raters), range(clips))
        if rng.random() < keep
    )


@pytest.mark.parametrize(("seed", "keep", "threshold"), [(1, 1.0, 0.75), (2, 0.7, 0.75), (3, 1.0, 0.4)])
def test_low_correlation_by_hand(seed: int, keep: float, threshold: float) -> None:
    ratings = drawn(seed, 12, 20, keep=keep)
    wide = ratings.pivot_table(index="participant", columns=["prompt", "condition"], values="score")
    expected = []
    for name in wide.index:
        others = wide.drop(name).mean()
        both = wide.loc[name].notna() & others.notna()
        if np.corrcoef(wide.loc[name][both], others[both])[0, 1] < threshold:
            expected.append(name)
    assert 0 < len(expected) < 12
    found = low_correlation(ratings, threshold=threshold)
    assert list(found.participants) == expected
    assert f"below {threshold:g}" in found.words


def test_low_correlation_counts_those_it_cannot_judge() -> None:
    ratings = pd.concat([drawn(4, 6, 12), table(("flat", f"p{c}", "a", 3) for c in range(6))])
    found = low_correlation(ratings)
    assert "flat" not in found.participants
    assert found.note == "1 rater not judged: too few shared clips, or one score throughout"


def bt500_by_hand(ratings: pd.DataFrame) -> tuple[str, ...]:
    """The Recommendation's steps, one score at a time."""
    above: dict[str, int] = {}
    below: dict[str, int] = {}
    for _, clip in ratings.groupby(["prompt", "condition"]):
        scores = clip["score"].tolist()
        mean = sum(scores) / len(scores)
        second = sum((score - mean) ** 2 for score in scores) / len(scores)
        if second == 0:
            continue
        kurtosis = sum((score - mean) ** 4 for score in scores) / len(scores) / second**2
        spread = sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1))
        reach = 2 * spread if 2 <= kurtosis <= 4 else sqrt(20) * spread
        for name, score in zip(clip["participant"], scores, strict=True):
            above[name] = above.get(name, 0) + (score - mean >= reach - 1e-9)
            below[name] = below.get(name, 0) + (mean - score >= reach - 1e-9)
    found = []
    for name, own in ratings.groupby("participant"):
        p, q = above.get(str(name), 0), below.get(str(name), 0)
        if p + q and (p + q) / len(own) > 0.05 and abs((p - q) / (p + q)) < 0.3:
            found.append(str(name))
    return tuple(found)


@pytest.mark.parametrize(("raters", "keep"), [(25, 1.0), (40, 0.7), (9, 1.0)])
def test_bt500_by_hand(raters: int, keep: float) -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    ratings = drawn(seed, raters, 40, keep=keep)
    assert bt500(ratings).participants == bt500_by_hand(ratings)


def test_bt500_finds_the_erratic_and_spares_the_severe() -> None:
    rng = np.random.default_rng(6)
    rows = [
        (f"r{r:02d}", f"p{c}", "a", int(rng.choice([2, 3, 4], p=[0.15, 0.7, 0.15])))
        for r in range(20)
        for c in range(30)
    ]
    rows += [("erratic", f"p{c}", "a", 1 if c % 2 else 5) for c in range(30)]
    rows += [("severe", f"p{c}", "a", 1) for c in range(30)]
    assert bt500(table(rows)).participants == ("erratic",)
    assert bt500(table(("r", "p", "a", 3) for _ in range(1))).participants == ()


def checks() -> pd.DataFrame:
    rows = [
        ("ann", "attention", 1, True),
        ("ann", "repeat", 3, False),
        ("bob", "attention", 5, False),
        ("bob", "instructed", 2, True),
        ("cyd", "instructed", 4, False),
        ("cyd", "repeat", 2, True),
        ("dan", "repeat", 2, None),
    ]
    return pd.DataFrame(rows, columns=["participant", "kind", "score", "passed"])


def test_failed_checks_by_rule() -> None:
    gold, repeats = failed_checks(checks(), "gold"), failed_checks(checks(), "repeats")
    assert gold.participants == ("bob", "cyd")
    assert gold.note == "2 of 4 checks failed"
    assert repeats.participants == ("ann",)
    assert repeats.note == "1 of 2 checks failed; 1 could not be judged"
    assert failed_checks(checks(), "instructed").participants == ("cyd",)
    unnamed = checks().drop(columns="kind")
    assert failed_checks(unnamed, "repeats").participants == ("ann", "bob", "cyd")


def test_screen_applies_every_rule_there_is_data_for() -> None:
    ratings = drawn(7, 8, 10)
    before = ratings.copy()
    assert [found.rule for found in screen(ratings)] == ["straight_lining", "low_correlation", "bt500"]
    assert [found.rule for found in screen(ratings, checks())][3:] == ["gold", "repeats"]
    only = checks()[checks()["kind"] == "repeat"]
    assert [found.rule for found in screen(ratings, only)][3:] == ["repeats"]
    assert [found.rule for found in screen(ratings, checks().iloc[:0])][3:] == []
    pd.testing.assert_frame_equal(ratings, before)


@pytest.mark.parametrize(("raters", "found"), [(21, ()), (22, ("odd",))])
def test_bt500_limit_where_scores_are_not_normal(raters: int, found: tuple[str, ...]) -> None:
    # One of n who differs is (n - 1) / sqrt(n) spreads away, and the limit is sqrt(20): 4.36 and 4.48 against 4.47.
    rows = [(f"r{r:02d}", f"p{c}", "a", 3) for r, c in product(range(raters - 1), range(10))]
    rows += [("odd", f"p{c}", "a", 1 if c % 2 else 5) for c in range(10)]
    assert bt500(table(rows)).participants == found
