"""What the ratings prove: from a tidy ratings.csv to a report.

Names are loaded when asked for, so that importing the package costs nothing where nothing is analysed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from analysis.ratings import Ratings, Source, load_ratings
    from analysis.report import Report, ReportPaths, StudyFacts, analyze, write_report

__all__ = [
    "AnalysisError",
    "Ratings",
    "Report",
    "ReportPaths",
    "Source",
    "StudyFacts",
    "analyze",
    "load_ratings",
    "write_report",
]

_RATINGS = ("Ratings", "Source", "load_ratings")


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    home = "analysis.ratings" if name in _RATINGS else "analysis.report"
    return getattr(import_module(home), name)
