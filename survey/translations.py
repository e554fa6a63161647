"""Translations: a study's own words in further languages, each a text at the path of its key.

A path joins the keys of study.yaml below the language by dots: `consent`, `labels.5`, `prompts.p1`. Which paths a study
has is said in survey/config/wording.py; here nothing is known of them but which may change while people take part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from survey.faults import Place, Several
from survey.trials.scale import Asked, Scale
from survey.values import read_text, shown

Translations = Mapping[str, Mapping[str, str]]
"""By language, the texts by their paths."""

FREE = ("consent", "questions")
"""The first keys of paths whose texts may change while people take part, as the plain words there may."""
DEEPEST = 6


def read_texts(value: Any) -> dict[str, str]:
    """Read the words of a language: keys as in study.yaml, laid flat; the entries of a list have the keys [1], [2], ...

    Raises
    ------
    Several
        With the path of each text that is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping of keys such as consent, question, labels and prompts, not {shown(value)}")
    found, faults = dict[str, str](), list[tuple[Place, str]]()
    for way, text, wrong in _flat(value, ()):
        if wrong:
            faults.append((way, f"{'.'.join(way)}: {wrong}"))
        else:
            found[".".join(way)] = text
    if faults:
        raise Several(faults)
    return found


def texts_schema(made: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of what `read_texts` reads."""
    one = {"type": "string", "pattern": r"\S"}
    several = {"type": "object", "additionalProperties": one}
    prompts = {"anyOf": [{"type": "array", "items": one, "minItems": 1}, several]}
    return {"type": "object", "properties": {"consent": one, "question": one, "labels": several, "prompts": prompts}}


def frozen_texts(translations: Translations, *, frozen: bool = True) -> dict[str, dict[str, str]]:
    """Return what of translations is frozen while people take part, or what is not; languages without any are left out.

    Examples
    --------
    >>> frozen_texts({"de": {"consent": "Ja", "question": "Wie?"}, "ja": {"consent": "はい"}})
    {'de': {'question': 'Wie?'}}
    """
    found = {
        language: {path: text for path, text in texts.items() if (path.split(".")[0] not in FREE) is frozen}
        for language, texts in translations.items()
    }
    return {language: texts for language, texts in found.items() if texts}


def joined(*parts: Translations) -> dict[str, dict[str, str]]:
    """Return translations of several parts as one; where two have a path, the later counts."""
    made: dict[str, dict[str, str]] = {}
    for part in parts:
        for language, texts in part.items():
            made[language] = {**made.get(language, {}), **texts}
    return made


def differences(before: Translations, after: Translations) -> list[str]:
    """Say which texts are others in `after`: the path, the text there, and the one before."""
    found = []
    for language in dict.fromkeys((*before, *after)):
        then, now = before.get(language, {}), after.get(language, {})
        found += [
            f"translations.{language}.{path} is {_said(now, path)}, was {_said(then, path)}"
            for path in dict.fromkeys((*then, *now))
            if then.get(path) != now.get(path)
        ]
    return found


def place_of(asked: Asked, scale: Scale) -> str:
    """Return how the paths of a scale's words begin."""
    return f"scales.{scale.name}." if asked.several else ""


def worded(scale: Scale, texts: Mapping[str, str], place: str = "") -> Scale:
    """Return a scale in the words of a language; what has none there keeps the plain ones."""
    labels = {grade: texts.get(f"{place}labels.{grade}", label) for grade, label in scale.labels.items()}
    ends = tuple(
        texts.get(f"{place}ends.{end}", word) for end, word in zip(("low", "high"), scale.ends, strict=bool(scale.ends))
    )
    return replace(scale, question=texts.get(f"{place}question", scale.question), labels=labels, ends=ends)


def _flat(value: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield the way to each text, the text, and what is wrong with it, if something is."""
    named = value.items() if isinstance(value, dict) else ((f"[{number}]", one) for number, one in enumerate(value, 1))
    for key, one in named:
        way = (*above, str(key))
        if isinstance(one, (dict, list)) and len(way) < DEEPEST:
            if not one:
                yield way, "", "is empty; write its words, or remove it"
            yield from _flat(one, way)
            continue
        try:
            yield way, read_text(one), ""
        except ValueError as error:
            yield way, "", str(error)


def _said(texts: Mapping[str, str], path: str) -> str:
    return shown(texts[path]) if path in texts else "not there"
