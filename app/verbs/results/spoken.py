"""What participants read of the question in each language in which they took part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.texts import texts

if TYPE_CHECKING:
    from analysis.read.facts import Spoken
    from survey import StudyConfig
    from survey.trials.scale import Scale


def spoken_in(config: StudyConfig, languages: Mapping[str, int]) -> tuple[Spoken, ...]:
    """Say in which languages people took part, given how many in each by its code; empty stands for one not known.

    Where there are several questions, none is told as the one of a language.
    """
    from analysis.read.facts import Spoken

    return tuple(
        Spoken(_named(code), count, "" if config.asked.several else question_in(config, code))
        for code, count in Counter(languages).most_common()
        if count
    )


def question_in(config: StudyConfig, language: str, scale: Scale | None = None) -> str:
    """Return what is asked in a language: the study's own question there, else in plain words, else the page's.

    Of several scales it is the first's question, unless another is given.
    """
    from survey.trials.scale import plain_scale

    asked = _worded(config, scale or config.asked.first, language)
    if asked.question != plain_scale().question:
        return asked.question
    page = texts(language or "en")
    return page.get(f"question_{asked.type}", page["question"])


def labels_in(config: StudyConfig, scale: Scale, language: str) -> dict[int, str]:
    """Return the words of a scale's five grades in a language, likewise, or those of the ends of one of numbers."""
    from survey.trials.questions import ends
    from survey.trials.scale import NUMBERS, plain_scale

    asked = _worded(config, scale, language)
    if asked.type in NUMBERS:
        words = zip(ends(asked), asked.ends, strict=bool(asked.ends))
        return {int(end): word for end, word in words if end == int(end)}
    if asked.type != "acr":
        return {}
    labels = asked.labels
    if labels != plain_scale().labels:
        return labels
    return {grade: texts(language or "en")[f"grade_{grade}"] for grade in labels}


def _worded(config: StudyConfig, scale: Scale, language: str) -> Scale:
    """Return a scale in the words of a language."""
    from survey.translations import place_of, worded

    return worded(scale, config.translations.get(language, {}), place_of(config.asked, scale))


def only_language(languages: Mapping[str, int]) -> str:
    """Return the language in which all took part; empty where there are several, or it is not known."""
    return next(iter(languages)) if len(languages) == 1 else ""


def _named(code: str) -> str:
    """Name a language in English."""
    from babel import Locale

    return str(Locale.parse(code).english_name) if code else "a language that is not known"
