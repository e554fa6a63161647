"""What comes between a listener and a sound: it pauses, goes on from there, and counts once; also without a length."""

import json

import pytest
from longer import PLAYER, SECONDS, events_of, to_practice
from selenium.webdriver.common.keys import Keys
from served import SECONDS as SHORT
from served import Server
from sound import Ears
from visiting import WITHOUT_LENGTH, stored
from window import Window

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

HIDE = """
  Object.defineProperty(document, "hidden", { value: %s, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
"""


@pytest.fixture(params=["firefox", "webkit"])
def window(request: pytest.FixtureRequest) -> Window:
    if request.param == "webkit":
        return request.getfixturevalue("webkit")
    ears: Ears = request.getfixturevalue("ears")
    ears.plug()
    return request.getfixturevalue("firefox").visit()


def test_what_was_heard_before_an_interruption_counts_once(long_house: Server, window: Window):
    to_practice(window, long_house)
    # The device's own doing, such as a call; a lock or another tab; headphones in or out.
    steps = {
        "device": f"{PLAYER}.pause()",
        "hidden": HIDE % "true",
        "devices": "navigator.mediaDevices?.dispatchEvent(new Event('devicechange'))",
    }
    if not window.ask("return Boolean(navigator.mediaDevices)"):
        del steps["devices"]
    for number, step in enumerate(steps.values(), 1):
        window.press(Keys.SPACE)
        window.until(f"{PLAYER}.currentTime > {0.3 * number} && !{PLAYER}.paused")
        window.ask(step)
        window.reads("hint", "Paused.")
        window.ask(HIDE % "false")
    assert window.ask("return document.querySelectorAll('.grade[aria-disabled=\"false\"]').length") == 0
    window.rate_by_keys(4)
    window.at("ready")
    (row,) = stored(long_house, window.token())
    assert (row.score, row.plays) == (4, 1)
    assert 0.9 * SECONDS <= row.heard_seconds <= 1.1 * SECONDS
    pauses = [json.loads(event.detail)["by"] for event in events_of(long_house, window.token(), "pause")]
    assert pauses[-len(steps) :] == list(steps)
    assert window.ask("return window.faults") == []


def test_a_clip_whose_header_has_no_length_is_heard_at_its_end(house: Server, window: Window):
    to_practice(window, house, WITHOUT_LENGTH)
    window.rate_by_keys(3)
    window.on("Practice 2 of 2")
    (row,) = stored(house, window.token())
    assert (row.score, row.plays) == (3, 1)
    assert 0.9 * SHORT <= row.heard_seconds <= 1.1 * SHORT
    (ended,) = [event for event in events_of(house, window.token(), "ended") if event.position == 1]
    assert json.loads(ended.detail)["whole"]
