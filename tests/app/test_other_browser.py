"""The participant's page in WebKit, the engine of Safari: one way through it, with mouse and keys and real sound.

Optional, in CI too: it runs where Debian's WebKitWebDriver and Xvfb are installed, and says so where it is skipped.
The driver is spoken to in W3C WebDriver, JSON over HTTP, so no package of Python is needed. The sound is decoded and
played in real time into a sink of GStreamer's that throws it away: no device is needed and nothing is heard. This is
WebKitGTK: Safari shares the engine, and neither its media stack nor its gestures.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from served import SECONDS, Server
from visiting import stored

pytestmark = pytest.mark.browser

PATIENCE = 30.0  # seconds; two busy cores are slow
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for a reference to an element
SPACE, ENTER = " ", "\ue007"
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


def until(what: Callable[[], bool], wanted: str) -> None:
    """Ask until the answer is true."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {wanted}"
        time.sleep(0.05)  # polling, not timing: the condition above decides


class WebKit:
    """A window of WebKit, driven over W3C WebDriver."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"
        until(self._answers, "WebKitWebDriver")
        self._root += f"/session/{self._call('POST', '/session', capabilities={'alwaysMatch': {}})['sessionId']}"

    def _answers(self) -> bool:
        try:
            return bool(self._call("GET", "/status")["ready"])
        except OSError:
            return False

    def _call(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self._root + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise AssertionError(f"{method} {path} {body}: {error.read().decode()}") from None

    def close(self) -> None:
        self._call("DELETE", "")

    def open(self, url: str) -> None:
        self._call("POST", "/url", url=url)
        self._listen_for_faults()

    def reload(self) -> None:
        self._call("POST", "/refresh")
        self._listen_for_faults()

    def _listen_for_faults(self) -> None:
        self.ask(FAULTS)
        until(lambda: self.ask("return window.__ready"), "the page")

    def ask(self, script: str, *arguments: object) -> Any:
        return self._call("POST", "/execute/sync", script=script, args=arguments)

    def token(self) -> str:
        return self._call("GET", "/cookie/earmark")["value"]

    def click(self, selector: str) -> None:
        element = self._call("POST", "/element", using="css selector", value=selector)[ELEMENT]
        self._call("POST", f"/element/{element}/click")

    def press(self, key: str) -> None:
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._call("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def sees(self, selector: str) -> None:
        script = "const node = document.querySelector(arguments[0]); return !!node && node.checkVisibility();"
        until(lambda: self.ask(script, selector), selector)

    def at(self, stage: str) -> None:
        self.sees(f'.shell[data-stage="{stage}"]')

    def on(self, count: str) -> None:
        script = "return document.querySelector('[data-part=\"count\"]').textContent"
        until(lambda: self.ask(script) == count, count)

    def rate_by_mouse(self, score: int) -> None:
        self.click('[data-action="play"]')
        self.sees(f'.grade[data-score="{score}"][aria-disabled="false"]')
        self.click(f'.grade[data-score="{score}"]')
        self.sees(f'.grade[data-score="{score}"][aria-checked="true"]')
        self.click('[data-action="next"]')

    def rate_by_keys(self, score: int) -> None:
        self.press(SPACE)
        self.sees(f'.grade[data-score="{score}"][aria-disabled="false"]')
        self.press(str(score))
        self.press(ENTER)


@pytest.fixture
def webkit(tmp_path: Path) -> Iterator[WebKit]:
    missing = [name for name in ("WebKitWebDriver", "Xvfb") if not shutil.which(name)]
    if missing:
        names = " and no ".join(missing)
        pytest.skip(f"no {names}: the page is not tried in WebKit; `apt-get install webkit2gtk-driver xvfb` brings it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "webkit.log").open("wb")
    reader, writer = os.pipe()
    try:
        screen = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        started.append(subprocess.Popen(screen, pass_fds=[writer], stdout=log, stderr=log))
        os.close(writer)
        display = os.read(reader, 16).decode().strip()
        assert display, f"Xvfb did not start: {(tmp_path / 'webkit.log').read_text()}"
        settings = {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            "NO_AT_BRIDGE": "1",
            "GST_PLUGIN_FEATURE_RANK": NO_DEVICES,
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        }
        driver = ["WebKitWebDriver", f"--port={port}"]
        started.append(subprocess.Popen(driver, env={**os.environ, **settings}, stdout=log, stderr=log))
        window = WebKit(port)
        yield window
        window.close()
    finally:
        os.close(reader)
        for process in reversed(started):
            process.terminate()
            process.wait(20)
        log.close()


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
