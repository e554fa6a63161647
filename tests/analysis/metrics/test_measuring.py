"""Measuring: each metric over each condition, its differences, its seeds, and why something has no value."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose
from scipy import stats

from analysis.errors import NoValueError, SoundError, WeightsError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.metric import Metric, Value
from analysis.metrics.basis.networks import Networks
from analysis.metrics.measuring import measure

CONDITIONS = ["baseline", "w8a8", "w4a8"]
PROMPTS, SEEDS = ("p1", "p2", "p3", "p4"), (1, 2)


@pytest.fixture
def values(seed):
    """Give each clip a value: (condition, prompt, seed)."""
    rng = np.random.default_rng(seed)
    return {(c, p, s): float(rng.normal(k)) for k, c in enumerate(CONDITIONS) for p in PROMPTS for s in SEEDS}


def clips(keys) -> list[Clip]:
    return [Clip(Path("x.wav"), "ab", prompt, "rain", condition, seed) for condition, prompt, seed in keys]


def single(of_clip, key="loudness") -> Metric:
    return Metric(key, f"{key} (dB)", "higher", None, None, frozenset(), of_clip=of_clip, note="a note")


def run(keys, metric, conditions=CONDITIONS, **options):
    return measure("s", clips(keys), conditions, Given(Networks({})), [metric], reference="baseline", **options)


def looked_up(values):
    def of_clip(clip, given):
        found = values[clip.condition, clip.prompt_id, clip.seed]
        if isinstance(found, str):
            raise NoValueError(found)
        return found

    return of_clip


def over_prompts(found: dict[str, list[float]]) -> tuple[float, float, float]:
    means = [np.mean(some) for some in found.values()]
    return (np.mean(means), *stats.t.interval(0.95, len(means) - 1, np.mean(means), stats.sem(means)))


def test_a_condition_is_the_mean_over_prompts_and_its_difference_that_of_the_same_clips(values):
    del values["w8a8", "p2", 1], values["baseline", "p3", 2]
    found = run(values, single(looked_up(values)))
    cell = found.cell("loudness", "w8a8")
    own = {p: [values["w8a8", p, s] for s in SEEDS if ("w8a8", p, s) in values] for p in PROMPTS}
    assert_allclose([cell.value, cell.low, cell.high], over_prompts(own), rtol=1e-9)
    assert cell.n == 7
    apart = {
        p: [
            values["w8a8", p, s] - values["baseline", p, s]
            for s in SEEDS
            if {("w8a8", p, s), ("baseline", p, s)} <= values.keys()
        ]
        for p in PROMPTS
    }
    expected = over_prompts(apart)
    assert_allclose([cell.difference, cell.difference_low, cell.difference_high], expected, rtol=1e-9)
    baseline = found.cell("loudness", "baseline")
    assert (baseline.difference, baseline.difference_low, baseline.difference_high) == (None, None, None)
    assert_allclose(
        [cell.seeds[1], cell.seeds[2]],
        [np.mean([v for (c, _, t), v in values.items() if (c, t) == ("w8a8", s)]) for s in SEEDS],
    )


def test_every_clip_has_its_value_and_every_column_its_words(values):
    found = run(values, single(looked_up(values)))
    assert {(one.condition, one.prompt_id, one.seed): one.value for one in found.clips} == values
    (column,) = found.columns
    assert (column.key, column.name, column.better, column.note) == ("loudness", "loudness (dB)", "higher", "a note")
    assert (found.study, found.baseline, found.conditions, found.reference) == ("s", "baseline", CONDITIONS, "baseline")


def test_a_reason_that_several_clips_share_is_said_once(values):
    for prompt in PROMPTS:
        values["w4a8", prompt, 1] = "no weights"
    values["w4a8", PROMPTS[0], 2] = "no reference"
    cell = run(values, single(looked_up(values))).cell("loudness", "w4a8")
    assert cell.why == (
        "5 of 8 clips have no value (p1, seed 1; p2, seed 1; p3, seed 1; 1 more: no weights; p1, seed 2: no reference)"
    )


def test_clips_without_a_value_are_named_and_the_mean_is_of_the_others(values):
    for k, prompt in enumerate(PROMPTS):
        values["w4a8", prompt, 1] = f"reason {k}"
    found = run(values, single(looked_up(values)))
    cell = found.cell("loudness", "w4a8")
    assert cell.n == 4
    assert cell.value == pytest.approx(np.mean([values["w4a8", p, 2] for p in PROMPTS]))
    assert cell.why == (
        "4 of 8 clips have no value (p1, seed 1: reason 0; p2, seed 1: reason 1; p3, seed 1: reason 2, and 1 more)"
    )
    assert cell.seeds == {}  # of one seed alone
    assert [one.why for one in found.clips if one.value is None] == [f"reason {k}" for k in range(4)]


def test_one_reason_for_all_clips_is_said_once(values):
    values.update({key: "no text" for key in values if key[0] == "w8a8"})
    cell = run(values, single(looked_up(values))).cell("loudness", "w8a8")
    assert (cell.value, cell.why, cell.n) == (None, "no text", 0)


def test_a_condition_without_clips_says_so(values):
    kept = {key: value for key, value in values.items() if key[0] != "w4a8"}
    assert run(kept, single(looked_up(kept))).cell("loudness", "w4a8").why == "no clip"
    whole = Metric("size", "size", "lower", None, None, frozenset(), of_set=lambda some, given: Value(1.0, n=len(some)))
    cell = run(kept, whole).cell("size", "w4a8")
    assert (cell.value, cell.why) == (None, "no clip")


def test_a_metric_of_sets_is_given_each_condition_and_each_seed(values):
    def of_set(some, given):
        if len(some) < 4:
            raise NoValueError(f"{len(some)} clips are too few")
        total = sum(values[one.condition, one.prompt_id, one.seed] for one in some)
        return Value(total, total - 1, total + 1, len(some), details={"n": float(len(some))})

    del values["w8a8", "p1", 2]
    metric = Metric("total", "total", "lower", None, None, frozenset(), of_set=of_set)
    cell = run(values, metric).cell("total", "w8a8")
    mine = {key: value for key, value in values.items() if key[0] == "w8a8"}
    assert cell.value == pytest.approx(sum(mine.values()))
    assert (cell.high - cell.low, cell.n, cell.details) == (pytest.approx(2), 7, {"n": 7.0})
    assert list(cell.seeds) == [1]  # seed 2 has three clips
    assert cell.seeds[1] == pytest.approx(sum(value for key, value in mine.items() if key[2] == 1))
    assert cell.difference is None
    few = {key: value for key, value in values.items() if key[1] == "p1"}
    assert run(few, metric).cell("total", "w8a8").why == "1 clips are too few"


def test_weights_that_are_missing_are_a_reason_and_a_broken_sound_is_an_end(values, tmp_path):
    def weightless(clip, given):
        raise WeightsError("clap: no weights")

    assert run(values, single(weightless)).cell("loudness", "w8a8").why == "clap: no weights"
    soundfile.write(tmp_path / "bad.wav", np.array([0.0, np.nan]), 100, subtype="FLOAT")

    def read(clip, given):
        return float(Clip(tmp_path / "bad.wav", "ab", "p1").audio().seconds)

    with pytest.raises(SoundError, match=r"bad\.wav: holds NaN"):
        run(values, single(read))
    whole = Metric("sound", "sound", "lower", None, None, frozenset(), of_set=lambda some, g: Value(read(None, g)))
    with pytest.raises(SoundError, match=r"bad\.wav: holds NaN"):
        run(values, whole)


def test_progress_is_told_after_each_metric_and_condition(values):
    told = []
    run(values, single(looked_up(values)), progress=lambda name, n: told.append((name, n)))
    assert told == [("loudness (dB)", 8)] * 3


def test_an_interval_does_not_leave_the_range_of_its_metric(values):
    shares = {key: (0.99 if key[1] == "p1" else 0.0) for key in values}
    metric = Metric("share", "share", "higher", 0.0, 1.0, frozenset(), of_clip=looked_up(shares))
    cell = run(values, metric).cell("share", "w8a8")
    assert (cell.low, cell.high) == (
        0.0,
        pytest.approx(min(1.0, over_prompts({p: [shares["w8a8", p, 1]] for p in PROMPTS})[2])),
    )
