"""The participant's page in WebKit, the engine of Safari: one way through it, with mouse and keys and real sound.

Optional, in CI too: it runs where Debian's WebKitWebDriver and Xvfb are installed, and says so where it is skipped.
The sound is decoded and played in real time into a sink of GStreamer's that throws it away: no device is needed and
nothing is heard. This is WebKitGTK: Safari shares the engine, and neither its media stack nor its gestures.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Remote
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.support.expected_conditions import text_to_be_present_in_element, visibility_of_element_located
from selenium.webdriver.support.wait import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from served import SECONDS, Server
from visiting import stored

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what another engine makes of the page

PATIENCE = 30.0  # seconds; two busy cores are slow
# Without a sink for a device, autoaudiosink falls back on a fakesink that keeps time.
NO_DEVICES = ",".join(
    f"{name}sink:NONE" for name in ("alsa", "pulse", "pipewire", "jackaudio", "oss", "oss4", "openal")
)
FAULTS = """
  window.faults = [];
  addEventListener("error", (event) => window.faults.push(event.message));
  addEventListener("unhandledrejection", (event) => window.faults.push(String(event.reason)));
"""
# As if the clip took until then to arrive.
PLAY_LATE = """
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = async function () {
    while (navigator.userActivation.isActive) await new Promise((resolve) => setTimeout(resolve, 100));
    return play.call(this);
  };
"""


class WebKit:
    """A participant's window."""

    def __init__(self, driver: Remote) -> None:
        self.driver = driver
        self.patience = WebDriverWait(driver, PATIENCE, poll_frequency=0.05)

    def open(self, url: str) -> None:
        self.driver.get(url)
        self._listen_for_faults()

    def reload(self) -> None:
        self.driver.refresh()
        self._listen_for_faults()

    def _listen_for_faults(self) -> None:
        self.ask(FAULTS)
        self.patience.until(lambda _: self.ask("return window.__ready"), "the page is not ready")

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def token(self) -> str:
        return self.driver.get_cookie("earmark")["value"]

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(key).perform()

    def sees(self, selector: str) -> None:
        self.patience.until(visibility_of_element_located((By.CSS_SELECTOR, selector)), selector)

    def at(self, stage: str) -> None:
        self.sees(f'.shell[data-stage="{stage}"]')

    def on(self, count: str) -> None:
        self.patience.until(text_to_be_present_in_element((By.CSS_SELECTOR, '[data-part="count"]'), count), count)

    def rate_by_mouse(self, score: int) -> None:
        self.click('[data-action="play"]')
        self.sees(f'.grade[data-score="{score}"][aria-disabled="false"]')
        self.click(f'.grade[data-score="{score}"]')
        self.sees(f'.grade[data-score="{score}"][aria-checked="true"]')
        self.click('[data-action="next"]')

    def rate_by_keys(self, score: int) -> None:
        self.press(Keys.SPACE)
        self.sees(f'.grade[data-score="{score}"][aria-disabled="false"]')
        self.press(str(score))
        self.press(Keys.ENTER)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[str]:
    """A screen of Xvfb's: the name of the display."""
    reader, writer = os.pipe()
    log = tmp_path / "xvfb.log"
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with log.open("wb") as out, subprocess.Popen(command, pass_fds=[writer], stdout=out, stderr=out) as process:
        os.close(writer)
        with os.fdopen(reader) as told:
            display = told.readline().strip()  # with the end of the line, which Xvfb writes apart
        assert display, f"Xvfb did not start: {log.read_text()}"
        yield f":{display}"
        process.terminate()


@pytest.fixture
def webkit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebKit]:
    missing = [name for name in ("WebKitWebDriver", "Xvfb") if not shutil.which(name)]
    if missing:
        names = " and no ".join(missing)
        pytest.skip(f"no {names}: the page is not tried in WebKit; `apt-get install webkit2gtk-driver xvfb` brings it")
    settings = {
        "DISPLAY": request.getfixturevalue("screen"),
        "GDK_BACKEND": "x11",
        "NO_AT_BRIDGE": "1",
        "GST_PLUGIN_FEATURE_RANK": NO_DEVICES,
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
    }
    path, log = shutil.which("WebKitWebDriver"), str(tmp_path / "webkit.log")
    service = Service(path, log_path=log, env={**os.environ, **settings})
    service.start()
    try:
        limits = ClientConfig(service.service_url, timeout=2 * PATIENCE)  # a browser that crashes says nothing
        driver = Remote(service.service_url, options=Options(), client_config=limits)
        yield WebKit(driver)
        driver.quit()
    finally:
        service.stop()


def test_webkit_goes_from_the_open_link_to_stored_ratings(house: Server, webkit: WebKit):
    webkit.open(f"{house.url}/join")
    webkit.at("consent")
    webkit.click('[data-action="primary"]')
    webkit.at("sound_check")
    webkit.click('[data-action="notes"]')
    webkit.sees('[data-action="primary"][aria-disabled="false"]')
    webkit.click('[data-action="primary"]')
    webkit.at("instructions")
    webkit.click('[data-action="primary"]')
    webkit.on("Practice 1 of 2")
    webkit.rate_by_mouse(4)
    webkit.on("Practice 2 of 2")
    webkit.rate_by_keys(2)
    webkit.at("ready")
    webkit.click('[data-action="primary"]')
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
