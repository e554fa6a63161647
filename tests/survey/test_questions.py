"""Question types: what counts as an answer."""

import pytest

from survey.config import Scale
from survey.errors import AnswerError
from survey.questions import QUESTION_TYPES


def test_the_five_grades_are_answers():
    assert [QUESTION_TYPES["acr"].parse(score) for score in range(1, 6)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("answer", [0, 6, -1, 3.0, "3", None, True, [3], float("nan")])
def test_nothing_else_is(answer):
    with pytest.raises(AnswerError, match="whole number from 1 to 5"):
        QUESTION_TYPES["acr"].parse(answer)


def test_the_page_gets_the_scale_best_first():
    described = QUESTION_TYPES["acr"].describe(Scale(question="How?", labels={1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}))
    assert described["question"] == "How?"
    assert [grade["score"] for grade in described["grades"]] == [5, 4, 3, 2, 1]
    assert described["grades"][0]["label"] == "e"
