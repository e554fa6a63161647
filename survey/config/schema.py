"""The keys of study.yaml written down: a JSON schema for editors, and tables for readers.

`python -m survey.config.schema` writes both anew after a key was changed.
"""

import json
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

import atomic
from survey.config.reading import bare, choices, number, reader
from survey.config.study import Prompt, StudyConfig

ROOT = Path(__file__).parents[2]
SCHEMA, PAGE = ROOT / "examples" / "study.schema.json", ROOT / "docs" / "study.md"
TABLE = re.compile(r"(<!-- keys of ([\w.]+), from survey/config/study\.py -->\n).*?(<!-- end -->)", re.S)
PROMPTS_FILE = "instead of `prompts`: a CSV file with a column named prompt, looked up beside study.yaml"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a study.yaml."""
    made = _plain(reader().json_schema())
    made["properties"]["prompts_file"] = {"type": "string", "minLength": 1, "description": PROMPTS_FILE}
    made["required"] = [key for key in made["required"] if key != "prompts"]
    made["oneOf"] = [{"required": ["prompts"]}, {"required": ["prompts_file"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "study.yaml of Earmark", **made}


def _plain(part: Any) -> Any:
    """Return a part of a schema without the titles that repeat its keys, its descriptions in one line."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _plain(value) for key, value in part.items() if key != "title" or not isinstance(value, str)}
    if isinstance(found.get("description"), str):
        found["description"] = " ".join(found["description"].split())
    return found


def key_table(name: str) -> str:
    """Return the table of a section's keys in Markdown: what may be written, the default, and what it means.

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
        kind = next(entry.type for entry in fields(StudyConfig) if entry.name == name)
        described = parts["$defs"][kind.__name__]["properties"]
    rows = [("key", "value", "default", "meaning"), ("---",) * 4]
    for entry in fields(kind):
        rows.append((f"`{entry.name}`", _allowed(entry.type), _default(entry), described[entry.name]["description"]))
        if entry.name == "prompts" and kind is StudyConfig:
            rows.append(("`prompts_file`", "text", "", PROMPTS_FILE))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _allowed(hint: Any) -> str:
    kind = bare(hint)
    if kind is Prompt:
        return "text"
    if is_dataclass(kind):
        return "mapping"
    if get_origin(kind) is tuple:
        return f"list: {_allowed(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"text for each of {', '.join(choices(get_args(kind)[0])) or '5, 4, 3, 2, 1'}"
    if kind is bool:
        return "true, false"
    return ", ".join(choices(hint)) or number(hint).removeprefix("a ") or "text"


def _default(entry: "Field[Any]") -> str:
    if is_dataclass(entry.type):
        return ""
    made = entry.default_factory() if entry.default_factory is not MISSING else entry.default
    if made is MISSING or made is None:
        return ""
    plain = list(made) if isinstance(made, tuple) else made
    return yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=1000).removesuffix("...\n").strip()


def with_tables(text: str) -> str:
    """Return a page with its tables of keys as they are now."""
    return TABLE.sub(lambda found: f"{found[1]}\n{key_table(found[2])}\n{found[3]}", text)


def written() -> dict[Path, str]:
    """Return the files that are made of the keys, and what must stand in them."""
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    return {SCHEMA: schema, PAGE: with_tables(PAGE.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for path, content in written().items():
        with atomic.replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
