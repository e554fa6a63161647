"""A YAML file read as it was meant: no key twice, and a word stays a word.

Of YAML's many spellings those of its core schema count: `no`, `1:30`, `0123` and `2026-01-01` are texts, as they look,
where YAML 1.1 made them false, 90, 83 and a date.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from survey.errors import ConfigError
from survey.faults import Fault, Place, in_lines

INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
NULL = re.compile(r"~|null|Null|NULL|")
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """A file that was read: its values, where in it they stand, and which keys stand there twice."""

    path: Path
    values: dict[str, Any]
    root: Any
    twice: tuple[Fault, ...]

    def refusal(self, faults: Iterable[Fault]) -> ConfigError:
        """Return the error that says all faults, each with its line and column."""
        return ConfigError(in_lines(map(self._placed, faults), str(self.path)))

    def section(self, fault: Fault) -> str:
        """Return the first key on the way to a fault; empty where it lies outside all."""
        if fault.place or not isinstance(self.root, yaml.MappingNode):
            return str(fault.place[0]) if fault.place else ""
        above = [key for key, _ in self.root.value if _position(key.start_mark) <= (fault.line, fault.column)]
        return str(above[-1].value) if above else ""

    def _placed(self, fault: Fault) -> Fault:
        line, column = (fault.line, fault.column) if fault.line or fault.file else self._find(fault.place)
        return replace(fault, line=line, column=column)

    def _find(self, place: Place) -> tuple[int, int]:
        """Return line and column of a place, or else of the nearest above it; 0 and 0 where there is none."""
        node, found = self.root, (0, 0)
        for step in place:
            if below := _below(node, step):
                start, node = below
                found = _position(start)
        return found


def read_yaml(path: Path) -> Document:
    """Read a file that is a mapping of keys.

    Raises
    ------
    ConfigError
        If the file is not there, cannot be read, or is no YAML; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `earmark new FOLDER` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); check the file and its permissions") from error
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        values = None if root is None else loader.construct_document(root)  # plain values only
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        said = f"not valid YAML (a character U+{error.character:04X} that is not text); remove it"
        raise _refusal(path, Fault(said, line=line)) from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "syntax"
        line, column = _position(mark) if mark else (0, 0)
        fault = Fault(f"not valid YAML ({problem}); fix that line", line=line, column=column)
        raise _refusal(path, fault) from error
    except RecursionError:
        raise _refusal(path, Fault("not valid YAML (nested too deeply); write it flat")) from None
    if not isinstance(values, dict):
        raise _refusal(path, Fault("must be a mapping of keys such as name, model, conditions, prompts"))
    return Document(path, values, root, tuple(loader.twice))


def _refusal(path: Path, fault: Fault) -> ConfigError:
    return ConfigError(in_lines([fault], str(path)))


def _position(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _below(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return where a step below a node begins, and the node there; None where the node has none of that name."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in reversed(node.value) if key.value == str(step))  # the last one counts
        return next(((key.start_mark, value) for key, value in pairs), None)
    if isinstance(node, yaml.SequenceNode):
        entries = dict(enumerate(node.value)) if isinstance(step, int) else _named(node.value)
        if (entry := entries.get(step)) is not None:
            return entry.start_mark, entry
    return None


def _named(entries: list[Any]) -> dict[Any, Any]:
    """Return the entries of a list by what they are called: their number, also as `p1` or `[1]`, and their name."""
    found: dict[Any, Any] = {}
    for number, entry in enumerate(entries, 1):
        found |= {str(number): entry, f"p{number}": entry, f"[{number}]": entry}
    for entry in entries:
        _, name = (isinstance(entry, yaml.MappingNode) and _below(entry, "name")) or (None, None)
        if isinstance(name, yaml.ScalarNode):
            found.setdefault(name.value, entry)
    return found


class _Loader(yaml.SafeLoader):
    """YAML's core schema, and no key twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[Fault] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping, and note a key that stands in it already."""
        lines: dict[Any, int] = {}
        if isinstance(node, yaml.MappingNode):
            for key_node, _ in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise _fault("a key must be a word or a number", key_node)
                key, (line, column) = self.construct_object(key_node), _position(key_node.start_mark)
                if key in lines:
                    said = f"the key {key_node.value!r} appears twice, first at line {lines[key]}; remove one"
                    self.twice.append(Fault(said, line=line, column=column))
                lines.setdefault(key, line)
        made: dict[Any, Any] = yaml.constructor.BaseConstructor.construct_mapping(self, node, deep)
        return made

    def whole(self, node: Any) -> int:
        """Make a whole number; ones that Python does not read have thousands of digits."""
        text = self.construct_scalar(node)
        try:
            return int(text)
        except ValueError:
            raise _fault(f"not a whole number: {len(text):,} characters, starting with {text[:20]!r}", node) from None

    def real(self, node: Any) -> float:
        """Make a number."""
        text = self.construct_scalar(node).lower()
        try:
            return float(text.replace(".inf", "inf").replace(".nan", "nan")) + 0  # no negative zero
        except ValueError:
            raise _fault(f"not a number: {text[:20]!r}", node) from None

    def truth(self, node: Any) -> bool:
        """Make a truth value."""
        text = self.construct_scalar(node)
        if not BOOL.fullmatch(text):
            raise _fault(f"neither true nor false: {text[:20]!r}", node)
        return bool(text.lower() == "true")


def _fault(problem: str, node: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.yaml_implicit_resolvers, _Loader.yaml_constructors = {}, {}  # none of YAML 1.1's
for _name, _pattern, _first in (
    ("bool", BOOL, "tTfF"),
    ("null", NULL, ["~", "n", "N", ""]),
    ("int", INT, "-+0123456789"),
    ("float", FLOAT, "-+0123456789."),
):
    _Loader.add_implicit_resolver(TAG + _name, re.compile(f"(?:{_pattern.pattern})$"), list(_first))
_MAKERS: dict[str, Any] = {
    "bool": _Loader.truth,
    "null": _Loader.construct_yaml_null,
    "int": _Loader.whole,
    "float": _Loader.real,
    "str": _Loader.construct_yaml_str,
    "seq": _Loader.construct_yaml_seq,
    "map": _Loader.construct_yaml_map,
}
for _name, _make in _MAKERS.items():
    _Loader.add_constructor(TAG + _name, _make)
_Loader.yaml_constructors[None] = _Loader.construct_undefined
