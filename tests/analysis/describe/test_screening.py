"""Screening points at raters and leaves nobody out."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from rating_tables import table

from analysis.describe.screening import (
    CHECKS,
    FAR_RATINGS,
    FAR_RATINGS_OF_FIVE,
    Screen,
    bt500,
    enough_left,
    failed_checks,
    low_correlation,
    screen,
    straight_lining,
)


def test_finds_the_rater_who_gave_one_score() -> None:
    ratings = table(
        [("flat", f"p{p}", "a", 4) for p in range(5)]
        + [("short", f"p{p}", "a", 4) for p in range(4)]
        + [("fine", f"p{p}", "a", 1 + p) for p in range(5)]
    )
    screen = straight_lining(ratings)
    assert screen.participants == ("flat",)
    assert screen.count == 1
    assert (screen.judged, screen.raters) == (2, 3)
    assert screen.note == "1 rater not judged: fewer than 5 clips"


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
    assert (found.judged, found.raters) == (6, 7)


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
        ("bob", "headphones", "", True),
        ("cyd", "headphones", "", False),
        ("dan", "headphones", "", None),
    ]
    return pd.DataFrame(rows, columns=["participant", "kind", "score", "passed"])


def people(*names: str) -> pd.DataFrame:
    """Ratings of some people, without anything peculiar."""
    return table((name, f"p{p}", "a", 1 + (p + len(name)) % 5) for name in names for p in range(6))


def test_failed_checks_by_rule() -> None:
    everybody = people("ann", "bob", "cyd", "dan", "eve")
    gold, repeats, headphones = (failed_checks(everybody, checks(), rule) for rule in CHECKS)
    assert gold.participants == ("bob", "cyd")
    assert (gold.judged, gold.raters) == (3, 5)
    assert gold.note.startswith("2 of 4 checks failed; 2 raters not judged: ")
    assert repeats.participants == ("ann",)
    assert repeats.note.startswith("1 of 2 checks failed; 1 could not be judged; 3 raters not judged: ")
    # Three states: passed, failed, and two of whom it is not known.
    assert headphones.participants == ("cyd",)
    assert (headphones.judged, headphones.raters) == (2, 5)
    assert headphones.sentence == (
        "1 of 2 raters who could be judged (of 5) gave too few right answers to the headphone check: cyd."
    )


def test_people_who_are_not_analysed_are_neither_named_nor_counted() -> None:
    found = {one.rule: one for one in screen(people("ann", "dan", "eve"), checks())}
    named = {name for one in found.values() for name in one.participants}
    assert named == {"ann"}
    assert (found["gold"].judged, found["gold"].raters) == (1, 3)
    assert found["gold"].note.startswith("0 of 1 checks failed; 2 raters not judged")
    # Who failed the headphone check was replaced: of those who stay nothing is known.
    assert found["headphones"].judged == 0
    assert "known outcome" in found["headphones"].note
    gone = {one.rule: one for one in screen(people("eve", "fay", "gil"), checks())}
    for rule in CHECKS:
        assert gone[rule].participants == ()
        assert gone[rule].sentence.startswith("Not judged: which raters gave ")
        assert gone[rule].note == "Only people who are not in the analysis have such checks"


def test_a_rule_that_cannot_judge_says_so_instead_of_finding_nobody() -> None:
    # Four clips each, no clip shared, nothing on checks: no rule can say anything of anybody.
    found = screen(table((f"r{r}", f"p{r}{p}", "a", 1 + p) for r in range(5) for p in range(4)))
    assert [one.rule for one in found] == ["straight_lining", "low_correlation", "bt500", *CHECKS]
    for one in found:
        assert (one.count, one.judged, one.raters) == (0, 0, 5), one
        assert one.sentence == f"Not judged: which raters gave {one.words}."
        assert one.note
    none = screen(people("ann", "bob"), checks().iloc[:0])
    assert {one.rule for one in none if not one.judged} >= set(CHECKS)


def test_screening_changes_nothing() -> None:
    ratings, told = drawn(7, 8, 10), checks()
    before = ratings.copy(), told.copy()
    screen(ratings, told)
    pd.testing.assert_frame_equal(ratings, before[0])
    pd.testing.assert_frame_equal(told, before[1])


def far_off(scores: tuple[int, ...]) -> bool:
    """Whether one score of a clip is far from the mean as the Recommendation says it."""
    mean = sum(scores) / len(scores)
    second = sum((score - mean) ** 2 for score in scores) / len(scores)
    if second == 0:
        return False
    kurtosis = sum((score - mean) ** 4 for score in scores) / len(scores) / second**2
    reach = 2 if 2 <= kurtosis <= 4 else sqrt(20)
    spread = sqrt(second * len(scores) / (len(scores) - 1))
    return any(abs(score - mean) >= reach * spread - 1e-9 for score in scores)


def test_bt500_needs_so_many_ratings_of_a_clip_and_no_more() -> None:
    possible = [n for n in range(2, 10) if any(map(far_off, combinations_with_replacement(range(1, 6), n)))]
    assert possible == [7, 8, 9]
    assert possible[0] == FAR_RATINGS_OF_FIVE


def test_bt500_on_a_finer_scale_needs_one_rating_less() -> None:
    assert not any(far_off((*rest, 100)) for rest in combinations_with_replacement(range(0, 100, 4), 4))
    assert far_off((0, 0, 0, 0, 4, 20))
    assert FAR_RATINGS == 6


@pytest.mark.parametrize(("raters", "clips", "judged"), [(6, 10, 0), (7, 10, 7), (7, 1, 0), (7, 2, 7)])
def test_bt500_judges_who_has_two_such_clips(raters: int, clips: int, judged: int) -> None:
    found = bt500(table((f"r{r}", f"p{c}", "a", 1 + (r + c) % 5) for r, c in product(range(raters), range(clips))))
    assert (found.judged, found.raters) == (judged, raters)
    assert bool(found.note) == (judged < raters)


def test_bt500_at_its_bound_finds_who_is_far_off_and_judges_them() -> None:
    # Of seven ratings (1, 1, 1, 1, 2, 2, 4) the 4 is 2 S away; mirrored, the 2.
    odd = [("odd", f"p{c}", "a", 4 if c % 2 else 2) for c in range(2)]
    rest = [
        (f"r{r}", f"p{c}", "a", score if c % 2 else 6 - score)
        for c in range(2)
        for r, score in enumerate((1, 1, 1, 1, 2, 2))
    ]
    found = bt500(table(odd + rest))
    assert found.participants == bt500_by_hand(table(odd + rest)) == ("odd",)
    assert found.judged == 7


def test_bt500_does_not_judge_whose_many_clips_hold_few_that_tell() -> None:
    # Two clips that tell among 60: both far off are 3.3 %, which the rule lets pass whatever they are.
    shared = [(f"r{r}", f"s{c}", "a", 1 + (r + c) % 5) for r, c in product(range(7), range(2))]
    alone = [("r0", f"p{c}", "a", 1 + c % 5) for c in range(58)]
    assert bt500(table(shared + alone)).judged == 6


@pytest.mark.parametrize(
    ("left_out", "raters", "stands"),
    [(0, 3, True), (1, 4, True), (9, 20, True), (10, 20, False), (16, 18, False), (1, 3, False), (1, 1, False)],
)
def test_results_without_raters_stand_where_most_of_them_are_left(left_out: int, raters: int, stands: bool) -> None:
    assert enough_left(left_out, raters) == stands
    found = Screen("rule", "words", tuple(f"r{r}" for r in range(left_out)), raters, raters)
    assert found.enough_left == stands
    assert ("no results without them are shown" in found.sentence) == (not stands)


@pytest.mark.parametrize(("raters", "found"), [(21, ()), (22, ("odd",))])
def test_bt500_limit_where_scores_are_not_normal(raters: int, found: tuple[str, ...]) -> None:
    # One of n who differs is (n - 1) / sqrt(n) spreads away, and the limit is sqrt(20): 4.36 and 4.48 against 4.47.
    rows = [(f"r{r:02d}", f"p{c}", "a", 3) for r, c in product(range(raters - 1), range(10))]
    rows += [("odd", f"p{c}", "a", 1 if c % 2 else 5) for c in range(10)]
    assert bt500(table(rows)).participants == found
