"""How many more raters: the number named has the power it is said to have."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.conclude.sample_size import more_raters
from analysis.infer.compare import Comparison, paired_t
from analysis.read.matched import Differences


def row_of(mean: float, spread: float, raters: int) -> Comparison:
    """A row of paired_t for raters whose differences have exactly this mean and spread."""
    scores = stats.norm.ppf((np.arange(raters) + 0.5) / raters)
    differences = mean + spread * (scores - scores.mean()) / scores.std(ddof=1)
    return paired_t(Differences("base", pd.DataFrame({"x": differences})))[0]


@pytest.mark.parametrize("compared", [1, 6])
@pytest.mark.parametrize(
    ("mean", "claim"), [(0.0, "equivalence"), (0.1, "equivalence"), (-0.4, "a difference"), (0.9, "a difference")]
)
def test_that_many_raters_have_the_power(mean: float, claim: str, compared: int) -> None:
    """At the level that Holm's adjustment over all conditions asks of a claim that stands alone among them."""
    words = more_raters(row_of(mean, 0.9, 8), margin=0.3, compared=compared)
    assert ("among 6 conditions" in words) == (compared == 6)
    assert "use the sequential interval" in words
    assert claim in words
    found = re.search(r"about ([\d,]+) raters like these", words) or re.search(r"With (\d+) raters", words)
    assert found
    count = int(found[1].replace(",", ""))
    seed = int(np.random.SeedSequence().entropy % 2**32)
    print("seed", seed)
    drawn = np.random.default_rng(seed).normal(mean, 0.9, (20_000, count))
    centre, error = drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / np.sqrt(count)
    if claim == "equivalence":
        critical = stats.t.ppf(1 - 0.05 / compared, count - 1)
        shown = (centre - critical * error > -0.3) & (centre + critical * error < 0.3)
    else:
        shown = np.abs(centre / error) > stats.t.ppf(1 - 0.025 / compared, count - 1)
    # 80 of 100, with five standard errors of the simulation; the smallest number is a little above.
    assert 0.785 < shown.mean() < 0.86


def test_what_no_study_will_show_is_said_to_be_so() -> None:
    assert "more than 100,000 raters" in more_raters(row_of(0.2999, 1.0, 12), margin=0.3)


def test_without_a_spread_there_is_no_number() -> None:
    assert more_raters(Comparison("paired_t", "x", "base", estimate=0.1), margin=0.3) == ""
    assert more_raters(replace(row_of(0.1, 1, 5), ci_low=None), margin=0.3) == ""
