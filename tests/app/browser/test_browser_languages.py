"""A study's own words in several languages, in a real browser: each is marked as what it is."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from served import PROMPTS, Server, write_study
from visiting import SMALL_PHONE

from app.texts import texts

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]  # what the page draws

ARABIC = "كلب ينبح في البعيد بينما يهطل المطر على سقف من الصفيح"
WORDS = f"""language: en
translations:
  ar:
    consent: ستستمع إلى أصوات قصيرة.
    labels: {{5: تمامًا, 4: جيدًا, 3: جزئيًا, 2: قليلًا, 1: لا}}
    prompts: {{p1: {ARABIC}, p2: {ARABIC}، ثم, p3: {ARABIC} و}}
"""


@pytest.fixture(scope="module")
def many_tongues(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study of which the Arabic words are written, but for some."""
    folder = write_study(
        tmp_path_factory.mktemp("tongues") / "study",
        session="headphone_check: none, practice: 0, order: fixed",
        scale="question: 'How natural is it?'",
    )
    with (folder / "study.yaml").open("a", encoding="utf-8") as file:
        file.write(WORDS)
    running = Server(folder)
    running.start()
    yield running
    running.stop()


def test_each_word_is_marked_with_its_language_and_runs_its_way(many_tongues, visit):
    anna = visit(many_tongues, SMALL_PHONE, locale="ar")
    anna.hurry()
    anna.open()
    text = anna.page.locator('[data-part="text"]')
    expect(text).to_have_text("ستستمع إلى أصوات قصيرة.")
    assert (text.get_attribute("lang"), text.get_attribute("dir")) == ("ar", "rtl")
    anna.primary()
    anna.at("sound_check")
    assert text.get_attribute("lang") is None, "the page's own words are in the page's language"
    anna.set_volume()
    anna.at("instructions")
    expect(anna.page.locator('[data-part="legend"] span').first).to_have_text("تمامًا")
    anna.primary()
    anna.at("trials")
    expect(anna.page.locator('[data-part="prompt"]')).to_have_attribute("lang", "ar")
    expect(anna.page.locator('[data-part="prompt"]')).to_have_text(ARABIC)
    question = anna.page.locator('[data-part="scales"] .question')
    assert (question.text_content(), question.get_attribute("lang")) == ("How natural is it?", "en")
    assert question.evaluate("node => getComputedStyle(node).direction") == "ltr"
    anna.shot("trial-ar-words")
    assert anna.page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE[0]
    faults = Axe().run(anna.page).response["violations"]
    assert [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")] == []
    for number in range(1, 10):  # the first three prompts under three conditions
        anna.on(texts("ar")["sound"].format(number=number, total=15))
        anna.rate(3)
    expect(anna.page.locator('[data-part="prompt"]')).to_have_text(PROMPTS[3])
    expect(anna.page.locator('[data-part="prompt"]')).to_have_attribute("dir", "ltr")
    anna.shot("trial-ar-plain")
    assert {row.prompt for row in anna.ratings()} == set(PROMPTS[:3]), "one text a prompt"
    assert anna.errors == []
