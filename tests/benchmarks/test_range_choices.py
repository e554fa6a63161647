"""The benchmark of ranges: layers of outliers, the ways to choose, and the tables of a run."""

from __future__ import annotations

from random import Random

from benchmarks.engine import ranges
from docs.tables import speed


def test_alpha_by_layer_and_ranges_of_tokens_help_where_channels_and_tokens_are_large() -> None:
    shape = (256, 64)
    found = {
        way: ranges.full_size(way, shape, tokens=4000) for way in ("sqs_minmax", "sqs_mse", "sqs_mse_search", "sqd")
    }
    assert found["sqs_mse"] > found["sqs_minmax"] - 0.5, "large tokens hold most of the output, and are not cut off"
    assert found["sqs_mse_search"] > found["sqs_mse"] + 1
    assert found["sqd"] > found["sqs_mse_search"] + 5


def test_tables_of_a_run(seed: int) -> None:
    rng = Random(seed)
    assert {key for _, key in speed.WAYS} == ranges.WAYS.keys()
    assert speed.PROMPTS == ranges.COUNTS
    assert set(speed.LAYERS) == ranges.LAYERS.keys()
    figures = {key: rng.uniform(1, 30) for key in ranges.NOTES}
    assert f"| {figures['sqs_mse_50']:.1f} ± {figures['sqs_mse_50_interval']:.1f} |" in speed.prompts(
        {"figures": figures}
    )
    assert f"| {figures['reference_sqd_ff_out']:.1f} |" in speed.full_size({"figures": figures})
