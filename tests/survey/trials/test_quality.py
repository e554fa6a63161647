"""Which answers pass a check, and when a session has failed."""

import pytest

from survey.config.study import SessionRules
from survey.trials.quality import Given, expects, failed, failures, headphones, headphones_passed, repeats

PLAIN = SessionRules()


@pytest.mark.parametrize(("score", "found"), [(1, []), (2, []), (3, [7]), (5, [7])])
def test_a_mismatched_clip_is_scored_low(score, found):
    assert failures([Given(7, expects(1, 2), score)]) == found


@pytest.mark.parametrize(("score", "found"), [(3, []), (2, [9]), (4, [9])])
def test_an_instruction_is_followed(score, found):
    assert failures([Given(9, expects(3, 3), score)]) == found


@pytest.mark.parametrize(("first", "again", "found"), [(3, 3, []), (3, 4, []), (3, 2, []), (3, 5, [8]), (5, 1, [8])])
def test_a_repeat_may_differ_by_a_point(first, again, found):
    assert failures([Given(8, repeats(2), again), Given(2, None, first)]) == found


def test_a_repeat_of_what_was_left_out_proves_nothing():
    assert failures([Given(8, repeats(2), 5)]) == []


def test_trials_without_a_check_cannot_fail():
    assert failures([Given(position, None, 1 + position % 5) for position in range(1, 20)]) == []


def test_more_failures_than_allowed_fail_a_session():
    rules = SessionRules(allowed_failures=1)
    assert [failed(number, (), rules) for number in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("tries", "passed", "out"),
    [([], False, False), ([4], False, False), ([5], True, False), ([4, 5], True, False), ([4, 4], False, True)],
)
def test_headphones_have_two_tries(tries, passed, out):
    assert headphones_passed(tries, PLAIN) == passed
    assert failed(0, tries, PLAIN) == out
    assert headphones(tries, PLAIN) == ("passed" if passed else "failed" if out else "")
    assert headphones_passed(tries, SessionRules(headphone_pass=6)) == (6 in tries)
