"""Every type of question answered in a real browser, and what is stored of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import CONDITIONS, SECONDS, Server, write_study
from visiting import DESKTOP, PHONE, WITHOUT_LENGTH, Visit

from survey import RatingRow

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what the page draws
AGAIN = re.compile("Play again$")
PLAYER = "document.querySelector('[data-part=audio]')"
# What engines say of a clip without a length until they have read to its end: Chromium and WebKit.
UNKNOWN = ("Infinity", "0")
SAY = "Object.defineProperty(HTMLMediaElement.prototype, 'duration', { get: () => %s })"
SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"


@pytest.fixture
def study(backend: str, tmp_path: Path):
    """Serve a study of a type of question."""
    running: list[Server] = []

    def start(kind: str, scale: str = "", seconds: float = SECONDS) -> Server:
        anchor = (*CONDITIONS, "anchor") if kind == "mushra" else None
        folder, scale = tmp_path / kind, f"type: {kind}{scale}"
        server = Server(write_study(folder, seconds=seconds, session=SESSION, scale=scale, clips_of=anchor))
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


def play_all(person: Visit) -> None:
    """Play every clip of the trial to its end, by mouse."""
    buttons = person.page.locator('[data-page="trial"] .play:visible')
    for number in range(buttons.count()):
        buttons.nth(number).click()
        expect(buttons.nth(number)).to_have_attribute("aria-label", AGAIN)


def finish(person: Visit) -> list[RatingRow]:
    person.at("done")
    assert person.errors == []
    rows = [row for row in person.ratings() if row.kind == "trial"]
    assert {row.flags for row in rows} == {""}, "who listens is not flagged"
    return rows


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_preference_between_two_clips(study, visit: Callable[..., Visit], size):
    server = study("ab", scale=", no_preference: true")
    anna = visit(server, size)
    enter(anna)
    anna.on("Comparison 1 of 2")
    expect(anna.page.get_by_role("radio")).to_have_count(3)
    anna.page.keyboard.press("3")
    expect(anna.page.locator('[data-part="hints"]')).to_have_text("Please play the sound first.")
    anna.page.keyboard.press("a")
    expect(anna.page.get_by_role("button", name="A: Play again")).to_be_visible()
    anna.page.keyboard.press("1")
    expect(anna.page.locator('[data-part="hints"]')).to_have_text("Please listen to every sound to its end first.")
    anna.page.keyboard.press("b")
    expect(anna.grade(1)).to_have_attribute("aria-disabled", "false")
    anna.page.keyboard.press("3")
    anna.shot(f"question-ab-{size[0]}")
    anna.page.keyboard.press("Enter")
    anna.on("Comparison 2 of 2")
    play_all(anna)
    anna.page.get_by_role("radio", name="No preference").click()
    anna.page.get_by_role("button", name="Next").click()
    first, second = finish(anna)
    # The second clip was preferred: that speaks for the condition where it was not the first.
    assert first.score == (-1 if first.first == first.condition else 1)
    assert second.score == 0
    assert {row.condition for row in (first, second)} == set(CONDITIONS[1:])
    assert {row.reference for row in (first, second)} == {"baseline"}
    assert all(row.plays == 2 and row.heard_seconds > 1.1 for row in (first, second))


def test_one_clip_compared_with_another(study, visit: Callable[..., Visit]):
    anna = visit(study("ccr"))
    enter(anna)
    expect(anna.page.get_by_role("radio")).to_have_count(7)
    play_all(anna)
    anna.page.keyboard.press("1")  # the uppermost: B much better
    anna.shot("question-ccr-1280")
    anna.page.keyboard.press("Enter")
    anna.on("Comparison 2 of 2")
    play_all(anna)
    anna.page.get_by_role("radio", name="Slightly worse").click()
    anna.page.keyboard.press("Enter")
    first, second = finish(anna)
    assert (first.score, second.score) == (
        -3 if first.first == first.condition else 3,
        1 if second.first == second.condition else -1,
    )
    assert {row.question for row in (first, second)} == {"ccr"}


def test_which_of_two_clips_a_third_is(study, visit: Callable[..., Visit]):
    anna = visit(study("abx"), PHONE)
    enter(anna)
    play_all(anna)
    anna.shot("question-abx-390")
    anna.page.get_by_role("radio", name="X is B").click()
    anna.page.get_by_role("button", name="Next").click()
    anna.on("Comparison 2 of 2")
    play_all(anna)
    anna.page.get_by_role("radio", name="X is A").click()
    anna.page.get_by_role("button", name="Next").click()
    first, second = finish(anna)
    assert first.score == int(first.x != first.first)
    assert second.score == int(second.x == second.first)
    assert all(row.x in (row.condition, "baseline") for row in (first, second))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_condition_from_0_to_100_beside_the_reference(study, visit: Callable[..., Visit], size):
    anna = visit(study("mushra"), size)
    enter(anna)
    anna.on("Comparison 1 of 1")
    sliders = anna.page.get_by_role("slider")
    expect(sliders).to_have_count(4)
    next_button = anna.page.get_by_role("button", name="Next")
    sliders.first.press("ArrowRight")
    expect(anna.page.locator('[data-part="hints"]')).to_have_text("Please listen to the sound to its end first.")
    expect(anna.page.locator("output").first).to_have_text("–")
    play_all(anna)
    for number in range(3):
        sliders.nth(number).fill(str(30 * number + 25))
    anna.page.keyboard.press("Enter")
    expect(anna.page.locator('[data-part="hints"]')).to_have_text("Please set every slider first.")
    sliders.nth(2).press("a")  # a letter plays, it does not move the slider
    sliders.nth(3).press("Home")  # worst of all, and chosen
    expect(anna.page.locator("output").nth(3)).to_have_text("0 Bad")
    anna.shot(f"question-mushra-{size[0]}")
    next_button.click()
    rows = finish(anna)
    assert sorted(row.score for row in rows) == [0, 25, 55, 85]
    assert {row.condition for row in rows} == {*CONDITIONS, "anchor"}
    assert {row.question for row in rows} == {"mushra"}


def test_an_answer_in_words(study, visit: Callable[..., Visit]):
    anna = visit(study("text"), PHONE)
    enter(anna)
    for number in (1, 2, 3):
        anna.on(f"Sound {number} of 3")
        anna.page.locator('[data-action="play"]').click()
        expect(anna.page.locator('[data-part="hint"]')).to_have_text("Now write your answer.")
        anna.page.locator('[data-action="next"]').press("Enter")
        expect(anna.page.locator('[data-part="hint"]')).to_have_text("Please write an answer first.")
        anna.page.get_by_label("Your answer").fill(f"=a dog, {number}")
        if number == 1:
            anna.shot("question-text-390")
        anna.page.get_by_role("button", name="Next").click()
    rows = finish(anna)
    assert [row.comment for row in rows] == ["=a dog, 1", "=a dog, 2", "=a dog, 3"]
    assert {row.score for row in rows} == {None}


def test_sounds_go_on_where_another_was_left(study, visit: Callable[..., Visit]):
    anna = visit(study("mushra", seconds=4))
    enter(anna)
    audio = "document.querySelector('audio')"
    anna.page.keyboard.press("r")
    anna.page.wait_for_function(f"{audio}.currentTime > 0.2")
    anna.page.keyboard.press("b")
    # The clip that is switched to begins where the one before was, not at its beginning.
    anna.page.wait_for_function(f"!{audio}.paused && {audio}.played.length > 0")
    assert anna.page.evaluate(f"{audio}.played.start(0)") > 0.15
    expect(anna.page.get_by_role("button", name="B: Play", exact=False)).to_be_visible()
    # Having heard its end only, it must be heard again.
    anna.page.get_by_role("slider", name="Score of sound B").press("ArrowRight")
    expect(anna.page.locator("output").nth(1)).to_have_text("–")


@pytest.mark.parametrize("kind", ["ab", "mushra", "text"])
def test_the_card_has_no_serious_accessibility_fault(study, visit: Callable[..., Visit], kind):
    anna = visit(study(kind), PHONE)
    enter(anna)
    found = Axe().run(anna.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert [fault["id"] for fault in found.response["violations"]] == []
    width = anna.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE[0]


def test_a_clip_without_a_length_in_its_header_is_heard_at_its_end_and_no_sooner(study, visit: Callable[..., Visit]):
    server = study("ab", seconds=1.2)
    for said in UNKNOWN:
        anna = visit(server)
        anna.context.add_init_script(WITHOUT_LENGTH + SAY % said)
        enter(anna)
        anna.page.keyboard.press("a")
        anna.page.wait_for_function(f"{PLAYER}.currentTime > 0.2 && ({PLAYER}.pause(), true)")
        line = anna.page.locator(".clip .line i").first
        assert "-100%" not in line.evaluate("one => one.style.transform"), "it moves as it plays"
        anna.page.keyboard.press("b")
        anna.page.wait_for_function(f"{PLAYER}.ended")
        anna.page.keyboard.press("1")
        expect(anna.page.locator('[data-part="hints"]')).to_have_text("Please listen to every sound to its end first.")
        anna.page.keyboard.press("a")
        expect(anna.grade(1)).to_have_attribute("aria-disabled", "false")
        anna.page.keyboard.press("1")
        anna.page.keyboard.press("Enter")
        anna.on("Comparison 2 of 2")
        (row,) = anna.ratings()
        assert row.plays == 3
        assert row.heard_seconds > 2 * 0.9 * 1.2
        assert anna.errors == []
