"""Metrics page: what metrics say of each condition in one table with what people said, and how far the two agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.metrics.measured import Measured
from analysis.read.answers import Answers


def write_metrics_page(measured: Measured, folder: Path, people: Sequence[Answers] = ()) -> Path:
    """Write metrics.html, metrics.csv and figures/ into a folder and return the page's path.

    Parameters
    ----------
    measured
        What metrics say.
    folder
        The folder, such as STUDY/metrics.
    people
        What people said of the same clips, a scale each, as `analysis.read.answers.load_scales` gives it.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    raise NotImplementedError
