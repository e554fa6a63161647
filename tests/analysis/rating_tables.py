"""Tables of ratings for the tests: the data sets beside them, and small ones made on the spot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.read.matched import Differences
from analysis.read.ratings import load_ratings

DATA = Path(__file__).parent / "data"
BASELINES = {"paper_like": "fp32", "incomplete": "base", "ties": "base"}


@dataclass(frozen=True)
class Golden:
    """A data set with R's answers by test, condition and field."""

    name: str
    ratings: pd.DataFrame
    baseline: str
    answers: dict[tuple[str, str], dict[str, float]]


def ratings_of(name: str, folder: Path) -> pd.DataFrame:
    """Read a data set; the published one names its columns otherwise."""
    text = (DATA / name / "ratings.csv").read_text(encoding="utf-8")
    text = text.replace("rater,prompt,model,score", "participant,prompt,condition,score", 1)
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return load_ratings(path).frame


def table(rows: Iterable[tuple[str, str, str, int]]) -> pd.DataFrame:
    """Make a checked table from tuples."""
    return pd.DataFrame(list(rows), columns=["participant", "prompt", "condition", "score"])


def differences_of(means: pd.DataFrame, reference: str) -> Differences:
    """Raters' differences from a reference, of a table with one row a rater and one column a condition."""
    return Differences(reference, means.drop(columns=reference).sub(means[reference], axis=0))
