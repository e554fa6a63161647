"""What the ratings prove: from a tidy ratings.csv to a report.

Names are loaded when asked for, so that importing the package costs nothing where nothing is analysed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from analysis.frame import to_frame
    from analysis.questions.dispatch import analyze_answers
    from analysis.read.answers import Answers, load_answers, load_scales
    from analysis.read.facts import StudyFacts
    from analysis.read.ratings import Ratings, load_ratings
    from analysis.read.sheet import Source
    from analysis.report.content import Report, analyze
    from analysis.report.findings_page import write_findings
    from analysis.report.writing import ReportPaths, write_report

__all__ = [
    "AnalysisError",
    "Answers",
    "Ratings",
    "Report",
    "ReportPaths",
    "Source",
    "StudyFacts",
    "analyze",
    "analyze_answers",
    "load_answers",
    "load_ratings",
    "load_scales",
    "to_frame",
    "write_findings",
    "write_report",
]

_HOMES = {
    **dict.fromkeys(("Ratings", "load_ratings"), "analysis.read.ratings"),
    **dict.fromkeys(("Answers", "load_answers", "load_scales"), "analysis.read.answers"),
    "Source": "analysis.read.sheet",
    "analyze_answers": "analysis.questions.dispatch",
    "to_frame": "analysis.frame",
    "StudyFacts": "analysis.read.facts",
    "write_findings": "analysis.report.findings_page",
    **dict.fromkeys(("ReportPaths", "write_report"), "analysis.report.writing"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "analysis.report.content")), name)
