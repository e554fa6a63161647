"""Which words of its own a study puts on the page, and in which language they are, so that the page can mark them."""

from typing import Any

from app.study import Study
from app.texts import texts
from db import Terms, TrialView
from survey import questionnaire
from survey.config.items import Item
from survey.translations import place_of, worded
from survey.trials.scale import Scale, plain_scale

Mark = dict[str, str]
"""The attributes `lang` and `dir` of words; an empty one is not set."""


def described(study: Study, terms: Terms, scale: Scale) -> dict[str, Any]:
    """Return what the page shows of a scale in a session's language.

    It has a mark for each of its words that is the study's own; the page has words for the others.
    """
    place = place_of(terms.asked, scale)
    parts = {
        "question": ("question", scale.question != plain_scale().question),
        "labels": ("labels.5", scale.own_labels),
        "ends": ("ends.low", bool(scale.ends)),
    }
    marks = {}
    for part, (path, own) in parts.items():
        translated = f"{place}{path}" in terms.texts
        if own or translated:
            marks[part] = mark(study, terms.language if translated else "")
    return {**worded(scale, terms.texts, place).describe(), "marks": marks}


def questioned(study: Study, language: str, item: Item) -> dict[str, Any]:
    """Describe a question beside the clips; where `ask` is empty, the page asks it in its own words."""
    facts = {name: getattr(item, name) for name in ("name", "type", "options", "required", "when")}
    if item.type == "number":
        facts |= {"low": item.low, "high": item.high}
    texts = study.config.translations.get(language, {})
    ask, reads = questionnaire.worded(item, texts)
    marked = mark(study, language if f"questions.{item.name}.ask" in texts else "") if item.own else {}
    return {**facts, "ask": ask, "reads": reads, "mark": marked}


def consent_mark(study: Study, language: str) -> Mark | None:
    """Return the mark of the study's own consent as it is read in a language; None where it is the page's."""
    translated = "consent" in study.config.translations.get(language, {})
    own = translated or study.config.recruitment.consent is not None
    return mark(study, language if translated else "") if own else None


def prompt_mark(study: Study, trial: TrialView) -> Mark:
    """Return the mark of a trial's prompt."""
    return mark(study, trial.terms.language if trial.translated else "")


def mark(study: Study, language: str) -> Mark:
    """Mark words of a language, or without one the plain words of a study, of which it need not be known."""
    known = language or study.config.language or ""
    return {"lang": known, "dir": texts(known)["direction"] if known else "auto"}
