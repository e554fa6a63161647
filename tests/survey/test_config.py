"""study.yaml: what is accepted, what is refused, and with which words."""

from pathlib import Path

import pytest

from survey.config import Sampling, load_config
from survey.errors import ConfigError

KNOWN = ("baseline", "sqs-w8a8", "sqd-lora-w8a8")
SMALLEST = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\nprompts: [a dog, rain]\n"
WHOLE = """
name: sao-w8a8
model: mini
conditions: [baseline, sqs-w8a8, sqd-lora-w8a8]
prompts: [a dog barking, rain on a roof]
sampling:
  {sampler: dpmpp-3m-sde, steps: 100, cfg_scale: 7.0, sigma_min: 0.3, sigma_max: 500, seconds: 10, seeds: [1000]}
calibration: {prompts: 50, alpha: 0.5}
scale: {question: "How well?", labels: {5: all, 4: most, 3: half, 2: some, 1: none}}
session: {order: balanced, practice: 2, attention_checks: 1, headphone_check: true, must_listen: true}
recruitment: {target_participants: 20, completion_url: "https://example.org/done", consent: You may stop.}
analysis: {baseline: baseline, equivalence_margin: 0.3, alpha: 0.05}
"""


def load(tmp_path: Path, text: str, known=KNOWN):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, known)


def test_the_design_s_example_loads(tmp_path):
    config = load(tmp_path, WHOLE)
    assert [prompt.id for prompt in config.prompts] == ["p1", "p2"]
    assert config.sampling == Sampling()  # the example spells the defaults out
    assert config.scale.labels[5] == "all"
    assert config.session.attention_checks == 1
    assert config.recruitment.completion_url == "https://example.org/done"


def test_four_keys_are_enough(tmp_path):
    config = load(tmp_path, SMALLEST)
    assert config.sampling.seeds == (1000,)
    assert config.calibration.alpha == 0.5
    assert sorted(config.scale.labels) == [1, 2, 3, 4, 5]
    assert config.session.must_listen
    assert config.analysis.baseline == "baseline"


def test_without_a_baseline_the_first_condition_is_the_reference(tmp_path):
    text = SMALLEST.replace("[baseline, sqs-w8a8]", "[sqs-w8a8, sqd-lora-w8a8]")
    assert load(tmp_path, text).analysis.baseline == "sqs-w8a8"


def test_prompts_come_from_a_file_too(tmp_path):
    (tmp_path / "prompts.csv").write_text('id,prompt\n1,a dog\n2,"rain, heavy"\n', encoding="utf-8")
    config = load(tmp_path, SMALLEST.replace("prompts: [a dog, rain]", "prompts_file: prompts.csv"))
    assert [prompt.text for prompt in config.prompts] == ["a dog", "rain, heavy"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sessions: {}", "sessions: unknown key; allowed: analysis, calibration"),
        ("session: {ordr: fixed}", "session.ordr: unknown key; allowed: allowed_failures, attention_checks"),
        ("session: {order: latin}", "session.order: 'latin' is unknown; allowed: balanced, random, fixed"),
        ("session: {practice: 2.5}", "session.practice: must be a whole number from 0 to 20"),
        ("session: {practice: true}", "session.practice: must be a whole number"),
        ("session: {must_listen: 1}", "session.must_listen: must be true or false, not 1"),
        ("session: [1]", "session: must be a mapping"),
        ("sampling: {steps: 0}", "sampling.steps: must be a whole number from 1 to 1000, not 0"),
        ("sampling: {cfg_scale: .nan}", "sampling.cfg_scale: must be a number"),
        ("sampling: {sigma_min: 3, sigma_max: 2}", "sampling.sigma_min: must be below sampling.sigma_max"),
        ("sampling: {seeds: []}", "sampling.seeds: must be a list with at least one entry"),
        ("sampling: {seeds: [1, 1]}", "sampling.seeds: the same entry stands twice"),
        ("scale: {labels: {1: a, 2: b}}", "scale.labels: must give a text for each of 5, 4, 3, 2 and 1"),
        ("scale: {labels: {1: a, 2: a, 3: c, 4: d, 5: e}}", "scale.labels: two labels read the same"),
        ("analysis: {baseline: sqd-w4a8}", "analysis.baseline: 'sqd-w4a8' is no condition; use: baseline"),
        ("recruitment: {completion_url: javascript:alert(1)}", "completion_url: must begin with https://"),
        ("prompts_file: prompts.csv", "prompts: give either prompts or prompts_file"),
    ],
)
def test_impossible_values_are_refused_with_their_place(tmp_path, change, message):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, SMALLEST + change + "\n")
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("study.yaml: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[baseline, sqs-w8a8]", "[baseline, sqs-w9]", "'sqs-w9' is unknown; known: baseline, sqs-w8a8"),
        ("[baseline, sqs-w8a8]", "[baseline, baseline]", "conditions: one stands twice"),
        ("[baseline, sqs-w8a8]", "[../x]", "conditions: '../x' must be lower-case words"),
        ("[baseline, sqs-w8a8]", "[[a]]", "conditions: ['a'] must be lower-case words"),
        ("[a dog, rain]", "[a dog, '']", "prompts: number 2: must be a text that is not empty"),
        ("[a dog, rain]", f"[a dog, {'x' * 10_000}]", "number 2: has 10,000 characters; at most 1,000"),
        ("[a dog, rain]", "[a dog, a dog]", "prompts: number 2 repeats number 1"),
        ("[a dog, rain]", "[]", "prompts: must be a list of at least one text"),
        ("name: s", "nam: s", "nam: unknown key"),
        ("name: s\n", "", "name: missing"),
        ("model: mini", "model: 3", "model: must be a text"),
        ("[a dog, rain]", "[a dog, rain", "not valid YAML at line"),
    ],
)
def test_the_four_keys_are_checked(tmp_path, old, new, message):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, SMALLEST.replace(old, new))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="no such file; `earmark new FOLDER` writes one"):
        load_config(tmp_path / "study.yaml")


def test_attention_checks_need_a_second_prompt(tmp_path):
    text = SMALLEST.replace("[a dog, rain]", "[a dog]") + "session: {attention_checks: 1}\n"
    with pytest.raises(ConfigError, match="needs at least two prompts"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale: {type: likert}", "scale.type: 'likert' is unknown; allowed: acr, ab, ccr, abx, mushra, text"),
        ("scale: {type: ab, labels: {5: a, 4: b, 3: c, 2: d, 1: e}}", "scale.labels: only type acr has labels"),
        ("scale: {no_preference: true}", "scale.no_preference: only type ab has it"),
        ("scale: {type: abx}\nsession: {repeats: 2}", "session.repeats: type abx has none; use 0"),
        ("scale: {type: ab}\nsession: {repeats: 2}", "session.repeats: who hears no difference must guess"),
        ("scale: {type: mushra}\nsession: {attention_checks: 1}", "session.attention_checks: type mushra has none"),
        ("scale: {type: ccr}\nsession: {instructed_checks: 1}", "session.instructed_checks: type ccr has none"),
    ],
)
def test_what_a_type_of_question_cannot_do_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALLEST + text)
    assert message in str(caught.value)


def test_a_comparison_needs_something_to_compare(tmp_path):
    alone = SMALLEST.replace("[baseline, sqs-w8a8]", "[baseline]")
    with pytest.raises(ConfigError, match="type ab compares; give at least two"):
        load(tmp_path, alone + "scale: {type: ab}")
    assert load(tmp_path, alone).scale.type == "acr"


def test_types_take_the_checks_they_can_judge(tmp_path):
    told = load(tmp_path, SMALLEST + "scale: {type: ab, no_preference: true}\nsession: {repeats: 2}")
    assert (told.scale.type, told.session.repeats) == ("ab", 2)
    config = load(tmp_path, SMALLEST + "scale: {type: ccr}\nsession: {repeats: 2, attention_checks: 1}")
    assert (config.scale.type, config.session.repeats, config.session.attention_checks) == ("ccr", 2, 1)
