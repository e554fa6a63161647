"""A study's own questions at the page, in a real browser: each to whom it is asked, and named where it is missing."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import Server, store_of, write_study
from visiting import SMALL_PHONE

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what the page draws

QUESTIONS = """
questions:
  - {name: device, ask: "What do you listen with?", options: [headphones, earbuds, loudspeakers]}
  - name: brand
    ask: "Of which brand?"
    type: text
    when: {device: [headphones, earbuds]}
  - {name: years, ask: "How many years have you made music?", type: number, low: 0, high: 80, required: false}
  - {name: sides, ask: "Which ears hear well?", type: multiple, options: [left, right]}
  - {name: tired, ask: "Are your ears tired?", options: [yes, no], place: every 2}
  - {name: why, ask: "What tires them?", type: text, when: {tired: yes}, place: every 2}
  - {name: guess, ask: "What was it about?", type: text, place: after}
  - {name: again, ask: "Would you come again?", options: [yes, no], place: after, required: no}
"""


@pytest.fixture(scope="module")
def asking(backend: str, tmp_path_factory):
    rules = (
        "headphone_check: none, practice: 0, prompts_per_participant: 1, min_plays: 2, max_plays: 2, break_trials: 2"
    )
    folder = write_study(tmp_path_factory.mktemp("asking") / "study", session=rules)
    path = folder / "study.yaml"
    path.write_text(path.read_text(encoding="utf-8") + QUESTIONS, encoding="utf-8")
    running = Server(folder)
    running.start()
    yield running
    running.stop()


def field(anna, name):
    return anna.page.locator(f'[name="{name}"]')


def problem(anna, name):
    return anna.page.locator(f"#earmark-problem-{name}")


def look(anna):
    """Return the serious faults of the page, and whether it is wider than the window."""
    found = Axe().run(anna.page).response["violations"]
    wide = anna.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] + ["wide"] * wide


def play_twice(anna):
    anna.page.keyboard.press("Space")
    expect(anna.page.locator('[data-part="hint"]')).to_have_text("Please play each sound at least 2×, then answer.")
    expect(anna.grade(3)).to_have_attribute("aria-disabled", "true")
    anna.page.keyboard.press("Space")
    anna.heard()
    expect(anna.page.locator('[data-action="play"]')).to_have_attribute("aria-disabled", "true")


def test_questions_before_between_and_after_by_keyboard_on_a_small_phone(asking, visit):
    anna = visit(asking, SMALL_PHONE)
    anna.hurry()
    anna.open()
    anna.primary()
    anna.at("questions")
    assert look(anna) == []
    anna.shot("questions-own")
    expect(field(anna, "brand")).to_be_hidden()
    expect(anna.page.get_by_label("How many years have you made music? (optional)")).to_be_visible()
    # What is missing is named at its field, which gets the focus.
    anna.primary()
    expect(problem(anna, "device")).to_have_text("Please answer this question.")
    expect(problem(anna, "sides")).to_have_text("Please answer this question.")
    expect(problem(anna, "years")).to_be_hidden()
    expect(field(anna, "device").first).to_be_focused()
    assert anna.page.get_by_role("radiogroup").get_attribute("aria-invalid") == "true"
    assert look(anna) == []
    anna.shot("questions-missing")
    anna.page.keyboard.press("Space")  # the first option
    expect(problem(anna, "device")).to_be_hidden()
    expect(field(anna, "brand")).to_be_visible()
    anna.page.keyboard.press("ArrowDown")
    anna.page.keyboard.press("ArrowDown")
    expect(field(anna, "brand")).to_be_hidden()
    anna.page.keyboard.press("ArrowUp")
    anna.page.keyboard.press("Tab")
    anna.page.keyboard.type("Sony")
    anna.page.keyboard.press("Tab")
    anna.page.keyboard.type("81")
    anna.page.keyboard.press("Tab")
    anna.page.keyboard.press("Space")
    anna.primary()
    expect(problem(anna, "years")).to_have_text("Please give a number from 0 to 80.")
    expect(field(anna, "years")).to_be_focused()
    for text in ("x", "1e1", "7.5.1", "1,500"):  # the last may be thousands
        field(anna, "years").fill(text)
        anna.primary()
        expect(problem(anna, "years")).to_have_text("Please give a number from 0 to 80.")
    field(anna, "years").fill("")
    anna.page.keyboard.type("7,5")
    anna.primary()
    anna.at("sound_check")
    anna.set_volume()
    anna.at("instructions")
    anna.primary()
    anna.at("trials")
    for number in (1, 2):
        anna.on(f"Sound {number} of 3")
        play_twice(anna)
        anna.page.keyboard.press("4")
        anna.page.keyboard.press("Enter")
    anna.at("between")
    expect(anna.page.locator('[data-part="live"]')).to_have_text("")
    anna.page.reload()
    anna.page.wait_for_function("window.__ready")
    anna.at("between")
    field(anna, "tired").first.check()
    field(anna, "why").fill("the noise")
    assert look(anna) == []
    anna.primary()
    anna.at("trials")
    expect(anna.page.get_by_role("heading", name="Time for a short break")).to_be_visible()
    anna.primary()
    anna.on("Sound 3 of 3")
    play_twice(anna)
    anna.page.keyboard.press("5")
    anna.page.keyboard.press("Enter")
    anna.at("after")
    expect(anna.page.locator('[data-part="live"]')).to_have_text("")
    anna.shot("questions-after")
    field(anna, "guess").fill("Sounds\nand words")
    anna.primary()
    anna.at("done")
    store = store_of(asking.folder)
    (row,) = store.results.sessions()
    store.close()
    assert json.loads(row.answers) == {
        "device": "earbuds", "brand": "Sony", "years": 7.5, "sides": ["left"], "tired": {"2": "yes"},
        "why": {"2": "the noise"}, "guess": "Sounds\nand words", "again": None,
    }  # fmt: skip
    assert [(one.score, one.plays) for one in anna.ratings()] == [(4, 2), (4, 2), (5, 2)]
    assert anna.errors == []
