"""Two-way cluster intervals, against R and by plain loops."""

from __future__ import annotations

from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from answer_tables import DATA
from rating_tables import table
from scipy import stats

from analysis.infer.compare import Comparison
from analysis.infer.intervals import as_row, pooled_interval, two_way, two_way_interval
from analysis.read.matched import cells
from analysis.read.ratings import load_ratings

FIELDS = {"estimate": "mean", "ci_low": "low", "ci_high": "high", "df": "df", "error": "error"}


def r_answers(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "golden.csv").set_index(["set", "test", "condition", "field"])["value"]


@pytest.mark.parametrize("name", ["incomplete", "unpaired"])
def test_agrees_with_r(name: str) -> None:
    ratings = load_ratings(DATA / "intervals" / f"{name}.csv").frame
    answers = r_answers(DATA / "intervals")[name]
    conditions = ["base", "w8", "w4"]
    checked = 0
    rows = {row.condition: row for row in two_way(cells(ratings, conditions), "base")}
    for (test, condition, field), value in answers.items():
        part = ratings[ratings["condition"] == condition]
        names = part["participant"].to_numpy(), part["prompt"].to_numpy()
        scores = part["score"].to_numpy(float)
        if test == "two_way":
            if field == "error":
                continue
            found = getattr(rows[condition], field)
        elif field in ("statistic", "p"):
            found = getattr(as_row(two_way_interval(scores, *names), Comparison("mean", condition)), field)
        else:
            interval = pooled_interval(scores) if test == "pooled" else two_way_interval(scores, *names)
            found = getattr(interval, FIELDS[field])
        assert found == pytest.approx(value, rel=1e-9), (test, condition, field)
        checked += 1
    assert checked == len(answers) - 2


def test_notes_count_what_was_left_out_and_name_the_way_taken() -> None:
    incomplete = load_ratings(DATA / "intervals" / "incomplete.csv").frame
    wide = incomplete.pivot(index=["participant", "prompt", "seed"], columns="condition", values="score")
    alone = int(wide[["w8", "base"]].notna().sum(axis=1).eq(1).sum())
    (row,) = two_way(cells(incomplete, ["w8", "base"]), "base")
    assert row.note == f"{alone} ratings without a counterpart left out"
    unpaired = load_ratings(DATA / "intervals" / "unpaired.csv").frame
    assert (
        "difference of two means over different raters or prompts"
        in two_way(cells(unpaired, ["w8", "base"]), "base")[0].note
    )


def test_variance_by_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raters, prompts = rng.integers(0, 8, 90), rng.integers(0, 5, 90)
    scores = rng.normal(0, 1, 90) + rng.normal(0, 2, 8)[raters] + rng.normal(0, 2, 5)[prompts]
    mean = sum(scores) / 90

    def part(keys: list[object]) -> float:
        sums: dict[object, float] = {}
        for key, score in zip(keys, scores, strict=True):
            sums[key] = sums.get(key, 0.0) + score - mean
        return len(sums) / (len(sums) - 1) * sum(value**2 for value in sums.values()) / 90**2

    pairs = list(zip(raters, prompts, strict=True))
    error = sqrt(part(list(raters)) + part(list(prompts)) - part(pairs))
    found = two_way_interval(scores, raters, prompts, alpha=0.1)
    half = stats.t.ppf(0.95, 4) * error
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half), rel=1e-10)
    assert (found.raters, found.prompts, found.note) == (8, 5, "")


def test_a_variance_below_zero_falls_back_and_says_so() -> None:
    # A Latin square: rater and prompt means differ a little, cells a lot.
    scores = np.array([1.0, 5, 3, 5, 3, 1.2, 3, 1, 5])
    raters, prompts = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    found = two_way_interval(scores, raters, prompts)
    assert "two-way variance is not positive" in found.note
    square = scores.reshape(3, 3) - scores.mean()
    larger = max(float((square.sum(axis=axis) ** 2).sum()) for axis in (0, 1))
    assert found.error == pytest.approx(sqrt(1.5 * larger) / 9, rel=1e-10)


def test_a_prompt_that_moves_all_raters_widens_it() -> None:
    rng = np.random.default_rng(3)
    rows = product(range(20), range(5))
    prompt = rng.normal(0, 1, 5)
    data = [(r, p, prompt[p] + rng.normal(0, 0.3)) for r, p in rows]
    raters, prompts, scores = (np.array(column) for column in zip(*data, strict=True))
    two, pooled = two_way_interval(scores, raters, prompts), pooled_interval(scores)
    assert two.high is not None
    assert two.low is not None
    assert pooled.high is not None
    assert pooled.low is not None
    assert two.high - two.low > 3 * (pooled.high - pooled.low)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("r", "p1", "a", 3), ("r", "p1", "b", 4), ("r", "p2", "a", 3), ("r", "p2", "b", 2)], "two raters"),
        ([("r", "p", "a", 3), ("r", "p", "b", 4), ("s", "p", "a", 3), ("s", "p", "b", 2)], "two prompts"),
        ([(r, p, c, 4) for r, p, c in product("rst", "pq", "ab")], "no spread"),
        ([("r", "p", "a", 3), ("s", "q", "a", 4)], "nobody rated b"),
    ],
)
def test_what_cannot_be_computed_says_why(rows: list[tuple[str, str, str, int]], says: str) -> None:
    (row,) = two_way(cells(table(rows), ["a", "b"]), "a")
    assert (row.ci_low, row.p) == (None, None)
    assert row.note.startswith("not computed: ")
    assert says in row.note


def test_no_interval_without_two_ratings() -> None:
    assert pooled_interval(np.array([])).mean is None
    lone = pooled_interval(np.array([3.0]))
    assert (lone.mean, lone.low) == (3.0, None)
    assert "fewer than two ratings" in lone.note
