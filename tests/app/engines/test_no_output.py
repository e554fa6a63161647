"""Without a sound output nothing is heard: the page says so, takes no answer, and stores what was so."""

import json

import pytest
from firefox import Firefox
from longer import SECONDS, SLOWLY, events_of, to_practice, to_the_volume
from selenium.webdriver.common.keys import Keys
from served import Server, until
from sound import Ears
from visiting import SHOTS, stored

from db.results.results import Results

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

TEXT = "There is no sound output here."


def told(server: Server, token: str, times: int) -> None:
    """Wait until the page has told this often that there is no output; a failure shows all that it told."""
    try:
        until(lambda: len(events_of(server, token, "no_output")) == times)
    except AssertionError as error:
        every = [(event.kind, event.detail) for event in stored(server, token, Results.events)]
        raise AssertionError(f"{times} of no_output, among {every}") from error


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_firefox_without_an_output_goes_no_further_than_the_volume(
    long_house: Server, firefox: Firefox, ears: Ears, size: tuple[int, int]
):
    ears.unplug()
    window = firefox.visit(*size)
    to_the_volume(window, long_house)
    for tries in (1, 2):
        window.click('[data-action="notes"]')
        window.until(f"document.querySelector('[data-part=\"noteshint\"]').textContent.startsWith('{TEXT}')")
        window.sees('[data-action="primary"][aria-disabled="true"]')
        told(long_house, window.token(), tries)
    window.shoot(SHOTS / f"no-output-volume-{size[0]}.png")
    ears.plug()
    window.click('[data-action="notes"]')
    window.primary()
    window.at("instructions")


def test_firefox_that_loses_its_output_takes_no_answer_until_it_is_back(
    long_house: Server, firefox: Firefox, ears: Ears
):
    window = firefox.visit()
    to_practice(window, long_house)
    window.press(Keys.SPACE)
    window.until("document.querySelector('[data-part=\"audio\"]').currentTime > 1")
    window.ask("navigator.mediaDevices.ondevicechange = () => (window.changes = (window.changes || 0) + 1)")
    ears.unplug()
    window.reads("hint", TEXT)
    window.reads("live", TEXT)
    window.shoot(SHOTS / "no-output-card.png")
    told(long_house, window.token(), 1)
    window.until("window.changes > 0")  # what plays by then pauses
    window.press("4")
    window.press(Keys.ENTER)
    window.press(Keys.SPACE)
    told(long_house, window.token(), 2)
    window.reads("hint", TEXT)
    assert window.ask("return document.querySelectorAll('.grade[aria-disabled=\"false\"]').length") == 0
    assert stored(long_house, window.token()) == []
    before = window.ask("return window.changes")
    ears.plug()
    window.until(f"window.changes > {before}")
    window.rate_by_keys(2)
    window.at("ready")
    (row,) = stored(long_house, window.token())
    assert (row.score, row.plays) == (2, 1)
    assert SECONDS + 0.9 < row.heard_seconds < SECONDS + 2, "all of it, and what came before the output was lost"
    lost, still = events_of(long_house, window.token(), "no_output")
    assert 0.9 < json.loads(lost.detail)["at"] < 2
    assert json.loads(still.detail)["at"] < 0.5
    assert window.ask("return window.faults") == []


def test_firefox_whose_output_takes_no_sound_does_not_wait_for_ever(long_house: Server, firefox: Firefox, ears: Ears):
    window = firefox.visit()
    to_practice(window, long_house)
    window.press(Keys.SPACE)
    window.until("document.querySelector('[data-part=\"audio\"]').currentTime > 0.2")
    window.ask(SLOWLY)
    ears.stall()
    window.reads("hint", TEXT)
    (event,) = events_of(long_house, window.token(), "no_output")
    assert json.loads(event.detail)["reason"] == "the clock stands still"
    ears.go_on()
    window.rate_by_keys(5)
    window.at("ready")
    (row,) = stored(long_house, window.token())
    assert (row.score, row.plays) == (5, 1)
