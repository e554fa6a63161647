"""The linear mixed model on poor ratings: reasons instead of numbers, and no warning."""

from __future__ import annotations

from itertools import product
from math import isfinite

import numpy as np
import pandas as pd
import pytest
from mixed_tables import CONDITIONS, METHODS, draw, numbers
from rating_tables import table

from analysis.estimate.mixed import fit
from analysis.infer.compare import Comparison
from analysis.infer.lmm import every_pair, lmm_anova, lmm_differences, lmm_noninferiority, lmm_tost

pytestmark = pytest.mark.filterwarnings("error")


def full(raters: int, prompts: int, conditions: list[str], score: str = "") -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ways = {
        "": lambda r, p, c: int(rng.integers(1, 6)),
        "same": lambda r, p, c: 3,
        "by rater": lambda r, p, c: 1 + r % 5,
        "by all": lambda r, p, c: 1 + r % 3 + p % 2 + c % 2,
    }
    cells = product(range(raters), range(prompts), range(len(conditions)))
    return table((f"r{r}", f"p{p}", conditions[c], ways[score](r, p, c)) for r, p, c in cells)


POOR = {
    "one rater": (full(1, 6, CONDITIONS), "one rater"),
    "one prompt": (full(6, 1, CONDITIONS), "one prompt"),
    "nothing": (full(0, 0, CONDITIONS), "fewer than two conditions were rated"),
    "one condition": (full(4, 4, ["base"]), "fewer than two conditions were rated"),
    "all equal": (full(4, 4, CONDITIONS, "same"), "every score is the same"),
    "all by rater": (full(5, 4, CONDITIONS, "by rater"), "leave no spread"),
    "all by sums": (full(5, 4, CONDITIONS, "by all"), "leave no spread"),
    "a prompt a condition": (
        full(6, 3, CONDITIONS)[lambda d: d["prompt"].str[1:].astype(int) == d["condition"].map(CONDITIONS.index)],
        "every condition has one prompt of its own",
    ),
    "one a rater and prompt": (
        full(6, 6, CONDITIONS)[
            lambda d: (
                (d["participant"].str[1:] == d["prompt"].str[1:])
                & (d["condition"].map(CONDITIONS.index) == d["prompt"].str[1:].astype(int) % 3)
            )
        ],
        "every rater and every prompt has only one rating",
    ),
}


@pytest.mark.parametrize("name", POOR)
def test_poor_ratings_give_reasons(name: str) -> None:
    ratings, reason = POOR[name]
    model = fit(ratings, CONDITIONS)
    assert reason in model.reason
    assert model.difference("x", "base") is None
    assert model.mean("base") is None
    pairs = every_pair(CONDITIONS)
    rows: list[Comparison] = []
    for found in (lmm_differences(model, pairs), lmm_tost(model, pairs, margin=0.3), lmm_anova(model)):
        rows += found
    rows += lmm_noninferiority(model, pairs, margin=0.3)
    assert len(rows) == 10
    for row in rows:
        assert row.note.startswith("not computed: ")
        assert set(numbers(row).values()) == {None}


@pytest.mark.parametrize("size", [4, 8, 12, 20, 40])
@pytest.mark.parametrize("interactions", [False, True])
def test_scraps_never_raise_nor_warn(size: int, interactions: bool, seed: int) -> None:
    for again in range(5):
        model = fit(draw(seed + again, 4, 3, size), CONDITIONS, interactions=interactions)
        found = [model.difference(*pair, method=method) for pair in every_pair(model.conditions) for method in METHODS]
        assert all((one is None) == bool(model.reason) for one in found)
        assert all(isfinite(one.estimate) and one.se > 0 and one.df > 0 for one in found if one is not None)
        (row,) = lmm_anova(model)
        assert all(value is None or isfinite(value) for value in numbers(row).values())
        assert (row.p is None) == row.note.startswith("not computed")


def test_conditions_left_out_are_told() -> None:
    ratings = full(6, 5, [*CONDITIONS, "spare"])
    model = fit(ratings, [*CONDITIONS, "ghost"])
    rows = {(row.condition, row.reference): row for row in lmm_differences(model, every_pair([*CONDITIONS, "ghost"]))}
    assert model.n == 90
    assert all("ratings of other conditions left out: 30" in row.note for row in rows.values())
    assert rows["ghost", "base"].note.startswith("not computed: nobody rated ghost")
    assert rows["ghost", "base"].p is rows["ghost", "base"].estimate is None
    assert rows["x", "base"].p_adjusted is not None
