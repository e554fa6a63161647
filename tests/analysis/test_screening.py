"""Screening points at raters and leaves nobody out."""

from __future__ import annotations

from rating_tables import table

from analysis.screening import straight_lining


def test_finds_the_rater_who_gave_one_score() -> None:
    ratings = table(
        [("flat", f"p{p}", "a", 4) for p in range(5)]
        + [("short", f"p{p}", "a", 4) for p in range(4)]
        + [("fine", f"p{p}", "a", 1 + p) for p in range(5)]
    )
    screen = straight_lining(ratings)
    assert screen.participants == ("flat",)
    assert screen.count == 1
