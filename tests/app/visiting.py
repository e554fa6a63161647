"""A participant at the page, in a real browser."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from served import ROOT, Server, settings_of, store_of, write_study

from app.participant.media import headphone_answers
from app.study import Study
from db.results.results import Results
from survey import EventRow, RatingRow, Row, SessionRow

SHOTS = ROOT / "artefacts" / "screenshots"
DESKTOP, PHONE, SMALL_PHONE = (1280, 800), (390, 844), (360, 640)

# As if an encoder that did not know the end had written the clips: FLAC says 0 samples then.
WITHOUT_LENGTH = """
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await fetched(...asked);
    if (!String(asked[0]).includes("/media/") || !answer.ok) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    bytes[21] &= 0xf0;
    bytes.fill(0, 22, 26);
    return new Response(bytes, { headers: { "Content-Type": "audio/flac" } });
  };
"""

expect.set_options(timeout=20_000)  # two browsers on two busy cores are slow


@contextmanager
def chromium(*arguments: str, **settings: Any) -> Iterator[Browser]:
    """Start Chromium; `settings` are Playwright's."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
    with sync_playwright() as playwright:
        path = path or playwright.chromium.executable_path
        if not Path(path).exists():
            message = "BROWSER TESTS DID NOT RUN: no Chromium; `apt-get install chromium` brings it"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        fixed = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        fixed.append("--host-resolver-rules=MAP *.example 127.0.0.1")  # hosts that are not this machine by name
        browser = playwright.chromium.launch(executable_path=path, args=[*fixed, *arguments], **settings)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser that lists an output for its sound, which the machine of a test need not have."""
    with chromium("--use-fake-device-for-media-stream") as browser:
        yield browser


@pytest.fixture(scope="module")
def house(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve one study for all tests that do not stop the server."""
    running = Server(write_study(tmp_path_factory.mktemp("house") / "study"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., "Visit"]]:
    contexts: list[BrowserContext] = []

    def open_page(
        server: Server, size: tuple[int, int] = DESKTOP, scheme: str = "light", locale: str = "en-GB"
    ) -> Visit:
        phone = size[0] < 600
        context = browser.new_context(
            ignore_https_errors=True,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            has_touch=phone,
            is_mobile=phone,
            locale=locale,
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Visit(server, context)

    yield open_page
    for context in contexts:
        context.close()


class Visit:
    """A participant at the page."""

    def __init__(self, server: Server, context: BrowserContext) -> None:
        self.server, self.context = server, context
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def hurry(self) -> None:
        """Have every sound play eight times as fast, where what matters is what follows it."""
        fast = "const play = HTMLMediaElement.prototype.play; HTMLMediaElement.prototype.play = function () {"
        self.context.add_init_script(f"{fast} this.playbackRate = 8; return play.call(this); }};")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.server.url + path)
        self.page.wait_for_function("window.__ready")

    def at(self, stage: str) -> None:
        expect(self.page.locator(f'.shell[data-stage="{stage}"]')).to_be_visible()

    def primary(self) -> None:
        self.page.locator('[data-action="primary"]').click()

    def begin(self, each: Callable[[str], None] = lambda stage: None) -> None:
        """Go from the open link to the first practice clip; `each` sees every page on the way."""
        self.open()
        self.at("consent")
        each("consent")
        self.primary()
        self.at("sound_check")
        each("sound_check")
        self.set_volume()
        self.at("instructions")
        each("instructions")
        self.primary()
        self.at("practice")
        each("practice")

    def set_volume(self) -> None:
        """Leave the page on which the volume is set."""
        self.page.locator('[data-action="notes"]').click()
        expect(self.page.locator('[data-action="primary"]')).to_have_attribute("aria-disabled", "false")
        self.primary()

    def practise(self) -> None:
        """Go from the first practice clip to the first that counts."""
        for number in (1, 2):
            self.on(f"Practice {number} of 2")
            self.rate(3)
        self.at("ready")
        self.primary()
        self.at("trials")

    def on(self, count: str) -> None:
        expect(self.page.locator('[data-part="count"]')).to_have_text(count)

    def listen(self) -> None:
        self.page.keyboard.press("Space")
        self.heard()

    def heard(self) -> None:
        expect(self.grade(5)).to_have_attribute("aria-disabled", "false")

    def grade(self, score: int):
        return self.page.locator(f'.grade[data-score="{score}"]')

    def rate(self, score: int, *, mouse: bool = False) -> None:
        if mouse:
            self.page.get_by_role("button", name="Play the sound").click()
            self.heard()
            self.grade(score).click()
            self.page.get_by_role("button", name="Next").click()
        else:
            self.listen()
            self.page.keyboard.press(str(score))
            self.page.keyboard.press("Enter")

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")

    def ratings(self) -> list[RatingRow]:
        """Return the answers that are stored of this participant."""
        return stored(self.server, self.token())

    def events(self) -> list[EventRow]:
        """Return what is stored of this participant's page."""
        return stored(self.server, self.token(), Results.events)

    def session(self) -> SessionRow:
        """Return what is stored of this participant's session."""
        (row,) = stored(self.server, self.token(), Results.sessions)
        return row

    def token(self) -> str:
        return next(cookie["value"] for cookie in self.context.cookies() if cookie["name"].split(".")[0] == "earmark")


def stored(server: Server, token: str, read: Callable[[Results], Iterable[Row]] = Results.ratings) -> list:
    """Return what is stored of the participant with this token."""
    store = store_of(server.folder)
    rows = [row for row in read(store.results) if row.participant == store.participants.code_of(token)]
    store.close()
    return rows


def right_answers(server: Server, token: str, tried: int = 0) -> list[int]:
    """Return the right answers of a participant's try at the headphone check."""
    study = Study(server.folder, settings_of(server.folder))
    try:
        return headphone_answers(study, study.store.sessions.state(token).session_id, tried)
    finally:
        study.close()
