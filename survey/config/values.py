"""Values of a YAML file: each is checked against its field's type and limits, and refused with its path."""

import reprlib
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_args, get_origin

from survey.errors import ConfigError

MAX_TEXT = 20_000
TRUTH = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}

Section = TypeVar("Section")


def limits(low: float, high: float) -> dict[str, tuple[float, float]]:
    """Allow numbers from `low` to `high`, both included."""
    return {"limits": (low, high)}


def choices(*allowed: str, **words: str) -> dict[str, Any]:
    """Allow these words only; `true` and `false` may stand for one of them each."""
    return {"choices": allowed, "words": {word == "true": meant for word, meant in words.items()}}


def shown(value: object) -> str:
    """Write a value in one short line, whatever it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = 60
    short.maxlevel, short.maxlist, short.maxtuple, short.maxdict = 2, 4, 4, 4
    return short.repr(value)


def refuse_unknown(raw: Mapping[Any, Any], allowed: Collection[str], where: str, prefix: str) -> None:
    """Refuse the first key that is not allowed, with its path."""
    for key in raw:
        if key not in allowed:
            name = key if isinstance(key, str) and key.isprintable() and len(key) <= 60 else shown(key)
            raise ConfigError(f"{where}: {prefix}{name}: unknown key; allowed: {', '.join(sorted(allowed))}")


def section(cls: type[Section], raw: Mapping[str, Any], name: str, where: str) -> Section:
    """Read the section `name` of a file as the dataclass `cls`; what is left out keeps its default."""
    body = raw.get(name, {})
    if not isinstance(body, dict):
        raise ConfigError(f"{where}: {name}: must be a mapping, not {shown(body)}")
    entries = {entry.name: entry for entry in fields(cls)}  # type: ignore[arg-type]
    refuse_unknown(body, entries, where, f"{name}.")
    values = {
        key: _value(value, entries[key].type, entries[key].metadata, f"{where}: {name}.{key}")
        for key, value in body.items()
        if not (value is None and entries[key].default is None)
    }
    assert all(e.default is not MISSING or e.default_factory is not MISSING for e in entries.values())
    return cls(**values)


def _value(value: Any, kind: Any, rules: Mapping[str, Any], where: str) -> Any:
    if isinstance(value, str) and (kind is bool or "words" in rules):
        value = TRUTH.get(value.lower(), value)
    if isinstance(value, bool):
        value = rules.get("words", {}).get(value, value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where}: must be true or false, not {shown(value)}")
        return value
    if kind in (int, float):
        return _number(value, kind, rules["limits"], where)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if not isinstance(value, list) or not (value or inner is str):
            raise ConfigError(f"{where}: must be a list with at least one entry, not {shown(value)}")
        items = tuple(
            _word(item, rules, where, 200) if inner is str else _number(item, inner, rules["limits"], where)
            for item in value
        )
        if len(set(items)) < len(items):
            raise ConfigError(f"{where}: the same entry appears twice; remove one")
        return items
    if get_origin(kind) is dict:
        return _codes(value, rules["keys"], where) if "keys" in rules else _labels(value, where)
    return _word(value, rules, where, MAX_TEXT)


def _word(value: Any, rules: Mapping[str, Any], where: str, longest: int) -> str:
    text = read_text(value, where, longest)
    if "choices" in rules and text not in rules["choices"]:
        raise ConfigError(f"{where}: {shown(text)} is unknown; allowed: {', '.join(rules['choices'])}")
    return text


def _codes(value: Any, keys: Collection[str], where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a mapping of {', '.join(keys)}, not {shown(value)}")
    refuse_unknown(value, keys, where.partition(": ")[0], where.partition(": ")[2] + ".")
    return {
        key: read_text(str(code) if type(code) is int else code, f"{where}.{key}", 100) for key, code in value.items()
    }


def _number(value: Any, kind: type, bounds: tuple[float, float], where: str) -> Any:
    wanted = "a whole number" if kind is int else "a number"
    low, high = bounds
    fits = isinstance(value, int) if kind is int else isinstance(value, (int, float))
    # Compared before it is converted: a whole number of 400 digits is no float.
    if isinstance(value, bool) or not fits or not low <= value <= high:
        least, most = (f"{end}" if isinstance(end, int) else f"{end:g}" for end in bounds)
        raise ConfigError(f"{where}: must be {wanted} from {least} to {most}, not {shown(value)}")
    return kind(value) + 0  # no negative zero


def read_text(value: Any, where: str, longest: int) -> str:
    """Read a text of one to `longest` characters, without the space around it."""
    if not isinstance(value, str) or not value.strip():
        quotes = "; put quotes around it" if isinstance(value, (bool, int, float)) else ""
        raise ConfigError(f"{where}: must be a text that is not empty, not {shown(value)}{quotes}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ConfigError(f"{where}: holds a character that is not text; remove it")
    if len(value) > longest:
        raise ConfigError(f"{where}: has {len(value):,} characters; at most {longest:,} are allowed")
    return value.strip()


def _labels(value: Any, where: str) -> dict[int, str]:
    if not isinstance(value, dict) or set(value) != {1, 2, 3, 4, 5}:
        raise ConfigError(f"{where}: must give a text for each of 5, 4, 3, 2 and 1")
    labels = {score: read_text(value[score], f"{where}.{score}", 100) for score in (5, 4, 3, 2, 1)}
    if len(set(labels.values())) < len(labels):
        raise ConfigError(f"{where}: two labels read the same; make them differ")
    return labels


def restored(cls: type[Section], stored: Mapping[str, Any]) -> Section:
    """Make a section again of what `dataclasses.asdict` and JSON made of it; a key of later times has its default."""
    values: dict[str, Any] = {}
    for entry in fields(cls):  # type: ignore[arg-type]
        if entry.name in stored:
            value = stored[entry.name]
            if get_origin(entry.type) is tuple:
                value = tuple(value)
            elif entry.type == dict[int, str]:
                value = {int(key): text for key, text in value.items()}
            values[entry.name] = value
    return cls(**values)
