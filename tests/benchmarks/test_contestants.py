"""Contestants of a benchmark take turns, each may have a process of its own, and figures are what their times say."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from random import Random

import pytest

from benchmarks.common.peak import peaks
from benchmarks.common.rounds import in_turn, medians
from benchmarks.common.served import ROOT, Served, ServedError
from benchmarks.common.stable_audio import Step, random_model
from benchmarks.engine.made import with_switches
from benchmarks.engine.speed import concluded, work

MODULE = """
import os, sys
def made(answer, name):
    print("libraries print when they are imported")
    def run():
        print("and when they run")
        return [answer, os.environ.get(name)]
    return run
def breaks():
    raise ValueError("no such network")
"""


def test_contestants_take_turns_and_the_first_turn_is_not_counted() -> None:
    calls: list[str] = []

    def contestant(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    taken = in_turn({name: partial(contestant, name) for name in "ab"}, rounds=3)
    assert "".join(calls) == "abababab"
    assert taken == {"a": [3, 5, 7], "b": [4, 6, 8]}
    assert medians(taken) == {"a": 5, "b": 6}


def test_a_contestant_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "contestant.py").write_text(MODULE, encoding="utf-8")
    held = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]), "HELD_TO": "less"}
    one = Served("contestant:made", {"dB": 3.5}, "HELD_TO", held=held)
    assert one.value() == [{"dB": 3.5}, "less"]
    assert 0 <= one.seconds() < 60
    one.close()
    with pytest.raises(ServedError, match="ValueError: no such network"):
        Served("contestant:breaks", held=held)


def test_a_clip_switches_groups_seven_times_and_once_to_the_first() -> None:
    # 92 steps within a group, and the first of each of 8 groups.
    assert with_switches(2.0, 5.0, 100) == pytest.approx((92 * 2 + 8 * 5) / 100)


def test_ratios_are_those_of_the_same_rounds(seed: int) -> None:
    rng = Random(seed)
    names = ("fp32", "bf16", "sqs", "sqd", "sqd_switching", "peak_int8_tops", "peak_read_gb_s")
    first = {name: rng.uniform(0.5, 5) for name in names}
    second = {name: rng.uniform(0.5, 5) for name in ("fp32", "lora", "lora_switching", "exact")}
    operations, weights = rng.uniform(1e11, 1e12), rng.uniform(1e8, 1e9)
    found = concluded(first, second, operations, weights)
    sqd = 0.92 * first["sqd"] + 0.08 * first["sqd_switching"]
    lora = 0.92 * second["lora"] + 0.08 * second["lora_switching"]
    assert found["sqd_vs_fp32"] == pytest.approx(first["fp32"] / sqd)
    assert found["sqd_vs_bf16"] == pytest.approx(first["bf16"] / sqd)
    assert found["sqs_vs_fp32"] == pytest.approx(first["fp32"] / first["sqs"])
    assert found["sqd_lora_vs_fp32"] == pytest.approx(second["fp32"] / lora)
    assert found["sqd_exact_vs_fp32"] == pytest.approx(second["fp32"] / second["exact"])
    products = operations / (first["peak_int8_tops"] * 1e12)
    assert found["floor_s"] == pytest.approx(max(products, weights / (first["peak_read_gb_s"] * 1e9)))
    assert found["sqd_share_of_peak"] == pytest.approx(100 * products / sqd)


def test_operations_of_a_step_are_those_of_its_products() -> None:
    operations, weights = work(random_model(1, alone=True), Step())
    width, tokens = 1536, 216  # a latent of 215 frames and the token of the noise level
    square, both = width * width, 2 * tokens
    # The half of guidance without a text has no cross-attention, and the text's keys and values are there already.
    assert operations == 2 * square * (both * (3 + 1 + 8 + 4) + tokens * (1 + 1))
    # Keys and values of the text, from 768 channels, have half as many heads as its queries.
    assert weights == square * (3 + 1 + 1 + 1 + 8 + 4) + 768 * (768 + 768)


def test_the_processors_peak_is_measured() -> None:
    for measure in peaks(threads=1).values():
        assert measure() > 0
