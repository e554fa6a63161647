"""Rating scales: their levels and parts, and which of them scores plainly are on."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.scale.rating_scale import FIVE, RatingScale, inferred, of_ends


def test_few_levels_are_counted_one_by_one_and_many_in_ten_parts(seed: int) -> None:
    assert RatingScale(1, 5, 0.5).levels == (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)
    assert RatingScale(0, 1, 0.1).parts == ("0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1")
    assert RatingScale(1, 7, 0.5).levels == RatingScale(0, 10, None).levels == ()
    assert RatingScale(-50, 50).parts[0] == "-50 to -40"
    rng = np.random.default_rng(seed)
    for scale in (RatingScale(0, 1, 0.1), RatingScale(-3, 3), RatingScale(0, 100), RatingScale(2, 9, None)):
        scores = rng.uniform(*scale.ends, 200)
        if scale.step:
            scores = scale.low + np.rint((scores - scale.low) / scale.step) * scale.step
        counts = scale.counts(scores)
        assert sum(counts) == 200
        if scale.levels:
            assert counts == tuple(int(np.isclose(scores, level).sum()) for level in scale.levels)


def test_the_default_margin_is_one_share_of_every_range() -> None:
    assert FIVE.margin == RatingScale(1, 5, 0.5).margin == 0.3
    for scale in (RatingScale(0, 10), RatingScale(0, 100, None), RatingScale(1, 7)):
        assert scale.margin / scale.length == pytest.approx(FIVE.margin / FIVE.length)


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([1, 2, 5], FIVE),
        ([4, 4, 4], FIVE),
        ([3.5, 4], RatingScale(1, 5, 0.5)),
        ([0, 10, 7], RatingScale(0, 10)),
        ([75, 57, 3, 60], RatingScale(0, 100)),
        ([75.25, 57, 3, 60], RatingScale(0, 100, 0.25)),
        ([75.123, 57, 3, 60], RatingScale(0, 100, None)),
    ],
)
def test_a_plain_scale_is_told_from_its_scores(scores: list[float], scale: RatingScale) -> None:
    found = inferred(scores)
    assert found
    assert found[0] == scale
    assert ("--scale LOW-HIGH" in found[1]) == (scale != FIVE)


@pytest.mark.parametrize(
    "scores", [[2, 7], [0, 4], [1, 6], [4, 10], [3.7, 4.1], [0.2, 0.9], [-1, 1], [1, 2, 3, 4, 55], [60, 101], [11, 20]]
)
def test_what_could_be_several_scales_is_not_guessed(scores: list[float]) -> None:
    assert inferred(scores) is None


def test_a_step_is_found_only_where_all_scores_and_the_end_keep_to_it() -> None:
    assert of_ends(1, 7, [1, 7, 2.5]).step == 0.5
    assert of_ends(0.5, 5, [0.5, 1.5]).step == 0.5
    assert of_ends(0, 10, [0.05]).step is None
