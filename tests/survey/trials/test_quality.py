"""Which answers pass a check, and when a session has failed."""

import random

import pytest

from survey.trials.quality import Given, expects, failed, failures, headphone_standing, headphones, near, repeats


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
    assert [failed(number, (), allowed=1, needed=5) for number in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("tries", "passed", "out"),
    [([], False, False), ([4], False, False), ([5], True, False), ([4, 5], True, False), ([4, 4], False, True)],
)
def test_headphones_have_two_tries(tries, passed, out):
    assert failed(0, tries, allowed=0, needed=5) == out
    assert headphones(tries, 5) == ("passed" if passed else "failed" if out else "")
    assert (headphones(tries, 6) == "passed") == (6 in tries)


@pytest.mark.parametrize(
    ("tries", "outcome", "standing"),
    [
        ([], "", (0, 0)),
        ([5], "", (1, 0)),
        ([4], "", (0, 1)),
        ([4, 4], "failed", (0, 2)),
        ([4, 6], "", (1, 0)),
        ([5, 3], "", (1, 1)),
        ([4, 5, 4, 5], "passed", (2, 0)),
        ([5, 5], "passed", (2, 0)),
        ([6, 1, 2], "failed", (1, 2)),
    ],
)
def test_of_two_headphone_checks_both_must_be_passed(tries, outcome, standing):
    assert headphones(tries, 5, 2) == outcome
    assert headphone_standing(tries, 5) == standing
    assert failed(0, tries, allowed=0, needed=5, checks=2) == (outcome == "failed")


def test_an_answer_passes_within_the_tolerance_of_the_expected_one(seed):
    rng = random.Random(seed)
    for _ in range(50):
        tenths, within, score = rng.randint(10, 50), rng.randint(0, 20), rng.randint(1, 5)
        passed = failures([Given(7, near(tenths / 10, within / 10), score)]) == []
        assert passed == (abs(10 * score - tenths) <= within)
