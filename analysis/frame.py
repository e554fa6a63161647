"""Frame: results as a pandas table, for who works from Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd


def to_frame(rows: Iterable[Any]) -> pd.DataFrame:
    """Make a table of results, with the columns that they have in report.json.

    Parameters
    ----------
    rows
        Results of one kind: `report.conditions`, `.comparisons`, `.verdicts`, `.screens`, `.watched`,
        `[report.reliability]`, `findings.rows`, `plan.cells`, or a list of objects read from report.json.

    Returns
    -------
    DataFrame
        One row a result, in the order given; a number that does not exist is NaN. What is nested in a result has
        columns with a dot, such as `icc.single`.

    Examples
    --------
    >>> from analysis.infer.compare import Comparison, holm
    >>> rows = holm([Comparison("paired_t", "a", p=0.01), Comparison("paired_t", "b", p=0.04), Comparison("friedman")])
    >>> to_frame(rows)[["test", "condition", "p", "p_adjusted"]]
           test condition     p  p_adjusted
    0  paired_t         a  0.01        0.02
    1  paired_t         b  0.04        0.04
    2  friedman       NaN   NaN         NaN
    """
    table = pd.json_normalize([_plain(row) for row in rows])
    # A column without any value is one of numbers; of the others pandas knows the kind.
    return table.astype({name: float for name in table.columns if table[name].isna().all()})


def _plain(row: Any) -> dict[str, Any]:
    """Give a result as report.json has it."""
    if isinstance(row, dict):
        return row
    return dict(row.as_dict() if hasattr(row, "as_dict") else asdict(row))
