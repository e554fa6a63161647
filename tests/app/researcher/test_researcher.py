"""The researcher's page in a browser, and the codes that it takes."""

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from pictures import picture
from playwright.sync_api import Page, expect
from served import CONDITIONS, PASSWORD, PROMPTS, settings_of, until
from standing_in import CLIP, HOSTILE, stand_in, take_part
from visiting import SHOTS

from app.errors import JobError
from app.researcher.tabs.excluding import read_codes
from app.server import create_app
from survey import read_manifest, write_manifest


class House:
    """The application on a port of its own, in a thread, so that its parts can be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.app = folder, create_app(folder, settings_of(folder))
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, port=0, log_level="warning", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def hostile(study: Path) -> None:
    """Have a prompt that would be more than text."""
    manifest = read_manifest(study / "clips" / "manifest.json")
    text = (study / "study.yaml").read_text().replace(f"  - {PROMPTS[0]}\n", f"  - {json.dumps(HOSTILE)}\n")
    (study / "study.yaml").write_text(text)
    for clip in manifest.clips:
        if clip.prompt == PROMPTS[0]:
            object.__setattr__(clip, "prompt", HOSTILE)
    write_manifest(study / "clips" / "manifest.json", manifest)


@pytest.fixture
def house(study: Path) -> Iterator[House]:
    running = House(study)
    yield running
    running.stop()


@pytest.fixture
def enter(browser, house: House) -> Iterator[Callable[..., Page]]:
    contexts, errors = [], []

    def open_page(size: tuple[int, int] = (1280, 900), scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(house.url + "/admin/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("audio")).to_have_count(15)
        expect(page.locator(".tiles")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.mark.browser
@pytest.mark.usefixtures("hostile")  # before the house, which is asked for by name
def test_a_researcher_renders_listens_and_stops(enter, house):
    house.app.state.rendering.command = stand_in(house.folder)
    page = enter()
    assert HOSTILE in page.locator(".clips .prompt").first.inner_text(), "text is text, whatever it says"
    assert "broken" not in page.title()
    sound = page.locator(f'audio[src^="clip/{CLIP}"]')
    length = sound.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }")
    assert length == pytest.approx(house.app.state.study.manifest.clips[0].seconds, abs=0.05)

    page.get_by_role("button", name="Render all again").click()
    page.get_by_role("button", name="Yes, replace all clips").click()
    expect(page.locator(".status")).to_contain_text("fresh clips")
    expect(page.locator(".status")).to_contain_text("10 of 40 steps")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(page.get_by_role("button", name="Generate clips")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".status")).to_contain_text("Stopped")

    page.get_by_role("button", name="Generate clips").click()
    expect(page.locator('.status[data-state="running"]')).to_be_visible()
    (house.folder / "go").touch()
    expect(page.locator('.status[data-state="done"]')).to_contain_text("all 15 clips passed")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


@pytest.mark.browser
def test_a_clip_plays_on_while_the_page_keeps_looking(enter, house):
    page = enter()
    page.evaluate("document.querySelector('audio').dataset.kept = 'yes'")
    for _ in range(2):
        with page.expect_response(lambda answer: "/gradio_api/run/" in answer.url):
            pass
    assert page.evaluate("document.querySelector('audio').dataset.kept") == "yes"


@pytest.mark.browser
def test_a_researcher_invites_counts_and_makes_the_report(enter, house, verbs_find):
    verbs_find(house.folder)
    page = enter()
    page.get_by_role("tab", name="Participants").click()
    expect(page.locator("#open-link textarea")).to_have_value(f"{house.url}/join")
    page.get_by_label("Personal links", exact=True).fill("3")
    page.get_by_role("button", name="Make personal links").click()
    expect(page.locator(".em table.grid tbody tr:visible")).to_have_count(3)
    links = page.locator("#links textarea").input_value().split("\n")
    assert links == [f"{house.url}/p/{person.link}" for person in house.app.state.study.store.results.progress()]

    page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Make the report").click()
    expect(page.get_by_role("alert")).to_have_text("There are no ratings yet, so there is nothing to report.")
    for _ in range(3):
        take_part(house.app.state.study, answers=2 + 15)
    page.get_by_role("tab", name="Participants").click()
    page.get_by_label("Codes").fill("p004, P099")
    page.get_by_role("button", name="Exclude").click()
    expect(page.get_by_role("alert").filter(has_text="Say why")).to_be_visible()
    page.get_by_label("Reason").fill("answered within a second")
    page.get_by_role("button", name="Exclude").click()
    expect(page.get_by_role("status").filter(has_text="P004: excluded.")).to_contain_text("No session of P099")
    expect(page.locator("tr", has_text="P004")).to_contain_text("excluded: answered within a second")
    assert [row.counted for row in house.app.state.study.store.results.sessions()] == [False, True, True]
    page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Refresh").click()
    page.get_by_role("tab", name="Progress").click()
    expect(page.locator(".heat").first).to_have_text("2")
    page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Make the report").click()
    expect(page.get_by_text("The study is still running. To look at results before it ends is a bias")).to_be_visible()
    page.get_by_role("button", name="Wait for its end").click()
    expect(page.get_by_role("button", name="Look all the same")).to_be_hidden()
    assert house.app.state.study.store.actions.looks().at == (), "nobody has looked yet"
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("button", name="Look all the same").click()
    expect(page.get_by_role("link", name="Open report")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("Looked at 1 time while the study ran")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download ratings.csv").click()
    assert download.value.path().read_text().count("\n") == 1 + 3 * (2 + 15)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open report").click()
    expect(popup.value.locator("body")).to_contain_text(CONDITIONS[1])
    expect(popup.value.locator("body")).to_contain_text("Results were looked at once while the study ran")
    asked = [one.account for one in house.app.state.study.store.actions.newest() if one.kind == "peek"]
    assert asked == ["owner"], "it is the researcher who asked, not the process that made the report"


@pytest.mark.browser
def test_an_ended_login_leads_to_the_login_page(enter):
    page = enter()
    page.context.clear_cookies()
    page.wait_for_url("**/admin/login")


def open_tab(page: Page, name: str) -> None:
    """Open a tab; all are there at a glance, on a phone too."""
    assert page.get_by_role("tab").count() == 4
    page.get_by_role("tab", name=name).click()
    inside = {"Clips": "Clips", "Progress": "Ratings of each cell", "Participants": "Participants"}
    if name in inside:
        expect(page.get_by_role("region", name=inside[name], exact=True)).to_be_visible()
    else:
        expect(page.get_by_role("button", name="Make the report")).to_be_visible()


@pytest.mark.browser
def test_the_page_is_readable_everywhere(enter, house):
    for answers in (17, 17, 17, 11, 1):
        take_part(house.app.state.study, answers, listening=True)
    house.app.state.study.store.sessions.exclude(["P002"], "answered within a second")
    SHOTS.mkdir(parents=True, exist_ok=True)
    for (width, height), scheme in itertools.product(((1280, 900), (390, 844)), ("light", "dark")):
        page = enter((width, height), scheme)
        for tab in ("Clips", "Progress", "Participants", "Results", "Session"):
            if tab == "Session":
                page.goto(f"{house.url}/admin/session/P004")
                expect(page.locator(".tiles > div").filter(has_text="Flagged")).to_have_text(
                    re.compile(r"Flagged\s*0$")
                )
            else:
                open_tab(page, tab)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{tab} scrolls sideways"
            if tab == "Clips":  # they are there, so to make them is not what comes next
                expect(page.locator("#generate")).to_have_class(re.compile(r"\bsecondary\b"))
            if tab == "Session":
                log = page.get_by_role("region", name="From start to end")
                assert log.evaluate("one => one.scrollWidth <= one.clientWidth"), "what happened is out of sight"
            page.screenshot(path=SHOTS / f"admin-{tab.lower()}-{width}-{scheme}.png", animations="disabled")
            if scheme == "light" and tab != "Results":
                picture(page, f"desk/{tab.lower()}", without=PROMPTS)
            faults = [
                (fault["id"], node["target"])
                for fault in Axe().run(page).response["violations"]
                if fault["impact"] in ("serious", "critical")
                for node in fault["nodes"]
            ]
            assert faults == [], (tab, width, scheme)


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ("p003, P7", ["P003", "P007"]),
        ("P010-P012", ["P010", "P011", "P012"]),
        ("P010 – 12 P011", ["P010", "P011", "P012"]),
        ("P001 foo", None),
        ("P010 to P015", None),
        ("P015-P010", None),
        ("P1-", None),
        (" ", None),
    ],
)
def test_codes_are_read_as_meant_or_not_at_all(given, codes):
    if codes is None:
        with pytest.raises(JobError, match="code"):
            read_codes(given)
    else:
        assert read_codes(given) == codes


@pytest.mark.browser
def test_a_researcher_logs_in_and_out_over_plain_http_from_another_machine(browser, house):
    """As in a laboratory without TLS, where browsers say less of where a request comes from."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    page, url = context.new_page(), house.url.replace("127.0.0.1", "lab.example")
    page.goto(f"{url}/admin/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".tiles")).to_be_visible()
    page.get_by_role("button", name="Log out", exact=True).click()
    page.wait_for_url(f"{url}/admin/login")
    context.close()
