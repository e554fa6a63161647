"""The way through a session."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from survey.config.session import SessionRules
from survey.session import accepts, after_answer, after_confirming, lapsed, next_stage

NOTHING: set[str] = set()


def walk(rules: SessionRules, *asks: str) -> list[str]:
    stages = ["consent"]
    while stages[-1] != "done":
        stages.append(next_stage(stages[-1], rules, asks))
    return stages


def test_the_whole_way():
    whole = [
        *("consent", "questions", "sound_check", "headphones", "instructions"),
        *("practice", "ready", "trials", "after", "done"),
    ]
    assert walk(SessionRules(), "questions", "after") == whole


def test_what_a_study_does_without_is_passed_over():
    rules = SessionRules(practice=0, headphone_check="none")
    assert walk(rules) == ["consent", "sound_check", "instructions", "trials", "done"]


def test_only_the_present_page_can_be_confirmed():
    rules = SessionRules()
    assert after_confirming("sound_check", "sound_check", rules, NOTHING) == "headphones"
    assert after_confirming("sound_check", "instructions", rules, NOTHING) == "sound_check"
    for stage in ("trials", "questions", "headphones"):
        assert after_confirming(stage, stage, rules, NOTHING) == stage


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
    assert after_answer(stage, open_kinds, SessionRules(), NOTHING) == after


@pytest.mark.parametrize(
    ("stage", "open_kinds", "asks", "after"),
    [
        ("trials", {"trial"}, {"between", "after"}, "between"),
        ("between", {"trial"}, {"between"}, "between"),
        ("between", {"trial"}, {"after"}, "trials"),
        ("trials", set(), {"between", "after"}, "between"),
        ("between", set(), {"after"}, "after"),
        ("between", set(), set(), "done"),
        ("after", set(), {"after"}, "after"),
        ("after", set(), set(), "done"),
        ("practice", {"trial"}, {"between"}, "ready"),
    ],
)
def test_questions_stand_between_the_trials_and_after_them(stage, open_kinds, asks, after):
    assert after_answer(stage, open_kinds, SessionRules(), asks) == after


@pytest.mark.parametrize("resume", ["resume", "restart", "refuse"])
@pytest.mark.parametrize("hours", [0, 5])
def test_who_was_away_for_longer_than_the_study_allows_does_not_go_on(resume, hours, seed):
    rng = random.Random(seed)
    seen, rules = datetime(2026, 1, 1, tzinfo=UTC), SessionRules(resume=resume, resume_hours=hours)
    away = timedelta(hours=rng.uniform(5.01, 500))
    assert lapsed(rules, seen, seen + away) == (resume != "resume" and hours > 0)
    assert not lapsed(rules, seen, seen + timedelta(hours=rng.uniform(0, 4.99)))
    assert not lapsed(rules, seen, seen - away), "the clock was set back"


def test_a_trial_is_answered_in_its_stage_only():
    assert accepts("practice", "practice")
    assert accepts("trials", "attention")
    assert not accepts("ready", "trial")
    assert not accepts("trials", "practice")
    assert not accepts("trials", "uncounted")
    assert not accepts("between", "trial")
