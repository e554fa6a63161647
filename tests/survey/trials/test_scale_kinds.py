"""Scales of numbers, sliders and degradation, both bad, and several scales of one trial: answers and their checks."""

import itertools
import math
import random
from typing import Any

import pytest

from survey.errors import AnswerError
from survey.trials import quality
from survey.trials.design import plan_session
from survey.trials.question import Given, Result
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Asked, Scale
from survey.trials.stimulus import Stimulus

NO_NUMBERS = [None, True, "3", [3], {}, math.nan, math.inf, -math.inf, 10**400, 3.3]
QUALITY = Scale(name="quality", type="slider", low=0, high=100)
MATCH = Scale(name="match", type="numeric", low=1, high=5, step=0.5)
WHY = Scale(name="why", type="text", required=False)
THREE = Asked((QUALITY, MATCH, WHY))


def parse(scale: Scale, answer: object) -> Any:
    return scale.kind.parse(answer, "", scale.kind.clips(2), scale).score


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0, 10, None, list(range(11))),
        (1, 7, None, [1, 2, 3, 4, 5, 6, 7]),
        (1, 5, 0.5, [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]),
        (-1, 1, 0.1, [number / 10 for number in range(-10, 11)]),
        (0, 100, None, list(range(101))),
    ],
)
def test_a_numeric_scale_takes_its_numbers_and_no_other(low, high, step, expected):
    scale = Scale(type="numeric", low=low, high=high, step=step)
    assert [parse(scale, number) for number in expected] == expected
    assert all(type(parse(scale, float(number))) is int for number in expected if float(number).is_integer())
    for wrong in (*NO_NUMBERS, low - 1, high + 1, low + (step or 1) / 3):
        with pytest.raises(AnswerError, match=rf"score: must be a number from {low} to {high} in steps of "):
            parse(scale, wrong)
    shown = scale.describe()
    buttons = len(expected) <= 11
    assert shown["answer"] == ("grades" if buttons else "slider")
    assert [grade["score"] for grade in shown["grades"]] == (expected if buttons else [])


@pytest.mark.parametrize(("low", "high", "digits"), [(0, 100, 1), (0, 1, 3), (1, 5, 3), (-50, 50, 1), (0, 10, 2)])
def test_a_slider_takes_any_position_and_keeps_it_to_a_thousandth(low, high, digits, seed):
    scale, rng = Scale(type="slider", low=low, high=high), random.Random(seed)
    for _ in range(200):
        position = rng.uniform(low, high)
        assert parse(scale, position) == round(position, digits)
    assert (parse(scale, low), parse(scale, float(high))) == (low, high)
    assert (high - low) / scale.describe()["step"] >= 1000
    for wrong in (low - 1e-9, high + 1e-9, *NO_NUMBERS[:-1]):
        with pytest.raises(AnswerError, match=f"score: must be a number from {low} to {high}, not"):
            parse(scale, wrong)


def test_both_bad_is_an_answer_where_the_study_has_it():
    scale = Scale(type="ab", both_bad=True)
    given = scale.kind.parse("both_bad", "", 2, scale)
    assert list(scale.kind.results([5, 7], 7, given)) == [Result(7, 0, 5, 5, answer="both_bad")]
    assert [grade["score"] for grade in scale.describe()["grades"]] == [-1, 1, "both_bad"]
    with pytest.raises(AnswerError):
        parse(scale, 0)
    with pytest.raises(AnswerError):
        parse(Scale(type="ab"), "both_bad")


def test_degradation_is_heard_after_the_reference_and_the_baseline_too():
    cells = [Stimulus(f"p{p}.{c}.7", f"p{p}", c, 7) for p in (1, 2) for c in ("baseline", "x")]
    plan = plan_session(cells, 3, study="s", scale=Scale(type="dcr"))
    assert {trial.clips for trial in plan} == {
        (f"p{p}.baseline.7", f"p{p}.{c}.7") for p in (1, 2) for c in ("baseline", "x")
    }
    kind = QUESTION_TYPES["dcr"]
    assert list(kind.results([5, 7], 7, Given(4))) == [Result(7, 4, 5, 5)]
    foils = {"p1": ["p2"], "p2": ["p1"]}
    plan = plan_session(cells, 3, study="s", scale=Scale(type="dcr"), attention_checks=2, foils=foils)
    for trial in (trial for trial in plan if trial.kind == "attention"):
        reference, other = trial.clips
        assert reference.startswith(f"{trial.prompt_id}.baseline")
        assert other.startswith(foils[trial.prompt_id][0])
        assert trial.check == {"low": 1, "high": 2}


@pytest.mark.parametrize(
    ("scale", "mismatch", "within"),
    [
        (Scale(), (1, 2), 1),
        (Scale(type="numeric", low=1, high=5, step=0.5), (1, 2), 1),
        (Scale(type="numeric", low=0, high=10), (0, 2.5), 2.5),
        (Scale(type="numeric", low=0, high=2), (0, 0.5), 1),
        (Scale(type="slider", low=0, high=100), (0, 25), 25),
        (Scale(type="slider", low=-1, high=1), (-1, -0.5), 0.5),
    ],
    ids=str,
)
def test_a_mismatch_passes_in_the_lower_quarter_and_a_repeat_within_a_quarter(scale, mismatch, within):
    cells = [Stimulus(f"p{p}.{c}.7", f"p{p}", c, 7) for p in range(4) for c in ("baseline", "x")]
    foils = {f"p{p}": [f"p{(p + 1) % 4}"] for p in range(4)}
    plan = plan_session(cells, 1, study="s", scale=scale, attention_checks=1, repeats=1, foils=foils)
    checks = {trial.kind: trial.check for trial in plan if trial.check}
    low, high = mismatch
    assert (checks["attention"]["low"], checks["attention"]["high"]) == mismatch

    def fails(*answers: tuple[int, Any, float]) -> bool:
        return bool(quality.failures(quality.Given(*one) for one in answers))

    assert not fails((1, checks["attention"], low))
    assert not fails((1, checks["attention"], high))
    assert fails((1, checks["attention"], high + 0.01))
    again = checks["repeat"] | {"repeats": 1}
    assert not fails((1, None, low), (2, again, low + within))
    assert fails((1, None, low + within + 0.01), (2, again, low))


def test_an_answer_on_several_scales_is_one_and_whole():
    given = THREE.parse({"quality": 71.26, "match": 3.0, "why": " it rings "}, "", 1)
    assert given == (Given(71.3), Given(3), Given(None, words="it rings"))
    assert THREE.answers(given) == {"quality": 71.3, "match": 3, "why": "it rings"}
    left = THREE.parse({"quality": 0, "match": 1.5, "why": None}, "", 1)
    assert THREE.answers(left) == {"quality": 0, "match": 1.5, "why": None}
    assert THREE.parse(THREE.answers(given), "", 1) == given, "as it is stored, it is the answer again"
    for wrong, said in (
        ({"quality": 70, "match": 3}, "score: must be a mapping of quality, match, why"),
        ({"quality": 70, "match": 3, "why": None, "more": 1}, "score: must be a mapping of"),
        (70, "score: must be a mapping of"),
        ({"quality": 70, "match": None, "why": None}, r"score\.match: must be a number from 1 to 5 in steps of 0.5"),
        ({"quality": None, "match": 3, "why": None}, r"score\.quality: must be a number from 0 to 100"),
        ({"quality": 70, "match": 3, "why": "a\0b"}, r"score\.why: holds a character that is not text"),
        ({"quality": 70, "match": 3, "why": "x" * 2001}, r"score\.why: has 2,001 characters"),
        ({"quality": 70, "match": 3, "why": "  "}, r"score\.why: must be a text"),
    ):
        with pytest.raises(AnswerError, match=said):
            THREE.parse(wrong, "", 1)


def test_whatever_stands_in_an_answer_is_taken_as_such_or_refused_in_one_line(seed):
    rng = random.Random(seed)
    odd = [*NO_NUMBERS, "both_bad", "", "\ud800", "\0", b"x", [], [[]], {"": 1}, -0.0, 2**63, 5e-324, "😀" * 999]
    kinds = [Scale(type=kind, low=0, high=4, name=kind, required=rng.random() < 0.5) for kind in QUESTION_TYPES]
    for several in itertools.permutations(rng.sample(kinds, 3), 2):
        asked = Asked(several)
        for _ in range(60):
            whole = {one.name: rng.choice(odd) for one in several}
            answer = rng.choice([whole, rng.choice(odd), dict(list(whole.items())[:1])])
            said = ""
            try:
                given = asked.parse(answer, "", 2)
            except AnswerError as error:
                said = str(error)
            assert "\n" not in said
            assert said or asked.parse(asked.answers(given), "", 2) == given
