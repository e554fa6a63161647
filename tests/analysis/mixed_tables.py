"""Ratings for the tests of the mixed model, drawn from one."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
from rating_tables import table

from analysis.estimate.fitted import Method
from analysis.infer.compare import Comparison

METHODS: tuple[Method, ...] = ("satterthwaite", "kenward-roger")
CONDITIONS = ["base", "x", "yy"]


SPREADS = (0.5, 0.4, 0.3, 0.25, 0.4)


def draw(seed: int, raters: int, prompts: int, n: int, *, sd: tuple[float, ...] = SPREADS) -> pd.DataFrame:
    """Ratings of cells drawn with replacement, so that some are missing and some come twice."""
    rng = np.random.default_rng(seed)
    r, p, c = (rng.integers(0, size, n) for size in (raters, prompts, 3))
    value = 3 + rng.normal(0, sd[0], raters)[r] + rng.normal(0, sd[1], prompts)[p] - 0.2 * c + rng.normal(0, 0.7, n)
    value += rng.normal(0, sd[2], (raters, 3))[r, c] + rng.normal(0, sd[3], (prompts, 3))[p, c]
    value += rng.normal(0, sd[4], (raters, prompts))[r, p]
    score = np.clip(np.round(value), 1, 5).astype(int)
    return table((f"r{a}", f"p{b}", CONDITIONS[d], int(e)) for a, b, d, e in zip(r, p, c, score, strict=True))


def numbers(row: Comparison) -> dict[str, float | None]:
    return {field.name: getattr(row, field.name) for field in fields(row)[3:11]}
