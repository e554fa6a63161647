"""Errors of the analysis: each is one line that names the thing, the place and the remedy.

::

    AnalysisError
    ├── RatingsError              the ratings cannot be used
    │   ├── EncodingError         the file is not UTF-8
    │   ├── TableError            the file is not a table separated by commas, semicolons or tabs
    │   ├── MissingColumnError    a required column is absent
    │   ├── ValueMissingError     a participant, prompt or condition is empty
    │   ├── ScoreError            a score is missing, no number or outside the scale
    │   ├── DuplicateRatingError  one participant rated one cell more than once
    │   └── NoRatingsError        the file holds no rating of a trial
    ├── BaselineError             the baseline is not among the conditions
    ├── SettingError              an impossible margin or alpha
    ├── MetricError               a metric cannot be computed
    │   ├── NoValueError          it has no value for these clips; the message says why
    │   ├── SoundError            a clip cannot be read, or holds NaN or infinity
    │   └── WeightsError          weights are missing, or are another model's
    └── ReportError               the report cannot be written
"""

from __future__ import annotations


class AnalysisError(Exception):
    """Base class of everything the analysis refuses."""


class RatingsError(AnalysisError):
    """The ratings cannot be used."""


class EncodingError(RatingsError):
    """The file is not UTF-8 text."""


class TableError(RatingsError):
    """The file is not a table that can be read."""


class MissingColumnError(RatingsError):
    """A required column is absent."""


class ValueMissingError(RatingsError):
    """A participant, prompt or condition is empty."""


class ScoreError(RatingsError):
    """A score is missing, no number or outside the scale."""


class DuplicateRatingError(RatingsError):
    """One participant rated one cell more than once."""


class NoRatingsError(RatingsError):
    """There is no rating of a trial."""


class BaselineError(AnalysisError):
    """The baseline is not among the conditions."""


class SettingError(AnalysisError):
    """The margin or alpha is impossible."""


class MetricError(AnalysisError):
    """A metric cannot be computed."""


class NoValueError(MetricError):
    """A metric has no value for these clips; the message is the reason, one line."""


class SoundError(MetricError):
    """A clip cannot be read, or holds NaN or infinity."""


class WeightsError(MetricError):
    """A network's weights are missing, damaged, or those of another model."""


class ReportError(AnalysisError):
    """The report cannot be written."""
