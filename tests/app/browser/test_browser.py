"""The participant's page in a real browser, as a person uses it."""

import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from pictures import picture
from playwright.sync_api import Response, expect
from served import CONDITIONS, PROMPTS, SECONDS, store_of
from visiting import DESKTOP, PHONE, SMALL_PHONE

pytestmark = pytest.mark.browser


def test_one_participant_rates_everything_with_keys_and_mouse(house, visit):
    anna = visit(house)
    anna.begin(anna.shot)
    anna.practise()
    given = []
    for number in range(1, 16):
        anna.on(f"Sound {number} of 15")
        score = 1 + number % 5
        given.append(score)
        if number == 8:
            anna.listen()
            anna.page.reload()
            anna.page.wait_for_function("window.__ready")
            anna.on("Sound 8 of 15")
            expect(anna.page.locator('.grade[aria-checked="true"]')).to_have_count(0)
        if number == 4:
            anna.listen()
            anna.page.keyboard.press(str(score))
            picture(anna.page, "participants/rating", without=PROMPTS)
            anna.page.keyboard.press("Enter")
        else:
            anna.rate(score, mouse=number % 2 == 0)
    anna.at("done")
    anna.shot("done")
    anna.page.reload()
    anna.at("done")
    rows = [row for row in anna.ratings() if row.kind == "trial"]
    assert [row.score for row in rows] == given
    assert len({row.stimulus for row in rows}) == 15
    assert all(0.9 * SECONDS <= row.heard_seconds <= 1.1 * SECONDS for row in rows), [row.heard_seconds for row in rows]
    assert all(row.plays == 1 and row.response_ms >= 900 * SECONDS for row in rows)
    assert all(row.response_ms <= row.open_ms for row in rows), "the page's time lies within the server's"
    assert {row.flags for row in anna.ratings()} == {""}
    assert anna.errors == []


def test_no_conditions_name_reaches_the_participant(house, visit):
    """Neither by page, address, header nor body; and nothing is asked of another host."""
    anna = visit(house)
    responses: list[Response] = []
    addresses: list[str] = []
    leaks: list[str] = []
    anna.page.on("response", lambda response: responses.append(response))
    anna.page.on("request", lambda request: addresses.append(request.url))
    clean = "() => { const copy = document.documentElement.cloneNode(true);"
    clean += " copy.querySelectorAll('style').forEach(node => node.remove()); return copy.outerHTML; }"

    def search(place: str, text: str, names: tuple[str, ...] = CONDITIONS) -> None:
        leaks.extend(f"{name} in {place}" for name in names if name.lower() in text.lower())

    def look(stage: str) -> None:
        search(f"the page at {stage}", anna.page.evaluate(clean))

    anna.begin(look)
    anna.practise()
    for number in range(1, 16):
        anna.on(f"Sound {number} of 15")
        look(f"sound {number}")
        anna.rate(3)
    anna.at("done")
    look("the end")
    sounds = 0
    for response in responses:
        path = urlsplit(response.url).path
        search("an address", response.url)
        search(f"the headers of {path}", str(response.all_headers()) + str(response.request.all_headers()))
        body = response.body().decode("latin-1") if response.status not in (204, 303) else ""
        sounds += body.startswith("fLaC")
        # Gradio's own files are the same for every study; "baseline" is a word of their style sheets.
        shared = path.startswith(("/study/assets/", "/study/static/", "/study/theme.css"))
        search(f"the body of {path}", body, tuple(set(CONDITIONS) - {"baseline"}) if shared else CONDITIONS)
    assert leaks == []
    assert sounds >= 16, "the clips were not among what was searched"
    hosts = {urlsplit(address).hostname for address in addresses if not address.startswith(("blob:", "data:"))}
    assert hosts == {"127.0.0.1"}
    files = {urlsplit(response.url).path for response in responses if response.status >= 400}
    assert files == set()


def test_a_double_click_stores_one_answer(house, visit):
    anna = visit(house)
    anna.begin()
    anna.listen()
    anna.page.keyboard.press("4")
    anna.page.get_by_role("button", name="Next").dblclick()
    anna.on("Practice 2 of 2")
    assert [row.score for row in anna.ratings()] == [4]


def test_two_tabs_change_nothing_twice(house, visit):
    anna = visit(house)
    anna.begin()
    first, second = anna.page, anna.context.new_page()
    anna.page = second
    anna.open("/study/")
    anna.rate(2)
    anna.on("Practice 2 of 2")
    anna.page = first
    anna.on("Practice 1 of 2")
    anna.rate(5)
    anna.on("Practice 2 of 2")
    assert [row.score for row in anna.ratings()] == [2]


def test_without_a_connection_nothing_is_lost(house, visit):
    anna = visit(house)
    anna.begin()
    anna.listen()
    anna.page.keyboard.press("5")
    anna.context.set_offline(True)
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_text("No connection. Your answer is kept")).to_be_visible()
    anna.shot("offline")
    anna.on("Practice 1 of 2")
    assert anna.ratings() == []
    anna.context.set_offline(False)
    anna.on("Practice 2 of 2")
    assert [row.score for row in anna.ratings()] == [5]
    anna.rate(4)
    anna.at("ready")
    assert [(row.score, row.flags) for row in anna.ratings()] == [(5, ""), (4, "")]


def test_an_answer_given_offline_survives_closing_the_page(house, visit):
    anna = visit(house)
    anna.begin()
    anna.listen()
    anna.page.keyboard.press("2")
    anna.context.set_offline(True)
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_text("No connection.")).to_be_visible()
    anna.page.close()
    anna.context.set_offline(False)
    anna.page = anna.context.new_page()
    anna.open("/study/")
    anna.on("Practice 2 of 2")
    assert [(row.score, row.flags) for row in anna.ratings()] == [(2, "")]


def test_a_killed_server_is_resumed(server, visit):
    anna = visit(server)
    anna.begin()
    anna.rate(4)
    anna.on("Practice 2 of 2")
    anna.listen()
    anna.page.keyboard.press("1")
    server.kill()
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_text("No connection.")).to_be_visible()
    server.start()
    expect(anna.page.locator('.shell[data-stage="ready"]')).to_be_visible(timeout=20_000)
    assert [(row.score, row.flags) for row in anna.ratings()] == [(4, ""), (1, "")]


def test_a_personal_link_resumes_on_another_device(house, visit):
    store = store_of(house.folder)
    (token,) = store.participants.invite(1)
    store.close()
    laptop, phone = visit(house), visit(house, PHONE)
    laptop.open(f"/p/{token}")
    laptop.at("consent")
    laptop.primary()
    laptop.at("sound_check")
    phone.open(f"/p/{token}")
    phone.at("sound_check")
    assert token not in phone.page.url


def test_answers_wait_for_the_end_of_the_sound(house, visit):
    anna = visit(house)
    anna.begin()
    hint = anna.page.locator('[data-part="hint"]')
    anna.page.keyboard.press("3")
    expect(hint).to_have_text("Please play the sound first.")
    anna.page.keyboard.press("Enter")
    expect(anna.page.get_by_role("status").first).to_have_text("Please play the sound first.")
    anna.shot("too-early")
    anna.grade(2).click(force=True)  # the button says that it is disabled
    expect(anna.page.locator('.grade[aria-checked="true"]')).to_have_count(0)
    anna.listen()
    expect(anna.page.locator('[data-part="time"]')).to_have_text("0:01 / 0:01")
    anna.page.keyboard.press("Enter")
    expect(hint).to_have_text("Please choose an answer first.")
    assert anna.ratings() == []


def test_seconds_heard_are_sound_that_played(house, visit):
    """Two plays count double, a pause and a think count nothing, a trial begins from nothing."""
    anna = visit(house)
    anna.begin()
    anna.listen()
    anna.page.keyboard.press("Space")
    expect(anna.page.locator(".trial .play.on")).to_be_visible()
    expect(anna.page.locator(".trial .play.on")).to_be_hidden()
    anna.page.keyboard.press("3")
    anna.page.keyboard.press("Enter")
    anna.on("Practice 2 of 2")
    anna.rate(3)
    anna.at("ready")
    twice, once = anna.ratings()
    assert (twice.plays, once.plays) == (2, 1)
    assert (twice.flags, once.flags) == ("", "")
    assert twice.heard_seconds == pytest.approx(2 * SECONDS, rel=0.1)
    assert once.heard_seconds == pytest.approx(SECONDS, rel=0.1)
    assert twice.response_ms / 1000 > twice.heard_seconds


def test_a_clip_that_cannot_be_fetched_can_be_tried_again(house, visit):
    anna = visit(house)
    anna.begin()
    anna.page.route("**/media/0*/*", lambda route: route.abort())
    anna.page.reload()
    anna.page.wait_for_function("window.__ready")
    anna.page.keyboard.press("Space")
    expect(anna.page.locator('[data-part="hint"]')).to_have_text(
        "This sound could not be loaded. Press play to try again."
    )
    anna.page.unroute("**/media/0*/*")
    anna.rate(4)
    anna.on("Practice 2 of 2")


def test_the_answers_are_a_group_of_radio_buttons(house, visit):
    anna = visit(house)
    anna.begin()
    group = anna.page.get_by_role("radiogroup", name="How well does this sound match the description?")
    expect(group.get_by_role("radio")).to_have_count(5)
    expect(group.get_by_role("radio", checked=True)).to_have_count(0)
    anna.listen()
    anna.grade(3).click()
    anna.page.keyboard.press("ArrowDown")
    expect(group.get_by_role("radio", checked=True)).to_have_text("2Matches a little")
    expect(anna.grade(2)).to_be_focused()
    anna.page.keyboard.press("5")
    expect(group.get_by_role("radio", checked=True)).to_have_text("5Matches completely")


def test_refusing_stores_nothing(house, visit):
    anna = visit(house)
    anna.open()
    anna.at("consent")
    anna.page.get_by_role("button", name="No, thank you").click()
    expect(anna.page.get_by_role("heading", name="That is perfectly fine")).to_be_visible()
    anna.shot("declined")
    store = store_of(house.folder)
    assert not store.participants.knows(anna.token())
    store.close()
    anna.page.get_by_role("button", name="I changed my mind").click()
    expect(anna.page.get_by_role("button", name="I agree")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (SMALL_PHONE, "dark")]
)
def test_every_page_fits_and_has_no_serious_fault(house, visit, size, scheme):
    anna = visit(house, size, scheme)
    axe = Axe()
    faults: list[str] = []

    def look(stage: str) -> None:
        width = anna.page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            faults.append(f"{stage}: {width} px wide")
        anna.shot(f"{stage}-{size[0]}-{scheme}")
        if (stage, size) == ("rated", PHONE):
            picture(anna.page, "participants/rating", without=PROMPTS)
        faults.extend(
            f"{stage}: {fault['id']}: {fault['nodes'][0]['html'][:120]}"
            for fault in axe.run(anna.page).response["violations"]
            if fault["impact"] in ("serious", "critical")
        )

    anna.begin(look)
    anna.listen()
    anna.page.keyboard.press("4")
    look("rated")
    anna.page.keyboard.press("Enter")
    anna.on("Practice 2 of 2")
    anna.rate(2)
    anna.at("ready")
    look("ready")
    assert faults == []
    assert anna.errors == []


def test_cards_do_not_move_between_trials(house, visit):
    """Long and short descriptions leave play button and answers where they were."""
    anna = visit(house)
    anna.begin()
    anna.practise()
    places = set()
    for number in range(1, 7):
        anna.on(f"Sound {number} of 15")
        box = anna.grade(5).bounding_box()
        places.add((box["x"], box["y"], box["height"]))
        anna.rate(3)
    assert len(places) == 1, places


def test_the_page_names_all_that_it_is_made_of_before_the_browser_asks(house, visit):
    """Fails where a new Gradio is built in another way: a browser then finds the files itself, round by round."""
    page, asked = visit(house).page, set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).path))
    answer = page.goto(f"{house.url}/study/")
    page.wait_for_function("window.__ready")
    named = set(re.findall(r"<assets/([^>]+)>; rel=", answer.headers["link"]))
    assert named == {path.removeprefix("/study/assets/") for path in asked if path.startswith("/study/assets/")}


def test_the_page_does_not_wait_for_gradio_to_ask_where_the_session_stands(house, visit):
    page = visit(house).page
    page.route("**/study/assets/**", lambda route: route.abort())
    with page.expect_request("**/api/state"):
        page.goto(f"{house.url}/study/")


def test_a_first_visit_asks_for_nothing_but_the_page_its_state_and_what_gradio_is_made_of(house, visit):
    """The page's own modules, words and styles come with the page itself."""
    anna, asked = visit(house), []
    anna.page.on("request", lambda request: asked.append(urlsplit(request.url)))
    anna.open()
    anna.at("consent")
    sent = [address.path for address in asked if address.scheme != "blob"]
    gradio = ("/study/assets/", "/study/static/", "/study/theme.css")
    assert [path for path in sent if not path.startswith(gradio)] == ["/", "/study/", "/api/state"]
    assert len(sent) == len(set(sent))
    assert anna.errors == []
