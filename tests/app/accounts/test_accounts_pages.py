"""The plain pages under /admin in a browser: nothing overflows, nothing is out of reach, and each role sees its own."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from served import PASSWORD
from visiting import DESKTOP, SHOTS, SMALL_PHONE

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]


def looked_at(page: Page, name: str) -> None:
    """Keep a picture of a page, and see that it fits and that its parts have names and contrast."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the window"
    hidden = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.evaluate(hidden) == 0, f"columns of {name} are out of sight"
    faults = [(fault["id"], fault["nodes"][0]["html"]) for fault in Axe().run(page).response["violations"]]
    assert faults == [], name


def log_in(page: Page, password: str, name: str = "") -> None:
    page.goto(re.sub(r"/admin/.*", "/admin/login", page.url))
    if name:
        page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def test_each_role_at_its_pages(browser, house):
    for size, scheme, number in ((DESKTOP, "light", 1), (SMALL_PHONE, "dark", 2)):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page, place = context.new_page(), f"{size[0]}"
        page.set_default_timeout(20_000)
        page.goto(f"{house.url}/admin/login")
        log_in(page, PASSWORD)
        page.get_by_role("link", name="Accounts and log").click()
        passwords = {}
        for role in ("assistant", "reader"):
            page.get_by_label("Name").fill(f"{role}{number}")
            page.get_by_label("Role").select_option(role)
            page.get_by_role("button", name="Add").click()
            said = page.get_by_role("status").inner_text()
            passwords[role] = re.search(r": (\S+) \(", said)[1]
        looked_at(page, f"accounts-{place}")
        page.goto(f"{house.url}/admin/state")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("The study is paused.")).to_be_visible()
        looked_at(page, f"state-{place}")
        page.get_by_role("button", name="Launch").click()
        for role in passwords:
            page.get_by_role("button", name="Log out", exact=True).click()
            log_in(page, passwords[role], f"{role}{number}")
            heading = {"assistant": "Participants", "reader": "Report"}[role]
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            if role == "assistant":
                page.get_by_label("How many").fill("1")
                page.get_by_role("button", name="Make personal links").click()
                expect(page.get_by_label("New personal links")).to_be_visible()
            looked_at(page, f"{role}-{place}")
        page.get_by_role("link", name="Your account").click()
        page.get_by_label("Present password").last.fill(passwords["reader"])
        page.get_by_role("button", name="Set it up").click()
        expect(page.get_by_alt_text("QR code of the key")).to_be_visible()
        looked_at(page, f"codes-{place}")
        context.close()
