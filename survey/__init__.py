"""What a listening test is: its configuration, design, questions and records."""

from survey.clips.gate import Problem, check_clips
from survey.clips.manifest import Clip, Manifest, read_manifest, write_manifest
from survey.config.study import StudyConfig, load_config
from survey.errors import AnswerError, ConfigError, ManifestError, SurveyError
from survey.records import COLUMNS, REQUIRED, EventRow, RatingRow, Row, SessionRow, write_csv
from survey.trials.design import PlannedTrial, Stimulus, plan_session
from survey.trials.questions import QUESTION_TYPES

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
