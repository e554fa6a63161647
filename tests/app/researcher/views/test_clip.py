"""A clip looked at closely: its picture, its loudness, where it comes from, and its fellows to switch to."""

import io

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import expect
from served import CONDITIONS, settings_of
from visiting import SHOTS

from app.researcher.login import LOGIN_COOKIE, Login
from app.researcher.views.spectrogram import spectrogram
from app.study import Study

NAME = f"p1.{CONDITIONS[1]}.1000"


def test_a_tone_is_bright_at_its_height_and_while_it_sounds(tmp_path):
    rate, hertz, peak = 44_100, 5000.0, 0.5
    tone = peak * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    soundfile.write(tmp_path / "tone.flac", np.concatenate([tone, np.zeros(rate)]), rate)
    seen = spectrogram(tmp_path / "tone.flac")
    assert seen.peak_dbfs == pytest.approx(-6.0, abs=0.1)
    light = np.asarray(Image.open(io.BytesIO(seen.png)).convert("L"), dtype=float)
    height, width = light.shape
    first, last = light[:, : width // 2 - 10], light[:, width // 2 + 10 :]
    row = int(first.mean(axis=1).argmax())
    assert (1 - row / height) * seen.top_hz == pytest.approx(hertz, abs=100)
    assert first[row].mean() > 200
    assert last.mean() < 5, "silence is dark"


def test_the_page_says_where_a_clip_comes_from_and_shows_its_picture(researcher: TestClient):
    page = researcher.get(f"/admin/look/{NAME}").text
    clip = next(one for one in researcher.app.state.study.manifest.clips if one.stimulus == NAME)
    assert clip.sha256 in page
    assert "−26.0<small> LUFS" in page
    assert page.count('class="voice"') == len(CONDITIONS)
    assert "Not the file" not in page
    assert researcher.get(f"/admin/look/{NAME}/spectrogram.png").content.startswith(b"\x89PNG")
    assert researcher.get("/admin/look/..%2Fstudy/spectrogram.png").status_code == 404
    assert researcher.get("/admin/scripts/main.js").status_code == 404


@pytest.mark.browser
@pytest.mark.sqlite  # logs in by the study's own database
def test_clips_of_a_prompt_are_switched_where_they_are(browser, house):
    study = Study(house.folder, settings_of(house.folder))
    token = Login(study.secrets, study.store).begin()
    study.close()
    for width, scheme in ((1280, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": LOGIN_COOKIE, "value": token, "url": f"{house.url}/admin"}])
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.goto(f"{house.url}/admin/look/{NAME}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("img").evaluate("(image) => image.decode()")
        slow = (
            "document.querySelector('audio').playbackRate = document.querySelector('audio').defaultPlaybackRate = 0.1"
        )
        page.evaluate(slow)
        first, second = (page.get_by_role("button", name=f"Play {name},") for name in (CONDITIONS[1], CONDITIONS[2]))
        first.click()
        page.wait_for_function("document.querySelector('audio').currentTime > 0.1")
        second.click()
        page.wait_for_function("document.querySelectorAll('.voice button.on').length === 1")
        expect(second).to_have_class("on")
        expect(page.get_by_role("alert")).to_be_hidden()
        assert page.evaluate("document.querySelector('audio').currentTime") > 0.09, "it goes on where the first was"
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"admin-clip-{width}-{scheme}.png", full_page=True)
        assert errors == []
        context.close()
