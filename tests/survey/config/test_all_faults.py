"""All that is wrong with study.yaml is said at once, each with its place, and nothing that follows from it."""

import random
import re

import pytest
import test_config
from own_sounds import write_tree

from survey.config.reading import load_config
from survey.errors import ConfigError

KNOWN = test_config.KNOWN


def refusal(folder) -> list[str]:
    """Return the lines in which a study is refused, without its folder."""
    with pytest.raises(ConfigError) as refused:
        load_config(folder / "study.yaml", KNOWN)
    return [line.removeprefix(f"{folder}/") for line in str(refused.value).split("\n")]


def refused(folder, text: str) -> list[str]:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return refusal(folder)


def test_every_fault_has_its_line_and_column(tmp_path):
    text = """\
name: 7
model: mini
conditions: [baseline,
  sqs-w9, Sqs]
prompts:
  - a dog
  - ""
  - true
sampling:
  steps: 0
  stepps: 3
session: {order: latin, practice: 2.5}
questions:
  - {name: age, ask: Age, type: text}
  - name: device
    ask: On what?
    options: [headphones]
analysis: {alpha: 0.05}
sessions: {}
session: {must_listen: 1}
"""
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in refused(tmp_path, text)] == [
        "study.yaml:1:1: name",
        "study.yaml:4:3: conditions",
        "study.yaml:4:11: conditions",
        "study.yaml:7:5: prompts",
        "study.yaml:8:5: prompts",
        "study.yaml:10:3: sampling.steps",
        "study.yaml:11:3: sampling.stepps",
        "study.yaml:14:5: questions.age",
        "study.yaml:17:5: questions.device.options",
        "study.yaml:19:1: sessions",
        "study.yaml:20:1: the key 'session' appears twice, first at line 12; remove one",
        "study.yaml:20:11: session.must_listen",
    ]


PARTS = {
    "name": ["name: ''"],
    "model": ["model: 3"],
    "conditions": [
        "conditions: [baseline, Base line]",
        "conditions: [other, sqs-w8a8]",
        "conditions: [a, b, b]",
    ],
    "prompts": ["prompts: []", "prompts: [a dog, '', rain]", "prompts: [a dog, a dog]"],
    "sampling": ["sampling: {steps: 0, seeds: []}", "sampling: {sigma_min: 3, sigma_max: 2}", "sampling: 3"],
    "calibration": ["calibration: {prompts: 99}", "calibration: {prompt: 9}"],
    "scale": ["scale: {type: likert}", "scale: {type: slider, low: 3, high: 1}", "scale: {low: 1, ends: [a, b]}"],
    "session": ["session: {min_plays: 3, max_plays: 2, resume: refuse}", "session: {ordr: fixed, practice: -1}"],
    "questions": [
        "questions: [{name: a, ask: A, options: [x]}, {name: a, ask: B, type: text, when: {b: x}}]",
        "questions: [{name: a, ask: A, type: text, place: during}]",
    ],
    "recruitment": ["recruitment: {completion_url: 'ftp://{x}/{y}'}", "recruitment: {platform: panel}"],
    "analysis": ["analysis: {alpha: 0.9}", "analysis: {equivalence_margin: 0.001}"],
    "sessions": ["sessions: {}"],
}
SOUND = {
    "name": "name: s",
    "model": "model: mini",
    "conditions": "conditions: [baseline]",
    "prompts": "prompts: [a, b]",
}


def test_the_faults_of_several_sections_are_those_of_each(tmp_path, seed):
    """A line is said of a part exactly where it stands alone: none is hidden by another's, none follows from it."""
    rng = random.Random(seed)

    def said(chosen: dict[str, str]) -> set[str]:
        lines = refused(tmp_path, "\n".join((SOUND | chosen).values()))
        return {re.sub(r"^study\.yaml:\d+", "", line) for line in lines}

    for _ in range(60):
        names = rng.sample(sorted(PARTS), rng.randint(2, len(PARTS)))
        chosen = {name: rng.choice(PARTS[name]) for name in names}
        alone = set[str]().union(*(said({name: part}) for name, part in chosen.items()))
        print(chosen)
        assert said(chosen) == alone


def test_what_is_missing_has_no_line(tmp_path):
    assert refused(tmp_path, "nam: s\nsession: {gold: [{file: a.wav, prompt: x}]}\n") == [
        "study.yaml: name: missing; every study needs it",
        "study.yaml: conditions: missing; every study needs it",
        "study.yaml: prompts: give either prompts or prompts_file, exactly one of them",
        "study.yaml: model: missing; every study needs it, unless it has clips of its own (clips)",
        f"study.yaml:1:1: nam: unknown key; allowed: {ALLOWED}",
        "study.yaml:2:18: session.gold.expected: missing; session needs it",
    ]


ALLOWED = (
    "analysis, calibration, clips, conditions, language, layout, lora, model, name, prompts, prompts_file, "
    "quantization, questions, recruitment, sampling, scale, scales, session, translations"
)


def test_the_lines_of_a_file_of_prompts_are_named_beside_the_study_s(tmp_path):
    (tmp_path / "prompts.csv").write_text(
        "id;prompt;prompt_sv\n1;a dog;en hund\n\n2;;\n3;" + "x" * 1001 + ";\n", "utf-8"
    )
    text = "name: s\nmodel: mini\nconditions: [baseline]\nprompts_file: prompts.csv\nsampling: {steps: 0}\n"
    lines = refused(tmp_path, text)
    assert [line.split(": ")[0] for line in lines] == [
        "study.yaml:5:12",
        *(f"prompts.csv:{line}" for line in (1, 4, 5)),
    ]
    assert "the page has no language sv" in lines[1]
    assert "prompt must be a text that is not empty" in lines[2]
    assert "has 1,001 characters" in lines[3]


def test_clips_that_cannot_be_listed_are_named_beside_the_study_s(tmp_path, seed):
    import numpy as np

    source = write_tree(tmp_path / "clips", np.random.default_rng(seed))
    (source / "System A" / "a_dog.wav").write_bytes(b"")
    (source / "loose.wav").write_bytes(b"x")
    lines = refused(tmp_path, "name: s\nclips: clips\nsession: {practice: 21}\n")
    assert lines == [
        "study.yaml:3:11: session.practice: must be a whole number from 0 to 20, not 21",
        "clips: loose.wav lies in no condition's folder; move it into one",
        "clips: System A/a_dog.wav is empty; copy it again",
    ]
    assert refused(tmp_path, "name: s\nclips: gone\n")[0].startswith("gone: not there; give a folder of")


def test_of_very_many_faults_the_first_are_said_and_the_others_counted(tmp_path):
    lines = refused(tmp_path, test_config.SMALLEST + "".join(f"unknown_{number}: 1\n" for number in range(250)))
    assert len(lines) == 101
    assert lines[0].startswith("study.yaml:5:1: unknown_0: unknown key")
    assert lines[-1] == "study.yaml: and 150 more"
