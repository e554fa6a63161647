"""What table1 says: the plan in a line, the disk that is too small, and numbers beside the paper's."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.metrics.measured import Cell, Column, Measured
from app.errors import UsageError
from app.verbs.metrics.estimate import Estimate, Part, refuse_full_disk, told
from app.verbs.metrics.paper import COLUMNS, PRINTED, beside_paper, over_seeds, write_table
from app.verbs.metrics.table import number, printed
from quant.method.variants import PAPER, VARIANTS
from survey import load_config


def test_the_whole_plan_is_said_in_one_line(tmp_path: Path) -> None:
    prompts = ", ".join(f"sound {number}" for number in range(4875))
    (tmp_path / "study.yaml").write_text(
        f"name: t\nmodel: mini\nconditions: [{', '.join(PAPER)}]\nprompts: [{prompts}]\n"
    )
    config = load_config(tmp_path / "study.yaml", VARIANTS)
    found = Estimate({name: Part(4875, 0.95, False) for name in PAPER}, 60.0, 11_000_000_000)
    lines = told(found, config)
    assert lines[0] == "plan: 4,875 prompts, 7 conditions, 1 seed; 100 steps a clip of 10 s"
    assert lines[1] == "  baseline       4,875 clips, 0.95 s each, from a few steps, one clip at a time: 77 minutes"
    assert lines[-1] == "34,125 clips: about 9.0 hours here; on 4 workers like this machine 2.3 hours; 11 GB"
    assert told(found, config, workers=16, free=500_000_000_000)[-1] == (
        "34,125 clips: about 9.0 hours of one worker; on 16 workers 35 minutes; 11 GB of 500 GB free"
    )
    assert told(Estimate({"baseline": Part(0, 0.0, True)}, 0.0, 0), config)[-1] == "all clips are there"


def test_what_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    assert refuse_full_disk(folder, 1) > 1
    with pytest.raises(UsageError, match=r"there: 1e\+06 GB are needed and [\d.]+ [GM]B are free; choose a folder"):
        refuse_full_disk(folder, 10**15)


def measured_of(values: dict[tuple[str, str], list[float]]) -> Measured:
    """What is measured where a column and condition has these values of seeds."""
    cells = [
        Cell(column, condition, float(np.mean(some)), n=9, seeds=dict(enumerate(some)) if len(some) > 1 else {})
        for (column, condition), some in values.items()
    ]
    columns = [Column(shown.key, shown.heading, "lower") for shown in COLUMNS]
    return Measured("t", "baseline", ["baseline", "sqd-w4a8"], columns, cells, [], {}, "none")


def test_nothing_is_wider_than_a_terminal_and_every_interval_is_said(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = [shown.key for shown in COLUMNS]
    found = measured_of({(key, name): [float(rng.uniform(0, 9))] for key in keys for name in PAPER})
    cells = [replace(cell, low=cell.value - 0.5, high=cell.value + 0.5) for cell in found.cells]
    for count in range(2, len(PAPER) + 1):
        few = replace(found, conditions=list(PAPER[:count]), cells=cells)
        said = "\n".join(printed(few))
        for cell in cells:
            there = f"({number(cell.low)} to {number(cell.high)})" in said
            assert there or cell.condition not in few.conditions, (count, cell)
        assert max(map(len, [*said.splitlines(), *beside_paper(few)])) <= 110
        assert sum("s a clip" in line for line in beside_paper(few)) == 1


def test_numbers_stand_beside_the_papers(tmp_path: Path) -> None:
    found = measured_of({("clap_score", "baseline"): [0.3109], ("state_dict_mb", "sqd-w4a8"): [1130.0]})
    lines = [line.split() for line in beside_paper(found)]
    assert lines[0][:4] == ["condition", "CLAP", "↑", "paper"]
    rest = ["–", "2.170", "–", "–", "87.02", "–"]
    assert lines[2] == ["baseline", "0.3109", "0.3009", "+0.0100", *rest]
    # What is too wide goes on below, with the conditions again.
    assert lines[8][-4:] == ["1.13", "1.03", "+0.10", "–"]
    write_table(found, tmp_path / "table1.csv")
    with (tmp_path / "table1.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["paper"], first["interval_over"]) == ("0.3009", "")
    assert float(first["difference_from_paper"]) == pytest.approx(0.01)
    assert float(second["paper"]) == pytest.approx(1030.0), "in the unit of the column"
    assert float(second["difference_from_paper"]) == pytest.approx(100.0)


def test_the_paper_has_a_row_of_each_of_its_variants() -> None:
    assert set(PRINTED) == {"reported", *PAPER}
    assert {len(row) for row in PRINTED.values()} == {len(COLUMNS)}


def test_differences_are_taken_within_a_seed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, other = rng.normal(80, 20, 5), rng.normal(0.5, 0.1, 5)
    found = measured_of({("fd_openl3", "baseline"): list(base), ("fd_openl3", "sqd-w4a8"): list(base + other)})
    cell = over_seeds(found).cell("fd_openl3", "sqd-w4a8")
    assert cell is not None
    half = 2.7764451051977987 * np.std(other, ddof=1) / np.sqrt(5)  # Student's t, 4 degrees of freedom
    assert cell.difference == pytest.approx(other.mean())
    assert (cell.difference_low, cell.difference_high) == pytest.approx((other.mean() - half, other.mean() + half))
    assert cell.low is not None
    assert cell.low < cell.difference_low + base.mean(), "the seeds' own spread is not in the difference"
    whole = over_seeds(found).cell("fd_openl3", "baseline")
    assert whole is not None
    assert (whole.value, whole.difference) == (pytest.approx(base.mean()), None)


def test_an_interval_over_seeds_ends_where_the_range_of_the_metric_does() -> None:
    columns = [Column("kl_mini", "KL", "lower", 0.0, 13.8), Column("mini_agreement", "agreement", "higher", -1.0, 1.0)]
    cells = [Cell("kl_mini", "b", 0.2, seeds={1: 0.0, 2: 0.4}), Cell("mini_agreement", "b", 0.8, seeds={1: 0.6, 2: 1})]
    distance, agreement = over_seeds(Measured("s", "a", ["a", "b"], columns, cells, [], {}, "none")).cells
    assert distance.low == 0
    assert agreement.high == 1
    assert distance.high == pytest.approx(0.2 + 12.7062 * 0.2, rel=1e-4)  # t of one degree of freedom


def test_nothing_is_less_than_zero_by_rounding() -> None:
    assert [number(value) for value in (-1e-7, 1e-7, -0.0006)] == ["0.000", "0.000", "−0.001"]
