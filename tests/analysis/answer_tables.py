"""Helpers for the tests of question types: R's answers, files written on the spot, and words that must not be said."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict
from math import isfinite
from pathlib import Path

import pandas as pd
import pytest

from analysis.infer.compare import Comparison
from analysis.questions.findings import Findings

DATA = Path(__file__).parent / "data"
FORBIDDEN = ("indistinguishable", "no difference", "identical", "cannot be told apart", "same quality", "equal")
PAIR = "question,participant,prompt,condition,reference,first,score\n"
ABX = "question,participant,prompt,condition,reference,first,x,position,score\n"
ONE = "question,participant,prompt,condition,score\n"
TEXT = "question,participant,prompt,condition,score,comment\n"
FILES = {
    "acr": ONE + "acr,007,a dog,baseline,4\n,007,a dog,w8,5.0\n",
    "ab": PAIR + "ab,007,a dog,w8,baseline,w8,-1\nab,007,a cat,w8,baseline,,0\nab,008,a cat,w8,baseline,w8,+1\n",
    "ccr": PAIR + "ccr,007,a dog,w8,baseline,w8,-3\nccr,007,a dog,w8,baseline,baseline,2.0\n",
    "abx": ABX + "abx,r,p,w8,baseline,w8,baseline,1,1\nabx,r,p,baseline,w8,w8,baseline,2,0\n",
    "mushra": ONE + "mushra,r,p,baseline,100\nmushra,r,p,w8,0\nmushra,r,p,anchor,37\n",
    "text": TEXT + 'text,r,p,w8,,"good, but\nnoisy"\ntext,r,q,w8,,\ntext,s,p,w8,,\'-10 dB?\n',
}


def golden(folder: str) -> dict[tuple[str, str, str], dict[str, float]]:
    """R's answers by test, condition and reference."""
    answers: dict[tuple[str, str, str], dict[str, float]] = {}
    with (DATA / folder / "golden.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["test"], row["condition"], row["reference"]
            answers.setdefault(key, {})[row["field"]] = float(row["value"])
    return answers


def check_rows(rows: Iterable[Comparison], answers: dict[tuple[str, str, str], dict[str, float]]) -> None:
    """Compare every one of R's numbers with the row of its test, condition and reference."""
    found = {(row.test, row.condition or "", row.reference or ""): row for row in rows}
    for key, fields in answers.items():
        for field, value in fields.items():
            assert getattr(found[key], field) == pytest.approx(value, rel=1e-8, abs=1e-11), (key, field)


def check_sound(findings: Findings) -> None:
    """No number is NaN, a missing p value has a reason, and no sentence reads sameness out of a missing proof."""
    for row in findings.rows:
        for field, value in asdict(row).items():
            assert not isinstance(value, float) or isfinite(value), (row, field)
        described = row.test.startswith("abx_dprime")
        assert row.p is not None or described or row.note.startswith(("not computed: ", "no interval: ")), row
    text = " ".join(findings.sentences).lower()
    assert not [word for word in FORBIDDEN if word in text]
    for table in findings.tables:
        assert {len(row) for row in table.rows} <= {len(table.columns)}


def answers_of(rows: Iterable[tuple[str, str, str, str, str, int]]) -> pd.DataFrame:
    """Make a checked table of answers about pairs."""
    columns = ["participant", "prompt", "condition", "reference", "first", "score"]
    return pd.DataFrame(list(rows), columns=columns)
