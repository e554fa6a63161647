"""Other engines than Chromium, each where apt could bring it: Firefox with an output for its sound, and a screen."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from firefox import Firefox
from longer import SECONDS
from served import Server, write_study
from sound import Ears
from webkit import WebKit, webkit_window


def need(*programs: str, packages: str) -> None:
    """Skip the test where a program is missing."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}: `apt-get install {packages}` brings what this test needs")


@pytest.fixture(scope="module")
def long_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve one practice clip and fifteen that count."""
    folder = tmp_path_factory.mktemp("long") / "study"
    running = Server(write_study(folder, seconds=SECONDS, session="headphone_check: none, practice: 1"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def headphones() -> Iterator[Ears]:
    need("pulseaudio", "pactl", packages="pulseaudio pulseaudio-utils")
    with tempfile.TemporaryDirectory(prefix="ears-") as folder:  # a socket's path is short
        ears = Ears(Path(folder))
        yield ears
        ears.close()


@pytest.fixture
def ears(headphones: Ears) -> Iterator[Ears]:
    """Headphones that are plugged in."""
    headphones.plug()
    yield headphones
    headphones.go_on()


@pytest.fixture(scope="module")
def firefox(headphones: Ears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    need("firefox-esr", packages="firefox-esr")
    browser = Firefox(tmp_path_factory.mktemp("firefox"), headphones.address)
    yield browser
    browser.close()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[str]:
    """A screen of Xvfb's: the name of the display."""
    need("Xvfb", packages="xvfb")
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
    need("WebKitWebDriver", packages="webkit2gtk-driver")
    with webkit_window(tmp_path, request.getfixturevalue("screen")) as window:
        yield window
