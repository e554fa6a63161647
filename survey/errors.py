"""Errors of the survey domain.

SurveyError
├── ConfigError      study.yaml cannot be used as it stands
├── SourceError      own clips, or the table that lists them, cannot be used
├── ManifestError    manifest.json is missing, damaged or from a newer version
└── AnswerError      an answer that its question does not allow
"""


class SurveyError(Exception):
    """Base of every error raised by this package; the message is a line for the reader, or one for each fault."""


class ConfigError(SurveyError):
    """The study's configuration names an unknown key, a wrong type or an impossible value."""


class SourceError(SurveyError):
    """A folder or table of own clips, or a file in it, cannot be used."""


class ManifestError(SurveyError):
    """The clip manifest cannot be read."""


class AnswerError(SurveyError):
    """A participant's answer is not one that the question allows."""


def reason(error: Exception) -> str:
    r"""First line of another library's message, short and printable: it may quote a damaged file.

    Examples
    --------
    >>> reason(ValueError("no\x1b[2J\nmore"))
    'no?[2J'
    """
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])
