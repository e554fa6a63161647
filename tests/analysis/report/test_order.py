"""The order of names: as people count, the study's own where it is known, the baseline first."""

from __future__ import annotations

import os
import random

import pytest

from analysis.report.order import in_order


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "2", "1"], ["1", "2", "10"]),
        (["w16", "w4", "w8a8", "w8"], ["w4", "w8", "w8a8", "w16"]),
        (["p10", "P2", "p1"], ["p1", "P2", "p10"]),
        (["b", "2b", "a"], ["2b", "a", "b"]),
        (["x007", "x7", "x8"], ["x007", "x7", "x8"]),
        (["9" * 5000, "1" + "0" * 5000], ["9" * 5000, "1" + "0" * 5000]),
    ],
)
def test_numbers_count_as_numbers(names: list[str], ordered: list[str]) -> None:
    assert in_order(names) == ordered


def test_the_baseline_leads_and_the_studys_own_order_follows() -> None:
    assert in_order(["w10", "w2", "ref", "x", "fp32"], known=["x", "w10", "unrated"], first="ref") == [
        *("ref", "x", "w10", "fp32", "w2"),
    ]


def test_the_order_is_that_of_the_names_alone() -> None:
    seed = int(os.environ.get("EARMARK_TEST_SEED", random.randrange(2**32)))
    print(f"EARMARK_TEST_SEED={seed}")
    rng = random.Random(seed)
    names = ["".join(rng.choices("aB1290-. é", k=rng.randint(1, 6))) for _ in range(50)]
    ordered = in_order(names)
    assert sorted(ordered) == sorted(set(names))
    rng.shuffle(names)
    assert in_order(names) == ordered
