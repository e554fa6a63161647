"""Reading study.yaml: pydantic checks it against the types of its keys, and all that is wrong is said, a line each."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from survey.config.clips import LONGEST_PATH
from survey.config.session import LANGUAGES
from survey.config.study import FIVE, MARGIN, MAX_PROMPT, NAME, Prompt, StudyConfig
from survey.config.together import apart
from survey.config.wording import fitted
from survey.faults import Fault, Place, Several, fault_at
from survey.sources.listing import find_source, look_through
from survey.sources.prompts import read_prompts
from survey.translations import Translations
from survey.values import Limits, OneOf, read_text, shown
from survey.yamlfile import read_yaml

OPTIONAL = (Union, UnionType)  # a value, or None
UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
EITHER = "give either prompts or prompts_file, exactly one of them"
STAND_INS: dict[str, Any] = {"name": "-", "conditions": ["baseline"], "prompts": ["-"]}  # of keys without a default
# The first keys of words that can be translated.
TRANSLATED = {"translations", "language", "recruitment", "scale", "scales", "questions", "prompts"}


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
        With all that is wrong with the file, in a line each: its name, line and column, the key's path, and what is
        allowed. So are the files that it names: its `prompts_file`, and the clips that its conditions come from.
    """
    document = read_yaml(path)
    raw, faults = _with_prompts(document.values, path)
    raw, unlisted = _with_listed(raw, path.parent)
    faults = [*document.twice, *faults, *unlisted]
    faulty = {document.section(fault) for fault in faults}
    faulty |= {"prompts"} if "prompts_file" in faulty else set()
    faulty |= {"conditions", "prompts"} - set(raw) if unlisted else set()
    config, wrong = _read(
        _with_baseline(raw), "prompts_file" if "prompts_file" in document.values else "prompts", faulty
    )
    faults += wrong
    if config.scales and "scale" in raw:
        faults.append(fault_at("scale", "give either scale or scales, not both"))
        faulty |= {"scale", "scales"}
    faults += apart(config, faulty)
    if not faulty & TRANSLATED:
        config, wrong = fitted(config)
        faults += wrong
    if not faulty & {"clips", "conditions"}:
        faults += _strangers(config, known_conditions)
    if faults:
        raise document.refusal(faults)
    return config


def files_of(path: Path) -> tuple[Path, ...]:
    """Name the files that a study.yaml is read from: itself and its file of prompts, so far as it is sound.

    None are where conditions or prompts are taken from the names of clips: what is read then is a whole folder.
    """
    raw = read_yaml(path).values
    if "clips" in raw and not ("conditions" in raw and raw.keys() & {"prompts", "prompts_file"}):
        return ()
    prompts = raw.get("prompts_file")
    return (path, path.parent / prompts) if isinstance(prompts, str) else (path,)


def _read(raw: dict[str, Any], prompts: str, faulty: set[str]) -> tuple[StudyConfig, list[Fault]]:
    """Check values against their types, and say what is wrong; the first keys of what is wrong are added to `faulty`.

    In the place of a key's values that are wrong stand its defaults, so that the others can be looked at beside each
    other.
    """
    faults: list[Fault] = []
    try:
        config = reader().validate_python(raw)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            section = str(one["loc"][0])
            if one["type"] != "missing" or len(one["loc"]) > 1 or section not in faulty:
                faults += _said(one, prompts, raw)
        faulty |= {str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False)}
        sound = {key: value for key, value in raw.items() if str(key) not in faulty}
        config = reader().validate_python(STAND_INS | sound)
    if config.scales:
        config = replace(config, scale=config.scales[0])
    rules = raw.get("analysis")
    if not isinstance(rules, dict) or "equivalence_margin" not in rules:
        margin = round(config.points * MARGIN / FIVE, 6)
        config = replace(config, analysis=replace(config.analysis, equivalence_margin=margin))
    return config, faults


@cache
def reader() -> TypeAdapter[StudyConfig]:
    """Return what pydantic makes of the types; made when it is first asked for."""
    return TypeAdapter(StudyConfig)


def _with_baseline(raw: dict[str, Any]) -> dict[str, Any]:
    """Name the reference of a study that names none: `baseline`, else its first condition."""
    section, conditions = raw.get("analysis", {}), raw.get("conditions")
    if not isinstance(section, dict) or "baseline" in section or not isinstance(conditions, list):
        return raw
    if "baseline" in conditions or not conditions or not isinstance(conditions[0], str):
        return raw
    return {**raw, "analysis": {**section, "baseline": conditions[0]}}


def _with_listed(raw: dict[str, Any], folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Take the conditions and prompts of a study of own clips from their names, where study.yaml gives none."""
    given = raw.get("clips")
    source = given.get("source") if isinstance(given, dict) else given
    if not isinstance(source, str) or len(source) > LONGEST_PATH or raw.get("model") is not None:
        return raw, []
    missing = [key for key in ("conditions", "prompts") if key not in raw]
    if not missing:
        return raw, []
    found, faults = look_through(find_source(folder, source))
    if faults:
        return raw, [replace(one, place=("clips", "source"), file=one.file or str(found.source)) for one in faults]
    listed = {"conditions": list(found.conditions), "prompts": [text for _, text in found.prompts]}
    return raw | {key: listed[key] for key in missing}, []


def _strangers(config: StudyConfig, known: Collection[str] | None) -> Iterator[Fault]:
    """Find conditions that nobody can render; beside own clips, one that is no variant is one of theirs."""
    for number, name in enumerate(config.conditions):
        if known is not None and config.clips is None and NAME.fullmatch(name) and name not in known:
            yield Fault(f"conditions: {shown(name)} is unknown; known: {', '.join(known)}", ("conditions", number))


def _with_prompts(raw: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Take the prompts and their translations from a file of prompts, where there is one."""
    if "prompts_file" not in raw:
        return raw, []
    rest = {key: value for key, value in raw.items() if key != "prompts_file"}
    if "prompts" in raw:
        return rest, [Fault(f"prompts: {EITHER}", ("prompts_file",))]
    try:
        file = path.parent / read_text(raw["prompts_file"], LONGEST_PATH)
    except ValueError as error:
        return rest, [fault_at("prompts_file", str(error))]
    found, faults = read_prompts(file, LANGUAGES, MAX_PROMPT)
    if faults:
        return rest, faults
    rest, twice = _with_columns(rest, found.translations)
    return {**rest, "prompts": list(found.texts)}, twice


def _with_columns(raw: dict[str, Any], translated: Translations) -> tuple[dict[str, Any], list[Fault]]:
    """Add the translations of a file of prompts to those that are written."""
    written = raw.get("translations", {})
    if not translated or not isinstance(written, dict):
        return raw, []
    made, faults = dict(written), []
    for language, texts in translated.items():
        words = made.get(language, {})
        if not isinstance(words, dict):
            continue
        if "prompts" in words:
            said = f"the file of prompts has a column prompt_{language}, too; remove one of them"
            faults.append(fault_at(f"translations.{language}.prompts", said))
        made[language] = {**words, "prompts": dict(texts)}
    return {**raw, "translations": made}, faults


# --- what is wrong, in words ----------------------------------------------------------------------


def _said(fault: ErrorDetails, prompts: str, raw: Any) -> Iterator[Fault]:
    """Say where something is wrong, what may stand there, and what stands there; of a list of words, for each."""
    place, value = fault["loc"], fault["input"]
    if fault["type"] in UNKNOWN or place[-1] == "[key]":
        *above, key = place if place[-1] != "[key]" else place[:-1]
        names, hint = _walked(above, raw)
        name = key if isinstance(key, str) and key.isprintable() and len(key) <= 60 else shown(key)
        allowed = ", ".join(sorted(_keys(hint)))
        yield Fault(f"{'.'.join([*names, str(name)])}: unknown key; allowed: {allowed}", (*above, key))
        return
    names, hint = _walked(place, raw)
    path = ".".join(names if names != ["prompts"] else [prompts])
    found: Iterable[tuple[Place, str]]
    match fault["type"]:
        case "missing":
            whose = "every study" if len(place) == 1 else names[0]
            found = [((), EITHER if path == "prompts" else f"missing; {whose} needs it")]
        case "value_error":
            error = fault["ctx"]["error"]
            found = error.found if isinstance(error, Several) else [((), str(error))]
        case "dataclass_type":
            found = [((), f"must be a mapping, not {shown(value)}")]
        case "dict_type":
            found = [((), f"must be a mapping of {', '.join(_keys(hint))}, not {shown(value)}")]
        case "literal_error":
            found = [((), f"{shown(value)} is unknown; allowed: {', '.join(choices(hint))}")]
        case _:
            found = [((), f"must be {number(hint)}, not {shown(value)}")]
    yield from (Fault(f"{path}: {said}", (*place, *below)) for below, said in found)


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
