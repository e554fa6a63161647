"""What cannot be true of an answer together, and what can."""

import os
import random
from dataclasses import replace

import pytest

from survey.trials.listening import FLAGS, Listening, flags

# A clip of ten seconds, heard once within a trial that was open for a quarter of a minute.
HONEST = Listening(1, 10.0, 14_000, 15_000, True, 10.0, True)


def test_an_honest_answer_has_no_flag():
    assert flags(HONEST) == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"served": False}, "not_served"),
        ({"plays": 0}, "never_played"),
        ({"open_ms": 5_000, "heard_seconds": 4.0, "response_ms": 4_800}, "too_soon"),
        ({"heard_seconds": 25.0, "response_ms": 25_000, "open_ms": 20_000}, "heard_more_than_open"),
        ({"response_ms": 60_000}, "response_longer_than_open"),
        ({"response_ms": 3_000}, "response_shorter_than_heard"),
    ],
)
def test_each_lie_has_its_name(change, found):
    assert found in FLAGS
    assert found in flags(replace(HONEST, **change))


def test_the_answer_of_a_script_has_nearly_all_of_them():
    script = Listening(0, 999_999.0, 0, 3, False, 10.0, True)
    assert set(FLAGS) - set(flags(script)) == {"response_longer_than_open"}


def test_where_nothing_need_be_heard_nothing_is_demanded():
    assert flags(replace(HONEST, plays=0, heard_seconds=0.0, open_ms=900, response_ms=800, must_listen=False)) == ()


def test_without_a_time_of_the_server_its_time_is_held_against_nobody():
    claims = replace(HONEST, heard_seconds=500.0, response_ms=500_000, open_ms=None)
    assert flags(claims) == ()
    assert flags(replace(claims, plays=0, served=False)) == ("not_served", "never_played")


def test_people_who_do_what_the_page_lets_them_are_never_flagged():
    """Open longer than the page's time, that longer than what sounded, and all by clocks that round."""
    seed = int(os.environ.get("EARMARK_TEST_SEED", random.randrange(2**32)))
    print("EARMARK_TEST_SEED", seed)
    draw = random.Random(seed)
    for _ in range(5_000):
        seconds = draw.uniform(0.5, 60)
        plays = draw.randint(1, 5)
        heard = seconds * (draw.uniform(0.95, 1) + sum(draw.random() for _ in range(plays - 1)))
        thought = heard + draw.expovariate(1 / 5)
        opened = thought + draw.expovariate(1 / 0.2)
        step = draw.choice([0.001, 0.1])  # what a browser rounds its clock to

        def rounded(value: float, step: float = step) -> float:
            return round(value / step) * step

        one = Listening(plays, rounded(heard), round(rounded(thought) * 1000), int(opened * 1000), True, seconds, True)
        assert flags(one) == (), one
