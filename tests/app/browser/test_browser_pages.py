"""The pages before, between and after the trials, in a real browser: what a study may ask for beside ratings."""

import json
import re

import pytest
from arriving import arrive, tell_apart, to_trials, token_of
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import SECONDS, Server, write_study
from visiting import DESKTOP, SMALL_PHONE, right_answers

from survey.config.session import LANGUAGES

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what the page draws


def test_the_answer_before_can_be_changed(full_house, visit):
    anna = visit(full_house)
    to_trials(anna, "emil")
    expect(anna.page.locator('[data-action="back"]')).to_be_hidden()
    anna.rate(2)
    anna.on("Sound 2 of 6")
    anna.page.get_by_role("button", name="Back to the previous answer").click()
    anna.on("Sound 1 of 6")
    expect(anna.grade(2)).to_have_attribute("aria-checked", "true")
    anna.shot("back")
    anna.grade(5).click()
    anna.page.get_by_role("button", name="Next").click()
    anna.on("Sound 2 of 6")
    anna.rate(3)
    anna.on("Sound 3 of 6")
    assert [row.score for row in anna.ratings() if row.kind != "practice"] == [5, 3]


def test_a_clip_that_cannot_be_played_is_left_out(full_house, visit):
    anna = visit(full_house)
    to_trials(anna, "fred")
    anna.page.route(
        "**/media/0*/*", lambda route: route.fulfill(status=200, content_type="audio/flac", body=b"no sound")
    )
    anna.page.reload()
    anna.page.wait_for_function("window.__ready")
    skip = anna.page.get_by_role("button", name="This sound cannot be played here.")
    for _ in range(2):
        expect(skip).to_be_hidden()
        anna.page.get_by_role("button", name="Play").first.click()
        expect(anna.page.locator('[data-part="hint"]')).to_contain_text("could not be loaded")
    expect(skip).to_be_visible()
    anna.shot("cannot-play")
    anna.page.unroute("**/media/0*/*")
    skip.click()
    anna.on("Sound 1 of 5")
    anna.page.reload()  # the next one was loaded ahead, and cannot be played either
    anna.page.wait_for_function("window.__ready")
    anna.rate(3)
    anna.on("Sound 2 of 5")


@pytest.mark.parametrize(
    ("locale", "size"),
    [(language, SMALL_PHONE) for language in LANGUAGES if language != "en"] + [("de-DE", DESKTOP), ("ar", DESKTOP)],
)
def test_every_language_fits_and_has_no_serious_fault(full_house, visit, locale, size):
    anna, direction = visit(full_house, size, locale=locale), "rtl" if locale == "ar" else "ltr"
    axe, faults = Axe(), []

    def look(stage: str) -> None:
        width = anna.page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            faults.append(f"{stage}: {width} px wide")
        anna.shot(f"{stage}-{locale}-{size[0]}")
        faults.extend(
            f"{stage}: {fault['id']}: {fault['nodes'][0]['html'][:120]}"
            for fault in axe.run(anna.page).response["violations"]
            if fault["impact"] in ("serious", "critical")
        )

    arrive(anna, f"{locale}-{size[0]}")
    assert anna.page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [
        locale[:2],
        direction,
    ]
    look("consent")
    anna.primary()
    anna.at("questions")
    look("questions")
    for name in ("hearing", "audio_work", "recent_test", "heard_before"):
        anna.page.locator(f'input[name="{name}"][value="{"yes" if name == "hearing" else "no"}"]').check()
    anna.page.locator('input[name="age"][value="no_answer"]').check()
    anna.primary()
    anna.at("sound_check")
    look("volume")
    anna.set_volume()
    anna.at("headphones")
    look("headphones")
    tell_apart(anna, right_answers(full_house, token_of(anna)), counted=False)
    anna.at("instructions")
    look("instructions")
    anna.primary()
    anna.at("practice")
    look("trial")
    assert faults == []
    assert anna.errors == []


def test_a_break_comes_after_its_minutes_and_not_before(backend, tmp_path, visit):
    server = Server(write_study(tmp_path / "study", session="headphone_check: none, practice: 0, break_minutes: 1"))
    server.start()
    try:
        anna = visit(server)
        anna.page.clock.install()
        anna.open()
        anna.primary()
        anna.at("sound_check")
        anna.set_volume()
        anna.at("instructions")
        anna.primary()
        anna.at("trials")
        anna.rate(3)
        anna.on("Sound 2 of 15")
        anna.page.clock.fast_forward("01:05")
        anna.rate(4)
        expect(anna.page.get_by_role("heading", name="Time for a short break")).to_be_visible()
        anna.shot("break")
        anna.primary()
        anna.on("Sound 3 of 15")
        anna.rate(5)
        anna.on("Sound 4 of 15")
        assert [row.score for row in anna.ratings()] == [3, 4, 5]
        assert all(row.heard_seconds >= 0.9 * SECONDS for row in anna.ratings())
    finally:
        server.stop()


def test_waits_jumps_and_turns_to_another_page_are_recorded(house, visit):
    anna, held = visit(house), []
    anna.page.clock.install()
    anna.begin()
    anna.page.route(re.compile("/media/"), lambda route: held.append(route))  # the sound is long in coming
    anna.page.reload()
    anna.on("Practice 1 of 2")
    anna.page.keyboard.press("Space")
    expect(anna.page.get_by_text("Loading the sound …")).to_be_visible()
    anna.page.clock.fast_forward(2100)
    for route in held:
        route.continue_()
    anna.heard()
    anna.page.keyboard.press("Space")
    expect(anna.page.get_by_role("button", name="Pause")).to_be_visible()
    anna.page.evaluate("document.querySelector('[data-part=\"audio\"]').currentTime = 0.2")
    expect(anna.page.get_by_role("button", name="Play again")).to_be_visible()
    for hidden in (True, False):
        kind = "hidden" if hidden else "visible"
        with anna.page.expect_response(lambda answer, kind=kind: kind in (answer.request.post_data or "")):
            set_to = f"{{ value: {str(hidden).lower()}, configurable: true }}"
            anna.page.evaluate(f"Object.defineProperty(document, 'hidden', {set_to})")
            anna.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    events = [(event.kind, json.loads(event.detail)) for event in anna.events() if event.position == 1]
    events = events[next(place for place, (kind, _) in enumerate(events) if kind == "stall") :]
    assert [kind for kind, _ in events] == ["stall", "play", "ended", "play", "seek", "ended", "hidden", "visible"]
    assert dict(events)["stall"] == {"ms": 2000}
    assert dict(events)["seek"]["at"] == pytest.approx(0.2, abs=0.01)
    assert anna.ratings() == []


def test_the_next_sound_is_there_before_it_is_asked_for(house, visit):
    anna = visit(house)
    anna.begin()
    anna.practise()
    anna.on("Sound 1 of 15")
    anna.listen()
    # Two clips of practice, this one, and the next.
    names = "performance.getEntriesByType('resource').map(({ name }) => name)"
    anna.page.wait_for_function(f"new Set({names}.filter((name) => /media.0/.test(name))).size === 4")
    anna.page.route(re.compile("/media/"), lambda route: route.abort())
    anna.page.keyboard.press("3")
    anna.page.keyboard.press("Enter")
    anna.on("Sound 2 of 15")
    anna.rate(4)
    anna.on("Sound 3 of 15")
    assert [row.score for row in anna.ratings()][-2:] == [3, 4]
