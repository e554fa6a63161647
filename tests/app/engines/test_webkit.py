"""The participant's page in WebKit, the engine of Safari: one way through it, with mouse and keys and real sound.

Optional, in CI too: it runs where Debian's WebKitWebDriver and Xvfb are installed, and says so where it is skipped.
"""

import pytest
from served import SECONDS, Server
from visiting import stored
from webkit import WebKit

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

# As if the clip took until then to arrive.
PLAY_LATE = """
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = async function () {
    while (navigator.userActivation.isActive) await new Promise((resolve) => setTimeout(resolve, 100));
    return play.call(this);
  };
"""


def test_webkit_goes_from_the_open_link_to_stored_ratings(house: Server, webkit: WebKit):
    webkit.open(f"{house.url}/join")
    webkit.at("consent")
    webkit.primary()
    webkit.at("sound_check")
    webkit.click('[data-action="notes"]')
    webkit.primary()
    webkit.at("instructions")
    webkit.primary()
    webkit.on("Practice 1 of 2")
    webkit.rate_by_mouse(4)
    webkit.on("Practice 2 of 2")
    webkit.rate_by_keys(2)
    webkit.at("ready")
    webkit.primary()
    webkit.on("Sound 1 of 15")
    webkit.rate_by_mouse(5)
    webkit.on("Sound 2 of 15")
    webkit.rate_by_keys(1)
    webkit.on("Sound 3 of 15")
    assert webkit.ask("return window.faults") == []
    webkit.reload()
    webkit.on("Sound 3 of 15")
    assert webkit.ask("return document.querySelectorAll('.grade[aria-checked=\"true\"]').length") == 0
    webkit.ask(PLAY_LATE)
    webkit.rate_by_mouse(3)  # a press on play counts, also when the clip comes long after it
    webkit.on("Sound 4 of 15")
    rows = stored(house, webkit.token())
    assert [row.kind for row in rows] == ["practice"] * 2 + ["trial"] * 3
    assert [row.score for row in rows] == [4, 2, 5, 1, 3]
    heard = [row.heard_seconds for row in rows]
    assert all(0.9 * SECONDS <= seconds <= 1.1 * SECONDS for seconds in heard), heard
    assert all(row.plays == 1 and row.response_ms >= 900 * SECONDS for row in rows)
