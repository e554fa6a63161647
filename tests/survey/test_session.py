"""The way through a session."""

import pytest

from survey.config.session import Recruitment, SessionRules
from survey.session import accepts, after_answer, after_confirming, next_stage

OPEN = Recruitment()


def walk(rules: SessionRules, recruitment: Recruitment = OPEN) -> list[str]:
    stages = ["consent"]
    while stages[-1] != "done":
        stages.append(next_stage(stages[-1], rules, recruitment))
    return stages


def test_the_whole_way():
    whole = [
        *("consent", "questions", "sound_check", "headphones", "instructions"),
        *("practice", "ready", "trials", "done"),
    ]
    assert walk(SessionRules(), Recruitment(eligibility=True)) == whole
    assert walk(SessionRules(), Recruitment(demographics=("age",))) == whole


def test_what_a_study_does_without_is_passed_over():
    rules = SessionRules(practice=0, headphone_check="none")
    assert walk(rules) == ["consent", "sound_check", "instructions", "trials", "done"]


def test_only_the_present_page_can_be_confirmed():
    rules = SessionRules()
    assert after_confirming("sound_check", "sound_check", rules, OPEN) == "headphones"
    assert after_confirming("sound_check", "instructions", rules, OPEN) == "sound_check"
    for stage in ("trials", "questions", "headphones"):
        assert after_confirming(stage, stage, rules, OPEN) == stage


@pytest.mark.parametrize(
    ("stage", "open_kinds", "after"),
    [
        ("practice", {"practice", "trial"}, "practice"),
        ("practice", {"trial"}, "ready"),
        ("trials", {"attention"}, "trials"),
        ("trials", set(), "done"),
        ("instructions", set(), "instructions"),
    ],
)
def test_answers_lead_on_when_none_is_left(stage, open_kinds, after):
    assert after_answer(stage, open_kinds, SessionRules(), OPEN) == after


def test_a_trial_is_answered_in_its_stage_only():
    assert accepts("practice", "practice")
    assert accepts("trials", "attention")
    assert not accepts("ready", "trial")
    assert not accepts("trials", "practice")
