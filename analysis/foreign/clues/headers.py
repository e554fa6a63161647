"""Headers: which of a file's columns a person would take for which of ours, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.foreign.clues.synonyms import ENDINGS, OTHERWISE, STRONG, WEAK

OURS = (
    *("study", "participant", "session", "position", "kind", "prompt_id", "prompt", "condition", "seed", "stimulus"),
    *("clip_sha256", "score", "plays", "heard_seconds", "response_ms", "rated_at", "comment", "question", "reference"),
    *("first", "x", "passed", "revision", "headphones", "open_ms", "flags", "scale", "low", "high", "answer"),
)
"""The columns of ratings.csv."""
REQUIRED = ("participant", "prompt", "condition", "score")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PERSON = re.compile(r"\b(?:how old|age|years?|wie alt|quel âge|edad)\b", re.IGNORECASE)
_FILE = re.compile(r"\.(?:wav|mp3|flac|ogg|opus|m4a|aac|aiff?)\b|[/\\]\w", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_CUT = re.compile(r"[,(:;?\[]| - | of | as | for | in | to | from ", re.IGNORECASE)


def folded(text: str) -> str:
    """Write a name without what does not matter in it: capitals, blanks, underscores and hyphens.

    Examples
    --------
    >>> folded("Listener_ID "), folded("audio type")
    ('listenerid', 'audiotype')
    """
    return "".join(_WORD.findall(text.casefold()))


def words(text: str) -> list[str]:
    """Give the words of a name in small letters.

    Examples
    --------
    >>> words("listenerId"), words("MOS_score")
    (['listener', 'id'], ['mos', 'score'])
    """
    return _WORD.findall(_CAMEL.sub(" ", text).casefold())


def noun(text: str) -> str:
    """Give the word that a name is about: the last before a comma, a bracket or an "of", without an "id" behind it.

    Examples
    --------
    >>> noun("Rating of the listener"), noun("prompt, as shown, to raters"), noun("Listener number")
    ('rating', 'prompt', 'listener')
    """
    found = words(_CUT.split(text, maxsplit=1)[0]) or words(text)
    while len(found) > 1 and found[-1] in ENDINGS:
        found.pop()
    return found[-1] if found else ""


def tier(role: str, name: str) -> int | None:
    """Say how plainly a name means a column of ours: 0 is its own name, 3 a guess, None that it does not.

    Examples
    --------
    >>> tier("score", "Score"), tier("score", "MOS"), tier("score", "user rating"), tier("score", "value")
    (0, 1, 2, 3)
    >>> tier("score", "rater") is None
    True
    """
    plain = folded(name)
    if plain == folded(role):
        return 0
    if _FILE.search(name) or (role == "condition" and plain == "submissionid"):  # of Prolific: a visit
        return None  # a column called by the clip that it rates
    bare = "".join(_bare(name))
    strong, weak = STRONG.get(role, frozenset()), WEAK.get(role, frozenset())
    if plain in strong or bare in strong:
        return 1
    if noun(name) in strong:
        return 2
    return 3 if plain in weak or bare in weak or noun(name) in weak else None


def is_other(name: str) -> bool:
    """Say whether a column of numbers is none of scores by its name, such as an age or a time.

    Examples
    --------
    >>> is_other("Age"), is_other("rating_time"), is_other("How old are you?"), is_other("sysA")
    (True, True, True, False)
    """
    return folded(name) in OTHERWISE or noun(name) in OTHERWISE or _PERSON.search(name) is not None


def candidates(header: Sequence[str], role: str) -> list[int]:
    """Find the columns whose names mean a column of ours, and none that mean it more plainly.

    Examples
    --------
    >>> candidates(("value", "mos", "rater"), "score")
    [1]
    """
    tiers = {place: rank for place, name in enumerate(header) if (rank := tier(role, name)) is not None}
    exact = [place for place in tiers if header[place] == role]
    best = min(tiers.values(), default=0)
    return exact[:1] or [place for place, rank in tiers.items() if rank == best]


def _bare(name: str) -> list[str]:
    """Give the words of a name without an "id" at their end."""
    found = words(name)
    while len(found) > 1 and found[-1] in ENDINGS:
        found.pop()
    return found
