"""What a listening test is: its configuration, design, questions and records.

Names are loaded when asked for, so that who wants a record pays for no reading of sound or of files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from survey.errors import AnswerError, ConfigError, ManifestError, SurveyError

if TYPE_CHECKING:
    from survey.clips.gate import Problem, check_clips
    from survey.clips.manifest import Clip, Manifest, read_manifest, write_manifest
    from survey.config.reading import load_config
    from survey.config.study import StudyConfig
    from survey.records import COLUMNS, REQUIRED, EventRow, RatingRow, Row, SessionRow, write_csv
    from survey.trials.design import PlannedTrial, plan_session
    from survey.trials.questions import QUESTION_TYPES
    from survey.trials.stimulus import Stimulus

__all__ = [
    "COLUMNS",
    "QUESTION_TYPES",
    "REQUIRED",
    "AnswerError",
    "Clip",
    "ConfigError",
    "EventRow",
    "Manifest",
    "ManifestError",
    "PlannedTrial",
    "Problem",
    "RatingRow",
    "Row",
    "SessionRow",
    "Stimulus",
    "StudyConfig",
    "SurveyError",
    "check_clips",
    "load_config",
    "plan_session",
    "read_manifest",
    "write_csv",
    "write_manifest",
]

_HOMES = {
    **dict.fromkeys(("Problem", "check_clips"), "survey.clips.gate"),
    **dict.fromkeys(("Clip", "Manifest", "read_manifest", "write_manifest"), "survey.clips.manifest"),
    "load_config": "survey.config.reading",
    "StudyConfig": "survey.config.study",
    **dict.fromkeys(("PlannedTrial", "plan_session"), "survey.trials.design"),
    "QUESTION_TYPES": "survey.trials.questions",
    "Stimulus": "survey.trials.stimulus",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in __all__:
        raise AttributeError(f"module 'survey' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "survey.records")), name)
