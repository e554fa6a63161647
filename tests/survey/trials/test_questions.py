"""Question types: which clips a trial holds, what counts as an answer, and what it says of the conditions."""

import itertools
import random

import pytest

from survey.errors import AnswerError
from survey.trials.question import Given, Result
from survey.trials.questions import QUESTION_TYPES
from survey.trials.scale import Scale
from survey.trials.stimulus import Stimulus

CONDITIONS = ("baseline", "sqs-w8a8", "sqd-w8a8")
CELLS = [Stimulus(f"p1.{name}.7", "p1", name, 7) for name in CONDITIONS]
BY_NAME = {cell.condition: cell for cell in CELLS}


def parse(kind: str, answer: object, comment: str = "", clips: int = 1, **scale: bool) -> Given:
    return QUESTION_TYPES[kind].parse(answer, comment, clips, Scale(type=kind, **scale))


@pytest.mark.parametrize(
    ("kind", "answers"),
    [("acr", [1, 2, 3, 4, 5]), ("ab", [-1, 1]), ("ccr", [-3, -2, -1, 0, 1, 2, 3]), ("abx", [0, 1])],
)
def test_the_grades_are_answers(kind, answers):
    assert [parse(kind, answer).score for answer in answers] == answers
    for wrong in (min(answers) - 1, max(answers) + 1, 3.0, "1", None, True, [1], float("nan")):
        with pytest.raises(AnswerError, match="whole number from"):
            parse(kind, wrong)


def test_no_preference_is_an_answer_where_the_study_has_it():
    assert parse("ab", 0, no_preference=True).score == 0
    with pytest.raises(AnswerError):
        parse("ab", 0)


def test_sliders_are_one_whole_number_for_each_clip_but_the_reference():
    assert parse("mushra", [0, 55, 100], clips=4).scores == (0, 55, 100)
    for wrong in ([0, 55], [0, 55, 100, 100], [0, 55, 101], [0, -1, 3], [0, 1.0, 3], [0, True, 3], 50, None):
        with pytest.raises(AnswerError, match="3 whole numbers from 0 to 100"):
            parse("mushra", wrong, clips=4)


def test_words_are_an_answer_and_nothing_else():
    assert parse("text", None, "a dog, far away") == Given(None)
    for answer, comment in ((None, "  "), (None, ""), (3, "a dog")):
        with pytest.raises(AnswerError, match="in words"):
            parse("text", answer, comment)


def test_the_page_gets_the_scale_best_first():
    scale = Scale(question="How?", labels={1: "a", 2: "b", 3: "c", 4: "d", 5: "e"})
    described = QUESTION_TYPES["acr"].describe(scale)
    assert described["question"] == "How?"
    assert [grade["score"] for grade in described["grades"]] == [5, 4, 3, 2, 1]
    assert described["grades"][0]["label"] == "e"


@pytest.mark.parametrize("kind", ["ab", "ccr"])
def test_a_pair_is_the_condition_and_the_baseline_in_both_orders(kind):
    asked = QUESTION_TYPES[kind]
    assert [cell.condition for cell in asked.tested(CELLS, "baseline")] == ["sqs-w8a8", "sqd-w8a8"]
    orders = [asked.arrange(CELLS[1], BY_NAME, "baseline", way, random.Random(1)) for way in range(asked.ways)]
    assert sorted(orders) == [("p1.baseline.7", "p1.sqs-w8a8.7"), ("p1.sqs-w8a8.7", "p1.baseline.7")]


def test_abx_has_four_ways():
    asked = QUESTION_TYPES["abx"]
    ways = {asked.arrange(CELLS[1], BY_NAME, "baseline", way, random.Random(1)) for way in range(asked.ways)}
    pair = ("p1.baseline.7", "p1.sqs-w8a8.7")
    assert ways == {(*order, x) for order in itertools.permutations(pair) for x in pair}


def test_mushra_shows_every_condition_and_the_reference_last():
    asked, seed = QUESTION_TYPES["mushra"], random.randrange(10**6)
    print("seed", seed)
    names = {cell.name for cell in CELLS}
    assert [cell.condition for cell in asked.tested(CELLS, "baseline")] == ["baseline"]
    rng, seen = random.Random(seed), set()
    for _ in range(60):
        *clips, reference = asked.arrange(CELLS[0], BY_NAME, "baseline", 0, rng)
        assert set(clips) == names
        assert reference == "p1.baseline.7"
        seen.add(tuple(clips))
    assert len(seen) == 6  # every order of three comes up
    assert asked.conditions(CONDITIONS) == (*CONDITIONS, "anchor")


def results(kind: str, clips: list[int], stimulus: int, given: Given) -> list[Result]:
    return list(QUESTION_TYPES[kind].results(clips, stimulus, given))


def test_a_preference_is_turned_towards_the_condition():
    # 7 is under test and 5 the baseline; the answer prefers what was heard second.
    assert results("ab", [5, 7], 7, Given(1)) == [Result(7, 1, 5, 5)]
    assert results("ab", [7, 5], 7, Given(1)) == [Result(7, -1, 5, 7)]
    assert results("ccr", [7, 5], 7, Given(-3)) == [Result(7, 3, 5, 7)]
    assert results("ccr", [5, 7], 7, Given(0)) == [Result(7, 0, 5, 5)]


def test_abx_is_right_where_x_was_named():
    assert results("abx", [5, 7, 7], 7, Given(1)) == [Result(7, 1, 5, 5, 7)]
    assert results("abx", [5, 7, 7], 7, Given(0)) == [Result(7, 0, 5, 5, 7)]
    assert results("abx", [7, 5, 7], 7, Given(0)) == [Result(7, 1, 5, 7, 7)]


def test_mushra_says_something_of_every_clip_but_the_open_reference():
    assert results("mushra", [5, 7, 6, 5], 5, Given(None, (100, 40, 0))) == [
        Result(5, 100),
        Result(7, 40),
        Result(6, 0),
    ]


@pytest.mark.parametrize("kind", ["ab", "ccr", "abx"])
def test_an_attention_check_beside_another_prompt_passes_for_the_own_clip(kind):
    asked, seen = QUESTION_TYPES[kind], set()
    for way in range(asked.ways):
        check, heard = asked.attention(way, Scale(type=kind))
        assert sorted(heard[:2]) == [0, 1]
        passing = [score for score in asked.grades if check["low"] <= score <= check["high"]]
        assert passing
        if kind == "abx":
            assert [heard[score] for score in passing] == [heard[2]]
        else:
            assert all((score < 0) == (heard[0] == 0) and score != 0 for score in passing)
        seen.add((heard, check["low"]))
    assert len(seen) == asked.ways
