"""A notebook's tables hold what report.json holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import analyze, to_frame, write_report
from analysis.plan.designs import plan
from analysis.plan.power import Claim
from analysis.questions.abx import abx


def nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def same(frame: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    """Compare cell by cell with what the file has; a list of the file may be a tuple of the result."""
    assert rows
    assert list(frame.columns) == list(rows[0])
    for found, row in zip(frame.to_dict("records"), rows, strict=True):
        for name, value in row.items():
            cell = list(found[name]) if isinstance(value, list) else found[name]
            assert cell == value or (value is None and nothing(cell)), name


def test_tables_are_those_of_the_report(paper_like: pd.DataFrame, tmp_path: Path) -> None:
    report = analyze(paper_like.assign(rated_at=pd.Timestamp("2026-01-01", tz="UTC")), baseline="fp32", bias=True)
    content = json.loads(write_report(report, tmp_path).json.read_text(encoding="utf-8"))
    assert report.rater_model is not None
    same(to_frame(report.conditions), content["conditions"])
    same(to_frame(report.screens), content["screening"]["rules"])
    same(to_frame(report.watched), content["sequential"])
    same(to_frame(report.rater_model.raters), content["rater_model"]["raters"])
    same(to_frame(report.verdicts).assign(scope="these prompts")[list(content["verdicts"][0])],
         [row for row in content["verdicts"] if row["scope"] == "these prompts"])  # fmt: skip
    same(to_frame(content["comparisons"]), content["comparisons"])
    # The file puts the verdict before the note of an equivalence test.
    without_notes = [{name: cell for name, cell in row.items() if name != "note"} for row in content["comparisons"]]
    same(to_frame(report.comparisons).drop(columns="note"), without_notes)
    (flat,) = to_frame([report.reliability]).to_dict("records")
    assert flat["icc.single"] == content["reliability"]["icc"]["single"]
    assert flat["krippendorff_alpha"] == content["reliability"]["krippendorff_alpha"]


def test_numbers_are_numbers_even_where_none_exists(paper_like: pd.DataFrame) -> None:
    frame = to_frame(analyze(paper_like, baseline="fp32").rows("friedman"))
    assert frame["ci_low"].dtype == float
    assert frame["ci_low"].isna().all()
    assert frame["p"].dtype == float
    assert frame["n"].dtype == int


def test_designs_and_findings_are_tables_too() -> None:
    found = plan(Claim(), raters=(6, 10), prompts=(5,), own=(8, 5))
    same(to_frame(found.cells), found.as_dict()["cells"])
    answers = pd.DataFrame({"participant": list("aabb"), "prompt": list("pqpq"), "condition": "x", "reference": "y"})
    rows = to_frame(abx(answers.assign(score=[1, 1, 1, 0])).rows)
    assert rows.set_index("test")["estimate"]["abx_binomial"] == pytest.approx(0.75)


def test_no_rows_are_an_empty_table() -> None:
    assert to_frame([]).empty
