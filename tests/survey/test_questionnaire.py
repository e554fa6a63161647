"""The questions beside the clips."""

import random

import pytest

from survey.config.items import ELIGIBILITY, Item, Place, items
from survey.config.session import Recruitment
from survey.errors import AnswerError
from survey.questionnaire import check_answers, due, eligible, merged

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


# --- a study's own ---------------------------------------------------------------------------------

DEVICE = Item("device", "On what?", options=("headphones", "speakers"), screen_out=("speakers",))
BRAND = Item("brand", "Which?", "text", when={"device": ("headphones",)}, required=False)
SIDES = Item("sides", "Which?", "multiple", ("left", "right"))
LEVEL = Item("level", "How loud?", "number", low=0, high=10, required=False)
LOUD = Item("loud", "Why so loud?", "text", when={"level": ("10", "9")})
TIRED = Item("tired", "Tired?", options=("yes", "no"), place=Place("every", 4))
REST = Item("rest", "Why?", "text", when={"tired": ("yes",)}, place=Place("every", 4))
HALF = Item("half", "Half way?", options=("yes", "no"), place=Place("after_trials", 5))
END = Item("end", "Guess?", "text", when={"half": ("yes",)}, place=Place("after"))
OWN = (DEVICE, BRAND, SIDES, LEVEL, LOUD, TIRED, REST, HALF, END)
GIVEN = {"device": "headphones", "brand": " Sony ", "sides": ["right"], "level": 10, "loud": "so"}


def test_answers_are_kept_as_their_type_has_them():
    assert check_answers(GIVEN, due("questions", OWN, {})) == GIVEN | {"brand": "Sony"}
    without = {"device": "headphones", "brand": "", "sides": ["right", "left"], "level": None}
    kept = {"device": "headphones", "brand": "", "sides": ["left", "right"], "level": None}
    assert check_answers(without, due("questions", OWN, {})) == kept


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": None}, "answers.device: must be answered"),
        ({"device": ["headphones"]}, "answers.device: must be one of headphones, speakers"),
        ({"sides": []}, "answers.sides: must be answered"),
        ({"sides": "left"}, "answers.sides: must be a list of left, right"),
        ({"sides": ["left", {}]}, "answers.sides: must be a list of left, right"),
        ({"level": 10.5}, "answers.level: must be a number from 0 to 10"),
        ({"level": True}, "answers.level: must be a number"),
        ({"level": float("nan")}, "answers.level: must be a number"),
        ({"level": "9"}, "answers.level: must be a number"),
        ({"level": 3}, "answers: no question 'loud' is asked here"),
        ({"loud": "  "}, "answers.loud: must be answered"),
        ({"loud": 3}, "answers.loud: must be a text"),
        ({"loud": "x" * 2001}, "answers.loud: must have at most 2000 characters"),
        ({"device": "speakers"}, "answers: no question 'brand' is asked here"),
        ({"end": "never"}, "answers: no question 'end' is asked here"),
    ],
)
def test_answers_that_do_not_fit_their_question_are_refused(change, said):
    with pytest.raises(AnswerError) as refusal:
        check_answers(GIVEN | change, due("questions", OWN, {}))
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize("name", ["device", "brand", "sides", "level", "loud"])
def test_every_question_that_is_asked_wants_an_answer_be_it_an_empty_one(name):
    with pytest.raises(AnswerError, match=f"answers: must be given to {name}"):
        check_answers({key: value for key, value in GIVEN.items() if key != name}, due("questions", OWN, {}))


def test_an_option_can_lead_out():
    page = due("questions", OWN, {})
    assert eligible(check_answers(GIVEN, page), page)
    out = {"device": "speakers", "sides": ["left"], "level": None}
    assert not eligible(check_answers(out, page), page)


def test_questions_come_when_they_are_due_and_once(seed):
    rng, answers, shown = random.Random(seed), dict(GIVEN), []
    for done in range(1, 14):
        page = due("between", OWN, answers, done)
        shown.append([item.name for item in page])
        given = {"tired": rng.choice(["yes", "no"]), "half": "no"}
        given = {name: value for name, value in given.items() if name in shown[-1]}
        if given.get("tired") == "yes":
            given["rest"] = f"for {done}"
        answers = merged(answers, page, check_answers(given, page, answers), done)
        assert due("between", OWN, answers, done) == (), "once"
    assert [page for page in shown if page] == [["tired", "rest"], ["half"], ["tired", "rest"], ["tired", "rest"]]
    assert set(answers["tired"]) == {"4", "8", "12"}
    assert answers.get("rest", {}) == {t: f"for {t}" for t, said in answers["tired"].items() if said == "yes"}
    assert due("after", OWN, answers, 13) == ()
    assert due("after", OWN, answers | {"half": "yes"}, 13) == (END,)


def test_a_question_whose_moment_went_by_is_asked_at_the_next(seed):
    done = random.Random(seed).randint(5, 7)
    assert [item.name for item in due("between", OWN, GIVEN, done)] == ["tired", "rest", "half"], "clips were left out"
