"""What a value of study.yaml may be: notes on the types of its keys, which its reader and its JSON schema follow.

`Limits`, `OneOf` and `Reads` stand in `Annotated[...]` and speak to pydantic; nothing of it is imported here, so that
classes of values cost nothing where no file is read.
"""

import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Annotated, Any, TypeVar, get_args, get_origin

MAX_TEXT = 20_000
TRUTH = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}

CONFIG = {"extra": "forbid", "use_attribute_docstrings": True}  # of a section, for pydantic
Section = TypeVar("Section")
Schema = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """The numbers from `low` to `high`, both included; a truth or a text is no number, and 2.0 no whole one."""

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        """Return pydantic's schema of such a number."""
        return {**handler(source), "strict": True, "ge": self.low, "le": self.high}


@dataclass(frozen=True)
class OneOf:
    """One of these words, where code says which there are; else `Literal` does."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        """Return pydantic's schema of such a word."""
        return {"type": "literal", "expected": list(self.names)}


@dataclass(frozen=True)
class Reads:
    """How what is written becomes a value: `read` returns it or raises ValueError with a line that says what may stand.

    `schema` turns the JSON schema of the value into that of what may be written; `after` reads what the type has made
    of it already.
    """

    read: Callable[[Any], Any]
    schema: Callable[[Schema], Schema] = dict
    after: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        """Return pydantic's schema of the value, read before it is checked or after that."""
        kind = "function-after" if self.after else "function-before"
        return {"type": kind, "function": {"type": "no-info", "function": self.read}, "schema": handler(source)}

    def __get_pydantic_json_schema__(self, core: Schema, handler: Callable[[Schema], Schema]) -> Schema:
        """Return the JSON schema of what may be written."""
        return self.schema(handler(core))


class _Yaml(reprlib.Repr):
    """Writes values in short, nothing and truth as YAML and JSON have them."""

    def repr_NoneType(self, value: None, level: int) -> str:
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return "true" if value else "false"


def shown(value: object) -> str:
    """Write a value in one short line, whatever it is."""
    short = _Yaml()
    short.maxstring = short.maxlong = short.maxother = 60
    short.maxlevel, short.maxlist, short.maxtuple, short.maxdict = 2, 4, 4, 4
    return short.repr(value)


def read_text(value: Any, longest: int = MAX_TEXT) -> str:
    """Read a text of one to `longest` characters, without the space around it.

    Raises
    ------
    ValueError
        If it is none; the message says what it must be.
    """
    if not isinstance(value, str) or not value.strip():
        quotes = "; put quotes around it" if isinstance(value, (bool, int, float)) else ""
        raise ValueError(f"must be a text that is not empty, not {shown(value)}{quotes}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds a character that is not text; remove it")
    if len(value) > longest:
        raise ValueError(f"has {len(value):,} characters; at most {longest:,} are allowed")
    return value.strip()


def text(longest: int) -> Reads:
    """Take a text of one to `longest` characters."""
    return Reads(
        partial(read_text, longest=longest),
        lambda made: {**made, "minLength": 1, "maxLength": longest, "pattern": r"\S"},
    )


TEXT, WORD = text(MAX_TEXT), Reads(read_text)


def words(**meant: str) -> Reads:
    """Take a word, for two of which `true` and `false` may stand."""

    def read(value: Any) -> str:
        truth = _truth(value)
        return (
            meant[str(truth).lower()] if isinstance(truth, bool) and str(truth).lower() in meant else read_text(value)
        )

    return Reads(read, lambda made: {"anyOf": [made, *_truths_schema({word == "true" for word in meant})]})


def _truths_schema(meant: Collection[bool]) -> tuple[Schema, Schema]:
    """Return the JSON schema of these truths and of the words for them, in any case."""
    spelt = [[f"[{letter.upper()}{letter}]" for letter in word] for word, truth in TRUTH.items() if truth in meant]
    pattern = f"^({'|'.join(map(''.join, spelt))})$"
    return {"enum": sorted(meant, reverse=True)}, {"type": "string", "pattern": pattern}


def _truth(value: Any) -> Any:
    return TRUTH.get(value.lower(), value) if isinstance(value, str) else value


def _read_truth(value: Any) -> bool:
    truth = _truth(value)
    if not isinstance(truth, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")
    return truth


def _read_code(value: Any) -> str:
    return read_text(str(value) if type(value) is int else value, 100)


def _read_entries(value: Any, least: int) -> list[Any]:
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"must be a list with at least one entry, not {shown(value)}")
    return value


def _distinct(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(value)) < len(value):
        raise ValueError("the same entry appears twice; remove one")
    return value


def entries(least: int = 0) -> Reads:
    """Take a list of `least` entries or more."""
    return Reads(partial(_read_entries, least=least), lambda made: {**made, "minItems": least})


DISTINCT = Reads(_distinct, lambda made: {**made, "uniqueItems": True}, after=True)
Truth = Annotated[bool, Reads(_read_truth, lambda made: {"anyOf": list(_truths_schema((True, False)))})]
Code = Annotated[str, Reads(_read_code, lambda made: {"anyOf": [{**made, "minLength": 1}, {"type": "integer"}]})]


def restored(cls: type[Section], stored: Mapping[str, Any]) -> Section:
    """Make a section again of what `dataclasses.asdict` and JSON made of it; a key of later times has its default.

    What was stored was read once and is not checked again: limits of a newer version do not close an older study.
    """
    of: Any = cls  # which mypy holds to have no hash
    values = {name: stored[name] for name in _kinds(of) if name in stored}
    for name, kind in _kinds(of).items():
        if kind is tuple and name in values:
            values[name] = tuple(values[name])
        elif kind is dict and name in values:
            values[name] = {int(key): text for key, text in values[name].items()}
    return cls(**values)


@cache
def _kinds(cls: type[Any]) -> dict[str, Any]:
    """Return what JSON does not tell of each field: whether it is a tuple, or a mapping of numbers."""
    kinds = {}
    for entry in fields(cls):
        kind: Any = get_args(entry.type)[0] if get_origin(entry.type) is Annotated else entry.type
        kinds[entry.name] = get_origin(kind)
    return kinds
