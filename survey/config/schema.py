"""The keys of study.yaml as a JSON schema, for editors that complete and check a file while it is written."""

from typing import Any

from survey.config.reading import reader
from survey.config.study import NAME

PROMPTS_FILE = "instead of `prompts`: a table (CSV, XLSX, ODS) with a column named prompt, looked up beside study.yaml"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a study.yaml."""
    made = _plain(reader().json_schema())
    made["properties"]["prompts_file"] = {"type": "string", "minLength": 1, "description": PROMPTS_FILE}
    made["required"] = [key for key in made["required"] if key not in ("conditions", "prompts")]
    made["not"] = {"required": ["scale", "scales"]}
    made["if"] = {"required": ["clips"]}
    made["then"] = {"not": {"required": ["prompts", "prompts_file"]}}
    made["else"] = {
        "required": ["model", "conditions"],
        "oneOf": [{"required": ["prompts"]}, {"required": ["prompts_file"]}],
        "properties": {
            "model": {"type": "string"},
            "conditions": {"items": {"pattern": f"^{NAME.pattern}$"}},
            "prompts": {"uniqueItems": True},
        },
    }
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
