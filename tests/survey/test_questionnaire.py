"""The questions before listening."""

import pytest

from survey.config.session import Recruitment
from survey.errors import AnswerError
from survey.questionnaire import ELIGIBILITY, check_answers, eligible, items

FIT = {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}


def test_a_study_asks_what_it_says():
    assert items(Recruitment()) == ()
    assert [item.name for item in items(Recruitment(demographics=("gender", "age")))] == ["gender", "age"]
    both = items(Recruitment(eligibility=True, demographics=("language",)))
    assert [item.name for item in both] == [*FIT, "language"]


def test_who_fits_may_take_part():
    assert check_answers(FIT, ELIGIBILITY) == FIT
    assert eligible(FIT, ELIGIBILITY)


@pytest.mark.parametrize("name", list(FIT))
def test_each_question_of_the_standard_can_lead_out(name):
    other = FIT | {name: "no" if FIT[name] == "yes" else "yes"}
    assert not eligible(check_answers(other, ELIGIBILITY), ELIGIBILITY)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hearing": "maybe"}, "answers.hearing"),
        ({"more": "yes"}, "answers:"),
        ({"language": "x" * 61}, "answers.lang"),
    ],
)
def test_answers_that_were_not_asked_for_are_refused(change, place):
    asked = items(Recruitment(eligibility=True, demographics=("language",)))
    with pytest.raises(AnswerError) as caught:
        check_answers(FIT | {"language": "de"} | change, asked)
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)


def test_a_question_in_words_may_stay_empty_but_not_away():
    asked = items(Recruitment(demographics=("language",)))
    assert check_answers({"language": "  "}, asked) == {"language": ""}
    with pytest.raises(AnswerError):
        check_answers({}, asked)
