"""Fixtures: data sets with R's answers, and a way to write ratings as a person would."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rating_tables import BASELINES, DATA, Golden, ratings_of


@pytest.fixture(params=list(BASELINES))
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    name = request.param
    answers: dict[tuple[str, str], dict[str, float]] = {}
    with (DATA / name / "golden.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            answers.setdefault((row["test"], row["condition"]), {})[row["field"]] = float(row["value"])
    return Golden(name, ratings_of(name, tmp_path), BASELINES[name], answers)


@pytest.fixture
def paper_like(tmp_path: Path) -> pd.DataFrame:
    return ratings_of("paper_like", tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write text or bytes to a ratings file."""

    def write(content: str | bytes, name: str = "ratings.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
