"""study.yaml: what is accepted, what is refused, and with which words."""

from pathlib import Path

import pytest

from survey.config.reading import load_config
from survey.config.rendering import Lora, Sampling
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
    ("written", "read"),
    [
        ("{file: rain.safetensors, strength: 0.8}", (Lora("rain.safetensors", 0.8),)),
        ("{file: rain}", (Lora("rain", 1.0),)),
        ("[{file: rain}, {file: wind, strength: -1}]", (Lora("rain"), Lora("wind", -1.0))),
        ("[]", ()),
    ],
)
def test_a_study_names_one_adapter_or_several(tmp_path, written, read):
    assert load(tmp_path, f"{SMALLEST}lora: {written}\n").lora == read
    assert load(tmp_path, SMALLEST).lora == ()


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
        ("sampling: {seeds: [1, 1]}", "sampling.seeds: the same entry appears twice"),
        ("scale: {labels: {1: a, 2: b}}", "scale.labels: must give a text for each of 5, 4, 3, 2 and 1"),
        ("scale: {labels: {1: a, 2: a, 3: c, 4: d, 5: e}}", "scale.labels: two labels read the same"),
        ("analysis: {baseline: sqd-w4a8}", "analysis.baseline: 'sqd-w4a8' is not a condition; use: baseline"),
        ("recruitment: {completion_url: javascript:alert(1)}", "completion_url: must begin with https://"),
        ("prompts_file: prompts.csv", "prompts: give either prompts or prompts_file"),
        ("lora: rain.safetensors", "lora: must be a mapping of file and strength, or a list of them, not 'rain"),
        ("lora: {strength: 1}", "lora.file: missing; lora needs it"),
        ("lora: {file: ''}", "lora.file: must be a text that is not empty"),
        ("lora: {file: a, strength: strong}", "lora.strength: must be a number from -10 to 10, not 'strong'"),
        ("lora: {file: a, strength: .nan}", "lora.strength: must be a number from -10 to 10"),
        ("lora: [{file: a}, {file: b, scale: 2}]", "lora.2.scale: unknown key; allowed: file, strength"),
        ("lora: [a]", "lora: must be a mapping, not 'a'"),
    ],
)
def test_impossible_values_are_refused_with_their_place(tmp_path, change, message):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, SMALLEST + change + "\n")
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f"{tmp_path / 'study.yaml'}:")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[baseline, sqs-w8a8]", "[baseline, sqs-w9]", "'sqs-w9' is unknown; known: baseline, sqs-w8a8"),
        ("[baseline, sqs-w8a8]", "[baseline, baseline]", "conditions: one appears twice"),
        ("[baseline, sqs-w8a8]", "[../x]", "conditions: '../x' must be lower-case words"),
        ("[baseline, sqs-w8a8]", "[[a]]", "conditions: ['a'] must be lower-case words"),
        ("[a dog, rain]", "[a dog, '']", "prompts: number 2: must be a text that is not empty"),
        ("[a dog, rain]", f"[a dog, {'x' * 10_000}]", "number 2: has 10,000 characters; at most 1,000"),
        ("[a dog, rain]", "[a dog, a dog]", "prompts: number 2 repeats number 1"),
        ("[a dog, rain]", "[]", "prompts: must be a list of at least one text"),
        ("name: s", "nam: s", "nam: unknown key"),
        ("name: s\n", "", "name: missing"),
        ("model: mini", "model: 3", "model: must be a text"),
        ("[a dog, rain]", "[a dog, rain", "study.yaml:5:1: not valid YAML"),
    ],
)
def test_the_four_keys_are_checked(tmp_path, old, new, message):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, SMALLEST.replace(old, new))
    assert message in str(refusal.value)


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
        ("scale: {type: ab}\nsession: {repeats: 2}", "session.repeats: raters who hear no difference must guess"),
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


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    lines = said.split("\n")
    assert all(line.startswith(f"{tmp_path / 'study.yaml'}:") for line in lines)
    assert all(line.isprintable() and len(line) < 500 for line in lines)
    return said


@pytest.mark.parametrize(
    ("text", "key", "place", "first"),
    [
        (SMALLEST + "name: t\n", "name", "5:1", 1),
        (SMALLEST + "session:\n  practice: 1\n  order: fixed\n  practice: 2\n", "practice", "8:3", 6),
        (SMALLEST + "session: {practice: 1}\nsession: {order: fixed}\n", "session", "6:1", 5),
        (SMALLEST + "scale:\n  labels: {5: a, 4: b, 3: c, 2: d, 1: e,\n   5: f}\n", "5", "7:4", 6),
        (SMALLEST + "recruitment: {codes: {finished: A,\n finished: B}}\n", "finished", "6:2", 5),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path, text, key, place, first):
    said = refusal(tmp_path, text)
    assert said.endswith(f"study.yaml:{place}: the key '{key}' appears twice, first at line {first}; remove one")


NUMBERS = [
    *(f"sampling.{key}" for key in ("steps", "cfg_scale", "sigma_min", "sigma_max", "seconds")),
    *("calibration.prompts", "calibration.alpha", "quantization.groups"),
    *("session.practice", "session.break_minutes", "recruitment.target_participants"),
    *("analysis.equivalence_margin", "analysis.alpha"),
]


@pytest.mark.parametrize("key", [*NUMBERS, "sampling.seeds"])
@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "9" * 5000, "1e400", "-1e400", ".inf", ".nan"])
def test_no_number_is_too_large_to_be_refused(tmp_path, key, number):
    section, name = key.split(".")
    value = f"[{number}]" if name == "seeds" else number
    said = refusal(tmp_path, SMALLEST + f"{section}: {{{name}: {value}}}\n")
    assert key in said or "5,000" in said


def test_a_negative_zero_is_zero(tmp_path):
    import math

    config = load(tmp_path, SMALLEST + "sampling: {cfg_scale: -0.0, seeds: [-0]}\n")
    assert math.copysign(1, config.sampling.cfg_scale) == 1
    assert config.sampling.seeds == (0,)


def test_words_stay_what_they_look_like(tmp_path):
    text = "name: 2026-01-01\nmodel: mini\nconditions: [baseline]\nprompts: [no, Yes, on, 1:30, 2026-13-45, 1_000]\n"
    config = load(tmp_path, text + "recruitment: {codes: {finished: 0123, screened_out: 7}}\n")
    assert config.name == "2026-01-01"
    assert [prompt.text for prompt in config.prompts] == ["no", "Yes", "on", "1:30", "2026-13-45", "1_000"]
    assert config.recruitment.codes == {"finished": "0123", "screened_out": "7"}


@pytest.mark.parametrize(("word", "truth"), [("yes", True), ("Off", False), ("TRUE", True), ("'no'", False)])
def test_yes_and_no_are_truths_where_one_is_wanted(tmp_path, word, truth):
    config = load(tmp_path, SMALLEST + f"session: {{must_listen: {word}, headphone_check: {word}}}\n")
    assert config.session.must_listen is truth
    assert config.session.headphone_check == ("antiphase" if truth else "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALLEST.replace("rain", "true"), "prompts: number 2: must be a text that is not empty, not true; put quotes"),
        (SMALLEST + "session: {practice: }\n", "session.practice: must be a whole number from 0 to 20, not null"),
        (SMALLEST + "sampling: {seeds: [true]}\n", "from 0 to 4294967295, not true"),
        (SMALLEST.replace("rain", "!!timestamp 2026-13-45"), "study.yaml:4:18: not valid YAML"),
        (SMALLEST.replace("rain", "!!int ten"), ":4:18: not valid YAML (not a whole number"),
        (SMALLEST.replace("rain", "!!bool maybe"), ":4:18: not valid YAML (neither true nor false"),
        (SMALLEST + "sampling: {seconds: 1:30}\n", "sampling.seconds: must be a number from 0.1 to 600, not '1:30'"),
        (SMALLEST + "sampling: {steps: 010}\n", "sampling.steps: must be a whole number from 1 to 1000, not '010'"),
        (SMALLEST + "sampling: {seeds: [5000000000]}\n", "from 0 to 4294967295, not 5000000000"),
        (SMALLEST + "base: &b {order: fixed}\nsession:\n  <<: *b\n", "base: unknown key"),
        (SMALLEST + "session:\n  <<: {order: fixed}\n", "session.<<: unknown key"),
        (SMALLEST + "session:\n\torder: fixed\n", "study.yaml:6:1: not valid YAML"),
        (SMALLEST + "? [a, b]\n: c\n", ":5:3: not valid YAML (a key must be a word or a number)"),
        (SMALLEST + '"a\\nb": 1\n', "unknown key"),
        (SMALLEST + "session: &s [*s]\n", "session: must be a mapping"),
        (SMALLEST + f"x: {'[' * 5000}\n", "nested too deeply"),
        (SMALLEST + "---\nname: t\n", "study.yaml:5:1: not valid YAML"),
        (SMALLEST.replace("rain", '"rain\\0"'), "holds a character that is not text"),
        (SMALLEST.replace("rain", '"\\ud800"'), "holds a character that is not text"),
        (SMALLEST + "# \x07\n", "study.yaml:5: not valid YAML (a character U+0007 that is not text)"),
    ],
)
def test_traps_of_yaml_are_refused(tmp_path, text, words):
    assert words in refusal(tmp_path, text)


def test_a_column_of_prompts_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "prompts.csv").write_text("prompt,prompt\na dog,a cat\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prompts\.csv:1: the column 'prompt' appears twice; remove one"):
        load(tmp_path, SMALLEST.replace("prompts: [a dog, rain]", "prompts_file: prompts.csv"))
