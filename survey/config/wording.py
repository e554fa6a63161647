"""Wording: which words a study has of its own, whether their translations fit them, and what these leave out.

Whoever adds words to study.yaml gives them a `Group` in `own_words`, and they can be translated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from survey.config.items import LONGEST_OPTION
from survey.config.study import MAX_PROMPT, StudyConfig
from survey.faults import Fault, fault_at
from survey.translations import place_of
from survey.trials.scale import MAX_LABEL, Scale, plain_scale
from survey.values import MAX_TEXT

MOST_SAID = 3


@dataclass(frozen=True)
class Group:
    """Words below one key: at each key below it the `plain` text, None where the page has words of its own for it.

    Those that stand side by side are translated `whole` or not at all; those of a list are `ordered`, and may be
    translated by a list.
    """

    plain: Mapping[str, str | None]
    longest: int = MAX_TEXT
    whole: bool = False
    ordered: bool = False


def own_words(config: StudyConfig) -> dict[str, Group]:
    """Return the words of a study that can be translated, by the path of their group; "" are those at the top."""
    found = {"": Group({"consent": config.recruitment.consent})}
    for scale in config.asked.scales:
        for name, group in _words_of(scale).items():
            path = f"{place_of(config.asked, scale)}{name}".rstrip(".")
            above = found.get(path, Group({})).plain
            found[path] = replace(group, plain={**above, **group.plain})
    for item in config.questions:
        found[f"questions.{item.name}"] = Group({"ask": item.ask})
        if item.options:
            options = {option: option for option in item.options}
            found[f"questions.{item.name}.options"] = Group(options, LONGEST_OPTION, whole=True, ordered=True)
    found["prompts"] = Group({one.id: one.text for one in config.prompts}, MAX_PROMPT, ordered=True)
    return found


def _words_of(scale: Scale) -> dict[str, Group]:
    """Return the words of a scale."""
    found = {"": Group({"question": scale.question if scale.question != plain_scale().question else None})}
    if scale.type == "acr":
        labels = {str(grade): label if scale.own_labels else None for grade, label in scale.labels.items()}
        found["labels"] = Group(labels, MAX_LABEL, whole=True)
    if scale.ends:
        found["ends"] = Group(dict(zip(("low", "high"), scale.ends, strict=True)), MAX_LABEL, whole=True, ordered=True)
    return found


def fitted(config: StudyConfig) -> tuple[StudyConfig, list[Fault]]:
    """Return a configuration whose translations have the paths of the study's own words, and what does not fit them."""
    groups, made, faults = own_words(config), dict[str, dict[str, str]](), list[Fault]()
    for language, texts in config.translations.items():
        path, place = f"translations.{language}", ("translations", language)
        if language == config.language:
            said = f"{language} is the language of the plain words; remove it, or change language"
            faults.append(Fault(f"{path}: {said}", place))
        made[language], wrong = _fitted(texts, groups)
        faults += [fault.below(path, place) for fault in wrong]
    return replace(config, translations=made), faults


def incomplete(config: StudyConfig) -> list[str]:
    """Say in a line each what translations leave out, and that the plain words' language is not said."""
    lines = []
    if config.translations and config.language is None:
        lines.append("language: not said; with it, the page marks the plain words where they stand beside translations")
    for language, texts in config.translations.items():
        plain = [
            _path(name, key)
            for name, group in own_words(config).items()
            for key, text in group.plain.items()
            if text is not None
        ]
        if missing := [path for path in plain if path not in texts]:
            more = f" and {len(missing) - MOST_SAID} more" if len(missing) > MOST_SAID else ""
            lines.append(
                f"translations.{language}: lacks {', '.join(missing[:MOST_SAID])}{more}; the plain words stand there"
            )
    return lines


def _fitted(texts: Mapping[str, str], groups: Mapping[str, Group]) -> tuple[dict[str, str], list[Fault]]:
    """Return texts by the paths of the study's words, those of lists too, and what the study has no words for."""
    texts, faults, uneven = dict(texts), list[Fault](), set[str]()
    for name, group in groups.items():
        listed = [path for path in texts if name and path.startswith(f"{name}.[")]
        if not listed or not group.ordered:
            continue
        places = [_path(name, key) for key in group.plain]
        if len(listed) != len(places):
            how = f"give as many, or a mapping such as {{{next(iter(group.plain))}: ...}}"
            faults.append(fault_at(name, f"has {len(listed)} texts, the study has {len(places)}; {how}"))
            uneven.add(name)
        given = dict(zip(places, (texts[path] for path in listed), strict=False))
        texts = {path: text for path, text in texts.items() if path not in listed} | given
    longest = {_path(name, key): group.longest for name, group in groups.items() for key in group.plain}
    for path, text in texts.items():
        if path not in longest:
            faults.append(_unknown(path, groups))
        elif len(text) > longest[path]:
            faults.append(fault_at(path, f"has {len(text):,} characters; at most {longest[path]:,} are allowed"))
    faults += [fault for name, group in groups.items() if name not in uneven for fault in _uneven(name, group, texts)]
    return texts, faults


def _uneven(name: str, group: Group, texts: Mapping[str, str]) -> Iterator[Fault]:
    """Find a group of which a part is missing, or of which two read the same that differ in plain words."""
    here = {key: texts[_path(name, key)] for key in group.plain if _path(name, key) in texts}
    if group.whole and 0 < len(here) < len(group.plain):
        yield fault_at(name, f"must give a text for each of {', '.join(group.plain)}")
    if not name or not here:
        return
    first: dict[str, str] = {}
    for key, plain in group.plain.items():
        text = here.get(key, plain)
        twin = first.setdefault(text, key) if text is not None else key
        if twin != key and (plain is None or plain != group.plain[twin]):
            yield fault_at(name, f"{twin} and {key} read the same; make them differ")


def _unknown(path: str, groups: Mapping[str, Group]) -> Fault:
    """Say what may stand in the place of a path."""
    name = max((one for one in groups if one and path.startswith(f"{one}.")), key=len, default="")
    if path in groups:
        return fault_at(path, f"must be a mapping of {_some(groups[path])}")
    if name:
        return fault_at(path, f"the study has no such text; it has {_some(groups[name])}")
    allowed = dict.fromkeys((*groups[""].plain, *(one.split(".")[0] for one in groups if one)))
    return fault_at(path, f"unknown key; allowed: {', '.join(allowed)}")


def _some(group: Group) -> str:
    keys = list(group.plain)
    return ", ".join(keys if len(keys) <= 2 * MOST_SAID else [*keys[:MOST_SAID], "...", keys[-1]])


def _path(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
