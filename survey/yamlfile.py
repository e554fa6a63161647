"""A YAML file read as it was meant: no key twice, and a word stays a word.

Of YAML's many spellings those of its core schema count: `no`, `1:30`, `0123` and `2026-01-01` are texts, as they look,
where YAML 1.1 made them false, 90, 83 and a date.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from survey.errors import ConfigError

INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
NULL = re.compile(r"~|null|Null|NULL|")
TAG = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that is a mapping of keys.

    Raises
    ------
    ConfigError
        If the file is not there, cannot be read, is no YAML, or names a key twice; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `earmark new FOLDER` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); check the file and its permissions") from error
    try:
        raw = _Loader(text).get_single_data()  # plain values only
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path.name}: not valid YAML at line {line} (a character U+{error.character:04X} that is not text); "
            "remove it"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "syntax"
        raise ConfigError(f"{path.name}: not valid YAML{place} ({problem}); fix that line") from error
    except RecursionError:
        raise ConfigError(f"{path.name}: not valid YAML (nested too deeply); write it flat") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: must be a mapping of keys such as name, model, conditions, prompts")
    return raw


class _Loader(yaml.SafeLoader):
    """YAML's core schema, and no key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping, or refuse a key that stands in it already."""
        lines: dict[Any, int] = {}
        if isinstance(node, yaml.MappingNode):
            for key_node, _ in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise _fault("a key must be a word or a number", key_node)
                key, line = self.construct_object(key_node), key_node.start_mark.line + 1
                if key in lines:
                    raise _fault(f"the key {key_node.value!r} appears twice, first at line {lines[key]}", key_node)
                lines[key] = line
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
