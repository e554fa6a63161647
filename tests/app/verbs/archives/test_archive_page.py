"""The page of an archive in a real browser, from the folder that it was unpacked into and without any server."""

import zipfile
from urllib.parse import unquote

import pytest
from pictures import picture
from playwright.sync_api import Browser, expect
from served import PROMPTS
from visiting import DESKTOP, PHONE


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_clips_are_heard_side_by_side_and_the_report_opens(archived, browser: Browser, tmp_path, size):
    with zipfile.ZipFile(archived) as packed:
        packed.extractall(tmp_path)
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page, errors, asked = context.new_page(), [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.locator("audio")).to_have_count(15)
    block = page.locator("section", has=page.get_by_role("heading", name="heavy rain on a window"))
    assert block.locator("tbody th").all_inner_texts() == ["baseline", "sqs-w8a8", "sqd-lora-w8a8"]
    first, second = block.locator("audio").nth(0), block.locator("audio").nth(1)
    for one in (first, second):
        one.evaluate("one => new Promise((done) => { one.oncanplay = done; one.load(); one.preload = 'auto'; })")
    first.evaluate("one => { one.playbackRate = 0.25; return one.play(); }")
    expect(block.locator("tr.playing th")).to_have_text("baseline")
    page.wait_for_function("document.querySelectorAll('tr.playing audio')[0].currentTime > 0.2")
    second.evaluate("one => { one.playbackRate = 0.1; return one.play(); }")
    expect(block.locator("tr.playing th")).to_have_text("sqs-w8a8")
    assert first.evaluate("one => one.paused")
    assert second.evaluate("one => one.currentTime") >= 0.2, "it goes on where the other was"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"
    tables = page.locator(".wide").evaluate_all("all => all.map((one) => one.scrollWidth <= one.clientWidth)")
    assert tables, "there are tables"
    assert all(tables), "columns are out of sight"
    picture(page, "reading/reviewer", without=PROMPTS)
    page.get_by_role("link", name="The report").click()
    expect(page.get_by_role("heading", name="Results", exact=True)).to_be_visible()
    assert all(unquote(url).startswith(tmp_path.as_uri()) or url.startswith("data:") for url in asked), asked
    assert not errors
    context.close()
