"""Several people at one computer, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from served import Server, store_of, write_study
from visiting import DESKTOP, PHONE

from survey import SessionRow

pytestmark = pytest.mark.browser

SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"
TEXT_EDGE = "e => { const r = document.createRange(); r.selectNodeContents(e); return r.getBoundingClientRect().x; }"


@pytest.fixture(scope="module")
def lab(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study of three sounds a person."""
    running = Server(write_study(tmp_path_factory.mktemp("lab") / "study", session=SESSION, recruitment="lab: true"))
    running.start()
    yield running
    running.stop()


def sessions(server: Server) -> list[SessionRow]:
    store = store_of(server.folder)
    rows = list(store.results.sessions())
    store.close()
    return rows


def to_trials(person) -> None:
    person.hurry()
    person.open("/join")
    person.at("consent")
    person.primary()
    person.at("sound_check")
    person.set_volume()
    person.at("instructions")
    person.primary()
    person.at("trials")


def test_whoever_comes_by_the_open_link_is_asked_who_they_are(lab, visit):
    anna = visit(lab, DESKTOP)
    to_trials(anna)
    anna.rate(4)
    anna.on("Sound 2 of 3")
    before = len(sessions(lab))
    anna.open("/join")
    anna.at("again")
    anna.shot("again")
    anna.primary()
    anna.on("Sound 2 of 3")
    anna.page.reload()
    anna.on("Sound 2 of 3")
    anna.open("/join")
    anna.page.get_by_role("button", name="No, I am somebody else").click()
    anna.at("consent")
    assert len(sessions(lab)) == before, "nobody new before the consent"


def test_the_last_page_offers_the_next_and_asks_for_its_code_before_it_deletes(lab, visit):
    anna = visit(lab, PHONE)
    to_trials(anna)
    for number in range(1, 4):
        anna.on(f"Sound {number} of 3")
        anna.rate(3)
    anna.at("done")
    anna.shot("last-phone")
    edges = [anna.page.get_by_text(text).first for text in ("To delete your answers later", "Delete all my answers")]
    assert len({edge.evaluate(TEXT_EDGE) for edge in edges}) == 1, "what can be pressed begins where the text does"
    code = re.search(r"/withdraw, code ([A-Z2-7]{8})", anna.page.inner_text(".shell"))[1]
    anna.page.get_by_role("button", name="Delete all my answers").click()
    field = anna.page.get_by_label("The code that the last page showed")
    field.fill("AAAAAAAA")
    anna.page.get_by_role("button", name="Yes, delete everything").click()
    expect(anna.page.get_by_text("That is not the code that the last page showed.")).to_be_visible()
    anna.shot("withdraw-code")
    anna.page.get_by_role("button", name="No, keep my answers").click()
    anna.page.get_by_role("button", name="Next participant").click()
    anna.at("consent")
    anna.page.wait_for_function("window.__ready")
    anna.primary()
    anna.at("sound_check")
    assert [row.answered for row in sessions(lab)][-2:] == [3, 0]
    store = store_of(lab.folder)
    link = store.results.progress()[-2].link
    store.close()
    anna.page.goto(f"{lab.url}/p/{link}/withdraw")
    expect(field).to_have_value(code)
    anna.page.get_by_role("button", name="Yes, delete everything").click()
    anna.at("withdrawn")
    assert [row.answered for row in sessions(lab)][-1:] == [0]
