"""scale and scales in study.yaml: what is read, refused and frozen."""

import json
from dataclasses import replace

import pytest
import test_config
from test_config import SMALLEST, load
from test_schema import faults

from survey.config.revision import asked_of, changes, fingerprint, frozen, in_force
from survey.config.study import StudyConfig
from survey.errors import ConfigError

THREE = """
scales:
  - {name: quality, type: slider, low: 0, high: 100, question: 'How good?', ends: [bad, good]}
  - {name: match, type: numeric, low: 1, high: 5, step: 0.5}
  - {name: why, type: text, required: false}
layout: one_by_one
"""


@pytest.fixture
def several(tmp_path) -> StudyConfig:
    return load(tmp_path, SMALLEST + THREE)


def test_several_scales_are_read_and_the_first_plans(several, tmp_path):
    assert [(one.name, one.type, one.required) for one in several.asked.scales] == [
        ("quality", "slider", True),
        ("match", "numeric", True),
        ("why", "text", False),
    ]
    assert several.scale == several.asked.first == several.scales[0]
    assert (several.scale.span, several.scale.ends, several.layout) == ((0, 100), ("bad", "good"), "one_by_one")
    assert faults(tmp_path / "study.yaml") == []
    one = load(tmp_path, SMALLEST)
    assert (one.asked.scales, one.asked.several) == ((one.scale,), False)


def pair(first: str, second: str) -> str:
    return f"scales: [{{name: a, {first}}}, {{name: b, {second}}}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale: {type: acr}\n" + THREE, "scale: give either scale or scales, not both"),
        ("scales: [{name: a}]", "scales: must be a list of 2 to 10 mappings; for one question, use scale"),
        ("scales: {name: a}", "scales: must be a list of 2 to 10 mappings"),
        ("scales: [{type: acr}, {name: b}]", "scales.1.name: each of several needs one of lower-case words"),
        ("scales: [{name: a}, {name: ../b}]", "scales.../b.name: each of several needs one of lower-case words"),
        ("scales: [{name: a}, {name: a}]", "scales.a.name: two scales have it"),
        ("scales: [{name: a}, {name: b, hihg: 3}]", "scales.2.hihg: unknown key; allowed: both_bad, ends, high"),
        ("scales: [{name: a}, {name: b, low: x}]", "scales.2.low: must be a number from -1000000 to 1000000, not 'x'"),
        (pair("type: acr", "type: ab"), "scales.b.type: ab hears other clips than acr, the first scale; use acr, text"),
        (pair("type: ab", "type: slider, low: 0, high: 1"), "scales.b.type: slider hears other clips than ab"),
        (pair("type: acr", "type: dcr"), "scales.b.type: dcr hears other clips than acr"),
        (pair("type: mushra", "type: acr"), "scales.a.type: mushra cannot stand beside other scales; ask it alone"),
        (pair("type: acr", "type: abx"), "scales.b.type: abx cannot stand beside other scales; ask it alone"),
        (pair("required: false", "type: acr"), "scales.a.required: the first scale, by which trials are planned"),
        (pair("type: acr", "type: numeric"), "scales.b.low: type numeric needs it, such as low: 0 and high: 10"),
        ("scale: {type: slider, low: 0}", "scale.high: type slider needs it, such as low: 0 and high: 10"),
        ("scale: {type: numeric, high: 10}", "scale.low: type numeric needs it, such as low: 0 and high: 10"),
        ("scale: {type: slider, low: 1, high: 1}", "scale.low: must be below high"),
        ("scale: {type: slider, low: 0, high: 1, step: 0.1}", "scale.step: a slider has none; remove it"),
        ("scale: {type: numeric, low: 0, high: 10, step: 3}", "scale.step: must lead from low to high in 1 to 1000"),
        ("scale: {type: numeric, low: 0, high: 1, step: 2}", "scale.step: must lead from low to high in 1 to 1000"),
        ("scale: {type: numeric, low: 0, high: 5000}", "scale.step: must lead from low to high in 1 to 1000"),
        ("scale: {type: numeric, low: 0, high: 9, ends: [x]}", "scale.ends: must be a list of two texts"),
        ("scale: {low: 1, high: 5}", "scale.low: only types numeric and slider have it; remove it"),
        ("scale: {type: ab, ends: [a, b]}", "scale.ends: only types numeric and slider have it; remove it"),
        ("scale: {type: ccr, both_bad: true}", "scale.both_bad: only type ab has it; remove it"),
        ("scale: {type: dcr, labels: {5: a, 4: b, 3: c, 2: d, 1: e}}", "scale.labels: only type acr has labels"),
        ("scale: {name: a}", "scale.name: only several scales have names; remove it"),
        ("scale: {required: false}", "scale.required: the first scale, by which trials are planned"),
        ("layout: one_by_one", "layout: only several scales have one; remove it"),
        ("layout: both", "layout: 'both' is unknown; allowed: together, one_by_one"),
        (
            "scale: {type: numeric, low: 2, high: 9}\nsession: {instructed_checks: 1}",
            "session.instructed_checks: a sound may ask for 1, which is not on the scale; use 0",
        ),
        (
            "scale: {type: slider, low: 1, high: 5}\nsession: {instructed_checks: 1}",
            "session.instructed_checks: type slider has none; use 0",
        ),
    ],
)
def test_what_is_no_scale_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALLEST + text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pair("type: acr", "type: text"),
        pair("type: ab, both_bad: true", "type: ccr"),
        pair("type: dcr", "type: dcr, question: 'How much hiss?'"),
        pair("type: numeric, low: 0, high: 10", "type: slider, low: -1, high: 1"),
        "scale: {type: numeric, low: 1, high: 7, ends: [low, high]}\nsession: {instructed_checks: 1, repeats: 1}",
    ],
)
def test_what_goes_together_is_taken(tmp_path, text):
    assert load(tmp_path, SMALLEST + text).asked.scales
    assert faults(tmp_path / "study.yaml") == []


def test_several_scales_are_frozen_and_their_change_is_named(several, tmp_path):
    stored = json.loads(json.dumps(frozen(several)))
    plain = load(tmp_path, SMALLEST)
    assert in_force(stored, plain) == several
    assert in_force(frozen(plain), several) == plain
    assert asked_of(stored) == several.asked
    louder = replace(several.scales[1], question="How loud?")
    changed = replace(several, scales=(several.scales[0], louder, several.scales[2]), layout="together")
    assert changes(several, changed) == [
        "scales.match.question is 'How loud?', was 'How well does this sound match the description?'",
        "layout is 'together', was 'one_by_one'",
    ]
    assert fingerprint(frozen(changed)) != fingerprint(stored)
    fewer = replace(several, scales=several.scales[:2])
    assert changes(several, fewer) == ["scales is ['quality', 'match'], was ['quality', 'match', 'why']"]
    assert changes(plain, several)[0] == "scales is ['quality', 'match', 'why'], was []"


def test_a_study_without_the_new_keys_is_frozen_as_it_was(tmp_path):
    part = frozen(load(tmp_path, test_config.WHOLE))
    assert list(part["scale"]) == ["type", "question", "labels", "no_preference"]
    assert not {"scales", "layout"} & set(part)
    used = frozen(load(tmp_path, SMALLEST + "scale: {type: numeric, low: 0, high: 10}"))
    assert set(used["scale"]) == {"type", "question", "labels", "no_preference", "low", "high"}


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("", 0.3),
        ("scale: {type: ccr}", 0.3),
        ("scale: {type: numeric, low: 0, high: 100}", 7.5),
        ("scale: {type: numeric, low: 1, high: 7}", 0.45),
        ("scale: {type: slider, low: 0, high: 0.1}", 0.0075),
        ("scale: {type: numeric, low: 0, high: 100}\nanalysis: {equivalence_margin: 0.3}", 0.3),
        ("scale: {type: numeric, low: 0, high: 100}\nanalysis: {equivalence_margin: 12, alpha: 0.1}", 12),
        (THREE, 7.5),
        ("scales: [{name: a, type: text}, {name: b, type: slider, low: -1, high: 1}]", 0.15),
        ("scales: [{name: a}, {name: b, type: slider, low: 0, high: 100}]", 0.3),
    ],
)
def test_a_margin_that_is_not_stated_is_a_share_of_the_range(tmp_path, text, margin):
    config = load(tmp_path, SMALLEST + text + "\n")
    assert config.analysis.equivalence_margin == margin
    assert faults(tmp_path / "study.yaml") == []
    assert in_force(frozen(config), config) == config


def test_no_margin_is_wider_than_the_scale(tmp_path):
    for scale, points in (("{}", 4), ("{type: slider, low: 0, high: 1}", 1), ("{type: ccr}", 4)):
        with pytest.raises(
            ConfigError, match=f"equivalence_margin: must be a number from 0.01 to {points}, .* not 4.5"
        ):
            load(tmp_path, SMALLEST + f"scale: {scale}\nanalysis: {{equivalence_margin: 4.5}}\n")
