"""The schema for editors: made of the types, and true of what is accepted."""

import json
import random
import re
from pathlib import Path

import pytest
import test_config

from survey.config import schema
from survey.config.reading import load_config
from survey.config.study import StudyConfig
from survey.errors import ConfigError
from survey.yamlfile import read_yaml

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "examples" / "study.yaml"
EXAMPLES = sorted((ROOT / "examples").rglob("study.yaml"))


def the_study_of_the_documents() -> str:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "study.md").read_text(encoding="utf-8"), re.S)
    return block


def faults(path: Path) -> list[str]:
    """Return what an editor says of a file."""
    jsonschema = pytest.importorskip("jsonschema")
    raw = json.loads(json.dumps(read_yaml(path).values))  # keys that are numbers are texts to a schema
    return [error.message for error in jsonschema.Draft202012Validator(schema.json_schema()).iter_errors(raw)]


def test_the_schema_is_one_and_describes_every_key():
    jsonschema = pytest.importorskip("jsonschema")
    made = schema.json_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    for part in (made, *made["$defs"].values()):
        for name, key in part["properties"].items():
            assert key.get("description") or "$ref" in key, name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_names_the_schema_and_keeps_to_it(path):
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(encoding="utf-8"), re.M)
    assert (path.parent / named).resolve() == ROOT / "examples" / "study.schema.json"
    assert faults(path) == []


@pytest.mark.parametrize(
    "text",
    [
        test_config.SMALLEST,
        test_config.WHOLE,
        the_study_of_the_documents(),
        test_config.SMALLEST + "session: {must_listen: Off, headphone_check: 'no'}\n",
        test_config.SMALLEST + "recruitment: {codes: {finished: 0123, screened_out: 7}, platform: no}\n",
        test_config.SMALLEST + "recruitment: {demographics: [age, language], completion_url: null}\n",
        test_config.SMALLEST + "lora: {file: rain.safetensors, strength: 0.8}\n",
        test_config.SMALLEST + "lora: [{file: rain}, {file: wind, strength: -1}]\n",
        test_config.SMALLEST.replace("prompts: [a dog, rain]", "prompts_file: prompts.csv"),
    ],
)
def test_a_valid_study_keeps_to_the_schema(text, tmp_path):
    (tmp_path / "prompts.csv").write_text("prompt\na dog\nrain\n", encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    load_config(path)
    assert faults(path) == []


@pytest.mark.parametrize(
    "text",
    [
        test_config.SMALLEST + "sessions: {}\n",
        test_config.SMALLEST + "session: {ordr: fixed}\n",
        test_config.SMALLEST + "session: {order: latin}\n",
        test_config.SMALLEST + "session: {practice: 21}\n",
        test_config.SMALLEST + "session: {practice: true}\n",
        test_config.SMALLEST + "session: {headphone_check: maybe}\n",
        test_config.SMALLEST + "recruitment: {platform: true}\n",
        test_config.SMALLEST + "sampling: {seeds: []}\n",
        test_config.SMALLEST + "lora: rain.safetensors\n",
        test_config.SMALLEST + "lora: {strength: 1}\n",
        test_config.SMALLEST + "lora: {file: rain, strength: 11}\n",
        test_config.SMALLEST + "sampling: {seconds: '10'}\n",
        test_config.SMALLEST + "scale: {labels: {1: a, 2: b}}\n",
        test_config.SMALLEST + "recruitment: {codes: {done: A}}\n",
        test_config.SMALLEST + "prompts_file: prompts.csv\n",
        test_config.SMALLEST.replace("name: s\n", ""),
        test_config.SMALLEST.replace("prompts: [a dog, rain]\n", ""),
        test_config.SMALLEST.replace("[a dog, rain]", "[a dog, a dog]"),
        test_config.SMALLEST.replace("[a dog, rain]", "[a dog, '']"),
        test_config.SMALLEST.replace("[baseline, sqs-w8a8]", "[../x]"),
    ],
)
def test_what_is_refused_does_not(text, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(path)
    assert faults(path)


def test_an_editor_marks_nothing_that_is_accepted(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values = [
        *("0", "1", "7", "3.5", "-1", "400", "true", "no", "On", "''", "null", "[]", "[3]", "[age]", "[ff.2]", "{}"),
        *("{finished: 7}", "{5: a, 4: b, 3: c, 2: d, 1: e}", "ab", "euler", "random", "huggins", "sona", "a text"),
    ]
    keys = [(name, key) for name in ("sampling", "quantization", "scale", "session", "recruitment", "analysis")
            for key in StudyConfig.__dataclass_fields__[name].type.__dataclass_fields__]  # fmt: skip
    path, taken = tmp_path / "study.yaml", 0
    for name, key in rng.sample(keys, len(keys)):
        for value in rng.sample(values, 8):
            path.write_text(test_config.SMALLEST + f"{name}: {{{key}: {value}}}\n", encoding="utf-8")
            try:
                load_config(path)
            except ConfigError:
                continue
            taken += 1
            assert faults(path) == [], f"{name}.{key}: {value}"
    assert taken > 20


@pytest.mark.parametrize("text", [TEMPLATE.read_text(encoding="utf-8"), the_study_of_the_documents()])
def test_what_is_spelt_out_are_the_defaults(text, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    told, plain = load_config(path), test_config.load(tmp_path, test_config.SMALLEST)
    for name in ("sampling", "calibration", "quantization", "scale", "session", "recruitment", "analysis"):
        assert getattr(told, name) == getattr(plain, name)
