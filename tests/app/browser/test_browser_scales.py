"""Several scales of one clip, and scales of numbers, sliders and degradation, answered in a real browser."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import CONDITIONS, Server, store_of, write_study
from sqlalchemy import update
from sqlalchemy.orm import Session as OrmSession
from visiting import DESKTOP, PHONE, SMALL_PHONE, Visit

from db.scope import now
from db.tables import Session

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what the page draws
SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1, go_back: true"
THREE = (
    "{name: quality, type: slider, low: 0, high: 100, question: 'How good is it?', ends: [awful, splendid]}, "
    "{name: match, type: numeric, low: 1, high: 5, step: 0.5, question: 'How well does it match?'}, "
    "{name: noise, question: 'How noisy is it?', labels: {5: silent, 4: quiet, 3: audible, 2: noisy, 1: drowned}}"
)


@pytest.fixture
def study(backend: str, tmp_path: Path):
    """Serve a study of these scales."""
    running: list[Server] = []

    def start(more: str = "", *, scale: str = "", scales: str = "", session: str = SESSION) -> Server:
        folder = write_study(tmp_path / "study", session=session, scale=scale, scales=scales)
        with (folder / "study.yaml").open("a", encoding="utf-8") as file:
            file.write(more)
        server = Server(folder)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


def enter(person: Visit) -> None:
    """Go to the first trial; there is no practice."""
    person.open()
    person.primary()
    person.set_volume()
    person.at("instructions")
    person.primary()
    person.at("trials")


def scores(person: Visit) -> list[dict[str, float]]:
    """Return the stored scores of each trial by scale."""
    found: dict[int, dict[str, float]] = {}
    for row in person.ratings():
        found.setdefault(row.position, {})[row.scale] = row.score
    return list(found.values())


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_three_scales_on_one_page(study, visit: Callable[..., Visit], size):
    anna = visit(study(scales=THREE), size)
    enter(anna)
    page, slider = anna.page, anna.page.get_by_role("slider", name="How good is it?")
    expect(page.get_by_role("radiogroup", name="How well does it match?").get_by_role("radio")).to_have_count(9)
    expect(slider).to_have_attribute("aria-valuetext", "not set yet")
    slider.press("ArrowRight")  # not before it is heard
    expect(slider).to_have_attribute("aria-valuetext", "not set yet")
    page.locator('[data-action="play"]').click()
    left = page.locator('[data-part="open"]')
    expect(left).to_have_text("Still to be answered: 3 of 3 questions.")
    anna.shot(f"scales-open-{size[0]}")
    page.locator('[data-action="next"]').click(force=True)  # the button says that it is disabled
    expect(left).to_have_text("Please answer this first: How good is it?")
    expect(slider).to_be_focused()
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "51")
    page.keyboard.press("Tab")
    page.keyboard.press("4")  # digits answer the scale that has the focus
    expect(page.get_by_role("radio", name="4", exact=True)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="3.5")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Enter")
    expect(left).to_have_text("Please answer this first: How noisy is it?")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="noisy")).to_be_focused()
    anna.shot(f"scales-answered-{size[0]}")
    page.keyboard.press("Enter")
    anna.on("Sound 2 of 3")
    assert scores(anna) == [{"quality": 51, "match": 3.5, "noise": 2}]

    page.get_by_role("button", name="Back to the previous answer").click()
    expect(slider).to_have_attribute("aria-valuetext", "51")
    expect(page.get_by_role("radio", name="3.5")).to_have_attribute("aria-checked", "true")
    page.get_by_role("radio", name="silent").click()
    page.get_by_role("button", name="Next").click()
    anna.on("Sound 2 of 3")
    assert scores(anna) == [{"quality": 51, "match": 3.5, "noise": 5}]

    box = slider.bounding_box()
    page.locator('[data-action="play"]').click()
    expect(left).to_have_text("Still to be answered: 3 of 3 questions.")
    slider.scroll_into_view_if_needed()
    slider.click(position={"x": box["width"] / 2, "y": box["height"] / 2})  # where the thumb would be
    expect(slider).not_to_have_attribute("aria-valuetext", "not set yet")
    expect(left).to_have_text("Still to be answered: 2 of 3 questions.")
    assert anna.errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert [fault["id"] for fault in found.response["violations"]] == []


def test_scales_one_after_another_in_a_trial_survive_a_lost_connection(study, visit: Callable[..., Visit]):
    words = "{name: why, type: text, question: 'Why?', required: false}"
    anna = visit(study("layout: one_by_one\n", scales=f"{{name: match}}, {words}"))
    enter(anna)
    page = anna.page
    page.keyboard.press("Space")
    expect(anna.grade(4)).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_role("heading", name="Why?")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="open"]')).to_contain_text("Please answer this first: How well")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name="Why?")
    expect(field).to_be_focused()
    field.fill("It rings.")
    anna.shot("scales-one-by-one")
    page.get_by_role("button", name="Back to the previous answer").click()
    expect(anna.grade(4)).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("It rings.")
    anna.context.set_offline(True)
    page.get_by_role("button", name="Next").click()
    expect(page.locator('[data-part="toast"]')).to_contain_text("No connection.")
    anna.context.set_offline(False)
    anna.on("Sound 2 of 3")
    page.keyboard.press("Space")
    expect(anna.grade(5)).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Next").click()  # the words may be left out
    anna.on("Sound 3 of 3")
    rows = [(row.position, row.scale, row.score, row.comment) for row in anna.ratings()]
    assert rows == [(1, "match", 4, ""), (1, "why", None, "It rings."), (2, "match", 5, "")]
    assert anna.errors == []


def test_degradation_from_the_reference(study, visit: Callable[..., Visit]):
    anna = visit(study(scale="type: dcr"), PHONE)
    enter(anna)
    anna.on("Comparison 1 of 3")
    page = anna.page
    expect(page.locator('[data-part="clips"] b')).to_have_text(["Reference", "A"])
    page.get_by_role("button", name="A: Play the sound").click()
    expect(page.locator('[data-part="hints"]')).to_have_text("Please play the reference first.")
    for name in ("Reference", "A"):
        page.get_by_role("button", name=f"{name}: Play the sound").click()
        expect(page.get_by_role("button", name=f"{name}: Play again")).to_be_visible()
    anna.shot("question-dcr-390")
    page.get_by_role("radio", name="Degradation is slightly annoying").click()
    page.get_by_role("button", name="Next").click()
    anna.on("Comparison 2 of 3")
    (row,) = anna.ratings()
    assert (row.score, row.question, row.reference, row.first) == (3, "dcr", "baseline", "baseline")
    assert row.condition in CONDITIONS


def test_both_bad_is_a_further_answer(study, visit: Callable[..., Visit]):
    anna = visit(study(scale="type: ab, no_preference: true, both_bad: true"))
    enter(anna)
    page = anna.page
    for letter in "ab":
        page.keyboard.press(letter)
        expect(page.get_by_role("button", name=f"{letter.upper()}: Play again")).to_be_visible()
    page.keyboard.press("4")
    expect(page.get_by_role("radio", name="Both are bad")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Enter")
    anna.on("Comparison 2 of 2")
    (row,) = anna.ratings()
    assert (row.score, row.answer) == (0, "both_bad")
    page.get_by_role("button", name="Back to the previous answer").click()
    expect(page.get_by_role("radio", name="Both are bad")).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize("locale", ["en-GB", "ar"])
def test_numbers_that_are_too_many_for_buttons(study, visit: Callable[..., Visit], locale):
    anna = visit(study(scale="type: numeric, low: 0, high: 100, ends: [none, all]"), PHONE, locale=locale)
    enter(anna)
    page, slider = anna.page, anna.page.get_by_role("slider")
    page.locator('[data-action="play"]').click()
    expect(slider).to_have_attribute("aria-disabled", "false")
    slider.press("ArrowUp")
    expect(page.locator("output")).to_have_text("51")
    slider.press("ArrowRight")
    expect(page.locator("output")).to_have_text("52" if locale == "en-GB" else "50")
    slider.press("Home")
    expect(page.locator("output")).to_have_text("0")
    anna.shot(f"question-numeric-{locale}")
    page.locator('[data-action="next"]').click()
    expect(page.locator('[data-part="bar"]')).to_have_attribute("aria-valuenow", "1")
    assert [row.score for row in anna.ratings()] == [0]
    assert anna.errors == []


@pytest.mark.parametrize(("locale", "onward"), [("de-DE", "ArrowRight"), ("ar", "ArrowLeft")])
def test_few_numbers_stand_in_one_row_as_the_language_writes_them(study, visit: Callable[..., Visit], locale, onward):
    halves = "type: numeric, low: 1, high: 4, step: 0.5, question: 'How rough is it?', ends: [smooth, rough]"
    anna = visit(study(scale=halves), SMALL_PHONE, locale=locale)
    anna.open()
    anna.primary()
    anna.set_volume()
    anna.at("instructions")
    page = anna.page
    # Not what our own question is about: the study has another.
    note = {"de-DE": "Es gibt keine richtigen oder falschen Antworten.", "ar": "لا توجد إجابات صحيحة أو خاطئة."}[locale]
    expect(page.locator('[data-part="note"]')).to_have_text(note)
    anna.primary()
    buttons = page.get_by_role("radio")
    page.locator('[data-action="play"]').click()
    expect(buttons.first).to_have_attribute("aria-disabled", "false")
    assert len({box["y"] for box in (one.bounding_box() for one in buttons.all())}) == 1
    expect(page.locator(".ends > span")).to_have_text(["1 smooth", "4 rough"])
    page.keyboard.press("2")
    page.keyboard.press(onward)  # the way in which the numbers are read
    chosen = page.get_by_role("radio", checked=True)
    expect(chosen).to_have_text("2,5" if locale == "de-DE" else "2.5")
    anna.shot(f"question-halves-{locale}")
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="bar"]')).to_have_attribute("aria-valuenow", "1")
    assert [row.score for row in anna.ratings()] == [2.5]
    assert anna.errors == []


def test_the_instructions_put_a_question_of_the_studys_own(study, visit: Callable[..., Visit]):
    own = f"question: 'How rough is it?', labels: {{5: {'silk' * 24}, 4: felt, 3: cord, 2: bark, 1: rock}}"
    rules = "headphone_check: none, practice: 1, resume: restart, resume_hours: 5"
    anna = visit(study(scale=own, session=rules), SMALL_PHONE)
    anna.open()
    expect(anna.page.locator('[data-part="lead"]')).not_to_contain_text("written description")
    anna.primary()
    anna.set_volume()
    anna.at("instructions")
    expect(anna.page.locator('[data-part="steps"] li').last).to_have_text("How rough is it?")
    back = "If you stop, come back within 5 h. After that you cannot go on where you were."
    note = f"There are no right or wrong answers. The first one is for practice and does not count. {back}"
    expect(anna.page.locator('[data-part="note"]')).to_have_text(note)
    anna.primary()
    anna.on("Practice 1 of 1")
    box = anna.grade(5).bounding_box()
    assert box["x"] + box["width"] < SMALL_PHONE[0], "no word is too long for its place"
    anna.rate(3)
    anna.at("ready")
    expect(anna.page.locator('[data-part="lead"]')).to_contain_text(f"stored at once. {back}")
    store = store_of(anna.server.folder)
    with OrmSession(store.scope.engine) as db, db.begin():
        db.execute(update(Session).values(seen_at=now() - timedelta(hours=6)))
    store.close()
    anna.page.reload()
    anna.at("sound_check")
    said = "You were away for too long to go on where you were, so this starts anew. Your answers so far do not count."
    expect(anna.page.locator('[data-part="lead"]')).to_have_text(said)
    anna.shot("anew")
