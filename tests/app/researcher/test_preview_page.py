"""The way through a preview in a browser: from the desk through every page, and back."""

import pytest
from pictures import picture
from playwright.sync_api import Page, expect
from served import PASSWORD, PROMPTS, Server, store_of
from visiting import DESKTOP, PHONE, Visit


def entered(anna: Visit) -> Page:
    anna.hurry()
    anna.page.goto(f"{anna.server.url}/admin/")
    anna.page.get_by_label("Password").fill(PASSWORD)
    anna.page.get_by_role("button", name="Log in").click()
    anna.page.get_by_role("link", name="Preview as a participant").click()
    return anna.page


@pytest.mark.browser
@pytest.mark.sqlite
@pytest.mark.parametrize(("size", "language"), [(DESKTOP, ""), (PHONE, "German")])
def test_a_researcher_goes_through_every_page_and_ends_it(visit, house: Server, size, language):
    anna = visit(house, size)
    page = entered(anna)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    name, banner = f"preview-{size[0]}", page.get_by_role("complementary", name="Preview")
    anna.shot(f"{name}-begin")
    if language:
        page.get_by_label("Language").select_option(language)
    page.get_by_role("button", name="Begin the preview").click()

    def seen(stage: str) -> None:
        anna.at(stage)
        expect(banner).to_be_visible()
        expect(banner).to_contain_text("Nothing of it is stored or counted.")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        anna.shot(f"{name}-{stage.replace('_', '-')}")

    seen("consent")
    expect(page.locator("html")).to_have_attribute("lang", "de" if language else "en")
    anna.primary()
    seen("sound_check")
    anna.set_volume()
    seen("instructions")
    anna.primary()
    seen("practice")
    anna.rate(3)
    anna.on("Übung 2 von 2" if language else "Practice 2 of 2")
    anna.rate(3)
    seen("ready")
    anna.primary()
    seen("trials")
    anna.listen()
    anna.grade(4).click()
    expect(banner).to_be_in_viewport()
    picture(page, "participants/preview", without=PROMPTS)
    outside = [url for url in asked if not url.startswith(("blob:", "data:", f"{house.url}/admin/preview"))]
    assert outside == []
    page.get_by_role("button", name="End the preview").click()
    expect(page.locator(".tiles")).to_be_visible()
    expect(page.locator(".tiles div").filter(has_text="Under way").locator("dd")).to_have_text("0")
    assert anna.errors == []
    store = store_of(house.folder)
    assert store.results.progress() == []
    store.close()
