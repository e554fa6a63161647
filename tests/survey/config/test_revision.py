"""What is frozen: every key is decided, and what is stored gives the same study back."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from survey.config.reading import load_config
from survey.config.rendering import Lora
from survey.config.revision import FROZEN, changes, completed, fingerprint, frozen, in_force, with_frozen
from survey.config.study import Prompt, StudyConfig
from survey.errors import ConfigError

TEXT = """
name: s
model: mini
conditions: [baseline, sqs-w8a8]
prompts: [a dog, "Regen, stark", 雨]
sampling: {steps: 30, seeds: [1, 2], seconds: 2.5}
quantization: {keep: [ff.2], groups: 3}
scale: {question: "How well?", labels: {5: all, 4: most, 3: half, 2: some, 1: none}}
analysis: {equivalence_margin: 0.25}
"""


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    (tmp_path / "study.yaml").write_text(TEXT, encoding="utf-8")
    return load_config(tmp_path / "study.yaml")


def test_of_every_key_it_is_decided_whether_it_is_frozen():
    assert {field.name for field in fields(StudyConfig)} == {
        *FROZEN,
        "name",
        "session",
        "questions",
        "recruitment",
        "language",
    }


def test_every_key_has_its_row_in_the_documents():
    text = (Path(__file__).parents[3] / "docs" / "study.md").read_text(encoding="utf-8")
    table = re.search(r"^## Changes under way\n(.*?)^## ", text, re.M | re.S)[1]
    for section in fields(StudyConfig):
        if section.name in ("session", "recruitment"):
            for field in fields(section.default_factory()):
                assert f"`{field.name}`" in table, f"{section.name}.{field.name}"
        else:
            assert f"`{section.name}`" in table, section.name


def test_what_is_stored_gives_the_same_study_back(config):
    stored = json.loads(json.dumps(frozen(config)))
    assert stored == frozen(config)
    assert in_force(stored, config) == config
    other = replace(config, model="other", prompts=(Prompt("p1", "a cat"),))
    assert in_force(stored, other) == config
    assert fingerprint(stored) == fingerprint(dict(reversed(stored.items())))
    assert fingerprint(stored) != fingerprint(frozen(other))


def test_adapters_are_frozen(config):
    tuned = replace(config, lora=(Lora("rain.safetensors", 0.8), Lora("wind")))
    stored = json.loads(json.dumps(frozen(tuned)))
    assert in_force(stored, config) == tuned
    assert in_force(frozen(config), tuned) == config
    assert fingerprint(stored) != fingerprint(frozen(config))
    assert changes(config, tuned) == ["lora is ['rain.safetensors with strength 0.8', 'wind with strength 1'], was []"]


def test_translations_are_frozen_but_for_the_consent(config):
    both = {"de": {"consent": "Ja.", "question": "Wie?", "prompts.p1": "ein Hund"}, "ja": {"consent": "はい"}}
    translated = replace(config, translations=both)
    stored = json.loads(json.dumps(frozen(translated)))
    assert stored == frozen(config) | {"translations": {"de": {"question": "Wie?", "prompts.p1": "ein Hund"}}}
    assert in_force(stored, translated) == translated
    later = replace(
        config, translations={"de": {"consent": "Jawohl.", "question": "Wieso?"}, "fr": {"consent": "Oui."}}
    )
    kept = {"de": {"question": "Wie?", "prompts.p1": "ein Hund", "consent": "Jawohl."}, "fr": {"consent": "Oui."}}
    assert in_force(stored, later).translations == with_frozen(later, translated).translations == kept
    assert changes(translated, later) == [
        "translations.de.question is 'Wieso?', was 'Wie?'",
        "translations.de.prompts.p1 is not there, was 'ein Hund'",
    ]
    assert changes(config, replace(config, language="de")) == []


def test_a_key_that_a_later_version_brought_has_its_default(config):
    stored = frozen(config)
    del stored["sampling"]["cfg_scale"]
    changed = replace(config, sampling=replace(config.sampling, cfg_scale=3.0))
    assert changes(in_force(stored, changed), changed) == ["sampling.cfg_scale is 3.0, was 7.0"]


def test_what_is_not_known_is_what_is_written(config):
    assert completed({}, config) == frozen(config)
    known = {"prompts": ["a dog"], "sampling": {"seeds": [7]}, "scale": {"type": "abx"}}
    made = in_force(completed(known, config), config)
    assert ([prompt.text for prompt in made.prompts], made.sampling.seeds, made.sampling.steps) == (["a dog"], (7,), 30)
    assert (made.scale.type, made.scale.labels[5]) == ("abx", "Matches completely"), "words of grades fit no ABX"


def test_what_may_change_must_go_with_what_is_frozen(config):
    more = replace(config, session=replace(config.session, prompts_per_participant=9))
    with pytest.raises(ConfigError, match=r"study\.yaml: session\.prompts_per_participant: more than there are"):
        in_force(frozen(config), more)


def test_what_an_older_version_froze_is_what_is_written(tmp_path):
    """As it was stored before pydantic read it, for a study that says nothing but the four keys."""
    (tmp_path / "study.yaml").write_text(
        "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [a dog, rain]\n", encoding="utf-8"
    )
    stored = {
        "model": "mini",
        "conditions": ["baseline", "sqs-w8a8"],
        "prompts": ["a dog", "rain"],
        "sampling": {
            "sampler": "dpmpp-3m-sde",
            "steps": 100,
            "cfg_scale": 7.0,
            "sigma_min": 0.3,
            "sigma_max": 500.0,
            "seconds": 10.0,
            "seeds": [1000],
        },
        "calibration": {"prompts": 50, "alpha": 0.5},
        "quantization": {"engine": "integer", "groups": 1, "lowrank": "error", "keep": []},
        "scale": {
            "type": "acr",
            "question": "How well does this sound match the description?",
            "labels": {
                "5": "Matches completely",
                "4": "Matches well",
                "3": "Matches partly",
                "2": "Matches a little",
                "1": "Does not match at all",
            },
            "no_preference": False,
        },
        "analysis": {"baseline": "baseline", "equivalence_margin": 0.3, "alpha": 0.05},
    }
    written = load_config(tmp_path / "study.yaml")
    # The default of one key is another since; what such a study began with stays in force.
    assert frozen(written) == stored | {"quantization": {**stored["quantization"], "lowrank": "auto"}}
    assert in_force(stored, written).quantization.lowrank == "error"
    assert fingerprint(stored) == "04149590f71e9d1cc9e56d4e5a21f3bd507bdac1cb4cf862fbc1d215d7428f60"
    assert changes(in_force(stored, written), written) == []
