"""The pages before, between and after the trials, in a real browser: what a study may ask for beside ratings."""

import json
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import SECONDS, Server, write_study
from visiting import DESKTOP, PHONE, SMALL_PHONE

from app.participant.media import headphone_answers
from app.settings import load_settings
from app.study import Study
from db import Store, database_url, open_engine
from survey.config.study import LANGUAGES

pytestmark = pytest.mark.browser

SESSION = (
    "headphone_check: antiphase, practice: 1, prompts_per_participant: 1, attention_checks: 1, repeats: 1, "
    "instructed_checks: 1, go_back: true, comments: true, allowed_failures: 9"
)
RECRUITMENT = (
    "platform: prolific, codes: {finished: DONE7, screened_out: OUT7, no_consent: NO7}, eligibility: true, "
    "demographics: [age, language]"
)


@pytest.fixture(scope="module")
def full_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study that asks for everything."""
    folder = tmp_path_factory.mktemp("full") / "study"
    running = Server(write_study(folder, session=SESSION, recruitment=RECRUITMENT))
    running.start()
    yield running
    running.stop()


def arrive(anna, name: str) -> None:
    anna.hurry()
    anna.open(f"/join?PROLIFIC_PID={name}&STUDY_ID=s1&SESSION_ID=t1")
    anna.at("consent")


def answer_questions(anna, **other: str) -> None:
    """Answer as somebody who may take part, but for what is given."""
    for name, value in {"hearing": "yes", "audio_work": "no", "recent_test": "no", "heard_before": "no"}.items():
        anna.page.locator(f'input[name="{name}"][value="{other.get(name, value)}"]').check()
    anna.page.locator('input[name="age"][value="30_44"]').check()
    anna.page.get_by_label("What is your first language?").fill("Esperanto")
    anna.primary()


def right_answers(server: Server, token: str, tried: int = 0) -> list[int]:
    study = Study(server.folder, load_settings())
    try:
        return headphone_answers(study, study.store.sessions.state(token).session_id, tried)
    finally:
        study.close()


def tell_apart(anna, answers: list[int], shot: str = "", *, counted: bool = True) -> None:
    """Answer a try at the headphone check."""
    for number, place in enumerate(answers, 1):
        if counted:
            expect(anna.page.locator('[data-part="facts"]')).to_have_text(f"{number} of 6")
        choices = anna.page.locator('[data-part="choices"] button')
        expect(choices.nth(place)).to_have_attribute("aria-disabled", "true")
        anna.page.locator('[data-action="notes"]').click()
        expect(choices.nth(place)).to_have_attribute("aria-disabled", "false")
        if shot and number == 1:
            anna.shot(shot)
        choices.nth(place).click()


def token_of(anna) -> str:
    return next(cookie["value"] for cookie in anna.context.cookies() if cookie["name"] == "earmark")


def sessions(server: Server):
    store = Store(open_engine(database_url(server.folder)), "listening")
    rows = {row.external_id: row for row in store.results.sessions()}
    store.close()
    return rows


def to_trials(anna, name: str) -> None:
    """Go from the arrival to the first trial."""
    arrive(anna, name)
    anna.primary()
    anna.at("questions")
    answer_questions(anna)
    anna.at("sound_check")
    anna.set_volume()
    anna.at("headphones")
    tell_apart(anna, right_answers(anna.server, token_of(anna)))
    anna.at("instructions")
    anna.primary()
    anna.at("practice")
    anna.on("Practice 1 of 1")
    anna.rate(3)
    anna.at("ready")
    anna.primary()
    anna.at("trials")


def test_somebody_from_prolific_goes_all_the_way(full_house, visit):
    anna = visit(full_house)
    arrive(anna, "anna")
    anna.primary()
    anna.at("questions")
    anna.primary()
    expect(anna.page.get_by_text("Please answer every question.")).to_be_visible()
    anna.shot("questions")
    answer_questions(anna)
    anna.at("sound_check")
    anna.shot("volume")
    anna.page.get_by_label("Volume").fill("0.6")
    anna.set_volume()
    anna.at("headphones")
    token = token_of(anna)
    right = right_answers(full_house, token)
    wrong = [(place + 1) % 3 for place in right]
    tell_apart(anna, wrong, "headphones")
    expect(anna.page.get_by_text("That was not quite it.")).to_be_visible()
    tell_apart(anna, right_answers(full_house, token, 1))
    anna.at("instructions")
    anna.primary()
    anna.on("Practice 1 of 1")
    anna.rate(3)
    anna.at("ready")
    anna.primary()
    # One prompt under three conditions, a mismatch, a repeat, tones to be counted.
    for number in range(1, 7):
        anna.on(f"Sound {number} of 6")
        anna.listen()
        assert anna.page.evaluate("document.querySelector('audio').volume") == pytest.approx(0.6)
        if number == 2:
            anna.page.get_by_label("A remark, if you like").fill("a bird? =1+1")
            anna.shot("remark")
        anna.page.locator('[data-part="prompt"]').click()
        anna.page.keyboard.press("4")
        anna.page.keyboard.press("Enter")
    anna.at("done")
    anna.shot("done-code")
    expect(anna.page.get_by_text("DONE7")).to_be_visible()
    link = anna.page.get_by_role("link", name="Finish and return")
    expect(link).to_have_attribute("href", "https://app.prolific.com/submissions/complete?cc=DONE7")
    row = sessions(full_house)["anna"]
    assert (row.outcome, row.source, row.trials, row.answered) == ("finished", "prolific", 6, 6)
    assert row.headphone_right == "0 6"
    assert (row.device, row.browser.split()[0], row.language, row.volume) == ("computer", "Chrome", "en", 0.6)
    assert '"age": "30_44"' in row.answers
    assert '"language": "Esperanto"' in row.answers
    assert [rating.comment for rating in anna.ratings() if rating.comment] == ["a bird? =1+1"]
    assert anna.errors == []


def test_one_person_is_one_session_on_every_device(full_house, visit):
    laptop, phone = visit(full_house), visit(full_house, PHONE)
    arrive(laptop, "bert")
    laptop.primary()
    laptop.at("questions")
    phone.open("/join?PROLIFIC_PID=bert")
    phone.at("questions")
    answer_questions(phone)
    phone.at("sound_check")
    laptop.page.reload()
    laptop.page.wait_for_function("window.__ready")
    laptop.at("sound_check")


def test_who_comes_without_an_identity_is_sent_to_the_platform(full_house, visit):
    anna = visit(full_house)
    anna.open("/join")
    anna.at("closed")
    expect(anna.page.get_by_text("This study is entered from the site that invited you.")).to_be_visible()


def test_an_answer_that_does_not_fit_leads_out_kindly(full_house, visit):
    anna = visit(full_house)
    arrive(anna, "carla")
    anna.primary()
    anna.at("questions")
    answer_questions(anna, audio_work="yes")
    anna.at("done")
    anna.shot("screened-out")
    expect(anna.page.get_by_role("heading", name="Thank you for your interest")).to_be_visible()
    expect(anna.page.get_by_text("OUT7").first).to_be_visible()
    row = sessions(full_house)["carla"]
    assert (row.outcome, row.counted, row.answered) == ("screened_out", False, 0)


def test_a_refusal_has_a_code_and_stores_nothing(full_house, visit):
    anna = visit(full_house)
    arrive(anna, "dora")
    anna.page.get_by_role("button", name="No, thank you").click()
    expect(anna.page.get_by_text("NO7").first).to_be_visible()
    assert "dora" not in sessions(full_house)


def test_the_answer_before_can_be_changed(full_house, visit):
    anna = visit(full_house)
    to_trials(anna, "emil")
    expect(anna.page.locator('[data-action="back"]')).to_be_hidden()
    anna.rate(2)
    anna.on("Sound 2 of 6")
    anna.page.get_by_role("button", name="Back to the answer before").click()
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


def test_another_browser_of_one_identity_is_sent_back_to_the_first(full_house, visit):
    anna, phone = visit(full_house), visit(full_house, PHONE)
    to_trials(anna, "hans")
    phone.hurry()
    phone.open("/join?PROLIFIC_PID=hans")
    phone.at("trials")
    phone.page.goto(full_house.url + "/withdraw")
    expect(phone.page.get_by_text("You can do this in the browser in which you began")).to_be_visible()
    phone.page.get_by_role("button", name="Yes, delete everything").click()
    expect(phone.page.get_by_text("That is not the code that the last page showed.")).to_be_visible()
    phone.shot("elsewhere")
    phone.page.get_by_role("button", name="No, keep my answers").click()
    phone.at("trials")
    phone.rate(4)
    phone.on("Sound 2 of 6")
    expect(phone.page.get_by_role("button", name="Back to the answer before")).to_be_hidden()


def test_everything_can_be_deleted(full_house, visit):
    anna = visit(full_house)
    to_trials(anna, "gina")
    anna.rate(4)
    anna.on("Sound 2 of 6")
    assert "gina" in sessions(full_house)
    anna.page.goto(full_house.url + "/withdraw")
    expect(anna.page.get_by_role("heading", name="Delete all your answers?")).to_be_visible()
    anna.shot("withdraw")
    anna.page.get_by_role("button", name="No, keep my answers").click()
    anna.on("Sound 2 of 6")
    anna.page.goto(full_house.url + "/withdraw")
    anna.page.get_by_role("button", name="Yes, delete everything").click()
    anna.at("withdrawn")
    assert "gina" not in sessions(full_house)
    assert not [cookie for cookie in anna.context.cookies() if cookie["name"].startswith("earmark")]


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


def test_a_break_comes_after_its_minutes_and_not_before(tmp_path, visit):
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
