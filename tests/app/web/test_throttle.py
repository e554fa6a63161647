"""The throttle: counted before it is done, by key, by a clock that never goes back."""

import random
import threading
from collections import Counter

import pytest

from app.web.throttle import MOST_KEYS, Throttle


def test_of_many_at_once_as_many_pass_as_may():
    throttle, passed = Throttle([(5, 60)]), []
    start = threading.Barrier(40)

    def guess() -> None:
        start.wait()
        passed.append(throttle.take("one") == 0)

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(passed) == {True: 5, False: 35}


def test_no_window_ever_holds_more_than_its_count():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, now = random.Random(seed), 0.0
    windows = [(3, 10.0), (5, 60.0)]
    throttle, taken = Throttle(windows, clock=lambda: now), []
    for _ in range(2000):
        now += rng.expovariate(0.5)
        wait = throttle.take("one")
        full = [sum(time > now - seconds for time in taken) >= count for count, seconds in windows]
        assert (wait > 0) == any(full)
        if not wait:
            taken.append(now)


def test_the_wait_is_what_it_says():
    now = 0.0
    throttle = Throttle([(1, 60)], clock=lambda: now)
    assert throttle.take("one") == 0
    now = 25.0
    assert throttle.take("one") == pytest.approx(35)
    assert throttle.take("other") == 0
    now = 60.0
    assert throttle.take("one") == 0


def test_ever_new_keys_fill_no_memory():
    throttle = Throttle([(1, 60)])
    for number in range(MOST_KEYS + 50):
        throttle.take(f"address {number}")
    assert len(throttle) == MOST_KEYS
    assert throttle.take(f"address {MOST_KEYS + 49}") > 0


def test_who_has_nothing_left_to_wait_for_is_forgotten():
    now = 0.0
    throttle = Throttle([(2, 10), (5, 60)], clock=lambda: now)
    for number in range(100):
        now = number * 1.0
        throttle.take(f"address {number}")
    assert len(throttle) == 60
    now = 1000.0
    throttle.take("address 99")
    assert len(throttle) == 1
