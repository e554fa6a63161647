"""Agreement among raters, against a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rating_tables import table

from analysis.reliability import reliability


def test_mean_correlation_with_the_others_by_hand(paper_like: pd.DataFrame) -> None:
    wide = paper_like.pivot_table(index="participant", columns=["prompt", "condition"], values="score")
    found = [np.corrcoef(wide.loc[name], wide.drop(name).mean())[0, 1] for name in wide.index]
    result = reliability(paper_like)
    assert result.mean_rater_correlation == pytest.approx(np.mean(found), rel=1e-12)
    assert (result.raters, result.clips, result.ratings, result.fewest_ratings_per_clip) == (20, 15, 300, 20)


def test_one_rater_and_equal_scores_have_none() -> None:
    lone = reliability(table(("r", f"p{p}", "a", 1 + p) for p in range(4)))
    flat = reliability(table((r, f"p{p}", "a", 3) for p in range(4) for r in ("r", "s")))
    assert (lone.mean_rater_correlation, flat.mean_rater_correlation) == (None, None)
    assert lone.raters_correlated == 0
