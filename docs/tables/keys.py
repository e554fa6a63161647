"""The keys of study.yaml: a table for each section, and the schema that editors read."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin

import yaml

from docs.tables.markdown import table
from survey.config.clips import NumberOr
from survey.config.items import Place
from survey.config.reading import bare, choices, number
from survey.config.schema import PROMPTS_FILE, json_schema
from survey.config.study import Prompt, StudyConfig


def _section(hint: Any) -> Any:
    """Return the dataclass of a section, be it one of a list; None of other keys."""
    kind = bare(hint)
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if is_dataclass(kind) and kind is not Prompt else None


# A table for each kind of section: the first key that takes it names the table.
_FIRST = {_section(entry.type): entry.name for entry in reversed(fields(StudyConfig)) if _section(entry.type)}
SECTIONS = ("study", *(entry.name for entry in fields(StudyConfig) if entry.name in _FIRST.values()))


def schema() -> str:
    """Write the schema."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def keys(name: str) -> str:
    """Write a table of a section's keys: what may be written, the default, and what it means.

    Parameters
    ----------
    name
        A section, or `study` for the keys of the file itself.
    """
    parts = json_schema()
    kind: Any = StudyConfig
    if name == "study":
        described = parts["properties"]
    else:
        kind = next(_section(entry.type) for entry in fields(StudyConfig) if entry.name == name)
        described = parts["$defs"][kind.__name__]["properties"]
    rows = []
    for entry in fields(kind):
        said = described[entry.name]
        rows.append((f"`{entry.name}`", _allowed(entry.type, said), _default(entry), said["description"]))
        if entry.name == "prompts" and kind is StudyConfig:
            rows.append(("`prompts_file`", "text", "", PROMPTS_FILE))
    return table(("key", "value", "default", "meaning"), rows)


def _allowed(hint: Any, described: Mapping[str, Any]) -> str:
    """Say what may be written for a type, which the schema has `described`."""
    kind = bare(hint)
    for note in (note for note in get_args(hint)[1:] if isinstance(note, NumberOr)):
        return f"{note.allowed.removeprefix('a ')}, {note.word}"
    if kind is Prompt:
        return "text"
    if kind is Place:
        return "before, after, {after_trials: N}, every N"
    if is_dataclass(kind):
        return "mapping"
    if get_origin(kind) is tuple:
        if _section(hint):
            return "list of mappings" if described.get("type") == "array" else "mapping, or list of them"
        return f"list: {_allowed(get_args(kind)[0], described.get('items', {}))}"
    if get_origin(kind) is dict and get_origin(get_args(kind)[1]) is tuple:
        return "an answer, or a list of them, for each of other questions"
    if get_origin(kind) is dict and get_origin(bare(get_args(kind)[1])) is dict:
        return f"mapping of words for each of {', '.join(choices(get_args(kind)[0]))}"
    if get_origin(kind) is dict:
        return f"text for each of {', '.join(choices(get_args(kind)[0])) or '5, 4, 3, 2, 1'}"
    if kind is bool:
        return "true, false"
    return ", ".join(choices(hint)) or number(hint).removeprefix("a ") or "text"


def _default(entry: "Field[Any]") -> str:
    if is_dataclass(entry.type):
        return ""
    made = entry.default_factory() if entry.default_factory is not MISSING else entry.default
    if made is None:
        return next((note.word for note in get_args(entry.type)[1:] if isinstance(note, NumberOr)), "")
    if made is MISSING:
        return ""
    plain = made.at if isinstance(made, Place) else list(made) if isinstance(made, tuple) else made
    return yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=1000).removesuffix("...\n").strip()
