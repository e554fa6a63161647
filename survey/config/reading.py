"""Reading study.yaml: pydantic checks it against the types of its keys, and what is wrong is said in one line."""

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from survey.config.clips import LONGEST_PATH
from survey.config.session import LANGUAGES
from survey.config.study import FIVE, MARGIN, Prompt, StudyConfig
from survey.config.together import check_together
from survey.config.wording import with_translations
from survey.errors import ConfigError
from survey.sources.listing import find_source, list_clips
from survey.values import Limits, OneOf, read_text, shown
from survey.yamlfile import read_yaml

OPTIONAL = (Union, UnionType)  # a value, or None
UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
COLUMN = re.compile(r"prompt_([A-Za-z]{2,3}(?:-[A-Za-z]+)?)")  # of a file of prompts, by language


def load_config(path: Path, known_conditions: Collection[str] | None = None) -> StudyConfig:
    """Read and check a study.yaml.

    Parameters
    ----------
    path
        The file; `prompts_file` is looked up beside it.
    known_conditions
        The conditions that can be rendered; None accepts every well-formed name.

    Raises
    ------
    ConfigError
        With the file, the key's path and what is allowed, in one line.
    SourceError
        If conditions or prompts are to come from clips that cannot be listed.
    """
    raw = read_yaml(path)
    if "prompts_file" in raw:
        if "prompts" in raw:
            raise ConfigError(f"{path.name}: prompts: {_EITHER}")
        raw["prompts"], translated = _prompt_file(raw.pop("prompts_file"), path)
        raw = _with_columns(raw, translated, path.name)
        prompts = "prompts_file"
    else:
        prompts = "prompts"
    raw = _with_baseline(_with_listed(raw, path.parent))
    try:
        config = reader().validate_python(raw)
    except ValidationError as error:
        fault = min(error.errors(include_url=False), key=partial(_turn, raw))
        raise ConfigError(f"{path.name}: {_said(fault, prompts, raw)}") from None
    if config.scales:
        if "scale" in raw:
            raise ConfigError(f"{path.name}: scale: give either scale or scales, not both")
        config = replace(config, scale=config.scales[0])
    if "equivalence_margin" not in (raw.get("analysis") or {}):
        margin = round(config.points * MARGIN / FIVE, 6)
        config = replace(config, analysis=replace(config.analysis, equivalence_margin=margin))
    check_together(config, path.name)
    config = with_translations(config, path.name)
    _refuse_strangers(config, known_conditions, path.name)
    return config


@cache
def reader() -> TypeAdapter[StudyConfig]:
    """Return what pydantic makes of the types; made when it is first asked for."""
    return TypeAdapter(StudyConfig)


_EITHER = "give either prompts or prompts_file, exactly one of them"


def _with_baseline(raw: dict[str, Any]) -> dict[str, Any]:
    """Name the reference of a study that names none: `baseline`, else its first condition."""
    section, conditions = raw.get("analysis", {}), raw.get("conditions")
    if not isinstance(section, dict) or "baseline" in section or not isinstance(conditions, list) or not conditions:
        return raw
    return raw if "baseline" in conditions else {**raw, "analysis": {**section, "baseline": conditions[0]}}


def _with_listed(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Take the conditions and prompts of a study of own clips from their names, where study.yaml gives none."""
    given = raw.get("clips")
    source = given.get("source") if isinstance(given, dict) else given
    if not isinstance(source, str) or len(source) > LONGEST_PATH or raw.get("model") is not None:
        return raw
    missing = [key for key in ("conditions", "prompts") if key not in raw]
    if not missing:
        return raw
    found = list_clips(find_source(folder, source))
    listed = {"conditions": list(found.conditions), "prompts": [text for _, text in found.prompts]}
    return raw | {key: listed[key] for key in missing}


def _refuse_strangers(config: StudyConfig, known: Collection[str] | None, where: str) -> None:
    if config.clips is not None:
        return  # a condition that is no variant is one of own clips
    for name in config.conditions:
        if known is not None and name not in known:
            raise ConfigError(f"{where}: conditions: {shown(name)} is unknown; known: {', '.join(known)}")


def _prompt_file(name: Any, path: Path) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Read the column `prompt` of a CSV file, and of those such as `prompt_de` what stands there, by language."""
    try:
        file = path.parent / read_text(name, 1000)
    except ValueError as error:
        raise ConfigError(f"{path.name}: prompts_file: {error}") from None
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            names = list(reader.fieldnames or ())
            if (named := names.count("prompt")) != 1:
                raise ConfigError(f"{file}: has {named or 'no'} columns named prompt; its first line must name one")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path.name}: prompts_file: {file} cannot be read ({error})") from error
    if not rows:
        raise ConfigError(f"{file}: has no prompts below its header; add at least one")
    columns: dict[str, str] = {named[1]: named[0] for named in map(COLUMN.fullmatch, names) if named}
    if twice := [name for name in columns.values() if names.count(name) > 1]:
        raise ConfigError(f"{file}: has {names.count(twice[0])} columns named {twice[0]}; remove all but one")
    if unknown := set(columns) - set(LANGUAGES):
        raise ConfigError(
            f"{file}: the page has no language {min(unknown)}, of which there is a column {columns[min(unknown)]}; "
            f"known: {', '.join(LANGUAGES)}"
        )
    translated = {
        language: {f"p{number}": row[name] for number, row in enumerate(rows, 1) if (row[name] or "").strip()}
        for language, name in columns.items()
    }
    return [row["prompt"] or "" for row in rows], {language: texts for language, texts in translated.items() if texts}


def _with_columns(raw: dict[str, Any], translated: Mapping[str, Mapping[str, str]], where: str) -> dict[str, Any]:
    """Add the translations of a file of prompts to those that are written."""
    written = raw.get("translations", {})
    if not translated or not isinstance(written, dict):
        return raw
    made = dict(written)
    for language, texts in translated.items():
        words = made.get(language, {})
        if not isinstance(words, dict):
            continue
        if "prompts" in words:
            raise ConfigError(
                f"{where}: translations.{language}.prompts: the file of prompts has a column prompt_{language}, too; "
                "remove one of them"
            )
        made[language] = {**words, "prompts": dict(texts)}
    return {**raw, "translations": made}


# --- what is wrong, in one line -------------------------------------------------------------------


def _turn(raw: Mapping[str, Any], fault: ErrorDetails) -> tuple[bool, bool, int, bool, int]:
    """Return when it is said: an unknown key of the file first, one that is missing, then section by section."""
    place, unknown = fault["loc"], fault["type"] in UNKNOWN
    missing = fault["type"] == "missing" and place != ("prompts",)
    names = [entry.name for entry in fields(StudyConfig)]
    section = names.index(str(place[0])) if place[0] in names else 0
    written = list(raw[str(place[0])]) if len(place) > 1 else []
    return (
        not (unknown and len(place) == 1),
        not missing,
        section,
        not unknown,
        written.index(place[1]) if len(place) > 1 and place[1] in written else 0,
    )


def _said(fault: ErrorDetails, prompts: str, raw: Any) -> str:
    """Say where something is wrong, what may stand there, and what stands there."""
    place, value = fault["loc"], fault["input"]
    if fault["type"] in UNKNOWN or place[-1] == "[key]":
        *above, key = place if place[-1] != "[key]" else place[:-1]
        names, hint = _walked(above, raw)
        name = key if isinstance(key, str) and key.isprintable() and len(key) <= 60 else shown(key)
        return f"{'.'.join([*names, str(name)])}: unknown key; allowed: {', '.join(sorted(_keys(hint)))}"
    names, hint = _walked(place, raw)
    path = ".".join(names if names != ["prompts"] else [prompts])
    match fault["type"]:
        case "missing":
            whose = "every study" if len(place) == 1 else names[0]
            return f"{path}: {_EITHER if path == 'prompts' else f'missing; {whose} needs it'}"
        case "value_error":
            return f"{path}: {fault['ctx']['error']}"
        case "dataclass_type":
            return f"{path}: must be a mapping, not {shown(value)}"
        case "dict_type":
            return f"{path}: must be a mapping of {', '.join(_keys(hint))}, not {shown(value)}"
        case "literal_error":
            return f"{path}: {shown(value)} is unknown; allowed: {', '.join(choices(hint))}"
    return f"{path}: must be {number(hint)}, not {shown(value)}"


def _walked(place: Sequence[int | str], raw: Any) -> tuple[list[str], Any]:
    """Return the names of the keys on the way to a place, and the type that is written there.

    Of several mappings in a list the number, from 1, stands among the names.
    """
    names: list[str] = []
    hint: Any = StudyConfig
    for step in place:
        hint = bare(hint)
        raw, several = _below(raw, step), isinstance(raw, list) and len(raw) > 1
        if is_dataclass(hint):
            hint = {entry.name: entry.type for entry in fields(hint)}[str(step)]
            names.append(str(step))
        elif get_origin(hint) is dict:
            hint = get_args(hint)[1]
            names.append(str(step))
        else:
            hint = get_args(hint)[0]  # of a list, whose entries have no names
            if several and is_dataclass(bare(hint)) and bare(hint) is not Prompt and isinstance(step, int):
                names.append(str(step + 1))
    return names, hint


def _below(raw: Any, step: int | str) -> Any:
    """Return what is written at a step below, None where that is not to be told."""
    if isinstance(raw, list):
        return raw[step] if isinstance(step, int) and step < len(raw) else None
    return raw.get(step) if isinstance(raw, dict) else None


def bare(hint: Any) -> Any:
    """Return a type without its notes, and without the None that may stand for it."""
    while get_origin(hint) in (Annotated, *OPTIONAL):
        hint = get_args(hint)[0]
    return hint


def choices(hint: Any) -> tuple[str, ...]:
    """Return the words that a type allows; none if it allows others."""
    if get_origin(hint) in (UnionType, Union):  # what may be left out
        return choices(get_args(hint)[0])
    named = (note.names for note in get_args(hint)[1:] if isinstance(note, OneOf))
    return get_args(bare(hint)) if get_origin(bare(hint)) is Literal else next(named, ())


def number(hint: Any) -> str:
    """Say which numbers a type allows; empty if it allows others than numbers."""
    if get_origin(hint) in OPTIONAL:
        hint = get_args(hint)[0]
    for limits in (note for note in get_args(hint)[1:] if isinstance(note, Limits)):
        least, most = (f"{end}" if isinstance(end, int) else f"{end:g}" for end in (limits.low, limits.high))
        return f"{'a whole number' if bare(hint) is int else 'a number'} from {least} to {most}"
    return ""


def _keys(hint: Any) -> tuple[str, ...]:
    """Return the keys that may stand in a mapping of this type."""
    if hint is StudyConfig:
        return (*(entry.name for entry in fields(StudyConfig)), "prompts_file")
    return tuple(entry.name for entry in fields(hint)) if is_dataclass(hint) else choices(get_args(bare(hint))[0])
