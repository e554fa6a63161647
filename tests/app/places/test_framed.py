"""The study in a frame of another site's page, in a real browser that keeps no cookies of third parties."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from framing_page import Site, framing_site, tls_before
from playwright.sync_api import Browser, FrameLocator, Page, expect
from served import Server, store_of, write_study
from visiting import DESKTOP, PHONE, SHOTS

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"
STRICT = ["--no-sandbox", "--test-third-party-cookie-phaseout", "--autoplay-policy=document-user-activation-required"]


@dataclass
class Framed:
    """A study with TLS, and the one site that may frame it."""

    server: Server
    secure: str
    allowed: Site


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Framed]:
    folder = tmp_path_factory.mktemp("framed")
    with framing_site() as allowed:
        recruitment = f"codes: {{finished: DONE7, no_consent: NO7}}, embed: ['http://localhost:{allowed.server_port}']"
        server = Server(write_study(folder / "study", session=SESSION, recruitment=recruitment), proxies="127.0.0.1")
        server.start()
        with tls_before(server.port, folder) as port:
            yield Framed(server, f"https://127.0.0.1:{port}", allowed)
        server.stop()


@pytest.fixture(scope="module")
def strict(browser: Browser) -> Iterator[Browser]:
    """Start a browser as people have it: no cookies of third parties, no sound before a click."""
    installed = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    path = next(installed, browser.browser_type.executable_path)
    started = browser.browser_type.launch(executable_path=path, args=STRICT)
    yield started
    started.close()


@pytest.fixture
def frame_page(strict: Browser):
    contexts = []

    def opened(port: int, size: tuple[int, int] = DESKTOP) -> tuple[Page, FrameLocator]:
        context = strict.new_context(
            ignore_https_errors=True, viewport={"width": size[0], "height": size[1]}, locale="en-GB"
        )
        fast = "const play = HTMLMediaElement.prototype.play; HTMLMediaElement.prototype.play = function () {"
        context.add_init_script(f"{fast} this.playbackRate = 8; return play.call(this); }};")
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"http://localhost:{port}/")
        return page, page.frame_locator("iframe")

    yield opened
    for context in contexts:
        context.close()


def at(frame: FrameLocator, stage: str) -> None:
    expect(frame.locator(f'.shell[data-stage="{stage}"]')).to_be_visible()


def go(frame: FrameLocator) -> None:
    frame.locator('[data-action="primary"]').click()


def rate(frame: FrameLocator, number: int) -> None:
    expect(frame.locator('[data-part="count"]')).to_have_text(f"Sound {number} of 3")
    frame.get_by_role("button", name="Play the sound").click()
    grade = frame.locator('.grade[data-score="4"]')
    expect(grade).to_have_attribute("aria-disabled", "false")
    grade.click()
    frame.get_by_role("button", name="Next").click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_whole_session_in_a_frame_and_the_page_round_it_is_told_the_code(framed, frame_page, size):
    framed.allowed.show(f"{framed.secure}/join")
    page, frame = frame_page(framed.allowed.server_port, size)
    at(frame, "consent")
    go(frame)
    at(frame, "sound_check")
    frame.locator('[data-action="notes"]').click()
    expect(frame.locator('[data-action="primary"]')).to_have_attribute("aria-disabled", "false")
    go(frame)
    at(frame, "instructions")
    go(frame)
    rate(frame, 1)
    # The browser says that it pressed before a frame of another process has heard of it.
    expect(frame.locator('[data-part="count"]')).to_have_text("Sound 2 of 3")
    page.goto(f"http://localhost:{framed.allowed.server_port}/back")
    frame.get_by_role("button", name="Yes, go on as before").click()
    rate(frame, 2)
    assert page.evaluate("told") == []
    page.screenshot(path=SHOTS / f"framed-{'phone' if size == PHONE else 'desktop'}.png")
    rate(frame, 3)
    at(frame, "done")
    page.wait_for_function("told.length")
    assert page.evaluate("told") == [{"earmark": "finished", "code": "DONE7"}]
    kept = [cookie for cookie in page.context.cookies() if cookie["name"].startswith("earmark")]
    assert {cookie["name"].split(".")[0]: cookie["sameSite"] for cookie in kept} == {"earmark": "None"}
    assert [(cookie["secure"], cookie["partitionKey"]) for cookie in kept] == [(True, "http://localhost")]
    store = store_of(framed.server.folder)
    assert list(store.results.sessions())[-1].answered == 3
    store.close()


def test_who_declines_goes_on_in_the_page_round_it(framed, frame_page):
    framed.allowed.show(f"{framed.secure}/join")
    page, frame = frame_page(framed.allowed.server_port)
    at(frame, "consent")
    frame.get_by_role("button", name="No, thank you").click()
    page.wait_for_function("told.length")
    assert page.evaluate("told") == [{"earmark": "no_consent", "code": "NO7"}]


def test_another_site_shows_a_link_that_opens_the_study_in_a_tab_of_its_own(framed, frame_page):
    with framing_site() as other:
        other.show(f"{framed.secure}/join?seat=3")
        page, frame = frame_page(other.server_port)
        expect(frame.get_by_text("The study cannot be shown inside this page.")).to_be_visible()
        page.screenshot(path=SHOTS / "framed-link.png")
        with page.context.expect_page() as opened:
            frame.get_by_role("link", name="Open the study").click()
        expect(opened.value.locator('.shell[data-stage="consent"]')).to_be_visible()


def test_without_tls_the_frame_shows_the_link(framed, frame_page):
    framed.allowed.show(f"{framed.server.url}/join")
    _, frame = frame_page(framed.allowed.server_port)
    expect(frame.get_by_role("link", name="Open the study")).to_be_visible()


@pytest.mark.parametrize("path", ["/admin/login", "/admin/"])
def test_no_site_frames_the_researchers_page_not_even_an_allowed_one(framed, frame_page, path):
    framed.allowed.show(f"{framed.secure}{path}")
    page, frame = frame_page(framed.allowed.server_port)
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert any("frame-ancestors" in text for text in refused)
    expect(frame.get_by_text("Researcher")).to_have_count(0)
