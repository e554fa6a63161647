"""Chromium plays to nobody without a word: there the list of outputs tells, and a clock that stands still."""

import json
from collections.abc import Iterator

import pytest
from longer import SECONDS, SLOWLY, events_of
from playwright.sync_api import Browser, expect
from served import Server
from sound import Ears
from visiting import DESKTOP, PHONE, chromium

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

TEXT = "There is no sound output here. Connect headphones or loudspeakers, then press play again."


@pytest.fixture(scope="module")
def browser(headphones: Ears) -> Iterator[Browser]:
    """Start a browser that lists what there is, and plays to it."""
    with chromium(env={"PULSE_SERVER": headphones.address}, ignore_default_args=["--mute-audio"]) as browser:
        yield browser


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_no_output_is_said_before_anything_counts_as_heard(long_house: Server, visit, ears: Ears, size):
    ears.unplug()
    anna = visit(long_house, size)
    anna.open()
    anna.primary()
    anna.at("sound_check")
    for tries in (1, 2):
        with anna.page.expect_response(lambda answer: "no_output" in (answer.request.post_data or "")):
            anna.page.locator('[data-action="notes"]').click()
        expect(anna.page.locator('[data-part="noteshint"]')).to_have_text(TEXT)
        assert len(events_of(long_house, anna.token(), "no_output", "play")) == tries
    expect(anna.page.locator('[data-action="primary"]')).to_have_attribute("aria-disabled", "true")
    ears.plug()
    anna.set_volume()
    anna.at("instructions")
    anna.primary()
    anna.on("Practice 1 of 1")
    anna.page.keyboard.press("Space")
    anna.page.wait_for_function("document.querySelector('[data-part=audio]').currentTime > 1")
    ears.unplug()
    expect(anna.page.locator('[data-part="hint"]')).to_have_text(TEXT)
    expect(anna.page.locator('[data-part="live"]')).to_have_text(TEXT)
    expect(anna.grade(4)).to_have_attribute("aria-disabled", "true")
    anna.page.keyboard.press("4")
    anna.page.keyboard.press("Enter")
    expect(anna.page.locator('[data-part="hint"]')).to_have_text(TEXT)
    anna.shot(f"no-output-{size[0]}")
    assert anna.ratings() == []
    ears.plug()
    anna.rate(2)
    anna.at("ready")
    (row,) = anna.ratings()
    assert (row.score, row.plays) == (2, 1)
    assert SECONDS + 0.9 < row.heard_seconds < SECONDS + 2.5, "all of it, and what came before the output was lost"
    assert anna.errors == []


def test_an_output_that_takes_no_sound_is_none(long_house: Server, visit, ears: Ears):
    anna = visit(long_house)
    anna.begin()
    anna.page.keyboard.press("Space")
    anna.page.wait_for_function("document.querySelector('[data-part=audio]').currentTime > 0.2")
    anna.page.evaluate(SLOWLY)
    ears.stall()
    expect(anna.page.locator('[data-part="hint"]')).to_have_text(TEXT)
    (event,) = events_of(long_house, anna.token(), "no_output")
    assert json.loads(event.detail)["reason"] == "the clock stands still"
    ears.go_on()
    anna.rate(5)
    anna.at("ready")
    assert [(row.score, row.plays) for row in anna.ratings()] == [(5, 1)]
