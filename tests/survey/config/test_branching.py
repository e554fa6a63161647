"""A study's own questions as they are written: read as meant, or refused with the question's name and the remedy."""

import random
import re

import pytest
import test_config

from survey.config.items import Place, restored, stored
from survey.config.reading import load_config
from survey.errors import ConfigError

DEVICE = "{name: device, ask: On what, options: [headphones, earbuds, speakers], screen_out: [speakers]}"
BRAND = "{name: brand, ask: Which, type: text, required: no, when: {device: [headphones, earbuds]}}"
TIRED = "{name: tired, ask: How tired, type: number, low: 0, high: 10, place: {after_trials: 2}}"
ROUND = "{name: round, ask: Still fine, options: [yes, no], place: every 2}"
LIKED = "{name: liked, ask: What did you like, type: multiple, options: [1, 2.5, three], place: after}"


def load(tmp_path, *questions: str, more: str = ""):
    return test_config.load(tmp_path, f"{test_config.SMALLEST}questions: [{', '.join(questions)}]\n{more}")


def test_questions_are_read_as_they_are_meant(tmp_path):
    device, brand, tired, again, liked = load(tmp_path, DEVICE, BRAND, TIRED, ROUND, LIKED).questions
    assert (device.type, device.required, device.place) == ("single", True, Place("before"))
    assert device.screen_out == ("speakers",)
    assert (brand.required, brand.when) == (False, {"device": ("headphones", "earbuds")})
    assert (tired.low, tired.high, tired.place) == (0, 10, Place("after_trials", 2))
    assert (again.options, again.place) == (("yes", "no"), Place("every", 2))
    assert liked.options == ("1", "2.5", "three")


def test_one_answer_stands_for_a_list_and_a_demographic_question_can_decide(tmp_path):
    text = "{name: a, ask: A, type: text, when: {age: 18_29, device: earbuds}}"
    more = "recruitment: {demographics: [age]}\n"
    assert load(tmp_path, DEVICE, text, more=more).questions[1].when == {"age": ("18_29",), "device": ("earbuds",)}
    with pytest.raises(ConfigError, match=r"questions\.a\.when: the study does not ask age; add it to `recruitment`"):
        load(tmp_path, DEVICE, text)


def test_what_is_stored_gives_the_questions_back(tmp_path):
    asked = load(tmp_path, DEVICE, BRAND, TIRED, ROUND, LIKED).questions
    assert restored(stored(asked)) == asked


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        (["{name: a, ask: A, when: {b: yes}, options: [x, y]}"], "questions.a.when: 'b' is no question; known: none"),
        (
            ["{name: a, ask: A, when: {b: x}, options: [x, y]}", "{name: b, ask: B, when: {a: x}, options: [x, y]}"],
            "questions.a.when: waits for b, which is asked after it; they wait for each other; name a question above",
        ),
        (["{name: a, ask: A, when: {a: x}, options: [x, y]}"], "questions.a.when: waits for itself"),
        (
            [TIRED, "{name: a, ask: A, when: {tired: 3}, type: text}"],
            "questions.a.when: waits for tired, which",
        ),
        (
            [TIRED, "{name: a, ask: A, when: {tired: 11}, type: text, place: after}"],
            "questions.a.when.tired: 11 is beyond its limits, so that it would never be asked",
        ),
        ([TIRED, "{name: a, ask: A, when: {tired: very}, type: text, place: after}"], "must be a number, not 'very'"),
        ([DEVICE, "{name: a, ask: A, when: {device: tv}, type: text}"], "when.device: 'tv' is not one of its answers"),
        (
            [DEVICE, "{name: a, ask: A, when: {device: speakers}, type: text}"],
            "questions.a.when.device: that answer leads out of the study, so that it would never be asked",
        ),
        (
            [
                DEVICE,
                "{name: a, ask: A, when: {device: earbuds}, options: [x, y]}",
                "{name: b, ask: B, when: {device: headphones, a: x}, type: text}",
            ],
            "questions.b.when: nobody can give all the answers to device that it takes; it would never be asked",
        ),
        ([BRAND.replace("device", "brands"), DEVICE], "questions.brand.when: 'brands' is no question; known: none"),
        (
            [DEVICE, BRAND, "{name: a, ask: A, when: {brand: Sony}, type: text}"],
            "questions.a.when: brand is answered in words; wait for one of type single, multiple or number",
        ),
        ([ROUND, "{name: a, ask: A, when: {round: no}, type: text, place: after}"], "round is asked several times"),
        ([DEVICE, DEVICE], "questions.device: is the name of two questions; rename one"),
        (
            ["{name: age, ask: A, type: text}"],
            "questions.age: is a question of `recruitment`",
        ),
        (["{name: a, ask: A, options: [x, x]}"], "questions.options: the same entry appears twice; remove one"),
        ([DEVICE, "{name: a, ask: A, options: [x, x]}"], "questions.2.options: the same entry appears twice"),
        (["{name: a, ask: A, options: [x]}"], "questions.a.options: type single needs at least two"),
        (["{name: a, ask: A, type: text, options: [x, y]}"], "questions.a.options: type text has none"),
        (["{name: a, ask: A, type: text, high: 3}"], "questions.a.low: only type number has limits"),
        (["{name: a, ask: A, type: number, low: 3, high: 3}"], "questions.a.low: must be below high"),
        (
            [LIKED.replace("liked", "a").replace("place", "screen_out: [three], place")],
            "only a question before",
        ),
        (
            ["{name: a, ask: A, options: [x, y], screen_out: [z]}"],
            "questions.a.screen_out: 'z' is not one",
        ),
        (["{name: a, ask: A, options: [x, y], screen_out: [x, y]}"], "questions.a.screen_out: every option leads out"),
        (
            ["{name: a, ask: A, type: text, place: {after_trials: 5}}"],
            "questions.a.place: comes after 5 trials, and a session has 4, so that it would never be asked",
        ),
        (
            ["{name: a, ask: A, type: text, place: during}"],
            "questions.place: must be before, after, {after_tri",
        ),
        (["{name: a, ask: A, type: text, place: every 0}"], "questions.place: must be before, after"),
        (["{name: a, ask: A, type: number, low: few}"], "questions.low: must be a number from -1000000 to 1000000"),
        (["{name: 'A b', ask: A, type: text}"], "questions.name: must be a lower-case word"),
        (["{name: a, type: text}"], "questions.ask: missing; questions needs it"),
        (["{name: a, ask: A, kind: text}"], "questions.kind: unknown key; allowed: ask, high, low, name, options"),
        (
            ["{name: a, ask: A, type: range}"],
            "questions.type: 'range' is unknown; allowed: single, mul",
        ),
        (["{name: a, ask: A, type: text, when: yes}"], "questions.when: must be a mapping of another question"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused_with_their_name(tmp_path, questions, said):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, *questions)
    assert said in str(refusal.value)
    assert all(re.search(r"study\.yaml:5:\d+: questions\.", line) for line in str(refusal.value).split("\n"))


@pytest.mark.parametrize(
    ("session", "said"),
    [
        ("min_plays: 3, max_plays: 2", "session.max_plays: must not be below session.min_plays"),
        ("resume: restart", "session.resume: restart needs session.resume_hours"),
        ("resume: block", "session.resume: 'block' is unknown; allowed: resume, restart, refuse"),
        ("gold: [{file: a.wav, prompt: a dog}]", "session.gold.expected: missing"),
        (
            "gold: [{file: a.wav, prompt: a dog, expected: 7, tolerance: 1}]",
            "number 1: no answer from 1 to 5",
        ),
        ("gold: [{file: a.wav, prompt: a dog, expected: 4.5}]", "number 1: no answer from 1 to 5 lies within 0 of 4.5"),
    ],
)
def test_rules_of_a_session_that_do_not_go_together_are_refused(tmp_path, session, said):
    with pytest.raises(ConfigError) as refusal:
        test_config.load(tmp_path, f"{test_config.SMALLEST}session: {{{session}}}\n")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "key"), [("ab", "gold_checks: 1"), ("mushra", "max_plays: 2"), ("text", "gold_checks: 1")]
)
def test_types_without_gold_clips_or_limits_say_so(tmp_path, kind, key):
    with pytest.raises(ConfigError, match=f"type {kind} .*use 0"):
        test_config.load(tmp_path, f"{test_config.SMALLEST}scale: {{type: {kind}}}\nsession: {{{key}}}\n")


def test_whatever_stands_in_a_question_is_taken_or_refused_in_a_line(tmp_path, seed):
    rng = random.Random(seed)
    values = [
        "1",
        "-3",
        "1.5",
        "x",
        "[x, y]",
        "[1]",
        "{}",
        "{a: x}",
        "{after_trials: 1}",
        "every 1",
        "null",
        "[]",
        "''",
        "yes",
    ]
    keys = ["name", "ask", "type", "options", "low", "high", "required", "when", "place", "screen_out"]
    taken, said = 0, []
    for _ in range(300):
        parts = {"name": "b", "ask": "B?", "options": "[x, y]", rng.choice(keys): rng.choice(values)}
        written = ", ".join(f"{key}: {value}" for key, value in parts.items())
        print(written)
        try:
            load(tmp_path, "{name: a, ask: A, options: [x, y]}", f"{{{written}}}")
        except ConfigError as error:
            said.append(str(error))
        else:
            taken += 1
    assert taken
    assert all("study.yaml:5:" in line for one in said for line in one.split("\n"))


def test_takes_of_own_clips_are_not_known_yet(tmp_path):
    """Two prompts under two conditions are 4 trials for each take, of which there may be several."""
    asked = "[{name: a, ask: A, options: [x, y], place: {after_trials: 10}}]"
    own = "name: s\nclips: there\nconditions: [one, two]\nprompts: [a dog, rain]"
    (tmp_path / "study.yaml").write_text(f"{own}\nquestions: {asked}\n", encoding="utf-8")
    assert load_config(tmp_path / "study.yaml").questions[0].place.trials == 10
    rendered = own.replace("clips: there", "model: mini")
    (tmp_path / "study.yaml").write_text(f"{rendered}\nquestions: {asked}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="a session has 4"):
        load_config(tmp_path / "study.yaml")
