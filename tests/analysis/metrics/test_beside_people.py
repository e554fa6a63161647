"""Metrics beside people: which clips are compared, which way is better, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from measured_tables import drawn
from scipy import stats

from analysis.metrics.agreement import Agreement, headlines, sentences, summary
from analysis.metrics.measured import Cell, Column, Measured
from analysis.metrics.people import Beside, beside

THREE = ("baseline", "sqs-w8a8", "sqd-w8a8")
SIX = (*THREE, "sqd-lora-w8a8", "sqs-w4a8", "sqd-w4a8")


def of(found: Beside, metric: str) -> dict[str, Agreement]:
    return {one.over: one for one in found.agreements if one.metric == metric}


def only_sets(measured: Measured, values: dict[str, float | None], why: str = "") -> Measured:
    """The same study with one metric, of sets."""
    cells = [Cell("fd", name, value, n=8, why="" if value is not None else why) for name, value in values.items()]
    return replace(measured, columns=[Column("fd", "FD", "lower")], cells=cells, clips=[])


def test_mean_ratings_of_the_same_clips_are_correlated(seed: int) -> None:
    measured, ratings = drawn(seed, SIX)
    ratings = ratings.sample(frac=0.8, random_state=seed % 1000)
    found = beside(measured, ratings)
    means = ratings.groupby(["prompt", "condition"])["score"].mean()
    for key, sign in (("clap", 1), ("kl", -1), ("visqol", 1), ("cdpam", -1)):
        values = {
            (one.prompt_id, one.condition): one.value
            for one in measured.clips
            if one.column == key and one.value is not None
        }
        cells = [cell for cell in values if cell in means.index]
        expected = stats.spearmanr([sign * values[cell] for cell in cells], [means[cell] for cell in cells]).statistic
        row = of(found, key)["clips"]
        assert row.correlation == pytest.approx(expected, abs=1e-12)
        assert row.n == len(cells)
        assert row.turned == (sign < 0)
        assert {one.over for one in found.agreements if one.metric == key} == {"clips", "within prompts", "conditions"}
    assert "size" not in {one.metric for one in found.agreements}


def test_the_same_data_in_any_order_give_the_same_intervals(seed: int) -> None:
    measured, ratings = drawn(seed, THREE)
    shuffled = ratings.sample(frac=1.0, random_state=seed % 1000)
    assert beside(measured, ratings).agreements == beside(measured, shuffled).agreements
    json.dumps([one.as_dict() for one in beside(measured, ratings).agreements], allow_nan=False)


def test_seeds_are_matched_where_ratings_know_them_and_averaged_where_not(seed: int) -> None:
    measured, ratings = drawn(seed, SIX)
    random = np.random.default_rng(seed)
    second = [replace(one, seed=7, value=random.normal()) for one in measured.clips if one.value is not None]
    both = replace(measured, clips=[*measured.clips, *second])
    assert beside(both, ratings).agreements == beside(measured, ratings).agreements
    without = of(beside(both, ratings.drop(columns="seed")), "clap")["clips"]
    values: dict[tuple[str, str], list[float]] = {}
    for one in both.clips:
        if one.column == "clap" and one.value is not None:
            values.setdefault((one.prompt_id, one.condition), []).append(one.value)
    means = ratings.groupby(["prompt", "condition"])["score"].mean()
    expected = stats.spearmanr([np.mean(values[cell]) for cell in means.index], means.to_numpy()).statistic
    assert without.correlation == pytest.approx(expected, abs=1e-12)


def test_prompts_are_found_by_their_texts(seed: int) -> None:
    measured, ratings = drawn(seed, SIX)
    names = dict.fromkeys(one.prompt_id for one in measured.clips)
    texts = {name: "rain" if place < 2 else f"sound {place}" for place, name in enumerate(names)}
    told = {name: f"rain [{name}]" if text == "rain" else text for name, text in texts.items()}
    known = replace(measured, prompts=texts)
    by_text = beside(known, ratings.assign(prompt=ratings["prompt"].map(told)))
    assert by_text.agreements == beside(measured, ratings).agreements


def test_a_metric_of_sets_is_compared_over_conditions_alone(seed: int) -> None:
    measured, ratings = drawn(seed, SIX, prompts=12, raters=12)
    means = ratings.groupby("condition")["score"].mean()
    values = {name: float(place) for place, name in enumerate(means.index)}
    (row,) = beside(only_sets(measured, dict(values)), ratings).agreements
    assert (row.over, row.n, row.turned) == ("conditions", 6, True)
    assert row.correlation == pytest.approx(-stats.spearmanr(list(values.values()), means).statistic, abs=1e-12)
    (other,) = beside(only_sets(measured, {name: -value for name, value in values.items()}), ratings).agreements
    assert other.correlation == pytest.approx(-row.correlation, abs=1e-12)


def test_three_conditions_tell_nothing_and_the_sentence_says_why(seed: int) -> None:
    measured, ratings = drawn(seed, THREE, prompts=20, raters=20)
    row = of(beside(measured, ratings), "clap")["conditions"]
    assert row.kind == "cannot tell"
    assert "there are 6 orders of 3, so that chance alone agrees completely once in 6" in row.words


def test_agreement_contradiction_and_noise_are_told_apart(seed: int) -> None:
    metrics = (("good", "good", "higher", 2.0), ("bad", "bad", "higher", -2.0), ("noise", "noise", "lower", 0.0))
    measured, ratings = drawn(seed, SIX, prompts=40, raters=12, metrics=metrics)
    heads = {one.metric: one for one in headlines(beside(measured, ratings).agreements)}
    assert heads["good"].kind == "agrees"
    assert heads["bad"].kind == "contradicts"
    assert heads["noise"].high is not None
    assert heads["noise"].high < 0.5
    assert {one.over for one in heads.values()} == {"within prompts"}
    told = sentences(beside(measured, ratings).agreements)
    assert told[0].startswith("good: agrees with the ratings. Over 240 clips of 40 prompts: 0.")
    assert told[1].startswith("bad: contradicts the ratings. Over 240 clips of 40 prompts: −0.")


def test_what_has_no_value_says_why(seed: int) -> None:
    measured, ratings = drawn(seed, THREE)
    (row,) = beside(only_sets(measured, dict.fromkeys(THREE), "openl3: no weights in the folder"), ratings).agreements
    assert (row.kind, row.correlation, row.words) == ("no value", None, "Openl3: no weights in the folder.")
    assert summary([row]) == "1 beside ratings, 1 has no value"
    others = ratings.assign(prompt="another " + ratings["prompt"])
    rows = of(beside(measured, others), "clap")
    assert {one.kind for one in rows.values()} == {"no value"}
    assert "0 clips with a value were rated" in rows["clips"].words


def test_the_reason_is_not_the_one_that_only_the_baseline_has(seed: int) -> None:
    measured, ratings = drawn(seed, THREE)
    measured = only_sets(measured, dict.fromkeys(THREE), "there are no weights")
    own = replace(measured.cells[0], why="it is the reference itself")
    found = beside(replace(measured, cells=[own, *measured.cells[1:]]), ratings)
    assert of(found, "fd")["conditions"].words == "There are no weights."


def test_a_paired_metric_leaves_the_baseline_out(seed: int) -> None:
    measured, ratings = drawn(seed, THREE)
    found = beside(measured, ratings)
    assert set(found.clips["visqol"]["condition"]) == {"sqs-w8a8", "sqd-w8a8"}
    assert of(found, "visqol")["conditions"].n == 2
    assert "baseline" not in set(found.conditions["visqol"]["condition"])


@pytest.mark.parametrize("conditions", [("baseline",), ("baseline", "w8")])
def test_one_condition_or_two_are_no_order(seed: int, conditions: tuple[str, ...]) -> None:
    measured, ratings = drawn(seed, conditions)
    for row in beside(measured, ratings).agreements:
        if row.over == "conditions":
            assert row.kind in ("cannot tell", "no value")
    assert sentences(beside(measured, ratings).agreements)


def test_nobody_rated(seed: int) -> None:
    measured, ratings = drawn(seed, THREE)
    found = beside(measured, pd.DataFrame(ratings.iloc[:0]))
    assert {one.kind for one in found.agreements} == {"no value"}
