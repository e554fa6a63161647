"""The participant's page in Firefox: a whole session with mouse and keys, its sound played to headphones nobody wears.

Optional, in CI too: it runs where Debian's firefox-esr and PulseAudio are installed, and says so where it is skipped.
"""

from collections.abc import Iterator

import pytest
from firefox import Firefox
from selenium.webdriver.common.keys import Keys
from served import SECONDS, Server, write_study
from sound import Ears
from visiting import right_answers, stored
from window import Window

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

SESSION = "headphone_check: antiphase, practice: 1, prompts_per_participant: 1, go_back: true"
AT_SPEED = """
  const play = window.play ??= HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () { this.playbackRate = %s; return play.call(this); };
"""


@pytest.fixture(scope="module")
def short_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study of one prompt a participant, with the headphone check."""
    running = Server(write_study(tmp_path_factory.mktemp("short") / "study", session=SESSION))
    running.start()
    yield running
    running.stop()


def pass_the_checks(window: Window, house: Server) -> None:
    """Go from the open link past the headphone check."""
    window.open(f"{house.url}/join")
    window.at("consent")
    window.primary()
    window.at("sound_check")
    window.click('[data-action="notes"]')
    window.primary()
    window.at("headphones")
    window.ask(AT_SPEED % 4)  # six times three tones
    for number, place in enumerate(right_answers(house, window.token()), 1):
        window.reads("facts", f"{number} of 6")
        window.click('[data-action="notes"]')
        window.sees('[data-part="choices"] button[aria-disabled="false"]')
        window.press(str(place + 1))
    window.at("instructions")
    window.ask(AT_SPEED % 1)


def test_firefox_goes_from_the_open_link_to_the_last_page(short_house: Server, firefox: Firefox, ears: Ears):
    window = firefox.visit()
    pass_the_checks(window, short_house)
    window.primary()
    window.on("Practice 1 of 1")
    window.rate_by_mouse(4)
    window.at("ready")
    window.press(Keys.TAB)
    window.press(Keys.ENTER)
    for number, score in enumerate((5, 1, 2), 1):
        window.on(f"Sound {number} of 3")
        window.rate_by_keys(score)
        if number == 2:
            window.on("Sound 3 of 3")
            window.reload()
            window.on("Sound 3 of 3")
            window.click('[data-action="back"]')
            window.on("Sound 2 of 3")
            window.press("3")
            window.press(Keys.ENTER)
    window.at("done")
    assert window.ask("return window.faults") == []
    rows = stored(short_house, window.token())
    assert [row.kind for row in rows] == ["practice"] + ["trial"] * 3
    assert [row.score for row in rows] == [4, 5, 3, 2]
    heard = [row.heard_seconds for row in rows]
    assert all(0.9 * SECONDS <= seconds <= 1.1 * SECONDS for seconds in heard), heard
    assert all(row.plays == 1 and row.response_ms >= 900 * SECONDS for row in rows)
