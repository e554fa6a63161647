"""A seat of a laboratory in kiosk mode, in a real browser: one participant after another, by the PIN."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from served import Server, store_of, write_study
from visiting import DESKTOP, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

PIN = "271828"
SESSION = "headphone_check: none, practice: 0, prompts_per_participant: 1"
RECRUITMENT = "lab: true, codes: {finished: DONE7}, completion_url: 'https://elsewhere.example/?cc={code}'"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a study of three sounds a person, with a PIN."""
    running = Server(write_study(tmp_path_factory.mktemp("lab") / "study", session=SESSION, recruitment=RECRUITMENT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_KIOSK_PIN", PIN)
        running.start()
    yield running
    running.stop()


def seats(server: Server) -> list[tuple[str, int]]:
    store = store_of(server.folder)
    rows = [(row.seat, row.answered) for row in store.results.sessions()]
    store.close()
    return rows


def rate_all(person) -> None:
    person.primary()
    person.at("sound_check")
    person.set_volume()
    person.at("instructions")
    person.primary()
    person.at("trials")
    for number in range(1, 4):
        person.on(f"Sound {number} of 3")
        person.rate(3)
    person.at("done")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_one_after_another_sits_at_a_seat_in_kiosk_mode(lab, visit, size):
    before = len(seats(lab))
    name = "phone" if size == PHONE else "desktop"
    anna = visit(lab, size)
    anna.hurry()
    anna.open("/join?seat=3&kiosk")
    anna.at("consent")
    rate_all(anna)
    anna.shot(f"kiosk-last-{name}")
    expect(anna.page.get_by_text("Your code: DONE7")).to_be_visible()
    expect(anna.page.get_by_role("link", name="Finish and return")).to_be_hidden()
    anna.page.get_by_role("button", name="Next participant").click()
    pin = anna.page.get_by_label("PIN")
    pin.fill("000000")
    pin.press("Enter")
    expect(anna.page.get_by_role("alert")).to_have_text("That is not the PIN.")
    anna.shot(f"kiosk-pin-{name}")
    anna.page.goto(f"{lab.url}/admin/")
    pin.fill(PIN)
    anna.page.get_by_role("button", name="Next participant").click()
    anna.at("consent")
    anna.page.wait_for_function("window.__ready")
    anna.shot(f"kiosk-next-{name}")
    rate_all(anna)
    assert seats(lab)[before:] == [("3", 3), ("3", 3)]
    assert anna.errors == []


def test_the_experimenter_leads_on_where_somebody_left_in_the_middle(lab, visit):
    anna = visit(lab, DESKTOP)
    anna.open("/join?seat=4&kiosk")
    anna.primary()
    anna.at("sound_check")
    anna.page.get_by_role("link", name="For the experimenter").click()
    anna.page.get_by_role("link", name="Back to the study").click()
    anna.at("sound_check")
    anna.open("/join")
    anna.at("again")
    anna.page.get_by_role("button", name="No, I am somebody else").click()
    anna.page.get_by_label("PIN").fill(PIN)
    anna.page.get_by_role("button", name="Leave kiosk mode").click()
    expect(anna.page.get_by_text("Kiosk mode has ended in this browser.")).to_be_visible()
    anna.open("/study/")
    anna.at("sound_check")
    expect(anna.page.get_by_role("link", name="For the experimenter")).to_be_hidden()
