"""Questions before, between and after the trials, as a session meets them and the export shows them."""

import json

import pytest
from going_through import ANNA, BERT, RULES, answer, begin

from survey.config.items import Item, Place
from survey.config.session import Recruitment
from survey.errors import AnswerError

DEVICE = Item("device", "On what?", options=("headphones", "speakers"), screen_out=("speakers",))
BRAND = Item("brand", "Which?", "text", when={"device": ("headphones",)})
TIRED = Item("tired", "Tired?", options=("yes", "no"), place=Place("every", 2))
HALF = Item("half", "Like it?", "number", low=0, high=10, place=Place("after_trials", 3))
GUESS = Item("guess", "What was it about?", "text", place=Place("after"), required=False)
WHY = Item("why", "Why?", "text", place=Place("after"), when={"half": ("0", "1")})
ANSWERS = {
    "questions": {"device": "headphones", "brand": "Sony"},
    "after": {"guess": ""},
    "between": {"tired": "no", "half": 0},
}


@pytest.fixture
def study(store, manifest):
    store.clips.sync(manifest(2))  # six trials
    store.scope.rules = RULES
    store.scope.questions = (DEVICE, BRAND, TIRED, HALF, GUESS)
    return store


def given(state, **other):
    known = ANSWERS["questions"] | ANSWERS["between"] | ANSWERS["after"] | other
    return {item.name: known[item.name] for item in state.page}


def go(store, token, until=None, **other):
    """Go on from where somebody stands, and note the stages and pages on the way."""
    state, way = store.sessions.start(token), []
    while state.stage not in ("done", until):
        if state.page:
            way.append((state.stage, state.done, [item.name for item in state.page]))
            state = store.sessions.answer_questions(token, given(state, **other), state.stage, state.done)
        elif state.trial is not None:
            state = store.sessions.rate(token, answer(state.trial))
        else:
            state = store.sessions.confirm(token, state.stage)
    return state, way


def row_of(store, place=0):
    return list(store.results.sessions())[place]


def test_questions_stand_where_the_study_has_them_and_all_answers_are_exported(study):
    state, way = go(study, ANNA)
    assert (state.stage, state.outcome) == ("done", "finished")
    assert way == [
        ("questions", 0, ["device", "brand"]),
        ("between", 2, ["tired"]),
        ("between", 3, ["half"]),
        ("between", 4, ["tired"]),
        ("between", 6, ["tired"]),
        ("after", 6, ["guess"]),
    ]
    row = row_of(study)
    assert json.loads(row.answers) == {
        "device": "headphones", "brand": "Sony", "tired": {"2": "no", "4": "no", "6": "no"}, "half": 0, "guess": "",
    }  # fmt: skip
    assert json.loads(row.asked)["half"] == "Like it?"
    assert [rating.position for rating in study.results.ratings()] == list(range(1, 9))


def test_a_reload_comes_back_to_the_open_question_and_no_clip_is_shown_or_rated_there(study):
    go(study, ANNA, until="between")
    again = study.sessions.state(ANNA)
    assert (again.stage, again.done, again.trial) == ("between", 2, None)
    with pytest.raises(AnswerError):
        study.sessions.answer_questions(ANNA, {"tired": "maybe"}, "between", 2)
    shown = again.upcoming
    assert study.sessions.rate(ANNA, answer(shown)).stage == "between", "an old tab"
    assert study.sessions.skip(ANNA, shown.position, "broken").upcoming.position == shown.position
    assert len(list(study.results.ratings())) == 4
    assert study.sessions.answer_questions(ANNA, {"tired": "yes"}, "between", 2).trial.position == shown.position


def test_answers_to_a_page_that_is_over_change_nothing(study):
    go(study, ANNA, until="between")
    state = study.sessions.answer_questions(ANNA, {"tired": "yes"}, "between", 2)
    for page, after, late in (("between", 2, {"tired": "no"}), ("questions", 0, {}), ("after", 0, {"guess": "x"})):
        assert study.sessions.answer_questions(ANNA, late, page, after) == state
    assert json.loads(row_of(study).answers)["tired"] == {"2": "yes"}
    state = study.sessions.rate(ANNA, answer(state.trial))
    assert [item.name for item in state.page] == ["half"]
    assert study.sessions.answer_questions(ANNA, {"tired": "no"}, "between", 2) == state, "of an earlier page"


def test_an_option_leads_out_of_the_study_and_its_place_is_free(study):
    study.sessions.start(ANNA)
    state = study.sessions.answer_questions(ANNA, {"device": "speakers"})
    assert (state.stage, state.outcome) == ("done", "screened_out")
    assert json.loads(row_of(study).answers) == {"device": "speakers"}
    go(study, BERT)
    assert [tally.counts for tally in study.results.tallies() if tally.item.name == "device"] == [
        {"headphones": 1, "speakers": 1}
    ]


def test_what_follows_from_an_answer_is_asked_of_whom_it_concerns(study):
    study.scope.questions = (*study.scope.questions, WHY)
    asked = [go(study, token, half=half, why="it hurt")[1][-1][2] for token, half in ((ANNA, 0), (BERT, 7))]
    assert asked == [["guess", "why"], ["guess"]]
    assert "why" not in json.loads(row_of(study, 1).answers)


def test_a_session_keeps_the_questions_it_began_with_and_new_ones_get_the_others(study):
    begin(study, ANNA)
    study.scope.questions = (Item("other", "Else?", "text", place=Place("after")),)
    assert [stage for stage, _, _ in go(study, ANNA)[1]] == ["questions", *["between"] * 4, "after"]
    assert [names for _, _, names in go(study, BERT, other="no")[1]] == [["other"]]
    assert json.loads(row_of(study, 1).asked) == {"other": "Else?"}


def test_demographic_questions_are_asked_on_the_same_page_and_can_decide(study):
    study.scope.recruitment = Recruitment(demographics=("age",))
    study.scope.questions = (Item("job", "Job?", "text", when={"age": ("30_44",)}),)
    pages = []
    for token, age in ((ANNA, "30_44"), (BERT, "60_up")):
        state = study.sessions.start(token)
        pages.append([item.name for item in state.page])
        said = {"age": age} | ({"job": "baker"} if age == "30_44" else {})
        assert study.sessions.answer_questions(token, said).stage == "sound_check"
    assert pages == [["age", "job"]] * 2
    assert study.results.tallies()[0].counts == {
        "under_18": 0, "18_29": 0, "30_44": 1, "45_59": 0, "60_up": 1, "no_answer": 0,
    }  # fmt: skip


def test_clips_that_were_left_out_count_as_over(study):
    state = begin(study, ANNA)
    state, _ = go(study, ANNA, until="trials")
    state = study.sessions.skip(ANNA, state.trial.position, "broken")
    state = study.sessions.skip(ANNA, state.trial.position, "broken")
    assert (state.stage, [item.name for item in state.page]) == ("between", ["tired"])


def test_a_withdrawal_takes_the_answers_along(study):
    go(study, ANNA)
    assert study.participants.withdraw(ANNA)
    assert list(study.results.sessions()) == []
    assert sum(sum(tally.counts.values()) for tally in study.results.tallies()) == 0
